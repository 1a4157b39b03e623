//! Archives that can be read only once.

use std::fs;

use super::nights::{Nights, Synced};
use crate::common::versions::newest;
use crate::common::{Database, Finished, cluster, for_each_version, nocturne};

const SOURCE: &str = "
    CREATE TABLE a AS SELECT n AS id, md5(n::text) AS text FROM generate_series(1, 20000) n;
    CREATE TABLE b AS SELECT n AS id, md5(n::text) AS text FROM generate_series(1, 1000) n;
    CREATE TABLE c AS SELECT 1 AS n;";

fn pipe(bytes: Vec<u8>, target: &Database<'_>, args: &[&str]) -> Finished {
    nocturne()
        .args(["sync", "--progress", "log", "-d", &target.url()])
        .args(args)
        .input(bytes)
        .run()
}

fn assert_line(finished: &Finished, line: &str) {
    let said = finished.stderr();
    assert!(said.lines().any(|said| said.contains(line)), "{line}: {finished}");
}

#[test]
fn stream_is_patched_while_it_passes() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, SOURCE);
        let bytes = || fs::read(nights.dump().path()).unwrap();
        let first = pipe(bytes(), &nights.target, &["-j", "2"]).expect_code(0);
        assert_line(&first, "3 of 3 tables unchanged");
        nights.source.execute(
            "UPDATE a SET text = 'x' WHERE id % 1000 = 0; DELETE FROM b WHERE id < 10;
             INSERT INTO b VALUES (0, '')",
        );
        let patched = pipe(bytes(), &nights.target, &["-j", "2"]).expect_code(0);
        assert_line(&patched, "1 of 3 tables unchanged, 2 patched (21 rows in, 29 out)");
        nights.assert_same();
        // More than the limit: it cannot be read again, so it is patched all the same.
        nights.source.execute("UPDATE a SET text = 'y'");
        let much = pipe(bytes(), &nights.target, &["-j", "2"]).expect_code(0);
        assert_line(&much, "2 of 3 tables unchanged, 1 patched (20,000 rows in, 20,000 out)");
        nights.assert_same();
    });
}

#[test]
fn wrapped_file_is_patched() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    let wrap = || {
        let folder = tempfile::tempdir().unwrap();
        let (archive, wrapped) = (nights.dump(), folder.path().join("archive.tar.gz"));
        let tar = crate::common::Tool::new("tar").arg("-czf").arg(&wrapped).arg("-C");
        tar.arg(archive.folder()).arg("archive").succeed();
        (folder, wrapped)
    };
    let sync = |path: &std::path::Path| -> Synced {
        super::nights::sync_to(path, &nights.target.url(), &[]).expect(0)
    };
    assert_eq!(sync(&wrap().1).changes(), [""; 0]);
    nights.source.execute("DELETE FROM b WHERE id = 7");
    let (_folder, wrapped) = wrap();
    assert_eq!(sync(&wrapped).changes(), ["b patched 0 1"]);
    nights.assert_same();
}

#[test]
fn truncated_stream_changes_nothing() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    nights.source.execute("DELETE FROM a WHERE id = 1; DELETE FROM b WHERE id = 1");
    let archive = nights.dump();
    let bytes = fs::read(archive.path()).unwrap();
    let manifest = nights.target.query("SELECT xmin FROM nocturne.sync_head");
    // Before the last table, and within the first.
    for length in [bytes.len() - 10, bytes.len() / 2] {
        let broken = pipe(bytes[..length].to_vec(), &nights.target, &[]).expect_code(3);
        assert_eq!(nights.target.rows("a"), 20_000, "{broken}");
        assert_eq!(nights.target.rows("b"), 1000, "{broken}");
    }
    assert_eq!(nights.target.query("SELECT xmin FROM nocturne.sync_head"), manifest);
    let whole = pipe(bytes, &nights.target, &[]).expect_code(0);
    assert_line(&whole, "1 of 3 tables unchanged, 2 patched (0 rows in, 2 out)");
    nights.assert_same();
}

#[test]
fn stream_with_new_definitions_is_restored() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    nights.source.execute("ALTER TABLE a ADD COLUMN more int DEFAULT 3");
    let bytes = fs::read(nights.dump().path()).unwrap();
    let synced = pipe(bytes, &nights.target, &[]).expect_code(0);
    assert_line(&synced, "everything restored: definitions changed: TABLE public.a (changed)");
    nights.assert_same();
}

#[test]
fn stream_that_cannot_be_patched_is_reported_and_changes_nothing() {
    let nights = Nights::new(cluster(newest()), "CREATE TABLE nothing (); CREATE TABLE t (n int);");
    nights.source.execute("INSERT INTO t VALUES (1); INSERT INTO nothing DEFAULT VALUES");
    let bytes = fs::read(nights.dump().path()).unwrap();
    let refused = pipe(bytes.clone(), &nights.target, &[]).expect_code(1);
    assert_line(&refused, "public.nothing: the table has no columns");
    assert_line(&refused, "hint:");
    assert_eq!(nights.target.rows("t"), 0);
    pipe(bytes, &nights.target, &["--from-scratch"]).expect_code(0);
    nights.assert_same();
}
