//! What a restore must not overlook: each test is a failure that was once reported wrongly, or
//! not at all.

use std::path::Path;

use crate::common::{Cluster, Interactive, Running, Tool, cluster, nocturne};

/// The newest version is enough: none of this differs between versions.
fn newest() -> &'static Cluster {
    cluster(crate::common::versions::newest())
}

/// A tar archive in gzip: it can only be read as a stream.
fn tar_gz(database: &crate::common::Database<'_>, folder: &Path) -> Vec<u8> {
    let tar = folder.join("a.tar");
    database.pg_dump(&["--format=tar", "--file"]).arg(&tar).succeed();
    Tool::new("gzip").arg(&tar).succeed();
    std::fs::read(folder.join("a.tar.gz")).unwrap()
}

/// A list of the archive's entries without those containing `left_out`.
fn list_without(archive: &Path, list: &Path, mut left_out: impl FnMut(&str) -> bool) {
    let listing = nocturne().arg("list").arg(archive).succeed().stdout();
    let kept: Vec<&str> = listing.lines().filter(|line| !left_out(line)).collect();
    std::fs::write(list, kept.join("\n")).unwrap();
}

#[test]
fn last_large_object_of_a_stream_is_restored() {
    let cluster = newest();
    let (source, target) = (cluster.fresh_db("source"), cluster.fresh_db("target"));
    source.execute(
        "SELECT lo_from_bytea(oid::oid, repeat('x', 5000)::bytea)
         FROM generate_series(70001, 70003) oid;",
    );
    let folder = tempfile::tempdir().unwrap();
    tar_gz(&source, folder.path());
    let (path, list) = (folder.path().join("a.tar.gz"), folder.path().join("list"));
    list_without(&path, &list, |line| line.contains(" BLOB METADATA "));
    target.execute("SELECT lo_create(oid::oid) FROM generate_series(70001, 70003) oid;");
    // Another session writes the last one's first page: ours waits for it, long after the stream
    // has ended, and is refused.
    let write = "BEGIN; SELECT lo_put(70003, 0, 'y'); SET application_name = 'has written';";
    let mut other = Interactive::start(&target, "other", write);
    let sessions = "SELECT FROM pg_stat_activity WHERE datname = current_database()";
    target.wait_until(&format!("EXISTS ({sessions} AND application_name = 'has written')"));
    let list = list.to_string_lossy();
    let running = Running::start_stream(&path, &target.url(), &["-L", &list]);
    target.wait_until(&format!("EXISTS ({sessions} AND wait_event_type = 'Lock')"));
    other.say("COMMIT;");
    other.end();
    let restored = running.wait().expect(1);
    assert!(restored.stderr().contains("23505"), "{}", restored.finished);
}

#[test]
fn unwanted_large_objects_in_a_stream_are_skipped() {
    let cluster = newest();
    let (source, target) = (cluster.fresh_db("source"), cluster.fresh_db("target"));
    // With different owners there are two large object entries.
    source.execute(
        "SELECT lo_from_bytea(oid::oid, 'abc') FROM generate_series(70001, 70004) oid;
         GRANT SELECT ON LARGE OBJECT 70003, 70004 TO PUBLIC;
         CREATE TABLE t AS SELECT 1 AS a;",
    );
    let folder = tempfile::tempdir().unwrap();
    let archive = tar_gz(&source, folder.path());
    let path = folder.path().join("a.tar.gz");
    let list = folder.path().join("list");
    let mut entries = 0;
    list_without(&path, &list, |line| {
        let first = line.contains(" BLOBS ") && entries == 0;
        entries += usize::from(first);
        first
    });
    let database = format!("--dbname={}", target.url());
    nocturne().args(["restore", "-", &database, "-L"]).arg(&list).input(archive.clone()).succeed();
    assert_eq!(target.query("SELECT sum(length(lo_get(oid))) FROM pg_largeobject_metadata"), "6");

    // A script of the table alone.
    let script = nocturne().args(["restore", "-", "-f", "-", "-t", "t"]).input(archive).succeed();
    assert!(script.stdout().contains("COPY public.t"), "{script}");
}

#[test]
fn broken_stream_is_reported_with_what_was_restored() {
    let cluster = newest();
    let (source, target) = (cluster.fresh_db("source"), cluster.fresh_db("target"));
    source.execute(
        "CREATE TABLE a AS SELECT generate_series(1, 1000) AS n;
         CREATE TABLE b AS SELECT n, md5(n::text) FROM generate_series(1, 100000) n;",
    );
    let folder = tempfile::tempdir().unwrap();
    let mut archive = tar_gz(&source, folder.path());
    archive.truncate(archive.len() - 100_000);
    let summary = folder.path().join("summary.json");
    nocturne()
        .args(["restore", "-", "-d", &target.url(), "--summary"])
        .arg(&summary)
        .input(archive)
        .run()
        .expect_code(3);
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
    assert!(summary.to_string().contains("\"b\""), "{summary}");
    assert_eq!(target.query("SELECT count(*) FROM a"), "1000");
    assert_eq!(target.query("SELECT count(*) FROM b"), "0");
}

#[test]
fn large_objects_round_trip_through_a_tar() {
    crate::common::for_each_version(|cluster| {
        let (source, target) = (cluster.fresh_db("source"), cluster.fresh_db("target"));
        source.execute(
            "SELECT lo_from_bytea(oid::oid, repeat('x', 5000)::bytea)
             FROM generate_series(70001, 70003) oid;",
        );
        let folder = tempfile::tempdir().unwrap();
        let tar = folder.path().join("a.tar");
        source.pg_dump(&["--format=tar", "--file"]).arg(&tar).succeed();
        nocturne().args(["restore", "-d", &target.url()]).arg(&tar).succeed();
        crate::common::assert_same_database(&target, &source);
    });
}
