//! First loads of incremental tables from the archive, which are recorded while they are in
//! progress.
//!
//! An incremental table that exists in the target is kept, whatever it contains. One that a killed
//! run left incomplete, for example without its key or its indexes, would be kept forever. So it is
//! recorded in the table `nocturne.first_loads` before it is restored, and the record is deleted
//! when the table is complete. A recorded table is dropped and loaded again.

use std::collections::HashSet;

use super::error::NightError;
use crate::archive::{Desc, DumpId, Entry};
use crate::report::timeline::Recording;
use crate::select::{up, wholes};
use crate::server::{Session, has_record, make_bookkeeping};
use crate::sql::ident::literal;

/// A table by schema and name.
pub(super) type Name = (String, String);

/// A table that is restored from the archive, and copied incrementally from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FirstLoad {
    /// Its schema and name.
    pub(super) name: Name,
    /// Its entry.
    pub(super) dump_id: DumpId,
}

const NOTES: &str = "\
CREATE TABLE IF NOT EXISTS nocturne.first_loads (
    schema_name text NOT NULL,
    table_name text NOT NULL,
    since timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (schema_name, table_name)
);
COMMENT ON TABLE nocturne.first_loads IS 'Tables that nocturne is loading for the first time';";

/// The recorded tables, whose first load an earlier run did not complete.
pub(super) async fn unfinished(session: &Session) -> Result<HashSet<Name>, NightError> {
    let failed = || NightError::target("read the records of unfinished first loads");
    if !has_record(session, "first_loads").await.map_err(failed())? {
        return Ok(HashSet::new());
    }
    let sql = "SELECT schema_name, table_name FROM nocturne.first_loads";
    let rows = session.query_text(sql).await.map_err(failed())?;
    let name = |row: Vec<Option<String>>| {
        let [schema, table] = row.try_into().ok()?;
        Some((schema?, table?))
    };
    Ok(rows.into_iter().filter_map(name).collect())
}

/// Records these tables, and deletes all other records.
pub(super) async fn note(session: &Session, loads: &[FirstLoad]) -> Result<(), NightError> {
    let failed = || NightError::target("record the first load of a table");
    let is_there = has_record(session, "first_loads").await.map_err(failed())?;
    if !is_there && loads.is_empty() {
        return Ok(());
    }
    let mut sql = String::new();
    if !is_there {
        make_bookkeeping(session).await.map_err(failed())?;
        sql.push_str(NOTES);
    }
    sql.push_str("\nDELETE FROM nocturne.first_loads;");
    for FirstLoad { name: (schema, table), .. } in loads {
        let (schema, table) = (literal(schema), literal(table));
        sql.push_str(&format!(
            "\nINSERT INTO nocturne.first_loads (schema_name, table_name) \
             VALUES ({schema}, {table});"
        ));
    }
    session.execute(&sql).await.map_err(failed())
}

/// The loads that are incomplete after the restore; their records stay.
pub(super) fn incomplete<'a>(
    loads: &'a [FirstLoad],
    entries: &[Entry],
    recording: &Recording,
) -> Vec<&'a FirstLoad> {
    let failed: HashSet<DumpId> =
        recording.failures.iter().map(|failed| failed.entry.id()).collect();
    let failed = || entries.iter().filter(|entry| failed.contains(&entry.dump_id));
    let wholes = wholes(entries);
    let lacks = |load: &&FirstLoad| {
        // Partitions count as part of their table.
        let is_of_load =
            |table: &DumpId| up(&wholes, *table).last() == up(&wholes, load.dump_id).last();
        failed().any(|entry| {
            is_of_load(&entry.dump_id)
                || is_own(&entry.desc) && entry.dependencies.iter().any(is_of_load)
        })
    };
    loads.iter().filter(lacks).collect()
}

/// The entries that a complete table needs.
fn is_own(desc: &Desc) -> bool {
    matches!(
        desc,
        Desc::TableData
            | Desc::Default
            | Desc::Constraint
            | Desc::CheckConstraint
            | Desc::Index
            | Desc::TableAttach
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::{Builder, entry};
    use crate::report::timeline::FailedEntry;

    #[test]
    fn load_is_complete_if_the_table_s_entries_succeeded() {
        let entries: Vec<Entry> = [
            entry(1, "TABLE", "answers"),
            entry(2, "TABLE", "events"),
            entry(3, "INDEX", "whatever").after(&[1]),
            entry(4, "VIEW", "seen").after(&[1, 2]),
            entry(5, "TABLE DATA", "events").after(&[2]),
            entry(6, "TABLE", "events_1"),
            entry(7, "TABLE ATTACH", "events_1").after(&[6, 2]),
            entry(8, "TABLE DATA", "events_1").after(&[6]),
        ]
        .map(Builder::build)
        .into();
        let load = |place: usize| FirstLoad {
            name: ("public".to_owned(), entries[place].tag.clone()),
            dump_id: entries[place].dump_id,
        };
        let loads = [load(0), load(1)];
        let left = |failed: &[usize]| {
            let failed = failed.iter().map(|place| FailedEntry {
                entry: (&entries[*place]).into(),
                message: String::new(),
                sqlstate: None,
                follows: false,
            });
            let recording = Recording { failures: failed.collect(), ..Recording::default() };
            let left = incomplete(&loads, &entries, &recording);
            left.into_iter().map(|load| load.name.1.clone()).collect::<Vec<_>>()
        };
        assert_eq!(left(&[]), [""; 0]);
        assert_eq!(left(&[2]), ["answers"]);
        assert_eq!(left(&[3]), [""; 0], "a view over a table is not a part of it");
        assert_eq!(left(&[4, 0]), ["answers", "events"]);
        assert_eq!(left(&[7]), ["events"], "a partition's rows are the table's");
    }
}
