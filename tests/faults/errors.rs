//! What the server refuses: rows, constraints, objects that are there or lack something.

use std::io::Write;
use std::process::Stdio;

use crate::common::versions::newest;
use crate::common::{Database, Running, assert_same_database, cluster, restore};
use crate::source::{Archive, rows};

#[test]
fn a_bad_row_at_either_end_empties_its_table_alone() {
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
                assert_eq!(rows(&target, table), expected, "{table}");
            }
        }
    }
}

#[test]
fn a_constraint_that_fails_takes_those_that_need_it_under_its_name() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("source");
    source.execute(
        "CREATE TABLE parent (id int CONSTRAINT parent_pkey PRIMARY KEY);
         CREATE TABLE child (id int CONSTRAINT child_fkey REFERENCES parent);
         INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1);",
    );
    let archive = Archive::dump(&source, &["--format=custom"]);
    let target = cluster.fresh_db("unique");
    // The rows that were there make the key fail.
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
fn rows_are_loaded_into_a_table_that_is_there_unless_that_is_not_wanted() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2);");
    let target = cluster.fresh_db("exists");
    target.execute("CREATE TABLE t (id int)");
    let restored = restore(&archive.path(), &target, &["-j", "2"]).expect(1);
    assert_eq!(restored.failed(), ["TABLE t: 42P07"], "{}", restored.finished);
    assert_eq!(rows(&target, "t"), 2);

    restore(&archive.path(), &target, &["--tolerate", "already-exists"]).expect(0);
    assert_eq!(rows(&target, "t"), 4, "the rows that were there stay, as with pg_restore");

    let restored = restore(&archive.path(), &target, &["--no-data-for-failed-tables"]).expect(1);
    assert_eq!(restored.total("skipped"), 1, "{}", restored.finished);
    assert_eq!(rows(&target, "t"), 4);
}

#[test]
fn what_needs_a_table_that_could_not_be_created_is_listed_under_it() {
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
    assert_eq!(rows(&target, "u"), 1);
}

/// A psql whose statements come one by one.
fn interactive(database: &Database<'_>, sql: &str) -> std::process::Child {
    let mut command = database.psql().into_command();
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(sql.as_bytes()).unwrap();
    child
}

#[test]
fn the_victim_of_a_deadlock_is_tried_again() {
    let cluster = cluster(newest());
    let sql = "CREATE TABLE parent (id int PRIMARY KEY);
         CREATE TABLE child (id int CONSTRAINT child_fkey REFERENCES parent);
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1);";
    let archive = Archive::of(cluster, sql);
    let (expected, target) = (cluster.fresh_db("expected"), cluster.fresh_db("deadlock"));
    expected.execute(sql);
    // The restore waits for a lock of the other session and is the first to look for deadlocks.
    target.execute(&format!("ALTER DATABASE \"{}\" SET deadlock_timeout = '300ms'", target.name));
    restore(&archive.path(), &target, &["--section", "pre-data", "--section", "data"]).expect(0);
    restore(&archive.path(), &target, &["-t", "parent", "--section", "post-data"]).expect(0);
    target.execute("ALTER TABLE parent ADD PRIMARY KEY (id)");
    let mut other = interactive(
        &target,
        "SET deadlock_timeout = '1min'; BEGIN; LOCK TABLE parent IN ACCESS EXCLUSIVE MODE;\n",
    );
    target.wait_until(
        "EXISTS (SELECT FROM pg_locks WHERE relation = 'parent'::regclass AND granted \
                       AND mode = 'AccessExclusiveLock')",
    );
    // ALTER TABLE child … REFERENCES parent locks the child, then waits for the parent.
    let listing = crate::common::nocturne().arg("list").arg(archive.path()).succeed().stdout();
    let list = archive.folder().join("list");
    let keys: Vec<&str> = listing.lines().filter(|line| line.contains("child_fkey")).collect();
    std::fs::write(&list, keys.join("\n")).unwrap();
    let list = list.to_string_lossy().into_owned();
    let running = Running::start(&archive.path(), &target.url(), &["-L", &list, "-v"]);
    target.wait_until(
        "EXISTS (SELECT FROM pg_locks WHERE relation = 'parent'::regclass AND NOT granted)",
    );
    other.stdin.as_mut().unwrap().write_all(b"LOCK TABLE child; COMMIT;\n").unwrap();
    running.wait().expect(0);
    drop(other.stdin.take());
    other.wait().unwrap();
    let deadlocks = "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()";
    target.wait_until(&format!("({deadlocks})"));
    assert_same_database(&target, &expected);
}
