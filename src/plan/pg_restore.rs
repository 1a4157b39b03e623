//! The order in which `pg_restore -j` would do the same work, for comparison.
//!
//! Its rules, from `pg_backup_archiver.c`:
//!
//! - Post-data waits for a table's rows instead of the table, with their size as its priority
//!   (`repoint_table_dependencies`).
//! - A post-data entry other than an INDEX is assumed to lock every table that it depends on, which
//!   excludes everything that depends on such a table (`identify_locking_dependencies`,
//!   `has_lock_conflicts`).
//! - The largest ready entry goes first, the lowest number among equals
//!   (`TocEntrySizeCompareQsort`, `pop_next_work_item`). Since 17 the ready entries are a heap that
//!   is searched in its own order, which is close to this.
//! - Constraints are created in one step, and nothing is analysed.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::build::Links;
use super::simulate::{Dispatcher, Simulation, run};
use super::{JobId, Plan};
use crate::archive::{Desc, DumpId, Entry, Place, Section};
use crate::select::Pass;

/// An entry as pg_restore sees it.
#[derive(Debug)]
struct SimulatedItem {
    wanted: bool,
    pass: Pass,
    size: u64,
    number: DumpId,
    /// All entries that it depends on, whether they are still to be done or not.
    depends_on: HashSet<DumpId>,
    /// Tables that it locks.
    locks: Vec<DumpId>,
    waits_for: usize,
    behind: Vec<usize>,
    done: bool,
}

/// Dispatches entries as pg_restore does. Here, a [`JobId`] is an entry's place in this list.
#[derive(Debug)]
struct PgRestore {
    items: Vec<SimulatedItem>,
    ready: BTreeSet<(Reverse<u64>, DumpId, usize)>,
    running: Vec<usize>,
    pass: Pass,
}

/// Runs a plan's entries in pg_restore's order. The cost of an entry is the sum of the plan's jobs
/// for it: both programs do the same work, and differ only in order and locks.
#[must_use]
pub fn simulate_pg_restore(
    plan: &Plan,
    entries: &[Entry],
    workers: usize,
    cost: impl Fn(JobId) -> Duration,
) -> Simulation {
    // The steps of an entry are one job here.
    let mut places: Vec<Place> = Vec::new();
    let mut costs: HashMap<Place, Duration> = HashMap::new();
    let jobs = plan.jobs.iter().enumerate().filter(|(_, job)| !job.step.is_analyze());
    for (number, job) in jobs {
        if !costs.contains_key(&job.entry) {
            places.push(job.entry);
        }
        *costs.entry(job.entry).or_default() += cost(JobId(number));
    }
    let mut dispatcher = PgRestore::new(plan, entries, &places);
    run(&mut dispatcher, workers, |id| costs.get(&places[id.0]).copied().unwrap_or_default())
}

impl PgRestore {
    fn new(plan: &Plan, entries: &[Entry], places: &[Place]) -> Self {
        let links = Links::new(entries);
        let own = plan.jobs.iter().map(|job| (job.entry, job)).collect::<HashMap<_, _>>();
        let mut items: Vec<SimulatedItem> = places
            .iter()
            .map(|place| {
                let (entry, job) = (&entries[*place], own[place]);
                let depends_on: HashSet<DumpId> = links.needs(entry).into_iter().collect();
                let exclusive = entry.section == Section::PostData && entry.desc != Desc::Index;
                let is_table = |id: &&DumpId| {
                    let desc = links.entry(**id, entries).map(|entry| &entry.desc);
                    matches!(desc, Some(Desc::Table | Desc::TableData))
                };
                SimulatedItem {
                    wanted: job.wanted,
                    pass: job.pass,
                    size: job.size,
                    number: entry.dump_id,
                    locks: depends_on
                        .iter()
                        .filter(is_table)
                        .filter(|_| exclusive)
                        .copied()
                        .collect(),
                    depends_on,
                    waits_for: 0,
                    behind: Vec::new(),
                    done: false,
                }
            })
            .collect();
        let at: HashMap<DumpId, usize> =
            items.iter().enumerate().map(|(at, item)| (item.number, at)).collect();
        for later in 0..items.len() {
            let earlier: Vec<usize> =
                items[later].depends_on.iter().filter_map(|id| at.get(id).copied()).collect();
            items[later].waits_for = earlier.len();
            for earlier in earlier {
                items[earlier].behind.push(later);
            }
        }
        let mut new = Self { items, ready: BTreeSet::new(), running: Vec::new(), pass: Pass::Main };
        new.collect_ready();
        new
    }

    fn collect_ready(&mut self) {
        for at in 0..self.items.len() {
            self.settle(at);
        }
    }

