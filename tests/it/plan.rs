//! The predictions of `nocturne plan`, and what restores learn from each other.

use std::path::{Path, PathBuf};

use crate::common::{Finished, cluster, nocturne, restore};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn plan(archive: &str, args: &[&str]) -> Finished {
    nocturne().arg("plan").arg(fixture(archive)).args(args).run()
}

fn json(archive: &str, args: &[&str]) -> Value {
    let finished = plan(archive, &[args, &["--format", "json"]].concat());
    assert_eq!(finished.code(), 0, "{finished}");
    serde_json::from_str(&finished.stdout()).unwrap()
}

/// The totals of the night of 2020-10-22 of the system that nocturne replaces.
const NIGHT: [&str; 8] = [
    "--as-if",
    "FK CONSTRAINT=7h57min25s",
    "--as-if",
    "CONSTRAINT=2h50min",
    "--as-if",
    "INDEX=10h22min",
    "--as-if",
    "TABLE DATA=4h8min",
];

#[test]
fn order_beats_pg_restore_and_nears_lower_bound() {
    let report = json("warehouse-demo.tar.gz", &[&NIGHT[..], &["--compare"]].concat());
    let hours = |row: &Value, name: &str| row[name].as_f64().unwrap() / 3600.0;
    // Minimum ratio of pg_restore's order to ours, and maximum excess over the bound. The time of
    // each kind is divided by the sizes of the tables, so that the foreign keys of the two largest
    // ones, which wait for each other's locks, are a third of the bound.
    let expected = [
        (2, 1.05, 1.01),
        (4, 1.15, 1.55),
        (8, 1.4, 1.25),
        (16, 1.45, 1.2),
        (32, 1.45, 1.2),
        (64, 1.45, 1.2),
    ];
    let rows = report["comparison"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len());
    for (row, (workers, gain, above)) in rows.iter().zip(expected) {
        let (theirs, ours) = (hours(row, "pg_restore_seconds"), hours(row, "nocturne_seconds"));
        let bound = hours(row, "lower_bound_seconds");
        println!(
            "{workers:2} workers: pg_restore's order {theirs:.2} h, nocturne {ours:.2} h, lower bound {bound:.2} h"
        );
        assert_eq!(row["workers"], workers);
        assert!(theirs > gain * ours, "{workers}: {theirs} and {ours}");
        assert!(ours >= bound * 0.9999 && ours < bound * above, "{workers}: {ours} of {bound}");
    }
}

#[test]
fn stream_is_planned_like_its_file() {
    let jobs = |archive| {
        let report = json(archive, &["-j", "4"]);
        let jobs = report["jobs"].as_array().unwrap().clone();
        let tables = jobs.into_iter().filter(|job| job["desc"] == "TABLE DATA");
        let mut tables: Vec<_> =
            tables.map(|job| (job["name"].to_string(), job["size"].as_u64().unwrap())).collect();
        tables.sort();
        tables
    };
    let file = jobs("warehouse-pg15-tar-none.tar");
    assert!(file.iter().any(|(_, size)| *size > 0));
    assert_eq!(jobs("warehouse-pg15-tar-none-wrapped.tar.gz"), file);
}

#[test]
fn selection_determines_the_plan() {
    let all = json("warehouse-pg15-custom-gzip.dump", &[]);
    let some = json("warehouse-pg15-custom-gzip.dump", &["--foreign-keys", "none", "--no-acl"]);
    let keys = |report: &Value| {
        let jobs = report["jobs"].as_array().unwrap().iter();
        jobs.filter(|job| job["desc"] == "FK CONSTRAINT").count()
    };
    assert!(keys(&all) > 3 && keys(&some) == 0);
    let analyzed = json("warehouse-pg15-custom-gzip.dump", &["--analyze"]);
    let steps = analyzed["jobs"].as_array().unwrap().iter();
    assert!(steps.filter(|job| job["step"] == "analyze").count() > 3);
}

