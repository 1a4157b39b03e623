//! Runs found in logs, from text to [`Run`](crate::replicate::run_report::Run).

use std::fmt::Write;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::replicate::run_report::{RunEnd, Shape};

fn runs(log: &str) -> Vec<LoggedRun> {
    read(log.as_bytes()).unwrap().runs
}

/// Lines of a night, `HH:MM:SS text`, with the host's prefix.
fn night(lines: &[&str]) -> String {
    let mut log = String::new();
    for line in lines {
        let (time, text) = line.split_once(' ').unwrap();
        log += &format!("2020-10-22 {time}.5 +0200 CEST [background-1] {text}\n");
    }
    log
}

#[test]
fn whole_night_is_one_complete_run() {
    let log = night(&[
        "05:10:00 Backup ID: 5f91",
        "06:00:00 Start restore",
        "06:00:01 pg_restore: launching item 1 TABLE DATA answers",
        "07:00:01 pg_restore: finished item 1 TABLE DATA answers",
        "08:00:00 Restore done",
        "09:00:00 Full replication and enrichment done",
        "10:00:00 something else",
    ]);
    let [run] = &runs(&log)[..] else { panic!("{log}") };
    assert!(run.is_complete());
    assert_eq!(run.phases().total, Some(Duration::from_secs(3 * 3600 + 3000)));
    assert_eq!(run.phases().enrichment, Some(Duration::from_secs(3600)));
    assert_eq!(run.items[0].took, Some(Duration::from_secs(3600)));
}

#[test]
fn run_without_an_end_ends_at_its_last_line() {
    let log = night(&[
        "05:10:00 Backup ID: 5f91",
        "06:00:00 Start restore",
        "08:00:00 Restore done",
        "08:30:00 CREATE INDEX",
    ]);
    let [run] = &runs(&log)[..] else { panic!("{log}") };
    assert!(run.is_complete());
    assert_eq!(run.phases().enrichment, Some(Duration::from_secs(1800)));
}

#[test]
fn error_long_after_a_run_is_not_its_own() {
    let log = night(&[
        "05:10:00 Backup ID: 5f91",
        "06:00:00 Start restore",
        "08:00:00 Restore done",
        "09:00:00 Full replication and enrichment done",
        "20:00:00 Received signal SIGTERM.",
    ]);
    let [run] = &runs(&log)[..] else { panic!("{log}") };
    assert_eq!(run.error_count, 0);
    assert_eq!(run.phases().enrichment, Some(Duration::from_secs(3600)));
    assert_eq!(run.phases().total, Some(Duration::from_secs(3 * 3600 + 3000)));
}

#[test]
fn order_of_lines_does_not_matter() {
    let log = night(&[
        "08:00:00 Restore done",
        "07:00:01 pg_restore: finished item 1 TABLE DATA answers",
        "06:00:01 pg_restore: launching item 1 TABLE DATA answers",
        "05:10:00 Backup ID: 5f91",
        "06:00:00 Start restore",
    ]);
    let [run] = &runs(&log)[..] else { panic!("{log}") };
    assert!(run.is_complete());
    assert_eq!(run.items[0].took, Some(Duration::from_secs(3600)));
}

#[test]
fn same_number_in_two_runs_is_two_entries() {
    let one = [
        "05:00:00 Backup ID: 1",
        "05:10:00 Start restore",
        "05:10:01 pg_restore: launching item 1 TABLE DATA answers",
        "05:20:00 Failed job in Replication queue: 1 (Number of attempts: 1/10)",
        "06:00:00 Backup ID: 2",
        "06:10:00 Start restore",
        "06:10:01 pg_restore: launching item 1 TABLE DATA answers",
        "06:10:03 pg_restore: finished item 1 TABLE DATA answers",
        "06:20:00 Restore done",
        "06:30:00 Full replication and enrichment done",
    ];
    let [first, second] = &runs(&night(&one))[..] else { panic!() };
    assert!(!first.is_complete());
    assert_eq!(first.unfinished().count(), 1);
    assert_eq!((first.end, first.error_count), (RunEnd::Failed, 1));
    assert_eq!(first.phases().replication, None);
    assert!(second.is_complete());
    assert_eq!(second.items[0].took, Some(Duration::from_secs(2)));
}

