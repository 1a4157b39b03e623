//! Every archive of `fixtures/`: synced into an empty database, again, and after others have written to
//! it, on the version that wrote it.

use super::nights::sync_to;
use crate::common::compare::assert_same_database_with;
use crate::common::{Database, cluster, fixtures};

/// What others do to each table: delete a row.
const WRITE: &str = "
    SET session_replication_role = replica;
    DO $$ DECLARE t regclass; BEGIN
      FOR t IN SELECT c.oid FROM pg_class c WHERE c.relkind = 'r' AND c.oid >= 16384
        AND c.relnamespace::regnamespace::text NOT IN ('nocturne', 'information_schema')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
        AND NOT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid)
      LOOP
        EXECUTE format('DELETE FROM ONLY %s WHERE ctid = (SELECT min(ctid) FROM ONLY %1$s)', t);
      END LOOP;
    END $$;";

/// Syncs each chosen fixture three times, and compares the results with pg_restore's.
fn same_as_restored(choose: impl Fn(&str) -> bool) {
    let mut compared = 0;
    for fixture in fixtures().iter().filter(|fixture| choose(&fixture.name)) {
        let cluster = cluster(fixture.major);
        let (synced, restored) = (cluster.fresh_db("synced"), cluster.fresh_db("restored"));
        let folder = tempfile::tempdir().unwrap();
        restored.pg_restore(&fixture.for_pg_restore(folder.path()), &[]);
        let same = |synced: &Database<'_>| {
            assert_same_database_with(synced, &restored, &["--exclude-schema", "nocturne"]);
        };
        let sync = || sync_to(&fixture.path, &synced.url(), &["-j", "2"]).expect(0);
        assert!(sync().reasons().contains("no manifest"), "{}", fixture.name);
        same(&synced);
        compared += 1;
        // Large objects are restored with all the rest each time, and of these objects some cannot
        // be dropped: a range type and its function depend on each other.
        if fixture.name.starts_with("every-") {
            continue;
        }
        let again = sync();
        eprintln!("{}: {}", fixture.name, again.reasons());
        if again.reasons().is_empty() {
            assert_eq!(again.changes(), [""; 0], "{}", fixture.name);
        } else {
            let reason = "its rows are loaded through a partitioned table";
            assert!(again.reasons().contains(reason), "{}", again.0.finished);
        }
        synced.execute(WRITE);
        sync();
        same(&synced);
    }
    assert!(compared > 0, "no such fixture: nothing was compared");
}

/// Archives that restore into an empty database without errors. Statistics would be compared with
/// those of the manifest's tables.
fn is_whole(name: &str) -> bool {
    !["data-only", "clean", "statistics"].iter().any(|kind| name.contains(kind))
}

#[test]
fn every_object_type_is_the_same_when_synced() {
    same_as_restored(|name| name.starts_with("every-") && is_whole(name));
}

#[test]
fn warehouse_is_the_same_when_synced() {
    same_as_restored(|name| name.starts_with("warehouse-") && is_whole(name));
}

#[test]
fn partitions_encodings_and_extensions_are_the_same_when_synced() {
    same_as_restored(|name| {
        !name.starts_with("every-") && !name.starts_with("warehouse-") && is_whole(name)
    });
}
