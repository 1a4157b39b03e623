//! Keeps jobs in the archive's order where it affects the result.

use std::collections::BTreeSet;

use super::{Order, Rows};
use crate::archive::{Desc, DumpId, Entry, Section};
use crate::plan::build::{builds_index, recurses};
use crate::plan::{JobId, Plan};
use crate::select::Pass;

impl Plan {
    /// Orders statistics (since PostgreSQL 18): they are lost when the table is emptied or the view
    /// is refreshed, and some of a table's are replaced when an index is built.
    pub(super) fn statistics_in_order(&mut self, order: &Order<'_>) {
        let about = |entry: &Entry| order.about(entry);
        let all = |id: &JobId| {
            let job = &self.jobs[id.0];
            job.wanted && order.entries[job.entry].desc == Desc::StatisticsData
        };
        let statistics = (0..order.count).map(JobId).filter(all);
        let statistics = order.by(self, statistics, about);
        if statistics.is_empty() {
            return;
        }
        for id in (0..order.count).map(JobId) {
            let (job, entry) = (&self.jobs[id.0], order.entry(self, id));
            let changes = matches!(entry.desc, Desc::TableData | Desc::MaterializedViewData)
                || builds_index(entry, job.step);
            if !changes || !job.wanted || job.step.is_analyze() {
                continue;
            }
            let pass = job.pass;
            let subjects: BTreeSet<DumpId> = about(entry).into_iter().collect();
            for other in subjects.iter().filter_map(|id| statistics.get(id)).flatten() {
                if self.jobs[other.0].pass == pass {
                    self.in_order(id, *other);
                }
            }
        }
    }

    /// Orders event triggers: they see what comes after them, and nothing before.
    pub(super) fn event_triggers_in_order(&mut self, order: &Order<'_>) {
        let (mut last, mut since) = (None, Vec::new());
        for id in self.of_pass(Pass::PostAcl, order).collect::<Vec<_>>() {
            self.jobs[id.0].after.extend(last);
            if order.entry(self, id).desc == Desc::EventTrigger {
                self.jobs[id.0].after.append(&mut since);
                last = Some(id);
            } else {
                since.push(id);
            }
        }
    }

    /// Keeps triggers and constraints that child tables inherit in the archive's order within their
    /// tree. A partition's TRIGGER entry may change the state of an inherited trigger, and pg_dump
    /// records only the direct parent's (`dumpTrigger` in `pg_dump.c`). Of two `NOT NULL NOT VALID`
    /// constraints, the parent's names both if it comes first, and the child's is refused
    /// (`AdjustNotNullInheritance` in `pg_constraint.c`).
    pub(super) fn inherited_in_order(&mut self, order: &Order<'_>) {
        let inherited = self.of_main(order, |entry| match entry.desc {
            Desc::Trigger | Desc::CheckConstraint => true,
            Desc::Constraint => recurses(entry),
            _ => false,
        });
        let trees = order.by(self, inherited, |entry| order.roots(entry)).into_values();
        let is_altered = |jobs: &Vec<JobId>| jobs.iter().any(|id| recurses(order.entry(self, *id)));
        for of_tree in trees.filter(is_altered).collect::<Vec<_>>() {
            for pair in of_tree.windows(2) {
                self.in_order(pair[0], pair[1]);
            }
        }
    }

    /// Puts a domain's `NOT VALID` constraint after the rows that violate it.
    pub(super) fn behind_rows_of_domains(&mut self, order: &Order<'_>, rows: &mut Rows) {
        let of_domain = |entry: &Entry| {
            matches!(entry.desc, Desc::CheckConstraint | Desc::Constraint)
                && order.tables(entry).is_empty()
                && entry.section == Section::PostData
        };
        let constraints = self.of_main(order, of_domain);
        if constraints.is_empty() {
            return;
        }
        for id in &constraints {
            self.behind_all(*id, rows, "it applies to every column of its domain");
        }
        let of = order.by(self, constraints, |entry| entry.dependencies.clone());
        for id in self.of_main(order, |entry| matches!(entry.desc, Desc::Index | Desc::Constraint))
        {
            // An index with an expression of the domain type.
            let domains = order.entry(self, id).dependencies.iter();
            for constraint in domains.filter_map(|domain| of.get(domain)).flatten() {
                self.in_order(id, *constraint);
            }
        }
    }

    /// Puts the foreign keys of a table before its row security, which hides rows from their
    /// checks.
    pub(super) fn before_row_security(&mut self, order: &Order<'_>, keys: &[JobId]) {
        let security = self.of_main(order, |entry| entry.desc == Desc::RowSecurity);
        if security.is_empty() {
            return;
        }
        let keys = order.by(self, keys.iter().copied(), |entry| order.roots(entry));
        for id in security {
            let own = order.roots(order.entry(self, id)).into_iter();
            let keys: Vec<JobId> =
                own.filter_map(|root| keys.get(&root)).flatten().copied().collect();
            self.jobs[id.0].after.extend(keys.into_iter().filter(|key| *key < id));
        }
    }
}

impl Order<'_> {
    /// The tables and views that rows, statistics or an index are about.
    fn about(&self, entry: &Entry) -> Vec<DumpId> {
        let mut all = Vec::new();
        for id in &entry.dependencies {
            all.push(*id);
            let is_index = |of: &&Entry| matches!(of.desc, Desc::Index | Desc::Constraint);
            let index = self.links.entry(*id, self.entries).filter(is_index);
            all.extend(index.into_iter().flat_map(|index| index.dependencies.iter().copied()));
            all.extend(self.links.table_of.get(id));
        }
        all
    }
}
