//! Jobs that gather statistics about the tables whose rows are loaded (`ANALYZE`).
//!
//! An archive has no entries for these. Each job waits for everything that it would lock out of its
//! table, so it delays nothing, and for the expression indexes and extended statistics that it
//! gathers data for. Nothing waits for it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::build::Links;
use super::tree::Tree;
use super::{Job, JobId, LockMode, Plan, Step};
use crate::archive::{Desc, DumpId, Entry, Place, placed};
use crate::select::Pass;

impl Plan {
    /// Adds the jobs. The other jobs are already linked.
    pub(super) fn analyze(&mut self, entries: &[Entry], links: &Links, tree: &Tree) {
        let filled = self.filled(entries, links);
        let created: HashSet<DumpId> =
            self.prelude.iter().map(|place| entries[*place].dump_id).collect();
        let wholes = tree.wholes(&filled, &created, entries);
        let blockers = self.blockers(entries, links);
        let is_whole: HashSet<DumpId> = wholes.iter().map(|(_, table)| *table).collect();
        let mut jobs: HashMap<DumpId, JobId> = HashMap::new();
        let tables = filled.iter().map(|(place, table)| (*place, *table));
        for (place, table) in tables.chain(wholes.iter().copied()) {
            let mut after: Vec<JobId> = blockers.get(&table).cloned().unwrap_or_default();
            for part in tree.parts.get(&table).into_iter().flatten() {
                after.extend(jobs.get(part));
                after.extend(blockers.get(part).into_iter().flatten());
            }
            let covered = tree.whole_of.get(&table).is_some_and(|whole| is_whole.contains(whole));
            jobs.insert(table, JobId(self.jobs.len()));
            self.jobs.push(Job {
                entry: place,
                step: if covered { Step::AnalyzePartition } else { Step::Analyze },
                wanted: true,
                pass: Pass::Main,
                after,
                locks: vec![(table, LockMode::ShareUpdateExclusive)],
                why: None,
                alone: false,
                size: 0,
                cost: 0,
                rank: 0,
            });
        }
    }

    /// The tables whose rows are loaded, by the place of their TABLE DATA, except those whose
    /// statistics are in the archive (since PostgreSQL 18).
    fn filled(&self, entries: &[Entry], links: &Links) -> BTreeMap<Place, DumpId> {
        let wanted = self.jobs.iter().filter(|job| job.wanted).map(|job| job.entry);
        let wanted: Vec<Place> = wanted.chain(self.prelude.iter().copied()).collect();
        let statistics = wanted.iter().map(|place| &entries[*place]);
        let known: HashSet<DumpId> = statistics
            .filter(|entry| entry.desc == Desc::StatisticsData)
            .flat_map(|entry| entry.dependencies.iter().copied())
            .collect();
        let table_of = |place: Place| {
            let data = &entries[place];
            let table = *links.table_of.get(&data.dump_id)?;
            // Rows of a foreign table are elsewhere. A table without an entry belongs to an
            // extension.
            let here = links.entry(table, entries).is_none_or(|table| table.desc == Desc::Table);
            (data.had_dumper && here && !known.contains(&table)).then_some((place, table))
        };
        wanted.iter().filter_map(|place| table_of(*place)).collect()
    }

