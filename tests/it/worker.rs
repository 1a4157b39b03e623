//! The background process, as a host starts and stops it, and its records in real
//! databases.

use chrono::{TimeDelta, TimeZone, Utc};
use nocturne::replicate::stages::Stage;
use nocturne::replicate::worker::{
    BackupRecord, DatabaseHistory, Entries, History, RunOutcome, RunRecord, StageName, StageRecord,
    StageState, Trigger,
};
use nocturne::server::{ConnectOptions, Target};

use crate::common::versions::newest;
use crate::common::{Beside, Database, Finished, Tool, bare_nocturne, cluster, for_each_version};

/// Valid worker settings; neither the host nor the database exists.
const RIGHT: [(&str, &str); 7] = [
    ("SCALINGO_AUTH_URL", "http://127.0.0.1:1"),
    ("SCHEDULE", "10 5 * * 1-5"),
    ("SCHEDULE_TIMEZONE", "Europe/Paris"),
    ("SCALINGO_APP", "pix-api-production"),
    ("SCALINGO_API_TOKEN", "word-1"),
    ("DATABASE_URL", "postgres://owner:word-2@127.0.0.1:1/warehouse"),
    ("NOTIFICATIONS", r#"["https://hooks.example/word-3?word-4"]"#),
];

fn worker(variables: &[(&str, &str)]) -> Tool {
    let tool = bare_nocturne().arg("worker");
    variables.iter().fold(tool, |tool, (name, value)| tool.env(name, value))
}

#[test]
fn dry_run_prints_settings_and_runs_without_secrets() {
    let finished = worker(&RIGHT).args(["--dry-run", "--jobs", "8"]).run().expect_code(1);
    let text = finished.stdout();
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for expected in [
        "SCHEDULE 10 5 * * 1-5",
        "SCALINGO_API_TOKEN (set)",
        "SCALINGO_REGION osc-fr1 (default)",
        "DATABASE_URL owner@127.0.0.1:1/warehouse",
        "PG_RESTORE_JOBS 8",
        "NOTIFICATIONS https://hooks.example",
        "HOOKS_DIR -",
        "knowledge-elements none (default)",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected} in {finished}");
    }
    let runs = lines.iter().skip_while(|line| *line != "Next runs").skip(1);
    let runs: Vec<&String> = runs.take_while(|line| !line.is_empty()).collect();
    assert_eq!(runs.len(), 5, "{finished}");
    for run in runs {
        assert!(!run.starts_with("Sat") && !run.starts_with("Sun"), "{finished}");
        assert!(run.contains(" 05:10:00 +0") && run.ends_with("UTC"), "{finished}");
    }
    for problem in ["cannot exchange the API token", "cannot use the target"] {
        assert!(text.contains(problem), "{problem}: {finished}");
    }
    assert!(!text.contains("word-") && !finished.stderr().contains("word-"), "{finished}");
}

#[test]
fn all_wrong_settings_are_reported_without_secrets() {
    let wrong = [
        ("SCHEDULE", "often"),
        ("BACKUP_MODE", "{"),
        ("MIN_TIMEOUT", "15 minutes"),
        ("DATABASE_URL", "postgres://owner:word-2@127.0.0.1:word-3/warehouse"),
    ];
    let finished = worker(&wrong).run();
    assert_eq!(finished.code(), 2, "{finished}");
    for name in [
        "SCHEDULE (--schedule): ",
        "SCALINGO_APP (--app): required",
        "SCALINGO_API_TOKEN: required",
        "DATABASE_URL (--database-url): ",
        "BACKUP_MODE (--backup-mode): invalid JSON",
        "MIN_TIMEOUT (--min-timeout): expected a whole number from 0 to 86400000",
    ] {
        assert!(finished.stderr().contains(name), "{name} in {finished}");
    }
    assert!(!finished.stderr().contains("word-2"), "{finished}");
}

/// Asks a process to stop, like a host, and waits until it has.
fn stop(background: Beside) -> Finished {
    background.signal("TERM");
    background.end()
}

