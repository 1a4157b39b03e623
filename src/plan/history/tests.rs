use super::*;
use crate::archive::Desc;
use crate::archive::tests::entry::bare;

fn measured(name: &str, seconds: f64, size: u64) -> Measured {
    Measured {
        desc: "INDEX".to_owned(),
        schema: Some("public".to_owned()),
        name: name.to_owned(),
        step: Step::Entire,
        size,
        seconds,
        rows: 0,
        bytes: 0,
        format: None,
    }
}

fn run(at: u64, jobs: Vec<Measured>) -> MeasuredJobs {
    let night = PastRun { at, jobs: 2, predicted: None, seconds: 10.0 };
    MeasuredJobs { at, night: Some(night), statement: Some(0.001), jobs }
}

fn index(name: &str) -> Entry {
    Entry { tag: name.to_owned(), namespace: Some("public".to_owned()), ..bare(1, Desc::Index) }
}

fn seconds(history: &CostHistory, name: &str) -> Option<f64> {
    history.database("app")?.job(&index(name), Step::Entire).map(|record| record.seconds)
}

#[test]
fn history_round_trips() {
    let mut history = CostHistory::default();
    let mut table = measured("users", 3.0, 500);
    (table.rows, table.bytes, table.format) = (1000, 9000, Some(RowFormat::Binary));
    history.record("app", run(7, vec![measured("a \"quoted\" één", 1.5, 100), table]));
    history.record("other", run(8, vec![measured("x", 2.0, 0)]));
    let text = history.to_json();
    assert_eq!(CostHistory::from_json(text.as_bytes()).unwrap(), history);
    assert_eq!(history.database("app").unwrap().last_night().unwrap().at, 7);
}

#[test]
fn unsupported_history_file_is_refused() {
    for text in ["", "[]", "{}", "{\"version\":1}", "root:x:0:0", "{\"version\":1,\"databases\":7}"]
    {
        let error = CostHistory::from_json(text.as_bytes()).unwrap_err();
        assert!(matches!(error, CostHistoryError::Form(_)), "{text}: {error}");
    }
    let error = CostHistory::from_json(b"{\"version\":2,\"anything\":[]}").unwrap_err();
    assert!(matches!(error, CostHistoryError::Version(2)));
}

#[test]
fn last_run_counts_half_and_scales_by_size() {
    let mut history = CostHistory::default();
    history.record("app", run(1, vec![measured("i", 10.0, 1000)]));
    // Twice the data: 20 s expected, 30 s measured.
    history.record("app", run(2, vec![measured("i", 30.0, 2000)]));
    assert_eq!(seconds(&history, "i"), Some(25.0));
    let record = *history.database("app").unwrap().job(&index("i"), Step::Entire).unwrap();
    assert_eq!(record.seconds_for(4000), Some(50.0));
    assert_eq!(record.seconds_for(0), Some(25.0), "of a stream the size is not known");
    assert_eq!(record.seconds_for(200_000), None, "that is another table");
    assert_eq!(record.runs, 2);
    let other_step = history.database("app").unwrap().job(&index("i"), Step::BuildIndex);
    assert_eq!(other_step, None);
}

#[test]
fn short_jobs_are_remembered_only_if_formerly_long() {
    let mut history = CostHistory::default();
    history.record("app", run(1, vec![measured("short", 0.001, 1), measured("long", 8.0, 1)]));
    history.record("app", run(2, vec![measured("long", 0.0, 1)]));
    assert_eq!(seconds(&history, "short"), None);
    assert_eq!(seconds(&history, "long"), Some(4.0));
}

#[test]
fn jobs_no_longer_seen_are_forgotten() {
    let mut history = CostHistory::default();
    history.record("app", run(0, vec![measured("dropped", 8.0, 1)]));
    for night in 1..=31 {
        history.record("app", run(night, vec![measured("kept", 8.0, 1)]));
        assert_eq!(seconds(&history, "dropped").is_some(), night <= 30, "{night}");
    }
    assert_eq!(history.database("app").unwrap().nights.len(), 30);
    for number in 0..25 {
        history.record(&format!("db{number}"), run(100 + number, vec![]));
    }
    assert_eq!(history.databases.len(), 20);
    assert!(history.database("app").is_none() && history.database("db24").is_some());
}

