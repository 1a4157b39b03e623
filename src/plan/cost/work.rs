//! The work of a job, as far as its cost depends on it.

use std::collections::HashMap;

use super::key::{self, IndexKey, Method};
use super::table::{Columns, Comparison};
use crate::archive::{Compression, Desc, DumpId, Entry, Place, placed};
use crate::plan::build::Links;
use crate::plan::history::Database;
use crate::plan::{Job, Step};

/// Kinds of work whose costs are related on a server: when one job is slower than the model
/// predicts, so are the others of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CostKind {
    /// Rows through COPY or INSERT.
    Rows,
    /// Large objects.
    LargeObjects,
    /// An index that compares numbers.
    NumberIndex,
    /// An index that compares text by a collation, or the values of expressions.
    TextIndex,
    /// An index that is not a sort: GIN, GiST and the like.
    OtherIndex,
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
    pub(super) const COUNT: usize = 9;
}

/// What is known about a table's rows.
#[derive(Clone, Debug, Default)]
pub(super) struct TableCost {
    /// Rows.
    pub(super) rows: f64,
    /// Bytes of the rows as COPY text.
    pub(super) bytes: f64,
    pub(super) columns: Columns,
}

/// A table's place among [`Tables`].
pub(super) type TableNumber = usize;

/// The work of a job.
#[derive(Clone, Debug)]
pub(super) enum CostedWork {
    Rows(TableNumber),
    /// Large objects with this many bytes.
    LargeObjects(f64),
    Index(TableNumber, IndexKey),
    /// A scan of all rows: a check constraint.
    Look(TableNumber),
    ForeignKey {
        child: TableNumber,
        parent: Option<TableNumber>,
        text: bool,
    },
    Analyze(TableNumber),
    /// A refresh of a view over these tables.
    Refresh(Vec<TableNumber>),
    Statement,
}

impl CostedWork {
    pub(super) fn kind(&self) -> CostKind {
        let is_text = |key: &Option<Comparison>| matches!(key, None | Some(Comparison::Collation));
        match self {
            Self::Rows(_) => CostKind::Rows,
            Self::LargeObjects(_) => CostKind::LargeObjects,
            Self::Index(_, IndexKey { method: Method::Inverted | Method::Tree, .. }) => {
                CostKind::OtherIndex
            }
            Self::Index(_, index) if index.keys.iter().any(is_text) => CostKind::TextIndex,
            Self::Index(..) | Self::Look(_) => CostKind::NumberIndex,
            Self::ForeignKey { .. } => CostKind::ForeignKey,
            Self::Analyze(_) => CostKind::Analyze,
            Self::Refresh(_) => CostKind::Refresh,
            Self::Statement => CostKind::Statement,
        }
    }
}

/// The tables of an archive.
pub(super) struct Tables<'a> {
    entries: &'a [Entry],
    links: &'a Links,
    numbers: HashMap<DumpId, TableNumber>,
    all: Vec<TableCost>,
}

impl<'a> Tables<'a> {
    /// The tables with rows. `size` is called with the place of a table's data.
    pub(super) fn new(
        entries: &'a [Entry],
        links: &'a Links,
        compression: Compression,
        size: impl Fn(Place) -> Option<u64>,
    ) -> Self {
        let mut tables = Self { entries, links, numbers: HashMap::new(), all: Vec::new() };
        let data = placed(entries).filter(|(_, entry)| entry.desc == Desc::TableData);
        for (place, data) in data {
            let definition =
                data.dependencies.first().and_then(|table| links.entry(*table, entries));
            let columns = definition.map(|table| Columns::of(&table.defn)).unwrap_or_default();
            let archived = size(place).unwrap_or(0) as f64;
            let bytes = archived * expansion(compression);
            let rows = bytes / f64::from(columns.width().unwrap_or(UNKNOWN_WIDTH));
            tables.numbers.insert(data.dump_id, tables.all.len());
            if let Some(table) = data.dependencies.first() {
                tables.numbers.insert(*table, tables.all.len());
            }
            tables.all.push(TableCost { rows, bytes, columns });
        }
        tables
    }

    /// Takes the rows of the tables from earlier runs.
    pub(super) fn learn(&mut self, history: &Database, size: impl Fn(Place) -> Option<u64>) {
        let data = placed(self.entries);
        for (place, entry) in data.filter(|(_, entry)| entry.desc == Desc::TableData) {
            let record = history.job(entry, Step::Entire).filter(|record| record.rows > 0);
            if let (Some(record), Some(number)) = (record, self.number(entry.dump_id)) {
                let rows = record.rows_for(size(place).unwrap_or(0));
                let width = record.bytes as f64 / record.rows as f64;
                let table = &mut self.all[number];
                (table.rows, table.bytes) = (rows, rows * width);
            }
        }
    }

    pub(super) fn number(&self, id: DumpId) -> Option<TableNumber> {
        self.numbers.get(&id).copied()
    }

    pub(super) fn into_all(self) -> Vec<TableCost> {
        self.all
    }

    /// The work of a job.
    pub(super) fn work(&self, job: &Job) -> CostedWork {
        let entry = &self.entries[job.entry];
        let own = || self.links.tables(entry, self.entries).into_iter();
        let table = || own().find_map(|id| self.number(id));
        let columns = |number: TableNumber| &self.all[number].columns;
        match (job.step, &entry.desc) {
            (Step::UseIndex | Step::AddForeignKey | Step::AddNotValid, _) => CostedWork::Statement,
            (Step::Analyze | Step::AnalyzePartition, _) => {
                self.number(entry.dump_id).map_or(CostedWork::Statement, CostedWork::Analyze)
            }
            (_, Desc::TableData) => {
                self.number(entry.dump_id).map_or(CostedWork::Statement, CostedWork::Rows)
            }
            (_, Desc::Blobs) => CostedWork::LargeObjects(job.size as f64),
            (_, Desc::FkConstraint) => {
                let is_child = |id: &DumpId| self.links.is_child(*id, entry, self.entries);
                let Some(child) = own().find(is_child).and_then(|id| self.number(id)) else {
                    return CostedWork::Statement;
                };
                let parent = own().find(|id| !is_child(id)).and_then(|id| self.number(id));
                let keys = key::foreign_key(&entry.defn, columns(child));
                let text = keys.contains(&Some(Comparison::Collation));
                CostedWork::ForeignKey { child, parent, text }
            }
            (_, Desc::Index | Desc::Constraint | Desc::CheckConstraint) => {
                let Some(table) = table() else {
                    return CostedWork::Statement;
                };
                let index = IndexKey::of(&entry.defn, columns(table));
                index.map_or(CostedWork::Look(table), |index| CostedWork::Index(table, index))
            }
            (_, Desc::MaterializedViewData) => CostedWork::Refresh(self.read_by(entry)),
            _ => CostedWork::Statement,
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

/// Bytes of a row without known columns.
const UNKNOWN_WIDTH: u32 = 100;

/// Bytes of COPY text for each byte in the archive. An estimate: it depends on the rows. The
/// table's history is better.
fn expansion(compression: Compression) -> f64 {
    match compression {
        Compression::None => 1.0,
        Compression::Lz4 => 3.5,
        Compression::Gzip | Compression::Zstd => 6.0,
    }
}
