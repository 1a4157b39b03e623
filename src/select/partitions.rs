//! Finds which table of an archive is a partition of which.

use std::collections::HashMap;
use std::iter;

use crate::archive::{Desc, DumpId, Entry};

/// The partitioned table of each partition, by dump ID.
///
/// pg_dump writes a TABLE ATTACH entry, named after the partition, since version 14. Before that,
/// the TABLE entry of the partition attached it in its own SQL and depended on the partitioned
/// table, like the entry of an inheriting table (`dumpTableSchema` in `pg_dump.c`).
pub(crate) fn wholes(entries: &[Entry]) -> HashMap<DumpId, DumpId> {
    let tables: HashMap<DumpId, &Entry> = entries
        .iter()
        .filter(|entry| matches!(entry.desc, Desc::Table | Desc::ForeignTable))
        .map(|entry| (entry.dump_id, entry))
        .collect();
    let mut wholes = HashMap::new();
    for entry in entries {
        let mut of = entry.dependencies.iter().filter_map(|id| tables.get(id).copied());
        let (part, whole) = match entry.desc {
            Desc::TableAttach => {
                let (own, others): (Vec<_>, Vec<_>) =
                    of.partition(|table| is_named_alike(entry, table));
                (own.first().copied(), others.first().copied())
            }
            Desc::Table | Desc::ForeignTable if attaches_itself(entry) => {
                (Some(entry), of.find(|table| is_partitioned(table)))
            }
            _ => continue,
        };
        if let (Some(part), Some(whole)) = (part, whole) {
            wholes.insert(part.dump_id, whole.dump_id);
        }
    }
    wholes
}

/// A table and the partitioned tables above it, from the bottom up.
pub(crate) fn up(
    wholes: &HashMap<DumpId, DumpId>,
    table: DumpId,
) -> impl Iterator<Item = DumpId> + '_ {
    // A damaged archive may contain a cycle of partitions.
    iter::successors(Some(table), |table| wholes.get(table).copied()).take(wholes.len() + 1)
}

/// Whether a TABLE entry is a partitioned table. Mistaking an ordinary table for one only costs
/// speed.
pub(crate) fn is_partitioned(table: &Entry) -> bool {
    table.relkind == b'p' || table.defn.contains("\nPARTITION BY ")
}

fn is_named_alike(entry: &Entry, table: &Entry) -> bool {
    (&entry.namespace, &entry.tag) == (&table.namespace, &table.tag)
}

fn attaches_itself(table: &Entry) -> bool {
    table.defn.contains(" ATTACH PARTITION ") || table.defn.contains(" PARTITION OF ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::{Builder, entry};

    fn of(entries: Vec<Builder>) -> Vec<(i32, i32)> {
        let entries: Vec<Entry> = entries.into_iter().map(Builder::build).collect();
        let mut found: Vec<_> =
            wholes(&entries).into_iter().map(|(part, whole)| (part.0, whole.0)).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn partitions_are_found_for_every_pg_dump_version() {
        // Since 14.
        let attached = vec![
            entry(1, "TABLE", "events"),
            entry(2, "TABLE", "events_2").after(&[1]),
            entry(3, "TABLE", "events_2a").after(&[2]),
            entry(4, "TABLE ATTACH", "events_2").after(&[2, 1]),
            entry(5, "TABLE ATTACH", "events_2a").after(&[3, 2]),
            entry(6, "TABLE", "child").after(&[1]),
        ];
        assert_eq!(of(attached), [(2, 1), (3, 2)]);
        let create = "CREATE TABLE public.t (\n    id integer\n)";
        let whole = format!("{create}\nPARTITION BY RANGE (id);\n");
        for part in [
            "CREATE TABLE public.t PARTITION OF public.events FOR VALUES FROM (0) TO (1)",
            "CREATE TABLE public.t (id integer);\n\
             ALTER TABLE ONLY public.events ATTACH PARTITION public.t FOR VALUES FROM (0) TO (1);\n",
        ] {
            let below = format!("{part}\nPARTITION BY LIST (id);\n");
            let before = vec![
                entry(1, "TABLE", "events").defn(&whole),
                entry(2, "TABLE", "events_2").after(&[1]).defn(&below),
                entry(3, "TABLE", "events_2a").after(&[2]).defn(part),
                entry(6, "TABLE", "child").after(&[1]).defn(create),
            ];
            assert_eq!(of(before), [(2, 1), (3, 2)], "{part}");
        }
    }

    #[test]
    fn partition_cycle_terminates() {
        let ring = HashMap::from([(DumpId(1), DumpId(2)), (DumpId(2), DumpId(1))]);
        assert!(up(&ring, DumpId(1)).count() <= 3);
    }
}