    /// For each table, the jobs that load its rows and those whose lock on it conflicts with
    /// `ANALYZE`.
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

impl Tree {
    /// The partitioned tables above the filled ones with the places of their entries, partitions
    /// first: those that this restore creates, and those whose partitions are all filled.
    fn wholes(
        &self,
        filled: &BTreeMap<Place, DumpId>,
        created: &HashSet<DumpId>,
        entries: &[Entry],
    ) -> Vec<(Place, DumpId)> {
        let filled: HashSet<DumpId> = filled.values().copied().collect();
        let mut heights: HashMap<DumpId, usize> = HashMap::new();
        for table in &filled {
            let (mut table, mut height) = (table, 0);
            // A damaged archive may contain a cycle of partitions.
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
        let mut wholes: Vec<(usize, Place, DumpId)> = placed(entries)
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

#[cfg(test)]
mod tests {
    use super::super::{PlanBuildOptions, Schedule};
    use super::*;
    use crate::archive::Section;
    use crate::archive::tests::entry::bare;

    /// A table and its rows, with the numbers `id` and `id + 100`.
    fn table(id: i32, partitioned: bool) -> [Entry; 2] {
        let mut table = bare(id, Desc::Table);
        table.tag = format!("t{id}");
        table.relkind = if partitioned { b'p' } else { b'r' };
        let mut data = bare(id + 100, Desc::TableData);
        data.had_dumper = !partitioned;
        data.tag.clone_from(&table.tag);
        data.dependencies = vec![table.dump_id];
        [table, data]
    }

    fn attach(part: i32, whole: i32) -> Entry {
        let mut attach = bare(part * 1000 + whole, Desc::TableAttach);
        attach.tag = format!("t{part}");
        attach.dependencies = vec![DumpId(part), DumpId(whole)];
        attach
    }

    fn about(id: i32, desc: Desc, table: i32) -> Entry {
        let mut about = bare(id, desc);
        about.dependencies = vec![DumpId(table)];
        about
    }

    fn plan(entries: &[Entry], wanted: impl Fn(&Entry) -> bool, in_order: bool) -> Plan {
        let mut order: Vec<Place> = (0..entries.len()).map(Place).collect();
        let sections = [Section::PreData, Section::Data, Section::PostData];
        order.sort_by_key(|place| sections.iter().position(|s| *s == entries[*place].section));
        let options = PlanBuildOptions {
            strictly_in_order: in_order,
            analyze: true,
            ..PlanBuildOptions::default()
        };
        let wanted = |place: Place| wanted(&entries[place]);
        Plan::new(entries, &order, wanted, |_| Pass::Main, |_| None, options)
    }

    /// The tables in the order in which they are analysed.
    fn analyzed(plan: &Plan, entries: &[Entry]) -> Vec<(String, Step)> {
        let jobs = plan.jobs.iter().filter(|job| job.step.is_analyze());
        jobs.map(|job| (entries[job.entry].tag.clone(), job.step)).collect()
    }

    fn tree() -> Vec<Entry> {
        let mut entries: Vec<Entry> = [table(1, true), table(2, true), table(3, false)].concat();
        entries.extend([table(4, false), table(5, false)].concat());
        // 1 has 2 and 3, 2 has 4; 5 is by itself.
        entries.extend([attach(2, 1), attach(3, 1), attach(4, 2)]);
        entries
    }

    #[test]
    fn partitions_precede_parents_and_each_table_appears_once() {
        let entries = tree();
        let expected = [
            ("t3", Step::AnalyzePartition),
            ("t4", Step::AnalyzePartition),
            ("t5", Step::Analyze),
            ("t2", Step::AnalyzePartition),
            ("t1", Step::Analyze),
        ];
        for in_order in [false, true] {
            let plan = plan(&entries, |_| true, in_order);
            let analyzed = analyzed(&plan, &entries);
            let names: Vec<_> =
                analyzed.iter().map(|(name, step)| (name.as_str(), *step)).collect();
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn unrestored_parent_requires_all_its_partitions() {
        let entries = tree();
        let data = |entry: &Entry| entry.desc == Desc::TableData;
        let all = plan(&entries, data, false);
        assert_eq!(analyzed(&all, &entries).len(), 5);
        let some = plan(&entries, |entry| data(entry) && entry.tag != "t4", false);
        let names: Vec<String> = analyzed(&some, &entries).into_iter().map(|(n, _)| n).collect();
        assert_eq!(names, ["t3", "t5"]);
    }

    #[test]
    fn circular_partitions_do_not_hang_the_plan() {
        let mut entries = tree();
        entries.push(attach(1, 2));
        assert!(analyzed(&plan(&entries, |_| true, false), &entries).len() >= 3);
    }

    #[test]
    fn table_is_analyzed_when_no_job_needs_it() {
        let mut entries = tree();
        entries.extend([about(201, Desc::Index, 5), about(202, Desc::Statistics, 5)]);
        let mut key = about(203, Desc::FkConstraint, 5);
        key.dependencies.push(DumpId(3));
        entries.push(key);
        let mut schedule = Schedule::new(&plan(&entries, |_| true, false), |_| false);
        let mut order = Vec::new();
        while let Some(id) = schedule.take() {
            order.push((entries[schedule.job(id).entry.0].dump_id.0, schedule.job(id).step));
            schedule.finish(id);
        }
        let place = |id: i32, step: Step| {
            order
                .iter()
                .position(|one| *one == (id, step))
                .unwrap_or_else(|| panic!("{id} {step:?}"))
        };
        for earlier in [105, 201, 202, 203] {
            assert!(place(earlier, Step::Entire) < place(105, Step::Analyze), "{order:?}");
        }
        assert!(place(203, Step::Entire) < place(103, Step::AnalyzePartition), "{order:?}");
    }

    #[test]
    fn archived_statistics_are_sufficient() {
        let mut entries = tree();
        entries.push(about(301, Desc::StatisticsData, 5));
        let with = analyzed(&plan(&entries, |_| true, false), &entries);
        assert!(with.iter().all(|(name, _)| name != "t5"));
        let without = plan(&entries, |entry| entry.desc != Desc::StatisticsData, false);
        assert!(analyzed(&without, &entries).iter().any(|(name, _)| name == "t5"));
    }
}