#[test]
fn only_the_costliest_jobs_are_kept() {
    let mut history = CostHistory::default();
    let jobs = (0..30_000).map(|n| measured(&format!("i{n}"), 1.0 + f64::from(n), 1)).collect();
    history.record("app", run(1, jobs));
    let kept = &history.database("app").unwrap().jobs;
    assert!((19_900..=20_000).contains(&kept.len()), "{}", kept.len());
    assert!(seconds(&history, "i0").is_none() && seconds(&history, "i29999").is_some());
}

/// Loads a table of 64 MB in `seconds`.
fn load(history: &mut CostHistory, name: &str, format: RowFormat, seconds: f64) {
    let mut job = measured(name, seconds, 1 << 20);
    job.desc = "TABLE DATA".to_owned();
    (job.rows, job.bytes, job.format) = (1_000_000, 64 << 20, Some(format));
    history.record("app", run(1, vec![job]));
}

fn choices(history: &CostHistory, names: &[&'static str]) -> Vec<(&'static str, RowFormat)> {
    let entries = names.iter().map(|name| (*name, data(name))).collect::<Vec<_>>();
    let database = history.database("app").unwrap();
    database.formats(entries.iter().map(|(name, entry)| (*name, entry)))
}

fn data(name: &str) -> Entry {
    let desc = Desc::TableData;
    Entry { tag: name.to_owned(), namespace: Some("public".to_owned()), ..bare(1, desc) }
}

#[test]
fn other_format_is_tried_once_and_fastest_kept() {
    use RowFormat::{Binary, Text};
    let mut history = CostHistory::default();
    load(&mut history, "t", Binary, 10.0);
    assert_eq!(choices(&history, &["t", "unknown"]), [("t", Binary)]);
    load(&mut history, "t", Binary, 10.0);
    assert_eq!(choices(&history, &["t"]), [("t", Text)], "tried after two runs");
    let mut slow = history.clone();
    load(&mut slow, "t", Text, 9.5);
    assert_eq!(choices(&slow, &["t"]), [("t", Binary)], "not clearly faster");
    load(&mut history, "t", Text, 5.0);
    assert_eq!(choices(&history, &["t"]), [("t", Text)]);
    // A format that becomes slower is replaced.
    load(&mut history, "t", Text, 60.0);
    load(&mut history, "t", Text, 60.0);
    assert_eq!(choices(&history, &["t"]), [("t", Binary)]);
}

#[test]
fn each_run_tries_only_the_slowest_table() {
    use RowFormat::{Binary, Text};
    let mut history = CostHistory::default();
    for (name, seconds) in [("a", 10.0), ("b", 30.0), ("c", 20.0)] {
        load(&mut history, name, Binary, seconds);
        load(&mut history, name, Binary, seconds);
    }
    let expected = [("a", Binary), ("b", Text), ("c", Binary)];
    assert_eq!(choices(&history, &["a", "b", "c"]), expected);
    load(&mut history, "b", Text, 90.0);
    assert_eq!(choices(&history, &["a", "b", "c"]), [("a", Binary), ("b", Binary), ("c", Text)]);
}

#[test]
fn small_tables_are_never_tried() {
    let mut history = CostHistory::default();
    for _ in 0..3 {
        let mut job = measured("t", 1.0, 1000);
        job.desc = "TABLE DATA".to_owned();
        (job.rows, job.bytes, job.format) = (1000, 1 << 20, Some(RowFormat::Binary));
        history.record("app", run(1, vec![job]));
    }
    assert_eq!(choices(&history, &["t"]), [("t", RowFormat::Binary)]);
}
