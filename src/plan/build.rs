//! Builds a plan from the entries.

use std::collections::HashMap;
use std::time::Duration;

use super::attach::attached_in;
use super::rank::{Chains, ends_first, rank};
use super::tree::Tree;
use super::{Job, JobId, LockMode, Step, micros};
use crate::archive::{Desc, DumpId, Entry, Place, Section, placed};
use crate::select::{Pass, is_partitioned};
use crate::sql::constraint;

/// What is restored, and in which order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Places in the TOC of the entries that one session restores first, in this order.
    pub prelude: Vec<Place>,
    /// The rest.
    pub jobs: Vec<Job>,
}

/// How to plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanBuildOptions {
    /// Do everything sequentially in the given order, whatever the dependencies. That is what
    /// pg_restore does with one session, and what a list file that reorders entries asks for.
    pub strictly_in_order: bool,
    /// Create constraints on tables with at least this many bytes of archived data in steps, so
    /// that other sessions can work on the table meanwhile.
    pub steps_from: Option<u64>,
    /// Add foreign keys without checking the rows.
    pub not_valid: bool,
    /// Gather statistics about the tables whose rows are loaded.
    pub analyze: bool,
}

impl Plan {
    /// Plans the entries.
    ///
    /// `order` has each entry's place in `entries` once; `wanted`, `pass` and `size` are called
    /// with a place. `size` is the number of bytes of an entry's data in the archive.
    #[must_use]
    pub fn new(
        entries: &[Entry],
        order: &[Place],
        wanted: impl Fn(Place) -> bool,
        pass: impl Fn(Place) -> Pass,
        size: impl Fn(Place) -> Option<u64>,
        options: PlanBuildOptions,
    ) -> Self {
        let mut plan = Self::default();
        let mut deferred = false;
        for &place in order {
            // Once an entry is deferred, comments and the like may be about a deferred one.
            let now = match entries[place].section {
                // An order other than the archive's comes from a list file.
                Section::PreData => !(deferred && options.strictly_in_order),
                Section::None => !deferred,
                Section::Data | Section::PostData => {
                    deferred = true;
                    false
                }
            };
            if now && pass(place) == Pass::Main {
                if wanted(place) {
                    plan.prelude.push(place);
                }
            } else {
                plan.jobs.push(Job {
                    entry: place,
                    step: if options.not_valid { not_valid(&entries[place]) } else { Step::Entire },
                    wanted: wanted(place),
                    pass: pass(place),
                    after: Vec::new(),
                    locks: Vec::new(),
                    why: None,
                    alone: false,
                    size: size(place).unwrap_or(0),
                    cost: 0,
                    rank: 0,
                });
            }
        }
        let (links, tree) = (Links::new(entries), Tree::new(entries));
        if !options.strictly_in_order {
            plan.link(entries, &links, &tree, options.steps_from);
        }
        if options.analyze {
            plan.analyze(entries, &links, &tree);
        }
        if options.strictly_in_order {
            plan.note_rows_that_call(entries, &links, &tree);
            plan.chain();
        }
        plan
    }

    /// Ranks the jobs by their costs.
    pub fn rank(&mut self, cost: impl Fn(JobId) -> Duration) {
        let order = ends_first(&self.jobs);
        rank(&mut self.jobs, &order, Chains::AndLocks, |id| micros(cost(id)));
    }

    /// Makes each job wait for the one before it, pass by pass.
    fn chain(&mut self) {
        self.jobs.sort_by_key(|job| job.pass);
        for (number, job) in self.jobs.iter_mut().enumerate().skip(1) {
            job.after = vec![JobId(number - 1)];
        }
    }

