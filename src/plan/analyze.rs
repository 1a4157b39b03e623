//! Jobs that gather statistics about the tables whose rows are loaded (`ANALYZE`).
//!
//! An archive has no entries for these. Each job waits for all that would be kept from its table
//! meanwhile, so it delays nothing, and finds the expressions of indexes and the extended
//! statistics that it gathers for. Nothing waits for it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::build::{Links, is_partitioned};
use super::{Job, JobId, LockMode, Plan, Step};
use crate::archive::{Desc, DumpId, Entry};
use crate::select::Pass;

impl Plan {
    /// Adds the jobs. The others are linked already.
    pub(super) fn analyze(&mut self, entries: &[Entry], links: &Links) {
        let filled = self.filled(entries, links);
        let tree = Tree::new(entries);
        let created: HashSet<DumpId> =
            self.prelude.iter().map(|place| entries[*place].dump_id).collect();
        let wholes = tree.wholes(&filled, &created, entries);
        let blockers = self.blockers(entries, links);
        let mut jobs: HashMap<DumpId, JobId> = HashMap::new();
        let tables = filled.iter().map(|(place, table)| (*place, *table));
        for (place, table) in tables.chain(wholes.iter().copied()) {
            let mut after: Vec<JobId> = blockers.get(&table).cloned().unwrap_or_default();
            for part in tree.parts.get(&table).into_iter().flatten() {
                after.extend(jobs.get(part));
                after.extend(blockers.get(part).into_iter().flatten());
            }
            let whole = tree.whole_of.get(&table);
            let covered = whole.is_some_and(|whole| wholes.iter().any(|(_, id)| id == whole));
            jobs.insert(table, JobId(self.jobs.len()));
            self.jobs.push(Job {
                entry: place,
                step: if covered { Step::AnalyzePartition } else { Step::Analyze },
                wanted: true,
                pass: Pass::Main,
                after,
                locks: vec![(table, LockMode::ShareUpdateExclusive)],
                size: 0,
                rank: 0,
            });
        }
    }

    /// The tables whose rows are loaded, by the place of their TABLE DATA, without those of which
    /// the archive brings statistics (since PostgreSQL 18).
    fn filled(&self, entries: &[Entry], links: &Links) -> BTreeMap<usize, DumpId> {
        let wanted = self.jobs.iter().filter(|job| job.wanted).map(|job| job.entry);
        let wanted: Vec<usize> = wanted.chain(self.prelude.iter().copied()).collect();
        let statistics = wanted.iter().map(|place| &entries[*place]);
        let known: HashSet<DumpId> = statistics
            .filter(|entry| entry.desc == Desc::StatisticsData)
            .flat_map(|entry| entry.dependencies.iter().copied())
            .collect();
        let table_of = |place: usize| {
            let data = &entries[place];
            let table = *links.table_of.get(&data.dump_id)?;
            // Rows of a foreign table are elsewhere. A table without entry is an extension's.
            let here = links.entry(table, entries).is_none_or(|table| table.desc == Desc::Table);
            (data.had_dumper && here && !known.contains(&table)).then_some((place, table))
        };
        wanted.iter().filter_map(|place| table_of(*place)).collect()
    }

    /// For each table the jobs that load its rows, and those that hold a lock on it which keeps
    /// `ANALYZE` out.
    fn blockers(&self, entries: &[Entry], links: &Links) -> HashMap<DumpId, Vec<JobId>> {
        let mut blockers: HashMap<DumpId, Vec<JobId>> = HashMap::new();
        let jobs = self.jobs.iter().enumerate();
        for (number, job) in jobs.filter(|(_, job)| job.pass == Pass::Main) {
            let loaded = links.table_of.get(&entries[job.entry].dump_id).copied();
            let conflicting = job
                .locks
                .iter()
                .filter(|(_, mode)| mode.conflicts_with(LockMode::ShareUpdateExclusive));
            for table in loaded.into_iter().chain(conflicting.map(|(table, _)| *table)) {
                blockers.entry(table).or_default().push(JobId(number));
            }
        }
        blockers
    }
}

/// Which tables are parts of which.
struct Tree {
    /// The partitioned table of a partition.
    whole_of: HashMap<DumpId, DumpId>,
    /// The partitions of a table, and the tables that inherit from it: a table's statistics are
    /// about the rows of these, too.
    parts: HashMap<DumpId, Vec<DumpId>>,
}

impl Tree {
    fn new(entries: &[Entry]) -> Self {
        let tables: HashMap<DumpId, &Entry> = entries
            .iter()
            .filter(|entry| entry.desc == Desc::Table)
            .map(|entry| (entry.dump_id, entry))
            .collect();
        let (mut whole_of, mut parts) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        for entry in entries {
            let of: Vec<(DumpId, &Entry)> =
                entry.dependencies.iter().filter_map(|id| Some((*id, *tables.get(id)?))).collect();
            match entry.desc {
                Desc::Table => {
                    of.iter().for_each(|(id, _)| parts.entry(*id).or_default().push(entry.dump_id));
                }
                Desc::TableAttach => {
                    // The entry depends on both, and is named after the partition.
                    let (own, others): (Vec<_>, Vec<_>) =
                        of.iter().partition(|(_, table)| names(entry, table));
                    let whole = others.iter().find(|(_, table)| is_partitioned(table));
                    if let (Some((part, _)), Some((whole, _))) = (own.first(), whole) {
                        whole_of.insert(*part, *whole);
                        parts.entry(*whole).or_default().push(*part);
                    }
                }
                _ => {}
            }
        }
        Self { whole_of, parts }
    }

    /// The partitioned tables above the filled ones with the places of their entries, partitions
    /// before wholes: those that this restore creates, and those of which all partitions are
    /// filled.
    fn wholes(
        &self,
        filled: &BTreeMap<usize, DumpId>,
        created: &HashSet<DumpId>,
        entries: &[Entry],
    ) -> Vec<(usize, DumpId)> {
        let filled: HashSet<DumpId> = filled.values().copied().collect();
        let mut heights: HashMap<DumpId, usize> = HashMap::new();
        for table in &filled {
            let (mut table, mut height) = (table, 0);
            // A damaged archive may have a ring of partitions.
            while let Some(whole) = self.whole_of.get(table).filter(|_| height <= entries.len()) {
                height += 1;
                let known = heights.entry(*whole).or_default();
                *known = height.max(*known);
                table = whole;
            }
        }
        let is_complete = |whole: &DumpId| {
            let mut parts = self.parts.get(whole).into_iter().flatten();
            parts.all(|part| filled.contains(part) || heights.contains_key(part))
        };
        let mut wholes: Vec<(usize, usize, DumpId)> = entries
            .iter()
            .enumerate()
            .filter_map(|(place, entry)| {
                let id = entry.dump_id;
                let height = *heights.get(&id)?;
                (created.contains(&id) || is_complete(&id)).then_some((height, place, id))
            })
            .collect();
        wholes.sort_unstable();
        wholes.into_iter().map(|(_, place, id)| (place, id)).collect()
    }
}

/// Whether an entry has a table's name.
fn names(entry: &Entry, table: &Entry) -> bool {
    (&entry.namespace, &entry.tag) == (&table.namespace, &table.tag)
}
