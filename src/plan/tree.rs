//! Tables that are part of another: partitions and inheriting tables.

use std::collections::{HashMap, HashSet};

use crate::archive::{Desc, DumpId, Entry};
use crate::select::{up, wholes};

/// The tables above and below each table.
#[derive(Debug)]
pub(super) struct Tree {
    /// The partitioned table of a partition.
    pub(super) whole_of: HashMap<DumpId, DumpId>,
    /// The partitions of a table and the tables that inherit from it.
    pub(super) parts: HashMap<DumpId, Vec<DumpId>>,
    /// For each of these tables, the representative of all the tables connected to it.
    roots: HashMap<DumpId, DumpId>,
}

impl Tree {
    pub(super) fn new(entries: &[Entry]) -> Self {
        let tables: HashSet<DumpId> = entries
            .iter()
            .filter(|entry| entry.desc == Desc::Table)
            .map(|entry| entry.dump_id)
            .collect();
        let mut tree =
            Self { whole_of: HashMap::new(), parts: HashMap::new(), roots: HashMap::new() };
        let mut groups = Groups::default();
        let mut is_part = |tree: &mut Self, part: DumpId, whole: DumpId| {
            tree.parts.entry(whole).or_default().push(part);
            groups.join(&[whole, part], |table| table);
        };
        for entry in entries.iter().filter(|entry| entry.desc == Desc::Table) {
            for whole in entry.dependencies.iter().filter(|id| tables.contains(id)) {
                is_part(&mut tree, entry.dump_id, *whole);
            }
        }
        let both_are_tables =
            |(part, whole): &(DumpId, DumpId)| tables.contains(part) && tables.contains(whole);
        tree.whole_of = wholes(entries).into_iter().filter(both_are_tables).collect();
        for entry in entries {
            if let Some(whole) = tree.whole_of.get(&entry.dump_id).copied() {
                is_part(&mut tree, entry.dump_id, whole);
            }
        }
        tree.roots = tables.into_iter().map(|table| (table, groups.of(table))).collect();
        tree
    }

    /// The representative of all the tables connected to a table.
    pub(super) fn root(&self, table: DumpId) -> DumpId {
        self.roots.get(&table).copied().unwrap_or(table)
    }

    /// A table and the partitioned tables above it.
    pub(super) fn up(&self, table: DumpId) -> impl Iterator<Item = DumpId> + '_ {
        up(&self.whole_of, table)
    }

    /// All parts of a table, including their parts.
    pub(super) fn below(&self, table: DumpId) -> Vec<DumpId> {
        let (mut all, mut seen) = (vec![table], HashSet::from([table]));
        let mut at = 0;
        // A damaged archive may contain a cycle of partitions.
        while let Some(table) = all.get(at) {
            let parts = self.parts.get(table).into_iter().flatten();
            all.extend(parts.filter(|part| seen.insert(**part)).collect::<Vec<_>>());
            at += 1;
        }
        all.split_off(1)
    }
}

/// Disjoint groups of tables. Each table leads to another one of its group, or to itself.
#[derive(Debug, Default)]
pub(super) struct Groups {
    leads: HashMap<DumpId, DumpId>,
}

impl Groups {
    /// Merges the groups of these tables. The table of lowest rank represents the group.
    pub(super) fn join<R: Ord>(&mut self, tables: &[DumpId], rank: impl Fn(DumpId) -> R) {
        let ends: Vec<DumpId> = tables.iter().map(|table| self.of(*table)).collect();
        if let Some(first) = ends.iter().copied().min_by_key(|table| rank(*table)) {
            self.leads.extend(ends.into_iter().map(|table| (table, first)));
        }
    }

    /// The representative of this table's group.
    pub(super) fn of(&mut self, table: DumpId) -> DumpId {
        let mut at = table;
        while let Some(next) = self.leads.get(&at).copied().filter(|next| *next != at) {
            at = next;
        }
        // Shortens the path to one step for the next time.
        self.leads.insert(table, at);
        at
    }
}
