//! Readers of the target see all or nothing, and wait only for views; a killed sync changes nothing.

use super::nights::{Nights, Synced};
use crate::common::gate::{AT_GATE, Gate, ROW, at_gate};
use crate::common::versions::newest;
use crate::common::{Interactive, cluster, for_each_version};

const SOURCE: &str = "
    CREATE TABLE a (id int PRIMARY KEY, n int);
    INSERT INTO a SELECT n, n FROM generate_series(1, 2000) n;
    CREATE MATERIALIZED VIEW of_a AS SELECT sum(n) AS n FROM a;";

const CHANGE: &str = "UPDATE a SET n = 0 WHERE id = 2000; REFRESH MATERIALIZED VIEW of_a;";

/// Whether the sync waits for a lock on a relation.
fn waits_for(relation: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) \
         WHERE application_name = 'nocturne sync' AND datname = current_database() \
           AND relation = '{relation}'::regclass AND NOT granted)"
    )
}

#[test]
fn open_snapshot_still_sees_yesterdays_rows() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, SOURCE);
        let open = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM a;";
        let mut reader = Interactive::start(&nights.target, "reader", open);
        nights.target.wait_until("EXISTS (SELECT FROM pg_locks WHERE relation = 'a'::regclass)");
        assert_eq!(nights.night(CHANGE).changes(), ["a patched 1 1"]);
        reader.say("CREATE TABLE seen AS SELECT sum(n) FROM a; COMMIT;");
        reader.end();
        assert_eq!(nights.target.query("TABLE seen"), "2001000");
        assert_eq!(nights.target.query("SELECT sum(n) FROM a"), "1999000");
    });
}

#[test]
fn sync_steps_back_from_a_view_in_use() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    nights.source.execute(CHANGE);
    let reader = Interactive::start(&nights.target, "reader", "BEGIN; SELECT n FROM of_a;");
    nights.target.wait_until("EXISTS (SELECT FROM pg_locks WHERE relation = 'of_a'::regclass)");
    let (_archive, running) = nights.start();
    // It asks who holds the lock once it has stepped back.
    nights.target.wait_until(
        "EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'nocturne sync' \
         AND datname = current_database() AND query ~ 'FROM pg_catalog.pg_locks l')",
    );
    assert_eq!(nights.target.query("SELECT n FROM of_a"), "2001000");
    drop(reader);
    let synced = Synced(running.wait()).expect(0);
    let said = synced.stderr();
    assert!(said.contains("waiting for the lock on public.of_a: process "), "{said}");
    assert!(said.contains("(reader, role postgres)"), "{said}");
    nights.assert_same();
}

#[test]
fn writer_is_waited_for_before_its_table_is_read() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    nights.source.execute(CHANGE);
    let write = "BEGIN; UPDATE a SET n = 7 WHERE id = 1;";
    let mut writer = Interactive::start(&nights.target, "writer", write);
    nights.target.wait_until(
        "EXISTS (SELECT FROM pg_locks WHERE mode = 'RowExclusiveLock' \
                              AND relation = 'a'::regclass)",
    );
    let (_archive, running) = nights.start();
    nights.target.wait_until(&waits_for("a"));
    writer.say("COMMIT;");
    writer.end();
    let synced = Synced(running.wait()).expect(0);
    assert_eq!(synced.changes(), ["a patched 2 2"]);
    nights.assert_same();
}

#[test]
fn killed_sync_changes_nothing_and_the_next_one_succeeds() {
    let sql = format!(
        "CREATE TABLE a (id int PRIMARY KEY, n int CHECK ({AT_GATE})); \
         CREATE TABLE b (id int PRIMARY KEY); \
         INSERT INTO a SELECT n, n FROM generate_series(1, 2000) n; \
         INSERT INTO b SELECT n FROM generate_series(1, 2000) n"
    );
    let nights = Nights::new(cluster(newest()), &sql);
    nights.source.execute("UPDATE a SET n = 0 WHERE id = 2000; DELETE FROM b WHERE id = 7");
    let gate = Gate::shut(&nights.target, ROW);
    let (_archive, running) = nights.start();
    at_gate(running, &nights.target).kill();
    drop(gate);
    assert_eq!(nights.target.query("SELECT sum(n) FROM a"), "2001000");
    assert_eq!(nights.target.rows("b"), 2000);
    assert_eq!(nights.night("SELECT 1").changes(), ["a patched 1 1", "b patched 0 1"]);
}