#[test]
fn run_without_its_start_is_still_a_run() {
    let log = night(&[
        "06:10:03 pg_restore: finished item 1 TABLE DATA answers",
        "06:10:04 pg_restore: launching item 2 INDEX a",
        "06:10:08 pg_restore: finished item 2 INDEX a",
        "06:20:00 Restore done",
        "06:30:00 Full replication and enrichment done",
    ]);
    let [run] = &runs(&log)[..] else { panic!("{log}") };
    assert!(!run.is_complete());
    let took: Vec<_> = run.items.iter().map(|item| item.took).collect();
    assert_eq!(took, [None, Some(Duration::from_secs(4))]);
    assert_eq!(run.unfinished().count(), 0);
}

#[test]
fn containers_are_kept_apart() {
    let log = "2020-10-22 05:00:00 +0200 CEST [background-1] Backup ID: 1\n\
               2020-10-22 05:00:01 +0200 CEST [one-off-7] Backup ID: 1\n\
               2020-10-22 06:00:00 +0200 CEST [background-1] Start restore\n\
               2020-10-22 07:00:00 +0200 CEST [one-off-7] Start restore\n";
    let found = runs(log);
    let backups: Vec<_> = found.iter().map(|run| run.phases().backup.unwrap().as_secs()).collect();
    assert_eq!(backups, [3600, 7199]);
}

#[test]
fn nocturne_night_is_read_from_its_stages() {
    let log = "\
2026-05-01T03:10:00.000000Z  INFO run started mode=\"full\" attempt=1
2026-05-01T03:10:00.100000Z  INFO stage started stage=\"find-backup\"
2026-05-01T03:10:02.000000Z  INFO stage done stage=\"find-backup\" seconds=1.9
2026-05-01T03:10:02.000000Z  INFO stage started stage=\"restore\"
2026-05-01T03:10:02.100000Z  INFO app.dump: 1 of 1 entries, data in 0 of them, 2 jobs entries=1 wanted=1 with_data=0 jobs=2
2026-05-01T03:10:03.000000Z  INFO CONSTRAINT public.a a_pkey started dump_id=7 lane=0
2026-05-01T03:10:10.000000Z  INFO CONSTRAINT public.a a_pkey continued dump_id=7 lane=1
2026-05-01T03:10:11.000000Z  INFO CONSTRAINT public.a a_pkey done dump_id=7 lane=1 seconds=3.0
2026-05-01T03:11:02.000000Z  INFO stage done stage=\"restore\" seconds=60.0
2026-05-01T03:11:02.000000Z  INFO stage started stage=\"enrich\"
2026-05-01T03:11:05.000000Z  INFO stage done stage=\"enrich\" seconds=3.0
2026-05-01T03:11:05.000000Z  INFO stage started stage=\"incremental\"
2026-05-01T03:11:15.000000Z  INFO stage done stage=\"incremental\" seconds=10.0
2026-05-01T03:11:16.000000Z  INFO run done seconds=76.0
";
    let [run] = &runs(log)[..] else { panic!() };
    assert!(run.is_complete());
    assert_eq!(run.end, RunEnd::Done);
    let phases = run.phases();
    assert_eq!(phases.replication, Some(Duration::from_secs(60)));
    assert_eq!(phases.enrichment, Some(Duration::from_secs(3)));
    assert_eq!(phases.incremental, Some(Duration::from_secs(10)));
    let item = &run.items[0];
    assert_eq!(item.took, Some(Duration::from_secs(3)));
    let step = item.parts[0];
    assert_eq!(step.lane, Some(0));
    assert_eq!((step.end - step.start).num_seconds(), 2);
}

