//! Archives with bytes after their end, as pg_dump leaves them when it appends to a file: accepted,
//! as by pg_restore, from a file and from a stream, into a database and as a script.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use super::sources::{archive, gzip, piped};
use crate::common::script::{assert_same, comparable};
use crate::common::versions::newest;
use crate::common::{Cluster, Database, cluster, nocturne, restore};

/// The start of the remark.
const REMARK: &str = "after the end of the archive";

/// `pg_dump … >> FILE`.
fn append(database: &Database<'_>, args: &[&str], to: &Path) {
    let out = File::options().append(true).create(true).open(to).unwrap();
    let mut dump = database.pg_dump(args).into_command();
    assert!(dump.stdout(Stdio::from(out)).status().unwrap().success());
}

fn append_bytes(bytes: &[u8], to: &Path) {
    use std::io::Write;
    File::options().append(true).open(to).unwrap().write_all(bytes).unwrap();
}

/// `nocturne verify`: the exit code and what was written.
fn verified(path: &Path, args: &[&str]) -> (i32, String) {
    let finished = nocturne().arg("verify").arg(path).args(args).run();
    (finished.code(), finished.stdout())
}

fn source(cluster: &'static Cluster) -> Database<'static> {
    let database = cluster.fresh_db("source");
    database.execute(
        "CREATE TABLE a (id int PRIMARY KEY, t text); \
         INSERT INTO a SELECT n, md5(n::text) FROM generate_series(1, 500) n;",
    );
    database
}

#[test]
fn appended_archive_is_intact_and_restored() {
    let cluster = cluster(newest());
    let source = source(cluster);
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name);
    // After the data comes a second table of contents, or another archive.
    append(&source, &["-Fc"], &path("once"));
    append(&source, &["-Fc", "-Z0", "--inserts"], &path("twice"));
    append(&cluster.fresh_db("other"), &["-Fc"], &path("twice"));
    append(&source, &["-Ft"], &path("tar"));
    append(&source, &["-Ft"], &path("tar"));
    // Without data nothing else shows where the archive ends.
    append(&source, &["-Fc", "-s"], &path("schema"));
    append(&source, &["-Fc", "-s"], &path("schema"));
    // The table of contents has all offsets.
    let (_keep, whole) = archive(&source, "c", &[]);
    std::fs::copy(&whole, path("junk")).unwrap();
    append_bytes(b"Connection to backup closed.\n", &path("junk"));
    let key = ["--restrict-key", "Key1", "-f", "-"];
    for name in ["once", "twice", "tar", "schema", "junk"] {
        let file = path(name);
        let theirs = cluster.tool("pg_restore").args(key).arg(&file).succeed();
        let script = || nocturne().arg("restore").args(key);
        let bytes = std::fs::read(&file).unwrap();
        for ours in [script().arg(&file).succeed(), script().input(bytes).succeed()] {
            let [ours, theirs] =
                [&ours, &theirs].map(|script| comparable(script.stdout_bytes(), 18));
            assert_same(&ours, &theirs, name);
        }
        let gzipped = path("gzipped");
        gzip(&file, &gzipped);
        for archive in [&file, &gzipped] {
            let (code, said) = verified(archive, &[]);
            assert_eq!((code, said.contains(REMARK)), (0, name != "tar"), "{name}: {said}");
        }
    }
    let target = cluster.fresh_db("appended");
    let file = path("once");
    let restored = restore(&file, &target, &["-j", "2"]).expect(0);
    assert!(restored.stderr().contains(REMARK), "{}", restored.finished);
    let streamed = piped(&file, &target, &["--clean"]).expect_code(0);
    assert!(streamed.stderr().contains(REMARK), "{streamed}");
    let (code, said) = verified(&file, &["-d", &target.url()]);
    assert_eq!((code, said.contains(REMARK)), (0, true), "{said}");
}

#[test]
fn appended_archive_with_damage_is_damaged() {
    let cluster = cluster(newest());
    let source = source(cluster);
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("once");
    append(&source, &["-Fc", "-Z0"], &file);
    let (code, said) = verified(&file, &[]);
    assert_eq!(code, 0, "{said}");
    let bytes = std::fs::read(&file).unwrap();
    // From the last end marker of rows to the end.
    let end = bytes.windows(4).rposition(|four| four == b"\\.\n\n").unwrap();
    let cut = scratch.path().join("cut");
    std::fs::write(&cut, &bytes[..end]).unwrap();
    let mut flipped = bytes;
    flipped[end] = b'x';
    std::fs::write(scratch.path().join("flipped"), flipped).unwrap();
    for name in ["cut", "flipped"] {
        let (code, said) = verified(&scratch.path().join(name), &[]);
        assert_eq!(code, 3, "{name}: {said}");
    }
}