/// A worker that fails at once, each second: there is no such backup.
fn failing_each_second(database: &Database<'_>) -> Tool {
    worker(&[
        ("SCHEDULE", "* * * * * *"),
        ("BACKUP_SOURCE", "/nonexistent/backup.tar.gz"),
        ("DATABASE_URL", &database.url()),
        ("MAX_RETRY_COUNT", "0"),
    ])
}

#[test]
fn failed_night_is_recorded_and_the_process_continues() {
    let database = cluster(newest()).fresh_db("worker");
    let background = Beside::start(failing_each_second(&database));
    database.wait_until("to_regclass('nocturne.runs') IS NOT NULL");
    database.wait_until("(SELECT count(*) > 1 FROM nocturne.runs WHERE outcome = 'failed')");
    let finished = stop(background);
    assert_eq!(finished.code(), 0, "{finished}");
    assert!(finished.stderr().contains("next run: "), "{finished}");
    let record = database.query(
        "SELECT record->>'trigger', record->>'schedule', record->>'error' IS NOT NULL \
         FROM nocturne.runs WHERE outcome = 'failed' ORDER BY started_at LIMIT 1",
    );
    assert_eq!(record, "schedule|* * * * * * UTC|t");
}

#[test]
fn worker_without_the_right_to_record_continues() {
    let database = cluster(newest()).fresh_db("worker_rights");
    database.execute(
        "CREATE ROLE records_nothing LOGIN; \
         REVOKE ALL ON SCHEMA public FROM PUBLIC;",
    );
    let url = database.url().replacen("postgres@", "records_nothing@", 1);
    let url = if url.contains("records_nothing") {
        url
    } else {
        format!("{url}{}user=records_nothing", if url.contains('?') { '&' } else { '?' })
    };
    let tool = failing_each_second(&database).env("DATABASE_URL", url);
    let background = Beside::start(tool);
    background.wait_for("cannot record the run", 1);
    let finished = stop(background);
    assert_eq!(finished.code(), 0, "{finished}");
    assert!(finished.stderr().contains("cannot record the run"), "{finished}");
    assert_eq!(database.query("SELECT to_regnamespace('nocturne') IS NULL"), "t");
    database.execute("DROP OWNED BY records_nothing; DROP ROLE records_nothing");
}

fn history(database: &Database<'_>) -> DatabaseHistory {
    let options = ConnectOptions { default_url: Some(database.url()), ..ConnectOptions::default() };
    DatabaseHistory::new(Target::resolve(&options, &|_| None).unwrap())
}

