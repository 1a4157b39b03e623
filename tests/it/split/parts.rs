//! The rows of one table in several entries of the archive.

use super::toc::divide;
use crate::common::gate::{AT_A_GATE, AT_GATE, Gate, ROW, at_gate};
use crate::common::versions::newest;
use crate::common::{
    Archive, Cluster, Database, Running, Tool, assert_same_database, cluster, nocturne, restore,
};

const PARTS: usize = 3;

/// A table whose last row waits while the gate is closed.
fn source(cluster: &Cluster) -> (Database<'_>, Archive) {
    let source = cluster.fresh_db("source");
    source.execute(&format!(
        "CREATE TABLE parts (id int PRIMARY KEY, t text,
             CONSTRAINT gate CHECK (id <> 20000 OR {AT_GATE}));
         CREATE INDEX by_text ON parts (t);
         CREATE TABLE tail (id int REFERENCES parts);
         INSERT INTO parts SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
         INSERT INTO tail SELECT i FROM generate_series(1, 20000, 7) i;"
    ));
    let none = if cluster.major >= 16 { "--compress=none" } else { "--compress=0" };
    let archive = Archive::dump(&source, &["--format=directory", none]);
    divide(&archive.path(), "parts", PARTS);
    (source, archive)
}

fn verify(archive: &Archive, target: &Database<'_>) {
    nocturne().arg("verify").arg(archive.path()).args(["-d", &target.url()]).succeed();
}

#[test]
fn rows_in_several_entries_are_all_restored() {
    let cluster = cluster(newest());
    let (source, archive) = source(cluster);
    let expected = cluster.fresh_db("expected");
    assert!(expected.pg_restore(&archive.path(), &[]).success());
    assert_same_database(&expected, &source);
    for args in [
        &["-j", "1"][..],
        &["-j", "4"],
        &["-j", "4", "--resume"],
        &["-j", "4", "--split-size", "64kB"],
        &["-1"],
    ] {
        let target = cluster.fresh_db("parts");
        let restored = restore(&archive.path(), &target, args).expect(0);
        assert_same_database(&target, &expected);
        assert_eq!(restored.total("rows"), 20_000 + 2_858, "{args:?}");
    }
    let target = cluster.fresh_db("parts");
    target.execute("CREATE TABLE parts (id int); INSERT INTO parts VALUES (1);");
    restore(&archive.path(), &target, &["--clean", "--if-exists", "-j", "4"]).expect(0);
    assert_same_database(&target, &expected);
    verify(&archive, &target);
    target.execute("TRUNCATE parts, tail");
    restore(&archive.path(), &target, &["-a"]).expect(0);
    assert_same_database(&target, &expected);
    target.execute("DELETE FROM parts WHERE id = 2");
    let finished = nocturne().arg("verify").arg(archive.path()).args(["-d", &target.url()]).run();
    assert_eq!(finished.code(), 1, "{finished}");
    assert!(finished.stdout().contains("1 row too few"), "{finished}");
}

#[test]
fn rows_in_several_stream_entries_are_all_restored() {
    let cluster = cluster(newest());
    let (source, archive) = source(cluster);
    let tar = archive.folder().join("archive.tar");
    let pack = "tar -cf archive.tar archive/toc.dat archive/[0-9]*.dat";
    Tool::new("sh").args(["-c", pack]).current_dir(archive.folder()).succeed();
    for jobs in ["1", "4"] {
        let target = cluster.fresh_db("parts");
        Running::start_stream(&tar, &target.url(), &["-j", jobs]).wait().expect(0);
        assert_same_database(&target, &source);
    }
}

/// Waits at the gate with the last part, after the others are committed: only the rows exist
/// by then.
fn with_two_parts_done(archive: &Archive, target: &Database<'_>) -> Running {
    let running = Running::start(&archive.path(), &target.url(), &["-j", "4", "--resume"]);
    let running = at_gate(running, target);
    // 6667 rows are in each of the others.
    target.wait_until("(SELECT count(*) FROM parts) = 13334");
    target.wait_until("(SELECT count(*) FROM tail) = 2858");
    let indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = 'parts'";
    assert_eq!(target.query(indexes), "0", "they wait for all rows");
    running
}

#[test]
fn lost_session_or_killed_restore_keeps_other_parts() {
    let cluster = cluster(newest());
    let (source, archive) = source(cluster);
    let target = cluster.fresh_db("parts");
    let gate = Gate::shut(&target, ROW);
    let running = with_two_parts_done(&archive, &target);
    assert_eq!(target.kill_backends(AT_A_GATE), 1);
    drop(gate);
    running.wait().expect(0);
    assert_same_database(&target, &source);

    let target = cluster.fresh_db("parts");
    let gate = Gate::shut(&target, ROW);
    with_two_parts_done(&archive, &target).kill();
    drop(gate);
    let restored = restore(&archive.path(), &target, &["-j", "4", "--resume"]).expect(0);
    assert_same_database(&target, &source);
    verify(&archive, &target);
    assert!(restored.total("done") > 0);
}
