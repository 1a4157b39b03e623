//! What the server refuses: rows, constraints, objects that exist already or miss a dependency.

use crate::common::gate::{Gate, TRAP, at_gate, untrap};
use crate::common::versions::newest;
use crate::common::{
    Archive, Interactive, Running, assert_same_database, cluster, nocturne, restore,
};

#[test]
fn bad_row_empties_only_its_own_table() {
    let cluster = cluster(newest());
    let archive = Archive::of(
        cluster,
        "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE c (id int);
         INSERT INTO a SELECT generate_series(1, 50000); INSERT INTO b SELECT id FROM a;
         INSERT INTO c SELECT id FROM a;",
    );
    for (bad, line) in [(1, "COPY b, line 1"), (50_000, "COPY b, line 50000")] {
        for jobs in ["1", "2"] {
            let target = cluster.fresh_db("bad_row");
            target.execute(&format!(
                "CREATE TABLE a (id int); CREATE TABLE b (id int CHECK (id <> {bad}));
                 CREATE TABLE c (id int);"
            ));
            let restored = restore(&archive.path(), &target, &["--data-only", "-j", jobs]);
            let restored = restored.expect(1);
            assert_eq!(restored.failed(), ["TABLE DATA b: 23514"], "{}", restored.finished);
            assert!(restored.stderr().contains(line), "{}", restored.finished);
            for (table, expected) in [("a", 50_000), ("b", 0), ("c", 50_000)] {
                assert_eq!(target.rows(table), expected, "{table}");
            }
        }
    }
}

#[test]
fn failed_constraint_takes_its_dependents_by_name() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("source");
    source.execute(
        "CREATE TABLE parent (id int CONSTRAINT parent_pkey PRIMARY KEY);
         CREATE TABLE child (id int CONSTRAINT child_fkey REFERENCES parent);
         INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1);",
    );
    let archive = Archive::dump(&source, &["--format=custom"]);
    let target = cluster.fresh_db("unique");
    // The existing rows make the key fail.
    target.execute("CREATE TABLE parent (id int); INSERT INTO parent VALUES (1);");
    let restored = restore(&archive.path(), &target, &["-j", "2", "--tolerate", "already-exists"]);
    let restored = restored.expect(1);
    assert_eq!(
        restored.failed(),
        ["CONSTRAINT parent parent_pkey: 23505"],
        "{}",
        restored.finished
    );
    let causes = restored.causes();
    assert_eq!(causes.len(), 1, "{}", restored.finished);
    assert_eq!(causes[0].1, ["FK CONSTRAINT child child_fkey"]);
    assert_eq!(restored.summary["errors"], 1, "{}", restored.finished);
}

#[test]
fn rows_load_into_existing_tables_unless_forbidden() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2);");
    let target = cluster.fresh_db("exists");
    target.execute("CREATE TABLE t (id int)");
    let restored = restore(&archive.path(), &target, &["-j", "2"]).expect(1);
    assert_eq!(restored.failed(), ["TABLE t: 42P07"], "{}", restored.finished);
    assert_eq!(target.rows("t"), 2);

    restore(&archive.path(), &target, &["--tolerate", "already-exists"]).expect(0);
    assert_eq!(target.rows("t"), 4, "existing rows stay, as with pg_restore");

    let restored = restore(&archive.path(), &target, &["--no-data-for-failed-tables"]).expect(1);
    assert_eq!(restored.total("skipped"), 1, "{}", restored.finished);
    assert_eq!(target.rows("t"), 4);
}

#[test]
fn dependents_of_failed_table_are_listed_under_it() {
    let cluster = cluster(newest());
    let archive = Archive::of(
        cluster,
        "CREATE DOMAIN amount AS int; CREATE TABLE t (id amount PRIMARY KEY);
         CREATE INDEX t_idx ON t (id); INSERT INTO t VALUES (1); CREATE TABLE u (id int);
         INSERT INTO u VALUES (1)",
    );
    let listing = crate::common::nocturne().arg("list").arg(archive.path()).succeed().stdout();
    let list = archive.folder().join("list");
    let without: Vec<&str> = listing.lines().filter(|line| !line.contains("DOMAIN")).collect();
    std::fs::write(&list, without.join("\n")).unwrap();
    let target = cluster.fresh_db("missing_type");
    let list = list.to_string_lossy();
    let restored = restore(&archive.path(), &target, &["-j", "2", "-L", &list]).expect(1);
    assert_eq!(restored.failed(), ["TABLE t: 42704"], "{}", restored.finished);
    let mut causes = restored.causes();
    assert_eq!(causes.len(), 1, "{}", restored.finished);
    causes[0].1.sort();
    assert_eq!(causes[0].1, ["CONSTRAINT t t_pkey", "INDEX t_idx", "TABLE DATA t"]);
    assert_eq!(target.rows("u"), 1);
}

#[test]
fn deadlock_victim_is_retried() {
    let cluster = cluster(newest());
    let sql = "CREATE TABLE parent (id int PRIMARY KEY);
         CREATE TABLE child (id int CONSTRAINT child_fkey REFERENCES parent);
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1);";
    let archive = Archive::of(cluster, sql);
    let (expected, target) = (cluster.fresh_db("expected"), cluster.fresh_db("deadlock"));
    expected.execute(sql);
    let listing = nocturne().arg("list").arg(archive.path()).succeed().stdout();
    let (key, rest): (Vec<&str>, _) = listing.lines().partition(|line| line.contains("child_fkey"));
    let lists = [("key", key), ("rest", rest)].map(|(name, lines)| {
        let path = archive.folder().join(name);
        std::fs::write(&path, lines.join("\n")).unwrap();
        path.to_string_lossy().into_owned()
    });
    let [key, rest] = &lists;
    restore(&archive.path(), &target, &["-L", rest]).expect(0);
    // When the key has its locks on both tables, its session waits at the gate and then requests
    // another lock: the last one of the cycle. The last session in a deadlock detects it and is its
    // victim.
    target.execute(&format!(
        "CREATE SCHEMA trap;
         CREATE TABLE trap.last ();
         CREATE FUNCTION trap.wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
             BEGIN
                 PERFORM pg_catalog.pg_advisory_xact_lock_shared({TRAP});
                 LOCK TABLE trap.last;
             END $$;
         CREATE EVENT TRIGGER wait ON ddl_command_end WHEN TAG IN ('ALTER TABLE')
             EXECUTE FUNCTION trap.wait();"
    ));
    let gate = Gate::shut(&target, TRAP);
    let other = "SET deadlock_timeout = '1h'; BEGIN; LOCK TABLE trap.last;";
    let mut other = Interactive::start(&target, "other", other);
    target.wait_until("EXISTS (SELECT FROM pg_locks WHERE relation = 'trap.last'::regclass)");
    let running = Running::start(&archive.path(), &target.url(), &["-L", key, "-v"]);
    let running = at_gate(running, &target);
    other.say("LOCK TABLE child; COMMIT;");
    target.wait_until(
        "EXISTS (SELECT FROM pg_locks WHERE relation = 'child'::regclass AND NOT granted)",
    );
    drop(gate);
    running.wait().expect(0);
    // It was not the other one.
    other.end();
    target.wait_until(
        "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()",
    );
    untrap(&target);
    assert_same_database(&target, &expected);
}