fn record(id: &str, hour: u32) -> RunRecord {
    let started = Utc.with_ymd_and_hms(2026, 3, 2, hour, 10, 0).unwrap();
    RunRecord {
        id: id.to_owned(),
        app: Some("it's\\a \"warehouse\"".to_owned()),
        mode: "full".to_owned(),
        version: "0.1.0".to_owned(),
        trigger: Trigger::Schedule,
        scheduled: Some(started),
        schedule: Some("10 5 * * * UTC".to_owned()),
        started,
        ended: None,
        outcome: RunOutcome::Running,
        attempts: 1,
        stages: vec![StageRecord {
            name: StageName::Known(Stage::Restore),
            attempt: 1,
            started,
            ended: Some(started + TimeDelta::minutes(5)),
            state: StageState::Done,
            rows: u64::MAX,
            bytes: 1,
        }],
        backup: Some(BackupRecord {
            id: "5f1".to_owned(),
            created: None,
            bytes: Some(1),
            sha256: None,
        }),
        entries: Some(Entries::default()),
        restored_by: None,
        delta: None,
        not_restored: Vec::new(),
        error: Some("a'b\\n''\nc\\u0000".to_owned()),
        report: None,
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn records_round_trip_newest_first() {
    for_each_version(|cluster| {
        let database = cluster.fresh_db("history");
        let history = history(&database);
        block_on(async {
            assert_eq!(history.latest(10).await.unwrap(), []);
            let (first, second) = (record("a", 3), record("b", 4));
            history.save(&second).await.unwrap();
            history.save(&first).await.unwrap();
            assert_eq!(history.latest(10).await.unwrap(), [second.clone(), first.clone()]);
            // The same run again, at its end.
            let ended = RunRecord {
                outcome: RunOutcome::Succeeded,
                ended: Some(second.started + TimeDelta::hours(1)),
                ..second
            };
            history.save(&ended).await.unwrap();
            assert_eq!(history.latest(1).await.unwrap(), std::slice::from_ref(&ended));
            assert_eq!(database.query("SELECT count(*) FROM nocturne.runs"), "2");
            // jsonb does not allow this character.
            let zero = RunRecord { error: Some("a\0b".to_owned()), ..record("zero", 2) };
            history.save(&zero).await.unwrap();
            let error = history.latest(10).await.unwrap().pop().unwrap().error;
            assert_eq!(error.as_deref(), Some("a\u{fffd}b"));
            database.execute("DELETE FROM nocturne.runs WHERE id = 'zero'");

            let other_database = cluster.fresh_db("history_copy");
            let other = self::history(&other_database);
            // A record of another version is also returned.
            database.execute("INSERT INTO nocturne.runs VALUES ('?', now(), NULL, 'failed', '{}')");
            history.copy_to(&other).await.unwrap();
            assert_eq!(other.latest(10).await.unwrap(), [ended, first]);
            let all = "SELECT r.* FROM nocturne.runs r ORDER BY id";
            assert_eq!(other_database.query(all), database.query(all));
        });
    });
}

#[test]
fn late_progress_record_does_not_override_the_end() {
    let database = cluster(newest()).fresh_db("history_late");
    let history = history(&database);
    block_on(async {
        let late = record("a", 3);
        for outcome in [RunOutcome::Succeeded, RunOutcome::Failed] {
            let ended = RunRecord { outcome, ended: Some(late.started), ..late.clone() };
            history.save(&ended).await.unwrap();
            history.save(&late).await.unwrap();
            assert_eq!(history.latest(1).await.unwrap(), [ended]);
        }
        // But a run that was taken for dead shows that it is not.
        let closed = RunRecord { outcome: RunOutcome::Interrupted, ..late.clone() };
        history.save(&closed).await.unwrap();
        history.save(&late).await.unwrap();
        assert_eq!(history.latest(1).await.unwrap(), [late]);
    });
}

#[test]
fn runs_of_killed_processes_are_closed_later() {
    let database = cluster(newest()).fresh_db("history_killed");
    let history = history(&database);
    block_on(async {
        history.close_others("none").await.unwrap();
        let ended = RunRecord { outcome: RunOutcome::Failed, ..record("ended", 1) };
        for record in [&ended, &record("killed", 2), &record("this", 3)] {
            history.save(record).await.unwrap();
        }
        history.close_others("this").await.unwrap();
        let killed = RunRecord {
            outcome: RunOutcome::Interrupted,
            error: Some("the process ended unexpectedly".to_owned()),
            ..record("killed", 2)
        };
        assert_eq!(history.latest(10).await.unwrap(), [record("this", 3), killed, ended]);
        let outcomes = "SELECT string_agg(outcome, ' ' ORDER BY id) FROM nocturne.runs";
        assert_eq!(database.query(outcomes), "failed interrupted running");
    });
}

#[test]
fn year_old_records_are_deleted_and_unreadable_skipped() {
    let database = cluster(newest()).fresh_db("history_old");
    let history = history(&database);
    block_on(async {
        history.save(&RunRecord { started: Utc::now(), ..record("new", 3) }).await.unwrap();
        database.execute(
            "INSERT INTO nocturne.runs VALUES \
             ('old', now() - interval '401 days', NULL, 'failed', '{}'), \
             ('strange', now(), NULL, 'failed', '{}')",
        );
        history.save(&RunRecord { started: Utc::now(), ..record("newest", 3) }).await.unwrap();
        let ids: Vec<String> =
            history.latest(10).await.unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(ids, ["newest", "new"]);
        assert_eq!(database.query("SELECT count(*) FROM nocturne.runs WHERE id = 'old'"), "0");
    });
}
