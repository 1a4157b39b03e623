//! Enrichment on a real server.

// Its helpers are tests as well, where a broken expectation may panic.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{Database, cluster};
use nocturne::replicate::enrich::{Enrichments, FileOutcome, run};
use nocturne::target::{ConnectOptions, Target};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

fn target(database: &Database<'_>) -> Target {
    let options = ConnectOptions { dbname: Some(database.url()), ..ConnectOptions::default() };
    Target::resolve(&options, &|_| None).unwrap()
}

/// Runs a folder; each file with its outcome, in the order in which they ended.
async fn enrich(database: &Database<'_>, folder: &Path, jobs: usize) -> Vec<(String, String)> {
    let files = Enrichments::read(folder).unwrap();
    let stop = CancellationToken::new();
    let reports = run(&target(database), &files, jobs, &stop, |_| {}).await.unwrap();
    let words = |outcome: &FileOutcome| match outcome {
        FileOutcome::Done => "done".to_owned(),
        FileOutcome::Skipped(reason) => format!("skipped: {reason}"),
        FileOutcome::NotRun(reason) => format!("not run: {reason}"),
        FileOutcome::Failed(error) => {
            let folder = folder.display().to_string();
            format!("failed: {}", error.to_string().replace(&folder, ""))
        }
    };
    reports.iter().map(|report| (report.name.clone(), words(&report.outcome))).collect()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_files_fit_the_mission_and_stand_being_run_twice() {
    let database = cluster(15).fresh_db("enrich_shipped");
    database.execute(
        r#"CREATE TABLE users (id int, "createdAt" timestamptz);
           CREATE TABLE "knowledge-elements" (id int, "createdAt" timestamptz);
           CREATE TABLE "knowledge-element-snapshots" (id int, "snappedAt" timestamptz);
           CREATE TABLE "organization-learners" (id int)"#,
    );
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/enrichment");
    for _ in 0..2 {
        let mut outcomes = enrich(&database, &shipped, 4).await;
        outcomes.sort();
        let skipped: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome != "done").collect();
        let expected = [
            ("answers-challenge", "skipped: there is no table public.answers"),
            ("students", "skipped: there is no table public.schooling-registrations"),
        ];
        let expected = expected.map(|(name, why)| (name.to_owned(), why.to_owned()));
        assert_eq!(skipped, expected.iter().collect::<Vec<_>>());
        assert_eq!(outcomes.len(), 6);
    }
    let indexes = database.query("SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'");
    assert_eq!(indexes, "3");
    assert_eq!(database.query("SELECT count(*) FROM \"schooling-registrations\""), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_fails_takes_only_those_with_it_that_depend_on_it() {
    let database = cluster(15).fresh_db("enrich_fails");
    let folder = folder(&[
        (
            "a.sql",
            "CREATE TABLE a (i int);\n\nCREATE INDEX ON missing (i);\nCREATE TABLE b (i int);",
        ),
        ("b.sql", "-- depends: a\nSELECT 1;"),
        ("c.sql", "-- depends: d\nCREATE VIEW c AS SELECT * FROM d;"),
        ("d.sql", "CREATE TABLE d (i int);\nCREATE INDEX CONCURRENTLY d_i ON d (i)"),
        ("e.sql", "-- unless-table: pg_catalog.pg_class\nSELECT 1/0;"),
    ]);
    let mut outcomes = enrich(&database, folder.path(), 1).await;
    outcomes.sort();
    let expected = [
        ("a", "failed: /a.sql:3 (SQLSTATE 42P01)"),
        ("b", "not run: a file that it depends on failed"),
        ("c", "done"),
        ("d", "done"),
        ("e", "skipped: there is a table pg_catalog.pg_class"),
    ];
    assert_eq!(outcomes, expected.map(|(name, why)| (name.to_owned(), why.to_owned())));
    assert_eq!(database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_table_comes_first() {
    let database = cluster(15).fresh_db("enrich_order");
    database.execute(
        "CREATE TABLE small (i int); CREATE TABLE large (i int);
         INSERT INTO large SELECT generate_series(1, 10000); ANALYZE large",
    );
    let folder = folder(&[
        ("a.sql", "-- requires-table: small\nCREATE INDEX ON small (i);"),
        ("b.sql", "-- requires-table: small\n-- requires-table: large\nCREATE INDEX ON large (i);"),
    ]);
    let names: Vec<String> =
        enrich(&database, folder.path(), 1).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["b", "a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_what_runs() {
    let database = cluster(15).fresh_db("enrich_stop");
    let folder =
        folder(&[("a.sql", "SELECT pg_sleep(600);"), ("b.sql", "-- depends: a\nSELECT 1;")]);
    let files = Enrichments::read(folder.path()).unwrap();
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        stopper.cancel();
    });
    let reports = run(&target(&database), &files, 2, &stop, |_| {}).await.unwrap();
    assert_eq!(reports.len(), 2);
    assert!(reports.iter().all(|report| report.outcome.is_error()));
}