    /// Adds dependencies and locks from the archive, corrected as pg_restore corrects them.
    fn link(&mut self, entries: &[Entry], links: &Links, tree: &Tree, steps_from: Option<u64>) {
        let sizes: HashMap<DumpId, u64> =
            self.jobs.iter().map(|job| (entries[job.entry].dump_id, job.size)).collect();
        for job in &mut self.jobs {
            let needs = links.needs(&entries[job.entry]);
            let largest = needs.iter().filter_map(|id| sizes.get(id)).max();
            job.size = job.size.max(*largest.unwrap_or(&0));
        }
        if let Some(least) = steps_from {
            self.take_apart(entries, links, least);
        }
        // A job that waits for an entry waits for its last step.
        let last: HashMap<DumpId, JobId> = (0..self.jobs.len())
            .map(|number| (entries[self.jobs[number].entry].dump_id, JobId(number)))
            .collect();
        let mut builds: HashMap<DumpId, Vec<JobId>> = HashMap::new();
        for number in 0..self.jobs.len() {
            let job = &self.jobs[number];
            let entry = &entries[job.entry];
            let after = match job.step {
                Step::UseIndex | Step::Validate => vec![JobId(number - 1)],
                _ => links.needs(entry).iter().filter_map(|id| last.get(id).copied()).collect(),
            };
            let locks = links.locks(entry, job.step, entries);
            if job.wanted && builds_index(entry, job.step) {
                for (table, _) in &locks {
                    builds.entry(*table).or_default().push(JobId(number));
                }
            }
            (self.jobs[number].after, self.jobs[number].locks) = (after, locks);
        }
        self.check_with_indexes(entries, links, &builds);
        self.grant_in_turn(entries);
        self.keep_order(entries, links, tree);
    }

    /// A GRANT on behalf of another grantor switches to that role, which must have USAGE on the
    /// schema by then.
    fn grant_in_turn(&mut self, entries: &[Entry]) {
        let acl = |job: &Job, holds: &str| {
            let entry = &entries[job.entry];
            job.pass == Pass::Acl && entry.is_acl() && entry.defn.contains(holds)
        };
        let is_of_schema = |job: &Job| acl(job, " ON SCHEMA ");
        let of_schemas: Vec<JobId> =
            (0..self.jobs.len()).filter(|n| is_of_schema(&self.jobs[*n])).map(JobId).collect();
        for job in &mut self.jobs {
            if acl(job, "SET SESSION AUTHORIZATION ") && !is_of_schema(job) {
                job.after.extend(&of_schemas);
            }
        }
    }

    /// Validates foreign keys after the indexes of their table are built. Their locks conflict
    /// anyway, and with an index on the key's columns the check need not read the table.
    fn check_with_indexes(
        &mut self,
        entries: &[Entry],
        links: &Links,
        builds: &HashMap<DumpId, Vec<JobId>>,
    ) {
        for job in &mut self.jobs {
            let entry = &entries[job.entry];
            let checks = matches!(job.step, Step::Entire | Step::Validate);
            if entry.desc == Desc::FkConstraint && checks {
                let child = links.tables(entry, entries).into_iter();
                let child = child.filter(|table| links.is_child(*table, entry, entries));
                job.after.extend(child.filter_map(|table| builds.get(&table)).flatten());
            }
        }
    }

    /// Splits constraints into two jobs where that pays off, the second right after the first.
    fn take_apart(&mut self, entries: &[Entry], links: &Links, least: u64) {
        let mut indexes: HashMap<DumpId, usize> = HashMap::new();
        let builds = |job: &Job| {
            job.wanted && matches!(entries[job.entry].desc, Desc::Index | Desc::Constraint)
        };
        for job in self.jobs.iter().filter(|job| builds(job)) {
            for table in links.tables(&entries[job.entry], entries) {
                *indexes.entry(table).or_default() += 1;
            }
        }
        let steps = |job: &Job| -> [Step; 2] {
            let entry = &entries[job.entry];
            let tables = links.tables(entry, entries);
            let partitioned =
                tables.iter().any(|id| links.entry(*id, entries).is_none_or(is_partitioned));
            // A constraint alone on its table blocks no one.
            let alone = tables.iter().all(|table| indexes.get(table).is_none_or(|n| *n < 2));
            let whole = [job.step; 2];
            if !job.wanted || job.pass != Pass::Main || job.size < least || partitioned {
                return whole;
            }
            match entry.desc {
                Desc::Constraint if !alone && constraint::unique(&entry.defn).is_some() => {
                    [Step::BuildIndex, Step::UseIndex]
                }
                Desc::FkConstraint if job.step == Step::Entire => {
                    match constraint::foreign_key(&entry.defn) {
                        Some(key) if !key.partitioned => [Step::AddForeignKey, Step::Validate],
                        _ => whole,
                    }
                }
                _ => whole,
            }
        };
        let jobs = std::mem::take(&mut self.jobs);
        for job in jobs {
            let [first, second] = steps(&job);
            if first != second {
                self.jobs.push(Job { step: first, ..job.clone() });
            }
            self.jobs.push(Job { step: second, ..job });
        }
    }
}