#[test]
fn unplannable_archive_is_refused_with_a_reason() {
    for (args, message) in [
        (&["--as-if", "INDEX"][..], "expected a kind of entry"),
        (&["--as-if", "NOTHING=1h"], "no job restores an entry of kind NOTHING"),
        (&["--cost-history", "x", "--no-cost-history"], "cannot be used with"),
    ] {
        let finished = plan("warehouse-demo.tar.gz", args);
        assert_eq!(finished.code(), 2, "{finished}");
        assert!(finished.stderr().contains(message), "{finished}");
    }
}

#[test]
fn restore_saves_timings_for_the_next_plan() {
    let cluster = cluster(crate::common::versions::newest());
    let folder = tempfile::tempdir().unwrap();
    let costs = folder.path().join("costs.json");
    let history = costs.to_str().unwrap();
    let archive = fixture("warehouse-demo.tar.gz");
    let arguments = ["--no-owner", "-j", "2", "--cost-history", history];

    let database = cluster.fresh_db("learns_1");
    let first = restore(&archive, &database, &arguments).expect(0);
    assert!(first.summary["predicted_seconds"].is_null(), "nothing is known yet");
    let written: Value = serde_json::from_slice(&std::fs::read(&costs).unwrap()).unwrap();
    assert_eq!(written["version"], 1);
    let app = &written["databases"]["app_1234"];
    let jobs = app["jobs"].as_array().unwrap();
    let answers = jobs.iter().find(|job| job["desc"] == "TABLE DATA" && job["name"] == "answers");
    let answers = answers.expect("the largest table is recorded");
    assert_eq!(answers["rows"], 60_800);
    assert!(answers["rates"]["binary"]["rows"].as_f64().unwrap() > 0.0, "{answers}");
    assert_eq!(app["nights"][0]["jobs"], 2);

    let planned = json("warehouse-demo.tar.gz", &["-j", "2", "--cost-history", history]);
    let known = planned["known_seconds"].as_f64().unwrap();
    assert!(known > 0.5 * planned["total_seconds"].as_f64().unwrap(), "{known}");
    assert_eq!(planned["runs"], 1);

    let database = cluster.fresh_db("learns_2");
    let second = restore(&archive, &database, &arguments).expect(0);
    assert!(second.summary["predicted_seconds"].as_f64().unwrap() > 0.0);
    assert!(second.stderr().contains("\npredicted "), "{}", second.stderr());
    let database = cluster.fresh_db("learns_3");
    let without = restore(&archive, &database, &["--no-owner", "--no-cost-history"]).expect(0);
    assert!(without.summary["predicted_seconds"].is_null());
}

#[test]
fn unusable_history_is_a_warning_and_stays_unchanged() {
    let cluster = cluster(crate::common::versions::newest());
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "my notes").unwrap();
    let nowhere = notes.join("costs.json");
    let archive = fixture("warehouse-pg15-custom-gzip.dump");
    for (number, file) in [&notes, &nowhere].into_iter().enumerate() {
        let database = cluster.fresh_db(&format!("warned_{number}"));
        let arguments = ["--no-owner", "--cost-history", file.to_str().unwrap()];
        let restored = restore(&archive, &database, &arguments).expect(0);
        let warnings = restored.summary["warnings"].to_string();
        assert!(warnings.contains(file.to_str().unwrap()), "{warnings}");
    }
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "my notes");
}

#[test]
fn history_defaults_to_the_users_cache_folder() {
    let cluster = cluster(crate::common::versions::newest());
    let home = tempfile::tempdir().unwrap();
    let database = cluster.fresh_db("cached");
    let tool = nocturne().env("HOME", home.path()).env("XDG_CACHE_HOME", "");
    let archive = fixture("warehouse-demo.tar.gz");
    let finished =
        tool.arg("restore").arg(archive).args(["--no-owner", "-d", &database.url()]).run();
    assert_eq!(finished.code(), 0, "{finished}");
    assert!(home.path().join(".cache/nocturne/costs.json").exists());
}
