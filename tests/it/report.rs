//! `nocturne report` on the logs in `fixtures/logs/` and on nocturne's own output; and
//! `restore --timeline`.
//!
//! `2020-10-22.txt` is what the documentation of the replaced system printed for that night, except
//! for its `60s`, which are carried over here.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use crate::common::cluster::repository;
use crate::common::versions::newest;
use crate::common::{Restored, Tool, cluster, fixtures_where, nocturne, restore};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

fn log(name: &str) -> PathBuf {
    repository().join("fixtures/logs").join(name)
}

fn report(name: &str, options: &[&str]) -> String {
    tool(name, options).succeed().stdout()
}

fn tool(name: &str, options: &[&str]) -> Tool {
    nocturne().arg("report").arg(log(name)).args(options)
}

fn json(name: &str) -> Vec<Value> {
    runs(&report(name, &["--format", "json"]))
}

fn runs(json: &str) -> Vec<Value> {
    let value: Value = serde_json::from_str(json).unwrap();
    value["runs"].as_array().unwrap().clone()
}

#[test]
fn documented_night_is_reported_byte_for_byte() {
    let expected = std::fs::read_to_string(log("2020-10-22.txt")).unwrap();
    let options = ["--date", "2020-10-22", "--lang", "fr"];
    assert_eq!(report("2020-10-22.log", &options), expected);
}

#[test]
fn compressed_log_and_standard_input_are_read_alike() {
    let expected = report("2020-10-22.log", &[]);
    let plain = std::fs::read(log("2020-10-22.log")).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&plain).unwrap();
    for input in [plain, gzip.finish().unwrap()] {
        let told = nocturne().args(["report", "-"]).input(input).succeed();
        assert_eq!(told.stdout(), expected);
    }
}

#[test]
fn language_follows_the_locale_unless_named() {
    let first = |tool: Tool| tool.succeed().stdout().lines().next().unwrap().to_owned();
    let french = "Durée de récupération du backup: 1h 27min 42s";
    let english = "Backup retrieval: 1h 27min 42s";
    let name = "2020-10-22.log";
    assert_eq!(first(tool(name, &[])), english);
    assert_eq!(first(tool(name, &[]).env("LC_ALL", "fr_FR.UTF-8")), french);
    assert_eq!(first(tool(name, &[]).env("LC_ALL", "").env("LANG", "fr_FR.UTF-8")), french);
    assert_eq!(first(tool(name, &["--lang", "en"]).env("LC_ALL", "fr_FR.UTF-8")), english);
    assert_eq!(first(tool(name, &["--lang", "fr"])), french);
}

#[test]
fn two_runs_of_one_day_are_both_reported() {
    let told = report("two-runs.log", &["--date", "2020-12-05", "--lang", "fr"]);
    let headings: Vec<&str> = told.lines().filter(|line| line.starts_with("Exécution")).collect();
    assert_eq!(
        headings,
        [
            "Exécution 1/2 du 2020-12-05 à 05:10:00 (background-1) : complète",
            "Exécution 2/2 du 2020-12-05 à 14:30:00 (background-1) : complète",
        ]
    );
    let totals: Vec<&str> = told.lines().filter(|line| line.starts_with("Durée totale")).collect();
    assert_eq!(totals, ["Durée totale: 1h 15min 27s", "Durée totale: 0h 49min 27s"]);
}

