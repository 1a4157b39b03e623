//! Everything is restored where a sync is not possible, and recorded for the next one.

use super::nights::{Nights, Synced, sync_to};
use crate::common::versions::newest;
use crate::common::{cluster, for_each_version, nocturne};

const SOURCE: &str = "
    CREATE SCHEMA more;
    CREATE TYPE more.mood AS ENUM ('good', 'bad');
    CREATE TABLE a (id int PRIMARY KEY, mood more.mood);
    CREATE TABLE more.gone (id int PRIMARY KEY REFERENCES a);
    CREATE VIEW more.seen AS SELECT a.id FROM a JOIN more.gone USING (id);
    -- A view whose rule is restored after it.
    CREATE VIEW more.grouped AS SELECT id, count(*) FROM a GROUP BY id;
    ALTER TABLE a ADD COLUMN word text;
    INSERT INTO a SELECT n, 'good' FROM generate_series(1, 1000) n;
    INSERT INTO more.gone SELECT n FROM generate_series(1, 1000) n;";

#[test]
fn changed_definitions_are_restored_and_recorded() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, SOURCE);
        let synced = nights.night(
            "ALTER TABLE a ADD COLUMN n int DEFAULT 7; DROP VIEW more.seen; DROP TABLE more.gone",
        );
        let reasons = synced.reasons();
        assert!(reasons.contains("TABLE public.a (changed)"), "{reasons}");
        assert!(reasons.contains("TABLE more.gone (dropped)"), "{reasons}");
        assert_eq!(nights.night("SELECT 1").changes(), [""; 0]);
        // So does the loss of a whole schema.
        nights.night("DROP SCHEMA more CASCADE; ALTER TABLE a DROP COLUMN IF EXISTS mood");
        assert_eq!(nights.night("SELECT 1").changes(), [""; 0]);
    });
}

#[test]
fn no_full_fails_and_changes_nothing() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    nights.source.execute("ALTER TABLE a ADD COLUMN n int; DELETE FROM more.gone WHERE id = 7");
    let failed = nights.sync(&["--no-full"]).expect(1);
    assert!(failed.stderr().contains("TABLE public.a (changed)"), "{}", failed.stderr());
    assert_eq!(nights.target.rows("more.gone"), 1000);
    nights.night("ALTER TABLE a DROP COLUMN n");
}

#[test]
fn object_of_others_that_depends_on_a_table_stops_before_anything_is_dropped() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    let own = "CREATE SCHEMA own; CREATE VIEW own.report AS SELECT count(*) FROM public.a";
    nights.target.execute(own);
    nights.source.execute("CREATE TABLE new (id int); DELETE FROM more.gone WHERE id = 7");
    let failed = nights.sync(&[]).expect(1);
    let said = failed.stderr();
    assert!(said.contains("cannot drop existing objects"), "{said}");
    assert!(said.contains("view own.report depends on table public.a"), "{said}");
    assert_eq!(nights.target.query("SELECT * FROM own.report"), "1000");
    assert_eq!(nights.target.rows("more.gone"), 1000);
    nights.target.execute("DROP SCHEMA own CASCADE");
    let reasons = nights.night("SELECT 1").reasons();
    assert!(reasons.contains("TABLE public.new (new)"), "{reasons}");
}

#[test]
fn restored_stream_is_recorded_with_its_digests() {
    let nights = Nights {
        source: cluster(newest()).fresh_db("source"),
        target: cluster(newest()).fresh_db("synced"),
    };
    nights.source.execute(SOURCE);
    let archive = nights.dump();
    let bytes = std::fs::read(archive.path()).expect("the archive can be read");
    let sync = nocturne().args(["sync", "-d", &nights.target.url(), "-"]).input(bytes);
    sync.succeed();
    let synced: Synced = sync_to(&archive.path(), &nights.target.url(), &[]).expect(0);
    assert_eq!(synced.changes(), [""; 0]);
    nights.assert_same();
}
