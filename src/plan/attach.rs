//! Partition trees in which indexes are attached.

use std::collections::HashMap;

use super::build::Links;
use super::tree::Groups;
use crate::archive::{Desc, DumpId, Entry};
use crate::select::is_partitioned;

/// For each INDEX ATTACH, the table whose lock represents its whole partition tree.
///
/// `ALTER INDEX … ATTACH PARTITION` locks two tables, and marks the parent index valid once it sees
/// all its children attached (`validatePartitionedIndex` in `tablecmds.c`), level by level up to
/// the top. Two of them in different branches of a tree have no lock in common and do not see each
/// other's uncommitted change, so neither marks the index above them.
pub(super) fn attached_in(links: &Links, entries: &[Entry]) -> HashMap<DumpId, DumpId> {
    let attaches: Vec<(DumpId, Vec<DumpId>)> = entries
        .iter()
        .filter(|entry| entry.desc == Desc::IndexAttach)
        .map(|entry| (entry.dump_id, tables(links, entry, entries)))
        .collect();
    // A partitioned table has no rows itself: no slow work waits for its lock.
    let rank = |table: DumpId| (!links.entry(table, entries).is_some_and(is_partitioned), table);
    let mut trees = Groups::default();
    attaches.iter().for_each(|(_, tables)| trees.join(tables, rank));
    let tree =
        |(attach, tables): &(DumpId, Vec<DumpId>)| Some((*attach, trees.of(*tables.first()?)));
    attaches.iter().filter_map(tree).collect()
}

/// The tables of the two indexes. In old archives, the entry depends on the indexes only.
fn tables(links: &Links, attach: &Entry, entries: &[Entry]) -> Vec<DumpId> {
    let indexes = attach.dependencies.iter().filter_map(|id| links.entry(*id, entries));
    let indexes = indexes.filter(|entry| matches!(entry.desc, Desc::Index | Desc::Constraint));
    let mut tables: Vec<_> = indexes.flat_map(|index| links.tables(index, entries)).collect();
    tables.extend(links.tables(attach, entries));
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::bare;

    #[test]
    fn attaches_share_a_lock_only_within_one_tree() {
        let of = |id, desc, on: &[i32]| {
            let mut entry = bare(id, desc);
            entry.dependencies = on.iter().copied().map(DumpId).collect();
            entry
        };
        // Two branches of the tree 1, and the tree 8; the last leaf's attach names no table.
        let mut entries: Vec<Entry> = (1..=9).map(|id| of(id, Desc::Table, &[])).collect();
        for root in [0, 1, 2, 7] {
            entries[root].relkind = b'p';
        }
        entries.extend([
            of(20, Desc::IndexAttach, &[4, 2]),
            of(21, Desc::IndexAttach, &[5, 3]),
            of(22, Desc::IndexAttach, &[2, 1]),
            of(23, Desc::IndexAttach, &[3, 1]),
            of(24, Desc::IndexAttach, &[9, 8]),
            of(30, Desc::Index, &[6]),
            of(31, Desc::Constraint, &[3]),
            of(25, Desc::IndexAttach, &[30, 31]),
        ]);
        let trees = attached_in(&Links::new(&entries), &entries);
        let of_first = trees[&DumpId(20)];
        for id in [21, 22, 23, 25] {
            assert_eq!(trees[&DumpId(id)], of_first, "{id}");
        }
        assert_eq!(of_first, DumpId(1));
        assert_eq!(trees[&DumpId(24)], DumpId(8));
    }
}
