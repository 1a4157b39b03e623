//! Fixtures through pipes and wrappers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::common::{
    Cluster, Database, Fixture, Tool, assert_same_database, cluster, dump, fixtures, nocturne,
    versions,
};

/// The custom and tar archives of `fixtures/`, plain or wrapped, of the versions under test.
pub fn archive_files() -> Vec<Fixture> {
    let found: Vec<_> = fixtures().into_iter().filter(|fixture| fixture.path.is_file()).collect();
    assert!(!found.is_empty(), "no fixtures: nothing would be tested");
    found
}

/// `cat FILE | nocturne restore …`.
pub fn piped(file: &Path, target: &Database<'_>, args: &[&str]) -> crate::common::Finished {
    let bytes = std::fs::read(file).unwrap();
    nocturne().arg("restore").args(args).args(["-d", &target.url()]).input(bytes).run()
}

pub fn gzip(from: &Path, to: &Path) {
    let out = std::fs::File::create(to).unwrap();
    let status = Command::new("gzip").arg("-c").arg(from).stdout(Stdio::from(out)).status();
    assert!(status.unwrap().success());
}

/// `tar -c` of members of a folder in this order.
pub fn tar(folder: &Path, members: &[&str], to: &Path) {
    let option = if to.extension().is_some_and(|ext| ext == "gz") { "-czf" } else { "-cf" };
    Tool::new("tar").arg("-C").arg(folder).arg(option).arg(to).args(members).succeed();
}

/// Each fixture in one kind of stream, the next one in another; all kinds are used.
#[test]
fn every_fixture_round_trips_through_a_stream() {
    let scratch = tempfile::tempdir().unwrap();
    let dashes: [&[&str]; 2] = [&["-"], &[]];
    for (number, Fixture { path: fixture, major, .. }) in archive_files().iter().enumerate() {
        let cluster = cluster(*major);
        let (expected, actual) = (cluster.fresh_db("plain"), cluster.fresh_db("stream"));
        let from_file =
            nocturne().arg("restore").arg(fixture).args(["-d", &expected.url(), "-j", "2"]).run();
        let jobs = ["1", "2", "4"][number % 3];
        let name = fixture.file_name().unwrap().to_str().unwrap();
        // A tar with its table of contents after the data works only as a file: see tars.rs.
        let way = if name.contains("directory") { 1 } else { number % 5 };
        let wrapped = scratch.path().join(["", "w.gz", "w.tar", "w.tar.gz", "w.gz"][way]);
        match way {
            1 | 4 => gzip(fixture, &wrapped),
            2 | 3 => tar(fixture.parent().unwrap(), &[name], &wrapped),
            _ => {}
        }
        let from_stream = match way {
            0 => piped(fixture, &actual, &[dashes[number % 2], &["-j", jobs]].concat()),
            4 => piped(&wrapped, &actual, &[dashes[number % 2], &["-j", jobs]].concat()),
            _ => nocturne()
                .arg("restore")
                .arg(&wrapped)
                .args(["-d", &actual.url(), "-j", jobs])
                .run(),
        };
        assert_eq!(from_stream.code(), from_file.code(), "{name}, way {way}: {from_stream}");
        let same = std::panic::catch_unwind(|| assert_same_database(&actual, &expected));
        assert!(same.is_ok(), "{name}, way {way}, -j {jobs}: {from_stream}");
    }
}

/// A database with several tables, large objects and keys.
pub fn sample(cluster: &'static Cluster) -> Database<'static> {
    let database = cluster.fresh_db("sample");
    database.execute(
        "CREATE SCHEMA s; CREATE TABLE a (id int PRIMARY KEY, t text);
         CREATE TABLE s.b (id int PRIMARY KEY, a int REFERENCES a, t text);
         CREATE TABLE c (id int); CREATE INDEX c_idx ON c (id);
         INSERT INTO a SELECT i, md5(i::text) FROM generate_series(1, 3000) i;
         INSERT INTO s.b SELECT i, i, md5(i::text) FROM generate_series(1, 3000) i;
         INSERT INTO c SELECT generate_series(1, 3000);
         SELECT lo_from_bytea(1000 + i, convert_to(repeat(md5(i::text), 10000), 'UTF8'))
             FROM generate_series(1, 5) i;",
    );
    database
}

/// The archive of the sample in this format, `c`, `d` or `t`.
pub fn archive(database: &Database<'_>, format: &str, more: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    database.pg_dump(&["-F", format]).args(more).arg("-f").arg(&path).succeed();
    (folder, path)
}

#[test]
fn pg_dump_writes_into_the_pipe() {
    for major in versions() {
        let cluster = cluster(major);
        let source = sample(cluster);
        let target = cluster.fresh_db("pipe");
        for format in ["c", "t"] {
            let mut dumping = source.pg_dump(&["-F", format]).into_command();
            let mut dumping = dumping.stdout(Stdio::piped()).spawn().unwrap();
            let mut restoring = nocturne()
                .args(["restore", "-", "-d", &target.url(), "-j", "2", "--clean", "--if-exists"])
                .into_command();
            restoring.stdin(dumping.stdout.take().unwrap());
            let restored = restoring.output().unwrap();
            assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
            assert!(dumping.wait().unwrap().success());
            assert_same_database(&target, &source);
        }
    }
}

#[test]
fn stream_supports_selection_like_a_file() {
    let cluster = cluster(crate::common::versions::newest());
    let source = sample(cluster);
    for format in ["c", "t"] {
        let (folder, path) = archive(&source, format, &[]);
        let list = folder.path().join("list");
        let listing = nocturne().arg("list").arg(&path).succeed().stdout();
        let kept: Vec<&str> = listing.lines().filter(|line| !line.contains(" b ")).collect();
        std::fs::write(&list, kept.join("\n")).unwrap();
        let list = list.to_str().unwrap();
        let choices: [&[&str]; 4] =
            [&["-t", "c"], &["-n", "public"], &["-L", list], &["--section", "pre-data"]];
        for choice in choices {
            let (expected, actual) = (cluster.fresh_db("plain"), cluster.fresh_db("stream"));
            let (one, other) = (expected.url(), actual.url());
            let from_file = nocturne().arg("restore").arg(&path).args(["-d", &one]).args(choice);
            let from_file = from_file.run();
            let piped = piped(&path, &actual, choice);
            assert_eq!(piped.code(), from_file.code(), "{choice:?} {other}: {piped}\n{from_file}");
            assert_same_database(&actual, &expected);
            assert_ne!(dump(&actual), dump(&cluster.fresh_db("nothing")), "{choice:?}");
        }
    }
}
