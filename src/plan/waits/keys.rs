//! Adds waits for what foreign keys and the like refer to.

use std::collections::{BTreeSet, HashSet};

use super::Order;
use crate::archive::{Desc, DumpId, Entry};
use crate::plan::build::recurses;
use crate::plan::{JobId, Plan};

impl Plan {
    /// Makes rows wait for those that they refer to; each pair of jobs is a child and its parent.
    /// In a cycle of references the archive's order stays. `backwards` is whether rows can wait for
    /// later rows.
    pub(crate) fn behind_rows_referred_to(&mut self, pairs: &[(JobId, JobId)], backwards: bool) {
        let (natural, others): (Vec<_>, Vec<_>) =
            pairs.iter().partition(|(child, parent)| parent < child);
        for (child, parent) in natural {
            self.jobs[child.0].after.push(parent);
        }
        for (child, parent) in others.into_iter().filter(|_| backwards) {
            if !self.waits_for(parent, child) {
                self.jobs[child.0].after.push(parent);
            }
        }
    }

    fn waits_for(&self, id: JobId, other: JobId) -> bool {
        let (mut left, mut seen) = (vec![id], HashSet::new());
        while let Some(id) = left.pop() {
            if id == other {
                return true;
            }
            if seen.insert(id) {
                left.extend(&self.jobs[id.0].after);
            }
        }
        false
    }

    /// Makes an entry that depends on something without an entry wait for what that could be:
    /// pg_dump 8.4 to 9.1 let a foreign key depend on the index of the key that it refers to.
    pub(super) fn behind_keys_unknown(&mut self, order: &Order<'_>) {
        let is_unknown = |id: &DumpId| order.links.entry(*id, order.entries).is_none();
        let depends = |entry: &Entry| {
            let kinds = [Desc::FkConstraint, Desc::Rule, Desc::Trigger, Desc::Policy];
            kinds.contains(&entry.desc) && entry.dependencies.iter().any(is_unknown)
        };
        let waiting = self.of_main(order, depends);
        if waiting.is_empty() {
            return;
        }
        let is_key = |entry: &Entry| {
            let unique = entry.desc == Desc::Index && entry.defn.starts_with("CREATE UNIQUE ");
            entry.desc == Desc::Constraint || unique
        };
        let all = self.of_main(order, is_key);
        let keys = order.by(self, all.iter().copied(), |entry| order.tables(entry));
        for id in waiting {
            let entry = order.entry(self, id);
            let tables: BTreeSet<DumpId> = order.tables(entry).into_iter().collect();
            // With a single table, a foreign key may refer to itself or to a table that is not
            // recorded.
            let known = tables.len() > 1 || (entry.desc != Desc::FkConstraint && tables.len() == 1);
            let after = &mut self.jobs[id.0].after;
            match known {
                true => after.extend(tables.iter().filter_map(|id| keys.get(id)).flatten()),
                false => after.extend(&all),
            }
        }
    }

    /// Makes a foreign key to a table of an extension wait for the rows of all such tables: the
    /// table has no entry, so in pg_dump's output the key depends on the extension instead
    /// (`findDumpableDependencies` in `pg_dump.c`).
    pub(super) fn behind_rows_of_extensions(&mut self, order: &Order<'_>) {
        let entry = |id: &DumpId| order.links.entry(*id, order.entries);
        let refers = |key: &Entry| {
            let mut needs = key.dependencies.iter().filter_map(entry);
            key.desc == Desc::FkConstraint && needs.any(|need| need.desc == Desc::Extension)
        };
        let is_of_extension = |rows: &Entry| {
            rows.desc == Desc::TableData && rows.dependencies.iter().all(|id| entry(id).is_none())
        };
        let rows = self.of_main(order, is_of_extension);
        for key in self.of_main(order, refers) {
            self.jobs[key.0].after.extend(&rows);
        }
    }

    /// Makes what also applies to the parts of a table wait for their rows.
    pub(super) fn behind_rows_of_parts(&mut self, order: &Order<'_>) {
        let loads = self.rows(order);
        let loads = order.by(self, loads, |entry| {
            order.links.table_of.get(&entry.dump_id).copied().into_iter().collect()
        });
        let holds = [Desc::FkConstraint, Desc::CheckConstraint, Desc::Trigger, Desc::Rule];
        // A constraint of this kind that recurses is `NOT NULL NOT VALID` (since PostgreSQL 18).
        let holds = |entry: &Entry| {
            holds.contains(&entry.desc) || (entry.desc == Desc::Constraint && recurses(entry))
        };
        for id in self.of_main(order, holds) {
            for table in order.tables(order.entry(self, id)) {
                let parts = order.tree.below(table);
                let rows = parts.iter().filter_map(|part| loads.get(part)).flatten();
                self.jobs[id.0].after.extend(rows);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Place;
    use crate::archive::tests::entry::bare;
    use crate::plan::PlanBuildOptions;
    use crate::select::Pass;

    #[test]
    fn key_to_extension_table_waits_for_its_rows() {
        let depends = |entry: Entry, on: &[i32]| Entry {
            dependencies: on.iter().map(|id| DumpId(*id)).collect(),
            ..entry
        };
        let entries = [
            bare(1, Desc::Extension),
            bare(2, Desc::Table),
            depends(bare(3, Desc::TableData), &[2]),
            // The rows of a table without an entry.
            depends(bare(4, Desc::TableData), &[99]),
            depends(bare(5, Desc::FkConstraint), &[1, 2]),
            depends(bare(6, Desc::Index), &[1, 2]),
        ];
        let order = [0, 1, 2, 3, 4, 5].map(Place);
        let options = PlanBuildOptions::default();
        let plan = Plan::new(&entries, &order, |_| true, |_| Pass::Main, |_| None, options);
        let job =
            |place| plan.jobs.iter().position(|job| job.entry == Place(place)).map(JobId).unwrap();
        let waits = |place, other| plan.jobs[job(place).0].after.contains(&job(other));
        assert!(waits(4, 2) && waits(4, 3));
        assert!(waits(5, 2) && !waits(5, 3));
    }
}