/// The step of an entry whose rows are not to be checked. A foreign key that cannot be split is
/// validated if the archive says so.
fn not_valid(entry: &Entry) -> Step {
    let key = entry.desc == Desc::FkConstraint && constraint::foreign_key(&entry.defn).is_some();
    if key { Step::AddNotValid } else { Step::Entire }
}

/// Whether a step builds an index.
pub(crate) fn builds_index(entry: &Entry, step: Step) -> bool {
    match entry.desc {
        Desc::Index => true,
        Desc::Constraint => matches!(step, Step::Entire | Step::BuildIndex),
        _ => false,
    }
}

/// Whether an entry alters a table and the tables below it.
pub(super) fn recurses(entry: &Entry) -> bool {
    let defn = entry.defn.trim_start();
    defn.starts_with("ALTER TABLE ") && !defn.starts_with("ALTER TABLE ONLY ")
}

/// Lookups by dump ID.
pub(super) struct Links {
    /// Places in the TOC by dump ID.
    places: HashMap<DumpId, Place>,
    /// The TABLE DATA entries of a TABLE entry: one, or one for each part of the rows.
    data_of: HashMap<DumpId, Vec<DumpId>>,
    /// The TABLE entry of a TABLE DATA entry.
    pub(super) table_of: HashMap<DumpId, DumpId>,
    /// The first entry of large objects.
    blobs: Option<DumpId>,
    /// The table whose lock prevents others from attaching indexes in the same tree.
    attached_in: HashMap<DumpId, DumpId>,
}