    /// Makes entries without dependencies ready; unwanted ones are done at once.
    fn settle(&mut self, at: usize) {
        let mut ahead = vec![at];
        while let Some(at) = ahead.pop() {
            let item = &mut self.items[at];
            if item.done || item.waits_for > 0 || item.pass > self.pass {
                continue;
            }
            if item.wanted {
                self.ready.insert((Reverse(item.size), item.number, at));
            } else {
                item.done = true;
                ahead.extend(self.release(at));
            }
        }
    }

    /// Releases the entries that wait for one that is done.
    fn release(&mut self, at: usize) -> Vec<usize> {
        let behind = std::mem::take(&mut self.items[at].behind);
        for later in &behind {
            self.items[*later].waits_for -= 1;
        }
        behind
    }

    fn conflict(&self, one: usize, other: usize) -> bool {
        let keeps_away = |a: &SimulatedItem, b: &SimulatedItem| {
            a.locks.iter().any(|id| b.depends_on.contains(id))
        };
        let (one, other) = (&self.items[one], &self.items[other]);
        keeps_away(one, other) || keeps_away(other, one)
    }
}

impl Dispatcher for PgRestore {
    fn take(&mut self) -> Option<JobId> {
        loop {
            let free = |at: usize| !self.running.iter().any(|other| self.conflict(at, *other));
            let next = self.ready.iter().find(|(_, _, at)| free(*at)).copied();
            if let Some(key) = next {
                self.ready.remove(&key);
                self.items[key.2].done = true;
                self.running.push(key.2);
                return Some(JobId(key.2));
            }
            if !self.running.is_empty() || self.pass == Pass::PostAcl {
                return None;
            }
            self.pass = if self.pass == Pass::Main { Pass::Acl } else { Pass::PostAcl };
            self.collect_ready();
        }
    }

    fn finish(&mut self, JobId(at): JobId) {
        self.running.retain(|running| *running != at);
        for later in self.release(at) {
            self.settle(later);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::bare;
    use crate::plan::{Plan, PlanBuildOptions};

    fn named(id: i32, desc: Desc, tag: &str, dependencies: &[i32]) -> Entry {
        Entry {
            tag: tag.to_owned(),
            dependencies: dependencies.iter().copied().map(DumpId).collect(),
            ..bare(id, desc)
        }
    }

    /// Two tables with rows, and more entries.
    fn archive(more: &[Entry]) -> Vec<Entry> {
        let mut entries = vec![
            named(1, Desc::Table, "child", &[]),
            named(2, Desc::Table, "parent", &[]),
            named(3, Desc::TableData, "child", &[1]),
            named(4, Desc::TableData, "parent", &[2]),
        ];
        entries.extend(more.iter().cloned());
        entries
    }

    fn spans(more: &[Entry]) -> Vec<(u64, u64)> {
        spans_with(4, more)
    }

    /// The start and end of each entry after the rows; rows take no time and everything else a
    /// second.
    fn spans_with(workers: usize, more: &[Entry]) -> Vec<(u64, u64)> {
        let entries = archive(more);
        let order: Vec<Place> = (0..entries.len()).map(Place).collect();
        let size = |place: Place| [0, 0, 100, 1].get(place.0).copied();
        let plan = Plan::new(
            &entries,
            &order,
            |_| true,
            |_| Pass::Main,
            size,
            PlanBuildOptions::default(),
        );
        let cost = |id: JobId| match entries[plan.jobs[id.0].entry.0].desc {
            Desc::TableData => Duration::ZERO,
            _ => Duration::from_secs(1),
        };
        let mut spans = simulate_pg_restore(&plan, &entries, workers, cost).spans;
        spans.sort_by_key(|span| span.job);
        spans[2..].iter().map(|span| (span.start.as_secs(), span.end.as_secs())).collect()
    }

    #[test]
    fn indexes_of_a_table_are_built_in_parallel() {
        let indexes = [named(5, Desc::Index, "a", &[1]), named(6, Desc::Index, "b", &[1])];
        assert_eq!(spans(&indexes), [(0, 1), (0, 1)]);
    }

    #[test]
    fn constraint_excludes_index_builds_on_its_table() {
        let both = [named(5, Desc::Constraint, "child pk", &[1]), named(6, Desc::Index, "b", &[1])];
        assert_eq!(spans(&both), [(0, 1), (1, 2)]);
    }

    #[test]
    fn foreign_keys_to_one_table_are_added_serially() {
        let keys = [
            named(5, Desc::FkConstraint, "child a", &[1, 2]),
            named(6, Desc::FkConstraint, "child b", &[2]),
        ];
        assert_eq!(spans(&keys), [(0, 1), (1, 2)]);
    }

    #[test]
    fn jobs_on_larger_tables_go_first() {
        let entries = [
            named(5, Desc::Index, "of the parent, 1 byte", &[2]),
            named(6, Desc::Index, "of the child, 100 bytes", &[1]),
        ];
        assert_eq!(spans_with(1, &entries), [(1, 2), (0, 1)]);
    }
}
