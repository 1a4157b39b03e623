//! The work of a job, as far as its cost depends on it: its kind, and the tables whose rows it reads
//! or writes.

use std::collections::HashMap;

use crate::archive::{Compression, Desc, DumpId, Entry, Place, placed};
use crate::plan::build::Links;
use crate::plan::history::Database;
use crate::plan::{Job, Step};

/// Kinds of work whose costs are related on a server: when one job is slower than predicted, so are
/// the others of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CostKind {
    /// Rows through COPY or INSERT.
    Rows,
    /// Large objects.
    LargeObjects,
    /// An index, or another constraint that is checked row by row.
    Index,
    /// The check of a foreign key.
    ForeignKey,
    /// `ANALYZE`.
    Analyze,
    /// `REFRESH MATERIALIZED VIEW`.
    Refresh,
    /// A statement whose cost does not grow with the rows.
    Statement,
}

impl CostKind {
    pub(super) const COUNT: usize = 7;
}

/// A table's place among [`Tables`].
pub(super) type TableNumber = usize;

/// The work of a job.
#[derive(Clone, Debug)]
pub(super) struct CostedWork {
    pub(super) kind: CostKind,
    /// The tables whose rows it loads, sorts, checks or reads.
    pub(super) tables: Vec<TableNumber>,
    /// Bytes of large objects.
    pub(super) objects: f64,
}

impl CostedWork {
    const STATEMENT: Self = Self { kind: CostKind::Statement, tables: Vec::new(), objects: 0.0 };

    /// Work on a table; a mere statement if the table has no rows in the archive.
    fn on(kind: CostKind, table: Option<TableNumber>) -> Self {
        match table {
            Some(table) => Self { kind, tables: vec![table], objects: 0.0 },
            None => Self::STATEMENT,
        }
    }
}

/// The tables of an archive.
pub(super) struct Tables<'a> {
    entries: &'a [Entry],
    links: &'a Links,
    numbers: HashMap<DumpId, TableNumber>,
    /// Bytes of each table's rows as COPY text.
    bytes: Vec<f64>,
}

impl<'a> Tables<'a> {
    /// The tables with rows. `size` is called with the place of a table's data.
    pub(super) fn new(
        entries: &'a [Entry],
        links: &'a Links,
        compression: Compression,
        size: impl Fn(Place) -> Option<u64>,
    ) -> Self {
        let mut tables = Self { entries, links, numbers: HashMap::new(), bytes: Vec::new() };
        let data = placed(entries).filter(|(_, entry)| entry.desc == Desc::TableData);
        for (place, data) in data {
            let of_table = data.dependencies.first().copied();
            for id in of_table.into_iter().chain([data.dump_id]) {
                tables.numbers.insert(id, tables.bytes.len());
            }
            tables.bytes.push(size(place).unwrap_or(0) as f64 * expansion(compression));
        }
        tables
    }

    /// Takes the sizes of the tables from earlier runs.
    pub(super) fn learn(&mut self, history: &Database, size: impl Fn(Place) -> Option<u64>) {
        let data = placed(self.entries);
        for (place, entry) in data.filter(|(_, entry)| entry.desc == Desc::TableData) {
            let record = history.job(entry, Step::Entire).filter(|record| record.rows > 0);
            if let (Some(record), Some(number)) = (record, self.number(entry.dump_id)) {
                let width = record.bytes as f64 / record.rows as f64;
                self.bytes[number] = record.rows_for(size(place).unwrap_or(0)) * width;
            }
        }
    }

    pub(super) fn number(&self, id: DumpId) -> Option<TableNumber> {
        self.numbers.get(&id).copied()
    }

    pub(super) fn into_bytes(self) -> Vec<f64> {
        self.bytes
    }

    /// The work of a job.
    pub(super) fn work(&self, job: &Job) -> CostedWork {
        let entry = &self.entries[job.entry];
        let own = || self.links.tables(entry, self.entries).into_iter();
        match (job.step, &entry.desc) {
            (Step::UseIndex | Step::AddForeignKey | Step::AddNotValid, _) => CostedWork::STATEMENT,
            (Step::Analyze | Step::AnalyzePartition, _) => {
                CostedWork::on(CostKind::Analyze, self.number(entry.dump_id))
            }
            (_, Desc::TableData) => CostedWork::on(CostKind::Rows, self.number(entry.dump_id)),
            (_, Desc::Blobs) => CostedWork {
                kind: CostKind::LargeObjects,
                tables: Vec::new(),
                objects: job.size as f64,
            },
            (_, Desc::FkConstraint) => {
                let child = own().find(|id| self.links.is_child(*id, entry, self.entries));
                CostedWork::on(CostKind::ForeignKey, child.and_then(|id| self.number(id)))
            }
            (_, Desc::Index | Desc::Constraint | Desc::CheckConstraint) => {
                CostedWork::on(CostKind::Index, own().find_map(|id| self.number(id)))
            }
            (_, Desc::MaterializedViewData) => {
                CostedWork { kind: CostKind::Refresh, tables: self.read_by(entry), objects: 0.0 }
            }
            _ => CostedWork::STATEMENT,
        }
    }

    /// The tables that a materialized view reads, through other views.
    fn read_by(&self, view: &Entry) -> Vec<TableNumber> {
        let mut tables = Vec::new();
        let mut ahead = view.dependencies.clone();
        let mut seen = std::collections::HashSet::new();
        while let Some(id) = ahead.pop() {
            if !seen.insert(id) {
                continue;
            }
            let entry = self.links.entry(id, self.entries);
            match (self.number(id), entry.map(|entry| &entry.desc)) {
                (Some(table), _) => tables.push(table),
                (None, Some(Desc::MaterializedView | Desc::View)) => {
                    ahead.extend(entry.into_iter().flat_map(|entry| &entry.dependencies));
                }
                _ => {}
            }
        }
        tables.sort_unstable();
        tables.dedup();
        tables
    }
}

/// Bytes of COPY text for each byte in the archive. An estimate: it depends on the rows. The
/// table's history is better.
fn expansion(compression: Compression) -> f64 {
    match compression {
        Compression::None => 1.0,
        Compression::Lz4 => 3.5,
        Compression::Gzip | Compression::Zstd => 6.0,
    }
}