#[test]
fn single_restore_is_reported_without_other_phases() {
    let log = "\
2026-05-01T03:10:02.100000Z  INFO app.dump: 1 of 1 entries, data in 0 of them, 2 jobs entries=1 wanted=1 with_data=0 jobs=2
2026-05-01T03:10:03.000000Z  INFO INDEX public.a started dump_id=7 lane=0
2026-05-01T03:10:11.000000Z  INFO INDEX public.a done dump_id=7 lane=0 seconds=8.0
restore of app.dump took 9.0 s, 2 jobs
";
    let [run] = &runs(log)[..] else { panic!() };
    assert_eq!(run.shape(), Shape::Restore);
    assert!(run.is_complete());
}

#[test]
fn unrelated_log_has_no_run() {
    assert!(runs("").is_empty());
    assert!(runs("hello\n2020-10-22 05:00:00 +0200 CEST [web-1] GET /\n").is_empty());
    assert!(runs(&"\0\u{feff}{[\n".repeat(1000)).is_empty());
    assert!(read(&[0x1f, 0x8b, 0, 0][..]).is_err());
}

#[test]
fn excess_lines_are_dropped_and_reported() {
    let log = night(&["05:10:00 Backup ID: 1", "05:20:00 Start restore", "05:30:00 Restore done"]);
    let whole = read_within(log.as_bytes(), 10_000).unwrap();
    assert!(!whole.cut && whole.runs[0].is_complete());
    let part = read_within(log.as_bytes(), 300).unwrap();
    assert!(part.cut && !part.runs[0].is_complete());
    assert_eq!(part.lines, 3);
}

#[test]
fn failed_stage_gives_the_reason_of_its_run() {
    let lines = [
        " INFO run started mode=\"full\" attempt=1",
        " INFO stage started stage=\"drop\"",
        "ERROR stage failed stage=\"drop\" seconds=0.1 error=\"in use\"",
        "ERROR run failed seconds=0.2",
        " INFO run started mode=\"full\" attempt=2",
        "ERROR run failed seconds=0.2 error=\"stopped\"",
        " INFO run started mode=\"full\" attempt=3",
        " INFO stage started stage=\"drop\"",
        // As in earlier versions.
        "ERROR stage failed stage=\"drop\" seconds=0.1 error=\"in use\"",
        "ERROR run failed seconds=0.2 error=\"in use\"",
    ];
    let log: String = lines
        .iter()
        .enumerate()
        .map(|(second, line)| format!("2026-03-02 04:00:{second:02} +0000 UTC [a] {line}\n"))
        .collect();
    let errors: Vec<_> =
        read(log.as_bytes()).unwrap().runs.into_iter().map(|run| run.errors).collect();
    assert_eq!(errors, [["in use"], ["stopped"], ["in use"]]);
}

/// Lines for a random log that contains runs.
const SAID: [&str; 16] = [
    "Backup ID: 1",
    "Start restore",
    "Restore done",
    "Full replication and enrichment done",
    "Start incremental replication",
    "Incremental replication done",
    "pg_restore: launching item 1 INDEX a",
    "pg_restore: finished item 1 INDEX a",
    "pg_restore: launching item 2 TABLE DATA b",
    "pg_restore: finished item 2 TABLE DATA b",
    "Failed job in Replication queue: 1",
    " INFO run started mode=\"full\" attempt=1",
    " INFO stage started stage=\"restore\"",
    " INFO stage done stage=\"restore\" seconds=1e300",
    " INFO INDEX a done dump_id=1 lane=99999999999 rows=18446744073709551615 seconds=1e19",
    "ERROR run failed seconds=NaN",
];

proptest! {
    #[test]
    fn random_lines_are_reported_in_every_format(
        lines in prop::collection::vec((0..SAID.len(), 0..200_000_i64), 0..60),
        rest in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut log = String::new();
        for (said, millis) in &lines {
            let at = chrono::DateTime::from_timestamp_millis(1_600_000_000_000 + millis).unwrap();
            writeln!(log, "{} [a] {}", at.format("%Y-%m-%d %H:%M:%S%.f +0000 UTC"), SAID[*said])
                .unwrap();
        }
        let mut log = log.into_bytes();
        log.extend(rest);
        let found = read(&log[..]).unwrap_or_default();
        for run in &found.runs {
            prop_assert!(run.first <= run.last);
            prop_assert!(run.start() >= run.first);
        }
        crate::fuzzing::logs(&log);
    }
}
