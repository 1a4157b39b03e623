//! The main promise: a database restored by nocturne equals the one that pg_restore creates. Every
//! archive in `fixtures/` is restored by both, with the pg_restore of its own version as the
//! oracle, and the two databases' pg_dump outputs are compared, schema and data.

mod comparison;
mod trees;

use std::path::Path;

use crate::common::{Database, Finished, assert_same_database, cluster, fixtures, nocturne};

fn restore(database: &Database<'_>, archive: &Path, jobs: usize) -> Finished {
    nocturne()
        .arg("restore")
        .arg(archive)
        .args(["-d", &database.url(), "-j", &jobs.to_string()])
        .run()
}

/// Each fixture with the given number of jobs; the next one with another.
fn round_trip(choose: impl Fn(&str) -> bool) {
    let mut tested = 0;
    for (number, fixture) in fixtures().iter().filter(|fixture| choose(&fixture.name)).enumerate() {
        let cluster = cluster(fixture.major);
        let folder = tempfile::tempdir().unwrap();
        let (expected, actual) = (cluster.fresh_db("expected"), cluster.fresh_db("actual"));
        let theirs = expected.pg_restore(&fixture.for_pg_restore(folder.path()), &[]);
        let jobs = [1, 2, 4][number % 3];
        let ours = restore(&actual, &fixture.path, jobs);
        assert_eq!(ours.code(), theirs.code(), "{} with -j {jobs}: {ours}", fixture.name);
        eprintln!("{} -j {jobs}: exit {}", fixture.name, ours.code());
        assert_same_database(&actual, &expected);
        tested += 1;
    }
    // With few versions under test some kinds of fixtures may be missing, but not all.
    assert!(
        tested > 0 || crate::common::versions().len() < 4,
        "no such fixture: nothing was tested"
    );
}

#[test]
fn every_object_type_round_trips() {
    round_trip(|name| name.starts_with("every-"));
}

/// From a stream, where sizes are not known, constraints are created in steps whatever the table's
/// size: every kind of constraint must come out as pg_restore creates it.
#[test]
fn every_object_type_round_trips_through_stepped_stream() {
    let mut tested = 0;
    for fixture in fixtures().iter().filter(|f| f.name.ends_with("-custom-gzip.dump")) {
        if !fixture.name.starts_with("every-") {
            continue;
        }
        let cluster = cluster(fixture.major);
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
fn warehouse_database_round_trips_in_every_format() {
    round_trip(|name| name.starts_with("warehouse-"));
}

#[test]
fn partitions_encodings_and_extensions_round_trip() {
    // The wheel of PostgreSQL 16 has no contrib extensions.
    round_trip(|name| !name.starts_with("every-") && !name.starts_with("warehouse-"));
}
