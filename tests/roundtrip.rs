//! The main promise: a database restored by nocturne is the one that pg_restore makes. Every
//! archive in `fixtures/` is restored by both, with the pg_restore of its own version as the
//! oracle, and the two databases' pg_dump outputs are compared, schema and data.

// Its helpers are tests as well, where a broken expectation may panic.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use common::{Cluster, Database, Finished, Tool, assert_same_database, cluster, nocturne};

/// An archive of `fixtures/`.
struct Fixture {
    name: String,
    path: PathBuf,
    major: u32,
}

fn fixtures() -> Vec<Fixture> {
    let folder = common::cluster::repository().join("fixtures");
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let fixtures: Vec<Fixture> = manifest
        .lines()
        .skip(1)
        .map(|line| {
            let mut fields = line.split('\t');
            let (name, version) = (fields.next().unwrap(), fields.next().unwrap());
            let major = version.split('.').next().unwrap().parse().unwrap();
            Fixture { name: name.to_owned(), path: folder.join(name), major }
        })
        .filter(|fixture| common::versions().contains(&fixture.major))
        .collect();
    assert!(!fixtures.is_empty(), "no fixtures: nothing would be tested");
    fixtures
}

/// What pg_restore can read: a wrapped archive is unpacked for it.
fn for_pg_restore(fixture: &Fixture, folder: &Path) -> PathBuf {
    if !fixture.name.ends_with(".tar.gz") {
        return fixture.path.clone();
    }
    Tool::new("tar").arg("-xzf").arg(&fixture.path).arg("-C").arg(folder).succeed();
    let mut found = folder.to_owned();
    // The archive lies at the end of a chain of folders, unless one of them is the archive.
    while found.is_dir() && !found.join("toc.dat").exists() {
        found = std::fs::read_dir(&found).unwrap().next().unwrap().unwrap().path();
    }
    found
}

/// Roles are the cluster's: two tests that make or alter them at once get in each other's way.
static ROLES: Mutex<()> = Mutex::new(());

fn prepare(cluster: &'static Cluster, fixture: &Fixture) {
    let _alone = ROLES.lock().unwrap_or_else(PoisonError::into_inner);
    if fixture.name.starts_with("every-") {
        let roles = common::cluster::repository().join("sql/every-object/roles.sql");
        cluster.psql("postgres").arg("--file").arg(roles).succeed();
    }
    if fixture.name.ends_with("scalingo.tar.gz") || fixture.name.starts_with("mission-demo") {
        let role = "DO $$ BEGIN CREATE ROLE app_1234; EXCEPTION WHEN duplicate_object THEN END $$";
        cluster.psql("postgres").args(["--command", role]).succeed();
    }
}

fn restore(database: &Database<'_>, archive: &Path, jobs: usize) -> Finished {
    nocturne()
        .arg("restore")
        .arg(archive)
        .args(["-d", &database.url(), "-j", &jobs.to_string()])
        .run()
}

/// Each fixture with the number of jobs given; the next one with another.
fn round_trip(choose: impl Fn(&str) -> bool) {
    let mut tested = 0;
    for (number, fixture) in fixtures().iter().filter(|fixture| choose(&fixture.name)).enumerate() {
        let cluster = cluster(fixture.major);
        prepare(cluster, fixture);
        let folder = tempfile::tempdir().unwrap();
        let (expected, actual) = (cluster.fresh_db("expected"), cluster.fresh_db("actual"));
        let theirs = expected.pg_restore(&for_pg_restore(fixture, folder.path()), &[]);
        let jobs = [1, 2, 4][number % 3];
        let ours = restore(&actual, &fixture.path, jobs);
        assert_eq!(ours.code(), theirs.code(), "{} with -j {jobs}: {ours}", fixture.name);
        eprintln!("{} -j {jobs}: exit {}", fixture.name, ours.code());
        assert_same_database(&actual, &expected);
        tested += 1;
    }
    // With few versions under test some kinds of fixtures may be missing, but not all.
    assert!(tested > 0 || common::versions().len() < 4, "no such fixture: nothing was tested");
}

#[test]
fn every_object_type_comes_back() {
    round_trip(|name| name.starts_with("every-"));
}

/// From a stream, where sizes are not known, constraints are made in steps whatever the table's
/// size: every kind of constraint must come out as pg_restore makes it.
#[test]
fn every_object_type_comes_back_from_a_stream_in_steps() {
    let mut tested = 0;
    for fixture in fixtures().iter().filter(|f| f.name.ends_with("-custom-gzip.dump")) {
        if !fixture.name.starts_with("every-") {
            continue;
        }
        let cluster = cluster(fixture.major);
        prepare(cluster, fixture);
        let (expected, actual) = (cluster.fresh_db("expected"), cluster.fresh_db("actual"));
        let theirs = expected.pg_restore(&fixture.path, &[]);
        let ours = nocturne()
            .args(["restore", "-d", &actual.url(), "-j", "4"])
            .input(std::fs::read(&fixture.path).unwrap())
            .run();
        assert_eq!(ours.code(), theirs.code(), "{}: {ours}", fixture.name);
        assert_same_database(&actual, &expected);
        tested += 1;
    }
    assert!(tested > 0, "no such fixture: nothing was tested");
}

#[test]
fn the_mission_database_comes_back_from_every_format_and_codec() {
    round_trip(|name| name.starts_with("mission-"));
}

#[test]
fn partitions_encodings_and_extensions_come_back() {
    // The wheel of PostgreSQL 16 has no contrib extensions.
    round_trip(|name| !name.starts_with("every-") && !name.starts_with("mission-"));
}
