//! Adds waits that the archive's dependencies do not show, so that each job sees what it would see
//! with pg_restore's default: one job after another, in the archive's order.
//!
//! - Rows and indexes whose functions read other tables wait for all rows before them; later rows
//!   that such a function may read wait in turn ([`callers`], [`functions`]).
//! - Statistics, row security, domains and event triggers keep the archive's order where it affects
//!   the result ([`sequence`]).
//! - Foreign keys that exist when rows are loaded, and those of old archives ([`keys`]).
//!
//! Jobs are numbered in the archive's order.

mod bodies;
mod callers;
mod comments;
mod definitions;
mod functions;
mod keys;
mod operators;
mod sequence;

use std::collections::HashMap;

use self::functions::Calls;
use super::build::Links;
use super::tree::Tree;
use super::{Job, JobId, Plan};
use crate::archive::{Desc, DumpId, Entry, Section};
use crate::select::Pass;

impl Plan {
    /// Adds the waits. The jobs are already linked by their dependencies.
    pub(super) fn keep_order(&mut self, entries: &[Entry], links: &Links, tree: &Tree) {
        let order = &Order::new(entries, links, tree, self);
        self.behind_keys_unknown(order);
        self.behind_rows_of_extensions(order);
        self.behind_rows_of_parts(order);
        self.statistics_in_order(order);
        self.event_triggers_in_order(order);
        self.inherited_in_order(order);
        let mut rows = Rows::new(self.rows(order));
        self.behind_rows_of_domains(order, &mut rows);
        let mut calls = Calls::new(entries, entries.len());
        self.behind_what_functions_read(order, &mut calls, &mut rows);
        let keys = self.of_main(order, |entry| entry.desc == Desc::FkConstraint);
        self.before_row_security(order, &keys);
    }

    /// Records which rows call functions that read tables, for a restore in the archive's order.
    pub(super) fn note_rows_that_call(&mut self, entries: &[Entry], links: &Links, tree: &Tree) {
        let order = &Order::new(entries, links, tree, self);
        self.rows_that_call(order, &mut Calls::new(entries, entries.len()));
    }

    /// Adds waits known to the target's catalog but not to the archive: `entries` are the archive's
    /// with more dependencies, and further ones from place `noted` on. No job is added.
    pub(crate) fn keep_order_by_catalog(&mut self, entries: &[Entry], noted: usize) {
        let (links, tree) = (Links::new(entries), Tree::new(entries));
        let order = &Order::new(entries, &links, &tree, self);
        let mut calls = Calls::new(entries, noted);
        let mut rows = Rows { joined: true, ..Rows::new(self.rows(order)) };
        self.behind_what_functions_read(order, &mut calls, &mut rows);
    }

    fn behind_what_functions_read(
        &mut self,
        order: &Order<'_>,
        calls: &mut Calls<'_>,
        rows: &mut Rows,
    ) {
        self.rows_that_call(order, calls);
        self.definitions_that_call(order, calls, rows);
        self.views_that_call(order, calls);
    }

    /// The wanted jobs that load rows, large objects and sequences.
    fn rows(&self, order: &Order<'_>) -> Vec<JobId> {
        self.of_main(order, |entry| entry.section == Section::Data)
    }

    /// The wanted jobs of the main pass with such entries.
    fn of_main(&self, order: &Order<'_>, is_such: impl Fn(&Entry) -> bool) -> Vec<JobId> {
        self.of_pass(Pass::Main, order).filter(|id| is_such(order.entry(self, *id))).collect()
    }

    /// The wanted jobs of a pass.
    fn of_pass(&self, pass: Pass, order: &Order<'_>) -> impl Iterator<Item = JobId> + '_ {
        let jobs = self.jobs[..order.count].iter().enumerate();
        let own =
            jobs.filter(move |(_, job)| job.wanted && !job.step.is_analyze() && job.pass == pass);
        own.map(|(number, _)| JobId(number))
    }

    /// Makes the later of two jobs wait for the earlier.
    fn in_order(&mut self, one: JobId, other: JobId) {
        if one != other {
            self.jobs[one.max(other).0].after.push(one.min(other));
        }
    }

    /// Makes a job wait for all rows.
    fn behind_all(&mut self, id: JobId, rows: &mut Rows, why: &str) {
        if !std::mem::replace(&mut rows.joined, true) {
            rows.jobs = self.join(std::mem::take(&mut rows.jobs)).into_iter().collect();
        }
        self.jobs[id.0].after.extend(&rows.jobs);
        self.jobs[id.0].why = Some(format!("waits for all rows: {why}"));
    }

    /// Adds a job without work that is done when these are: through it, many jobs can wait for
    /// many.
    fn join(&mut self, after: Vec<JobId>) -> Option<JobId> {
        let first = self.jobs[after.first()?.0].clone();
        let id = JobId(self.jobs.len());
        let (locks, why) = (Vec::new(), None);
        self.jobs.push(Job { wanted: false, after, locks, why, size: 0, ..first });
        Some(id)
    }
}

/// The lookups for finding waits.
struct Order<'a> {
    entries: &'a [Entry],
    links: &'a Links,
    tree: &'a Tree,
    /// The number of jobs of entries, in order; the jobs after them join others.
    count: usize,
}

impl<'a> Order<'a> {
    fn new(entries: &'a [Entry], links: &'a Links, tree: &'a Tree, plan: &Plan) -> Self {
        Self { entries, links, tree, count: plan.jobs.len() }
    }

    fn entry(&self, plan: &Plan, id: JobId) -> &'a Entry {
        &self.entries[plan.jobs[id.0].entry]
    }

    fn tables(&self, entry: &Entry) -> Vec<DumpId> {
        self.links.tables(entry, self.entries)
    }

    /// The representative of the tree of each table that an entry is about.
    fn roots(&self, entry: &Entry) -> Vec<DumpId> {
        self.tables(entry).into_iter().map(|table| self.tree.root(table)).collect()
    }

    /// Groups jobs by what they concern.
    fn by<K: std::hash::Hash + Eq>(
        &self,
        plan: &Plan,
        jobs: impl IntoIterator<Item = JobId>,
        keys: impl Fn(&'a Entry) -> Vec<K>,
    ) -> HashMap<K, Vec<JobId>> {
        let mut by: HashMap<K, Vec<JobId>> = HashMap::new();
        for id in jobs {
            for key in keys(self.entry(plan, id)) {
                by.entry(key).or_default().push(id);
            }
        }
        by
    }
}

/// The jobs that load rows, or the job that joins them.
struct Rows {
    jobs: Vec<JobId>,
    joined: bool,
}

impl Rows {
    fn new(jobs: Vec<JobId>) -> Self {
        Self { jobs, joined: false }
    }
}