#[test]
fn incomplete_run_reports_what_is_known() {
    let told = report("incomplete.log", &["--lang", "fr"]);
    for line in [
        "Exécution du 2020-12-06 à 05:10:00 (background-1) : incomplète",
        "Durée de récupération du backup: 0h 16min 40s",
        "Durée de réplication: au moins 0h 43min 18s (pas de ligne « Restore done »)",
        "Durée de l'enrichissement: inconnue (pas de ligne « Restore done »)",
        "TABLE DATA total duration : 0h 40min 0s",
        "\tINDEX answers_assessmentid_index : au moins 0h 16min 16s",
        "\tReceived signal SIGTERM.",
    ] {
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
}

#[test]
fn run_across_midnight_belongs_to_its_starting_night() {
    let whole = report("midnight.log", &[]);
    assert!(whole.contains("Total: 1h 15min 27s"), "{whole}");
    assert_eq!(report("midnight.log", &["--date", "2020-12-07"]), whole);
    let next = tool("midnight.log", &["--date", "2020-12-08"]).expect_failure(1);
    assert!(next.contains("has no run on 2020-12-08, only on 2020-12-07"), "{next}");
}

#[test]
fn json_messages_of_the_later_system_are_understood() {
    let runs = json("bunyan.log");
    let [failed, whole] = &runs[..] else { panic!("{} runs", runs.len()) };
    assert_eq!(failed["end"], "failed");
    assert_eq!(failed["error_count"], 2);
    assert_eq!(whole["complete"], true);
    let phases = &whole["phases"];
    assert_eq!(phases["replication"], 798.0);
    assert_eq!(phases["enrichment"], 23.0);
    assert_eq!(phases["incremental"], 600.0);
    assert_eq!(whole["items"].as_array().unwrap().len(), 6);
}

#[test]
fn nocturne_night_reads_alike_as_text_and_json() {
    let text = json("nocturne-text.log");
    assert_eq!(text, json("nocturne-json.log"));
    let [run] = &text[..] else { panic!("{} runs", text.len()) };
    assert_eq!(run["complete"], true);
    assert_eq!(run["error_count"], 1);
    let stages: Vec<&str> = run["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| span["stage"].as_str().unwrap())
        .collect();
    let expected =
        ["find-backup", "drop", "download", "restore", "enrich", "incremental", "notify"];
    assert_eq!(stages, expected);
    // Its key was created in two steps, 70 s and 0.2 s, with a pause between them.
    let item = |id: i64| run["items"].as_array().unwrap().iter().find(|item| item["id"] == id);
    assert_eq!(item(313).unwrap()["seconds"], 70.2);
    assert_eq!(item(314).unwrap()["outcome"], "failed");
    assert_eq!(item(301).unwrap()["rows"], 9_000_000);
}

#[test]
fn page_shows_every_entry_and_needs_nothing_else() {
    let page = report("2020-10-22.log", &["--format", "html"]);
    let night = json("2020-10-22.log");
    for item in night[0]["items"].as_array().unwrap() {
        let label = item["label"].as_str().unwrap();
        assert!(page.contains(&format!("<title>{label}\n")), "{label}");
    }
    for word in ["<script", "http:", "https:", "src=", "<link"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn log_without_a_run_fails_with_that_reason() {
    let told = nocturne().args(["report", "-"]).input("hello\nworld\n").expect_failure(1);
    assert!(told.contains("standard input has no run (2 lines read)"), "{told}");
    let told = nocturne().args(["report", "/nowhere/logs.txt"]).expect_failure(1);
    assert!(told.contains("cannot read /nowhere/logs.txt"), "{told}");
    let told = tool("two-runs.log", &["--date", "yesterday"]).expect_failure(2);
    assert!(told.contains("--date"), "{told}");
}

/// The program's message when it fails with this code.
trait Fails {
    fn expect_failure(self, code: i32) -> String;
}

impl Fails for Tool {
    fn expect_failure(self, code: i32) -> String {
        self.run().expect_code(code).stderr()
    }
}

/// Restores the warehouse's schema with its real constraints into a server.
fn restored(name: &str, options: &[&str]) -> Restored {
    let fixture = fixtures_where(|fixture| fixture.name == "warehouse-pg17-custom-zstd.dump");
    let database = cluster(newest()).fresh_db(name);
    restore(&fixture[0].path, &database, options).expect(0)
}

#[test]
fn timeline_spans_match_the_summary_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.json");
    let options = ["-j", "3", "--timeline", path.to_str().unwrap()];
    let restored = restored("report_timeline", &options);
    let timeline: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();

    let spans = timeline["spans"].as_array().unwrap();
    let mut entries: BTreeMap<&str, BTreeMap<i64, u64>> = BTreeMap::new();
    let mut lanes: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for span in spans {
        let rows = entries.entry(span["desc"].as_str().unwrap()).or_default();
        *rows.entry(span["dump_id"].as_i64().unwrap()).or_default() +=
            span["rows"].as_u64().unwrap();
        let time = |name: &str| span[name].as_f64().unwrap();
        lanes.entry(span["lane"].as_u64().unwrap()).or_default().push((time("start"), time("end")));
    }
    for kind in restored.summary["kinds"].as_array().unwrap() {
        let name = kind["kind"].as_str().unwrap();
        let seen = &entries[name];
        assert_eq!(Some(seen.len() as u64), kind["count"].as_u64(), "{name}");
        assert_eq!(Some(seen.values().sum()), kind["rows"].as_u64(), "{name}");
    }
    assert!(lanes.len() <= 3);
    let length = timeline["seconds"].as_f64().unwrap();
    for (lane, mut spans) in lanes {
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(spans.iter().all(|(start, end)| start <= end && *end <= length), "{lane}");
        for pair in spans.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "session {lane} does two things at once: {pair:?}");
        }
    }
}

#[test]
fn timeline_is_html_unless_named_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("night.html");
    restored("report_page", &["-j", "2", "--timeline", path.to_str().unwrap()]);
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    assert!(page.contains("TABLE DATA public.answers\n"), "{page}");
    assert!(page.contains("No entry failed."), "{page}");
}

#[test]
fn reader_understands_what_a_restore_writes() {
    for format in ["text", "json"] {
        let options = ["-j", "2", "-v", "--progress", "log", "--log-format", format];
        let restored = restored(&format!("report_log_{format}"), &options);
        let told = nocturne().args(["report", "--format", "json", "-"]).input(restored.stderr());
        let runs = runs(&told.succeed().stdout());
        let [run] = &runs[..] else { panic!("{format}: {} runs", runs.len()) };
        assert_eq!(run["shape"], "restore", "{format}");
        assert_eq!(run["complete"], true, "{format}");
        for kind in restored.summary["kinds"].as_array().unwrap() {
            let items = run["items"].as_array().unwrap().iter();
            let of_kind = items.filter(|item| item["kind"] == kind["kind"]);
            let done = of_kind.filter(|item| item["outcome"] == "done").count();
            assert_eq!(Some(done as u64), kind["done"].as_u64(), "{format}: {}", kind["kind"]);
        }
    }
}