impl Links {
    pub(super) fn new(entries: &[Entry]) -> Self {
        let places = placed(entries).map(|(place, e)| (e.dump_id, place)).collect();
        let mut data_of: HashMap<_, Vec<_>> = HashMap::new();
        let mut table_of = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.desc == Desc::TableData) {
            // A TABLE DATA entry's first dependency is its TABLE.
            if let Some(table) = entry.dependencies.first() {
                data_of.entry(*table).or_default().push(entry.dump_id);
                table_of.insert(entry.dump_id, *table);
            }
        }
        let blobs = entries.iter().find(|entry| entry.desc == Desc::Blobs);
        let blobs = blobs.map(|entry| entry.dump_id);
        let mut links = Self { places, data_of, table_of, blobs, attached_in: HashMap::new() };
        links.attached_in = attached_in(&links, entries);
        links
    }

    pub(super) fn entry<'a>(&self, id: DumpId, entries: &'a [Entry]) -> Option<&'a Entry> {
        Some(&entries[*self.places.get(&id)?])
    }

    /// The entries that must be restored before this one.
    pub(super) fn needs(&self, entry: &Entry) -> Vec<DumpId> {
        let mut needs = entry.dependencies.clone();
        if entry.section == Section::PostData {
            // Post-data work on a table waits for all its rows, not only for its definition.
            let rows = |need| self.data_of.get(&need).cloned().unwrap_or(vec![need]);
            needs = needs.into_iter().flat_map(rows).collect();
        }
        if entry.desc == Desc::BlobComments && needs.is_empty() {
            // Before 8.4 pg_dump did not record that these come after the large objects.
            needs.extend(self.blobs);
        }
        needs
    }

    /// The TABLE DATA entries of a TABLE entry.
    pub(super) fn data_of(&self, table: DumpId) -> &[DumpId] {
        self.data_of.get(&table).map_or(&[], Vec::as_slice)
    }

    /// The TABLE entries among an entry's dependencies.
    pub(super) fn tables(&self, entry: &Entry, entries: &[Entry]) -> Vec<DumpId> {
        let table = |id: &DumpId| match self.table_of.get(id) {
            Some(table) => Some(*table),
            None => {
                let entry = self.entry(*id, entries)?;
                matches!(entry.desc, Desc::Table | Desc::TableData).then_some(*id)
            }
        };
        entry.dependencies.iter().filter_map(table).collect()
    }

    /// Whether a constraint belongs to this table rather than only referring to it.
    pub(super) fn is_child(&self, table: DumpId, constraint: &Entry, entries: &[Entry]) -> bool {
        self.entry(table, entries).is_some_and(|table| {
            table.namespace == constraint.namespace
                && constraint.tag.strip_prefix(&table.tag).is_some_and(|rest| rest.starts_with(' '))
        })
    }

    /// The locks that a step takes. Only post-data entries work on a table concurrently.
    fn locks(&self, entry: &Entry, step: Step, entries: &[Entry]) -> Vec<(DumpId, LockMode)> {
        if entry.section != Section::PostData {
            return Vec::new();
        }
        let is_child = |table| self.is_child(table, entry, entries);
        let mode = |table| match (step, &entry.desc) {
            (Step::Validate, _) if is_child(table) => LockMode::ShareUpdateExclusive,
            (Step::Validate, _) => LockMode::RowShare,
            (Step::BuildIndex, _) | (_, Desc::Index) => LockMode::Share,
            (_, Desc::FkConstraint) => LockMode::ShareRowExclusive,
            _ => LockMode::AccessExclusive,
        };
        let tables = self.tables(entry, entries).into_iter();
        let tree = self.attached_in.get(&entry.dump_id).copied();
        tables.chain(tree).map(|table| (table, mode(table))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::bare;

    #[test]
    fn definition_listed_after_rows_waits_for_them() {
        let entries = [bare(1, Desc::Table), bare(2, Desc::View), bare(3, Desc::TableData)];
        for (strictly_in_order, prelude, rest) in
            [(true, &[0][..], &[2, 1][..]), (false, &[0, 1], &[2])]
        {
            let options = PlanBuildOptions { strictly_in_order, ..PlanBuildOptions::default() };
            let plan = Plan::new(
                &entries,
                &[0, 2, 1].map(Place),
                |_| true,
                |_| Pass::Main,
                |_| None,
                options,
            );
            assert_eq!(plan.prelude.iter().map(|place| place.0).collect::<Vec<_>>(), prelude);
            assert_eq!(plan.jobs.iter().map(|job| job.entry.0).collect::<Vec<_>>(), rest);
        }
    }

    #[test]
    fn grants_as_another_role_wait_for_the_schemas() {
        let acl = |id, defn: &str| Entry { defn: defn.into(), ..bare(id, Desc::Acl) };
        let grant = "GRANT SELECT ON TABLE s.t TO a;\n";
        let as_another =
            format!("SET SESSION AUTHORIZATION a;\n{grant}RESET SESSION AUTHORIZATION;");
        let entries = [
            acl(1, grant),
            acl(2, &as_another),
            acl(3, "SET SESSION AUTHORIZATION a;\nGRANT USAGE ON SCHEMA s TO b;\n"),
            acl(4, "GRANT USAGE ON SCHEMA r TO b;\n"),
        ];
        let order = [0, 1, 2, 3].map(Place);
        let options = PlanBuildOptions::default();
        let plan = Plan::new(&entries, &order, |_| true, |_| Pass::Acl, |_| None, options);
        let after: Vec<_> = plan.jobs.iter().map(|job| job.after.as_slice()).collect();
        assert_eq!(after, [&[][..], &[JobId(2), JobId(3)], &[], &[]]);
    }

    #[test]
    fn unchecked_key_is_one_step_for_any_table() {
        let mut key = bare(2, Desc::FkConstraint);
        key.defn =
            "ALTER TABLE ONLY t\n    ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES p(id);\n".into();
        let mut odd = bare(3, Desc::FkConstraint);
        odd.defn = key.defn.replace(";\n", " NOT VALID;\n");
        let entries = [bare(1, Desc::Table), key, odd];
        for steps_from in [None, Some(0)] {
            let options =
                PlanBuildOptions { not_valid: true, steps_from, ..PlanBuildOptions::default() };
            let plan = Plan::new(
                &entries,
                &[0, 1, 2].map(Place),
                |_| true,
                |_| Pass::Main,
                |_| None,
                options,
            );
            let steps: Vec<Step> = plan.jobs.iter().map(|job| job.step).collect();
            assert_eq!(steps, [Step::AddNotValid, Step::Entire]);
        }
    }
}
