//! Two runs at once, and runs that are ended from outside.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use nocturne::replicate::worker::{DatabaseHistory, History, RunOutcome, RunRecord, Trigger};

use super::scene::{GATE, Scene};
use crate::common::{Beside, folder};

#[tokio::test(flavor = "multi_thread")]
async fn second_run_names_the_first_and_changes_nothing() {
    let scene = Scene::new("night_two").await;
    let gate = scene.gate().await;
    let hooks = folder(&[("after-pre-data.sql", GATE)]);
    let first = Beside::start(scene.night().env("HOOKS_DIR", hooks.path()));
    scene.wait_at_the_gate();
    let holder = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                  AND application_name = 'nocturne lock'";
    let pid = scene.warehouse.database.query(holder);
    let second = scene.night().run().expect_code(1);
    let said = format!("another run is using this target: process {pid}");
    assert!(second.stderr().contains(&said), "{second}");
    drop(gate);
    let first = first.end().expect_code(0);
    let rows = scene.warehouse.database.query("SELECT count(*) FROM users");
    assert_eq!(rows, "1000", "{first}");
    let outcomes = "SELECT string_agg(outcome, ' ' ORDER BY started_at) FROM nocturne.runs";
    assert_eq!(scene.warehouse.database.query(outcomes), "succeeded failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_run_leaves_no_lock_and_next_succeeds() {
    let scene = Scene::new("night_killed").await;
    scene.incremental(scene.night()).succeed();
    let expected = scene.state();
    for (stage, begins_again) in [
        ("before-restore", false),
        ("after-pre-data", false),
        ("after-data", true),
        ("after-data", false),
        ("after-restore", false),
    ] {
        let gate = scene.gate().await;
        let hooks = folder(&[(&format!("{stage}.sql"), GATE)]);
        let night = scene.incremental(scene.night()).env("HOOKS_DIR", hooks.path());
        let night = Beside::start(night);
        scene.wait_at_the_gate();
        night.signal("KILL");
        drop(night.end());
        drop(gate);
        let gone = "NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'nocturne lock')";
        scene.warehouse.database.wait_until(gone);
        // With other hooks it is another restore, which starts over; with the same it resumes.
        let again = scene.incremental(scene.night());
        let is_other = stage.ends_with("-data");
        let again = match is_other && begins_again {
            true => again.succeed(),
            false => again.env("HOOKS_DIR", hooks.path()).succeed(),
        };
        assert_eq!(scene.state(), expected, "killed at {stage}: {again}");
        let went_on = ["resuming the restore of this backup", "continuing after the restore"]
            .iter()
            .any(|words| again.stderr().contains(words));
        assert_eq!(went_on, stage != "before-restore", "killed at {stage}: {again}");
        let dropped = again.stderr().contains("stage started stage=\"drop\"");
        assert_eq!(dropped, !went_on || is_other && begins_again, "killed at {stage}: {again}");
        let left = "SELECT to_regclass('nocturne.night') IS NULL \
                    AND to_regclass('nocturne.restore_journal') IS NULL";
        assert_eq!(scene.warehouse.database.query(left), "t");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signal_ends_run_cleanly_and_is_recorded() {
    let scene = Scene::new("night_signal").await;
    for signal in ["TERM", "INT"] {
        let gate = scene.gate().await;
        let hooks = folder(&[("after-data.sql", GATE)]);
        let night = Beside::start(scene.night().env("HOOKS_DIR", hooks.path()));
        scene.wait_at_the_gate();
        night.signal(signal);
        // While the gate is still closed: the waiting statement is cancelled.
        let finished = night.end().expect_code(130);
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        assert_eq!(scene.warehouse.database.query(waiting), "0", "{finished}");
        assert_eq!(scene.record()["outcome"], "interrupted", "{finished}");
        drop(gate);
    }
    // No notification about what will be resumed.
    assert_eq!(scene.told().await, Vec::<serde_json::Value>::new());
    scene.night().succeed();
    assert_eq!(scene.warehouse.database.query("SELECT count(*) FROM users"), "1000");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_worker_resumes_when_restarted() {
    let scene = Scene::new("night_resumed").await;
    let gate = scene.gate().await;
    let hooks = folder(&[("after-data.sql", GATE)]);
    // Once a day, the last time just now. Yesterday's succeeded, so this one is due; the next
    // one is far away.
    let turn = Utc::now().trunc_subsecs(0);
    let schedule = turn.format("%-S %-M %-H * * *").to_string();
    let yesterday = turn - TimeDelta::days(1);
    let history = DatabaseHistory::new(scene.warehouse.target());
    history.save(&done(yesterday, &format!("{schedule} UTC"))).await.unwrap();
    let worker = || {
        let tool = scene.command("worker").env("SCHEDULE", &schedule);
        let tool = tool.env("SCHEDULE_TIMEZONE", "UTC");
        Beside::start(tool.env("HOOKS_DIR", hooks.path()))
    };
    let first = worker();
    scene.wait_at_the_gate();
    first.signal("TERM");
    let first = first.end().expect_code(0);
    assert_eq!(scene.record()["outcome"], "interrupted", "{first}");
    assert_eq!(scene.record()["trigger"], "schedule");
    drop(gate);
    let second = worker();
    let resumed = "EXISTS (SELECT FROM nocturne.runs WHERE outcome = 'succeeded' \
                   AND record->>'trigger' = 'resume')";
    scene.warehouse.database.wait_until(resumed);
    second.signal("TERM");
    let second = second.end().expect_code(0);
    assert_eq!(scene.warehouse.database.query("SELECT count(*) FROM users"), "1000", "{second}");
    assert_eq!(scene.warehouse.database.query("SELECT count(*) FROM nocturne.runs"), "3");
}

/// The record of a successful turn.
fn done(turn: DateTime<Utc>, schedule: &str) -> RunRecord {
    RunRecord {
        id: "yesterday".to_owned(),
        app: None,
        mode: "full".to_owned(),
        version: "0.1.0".to_owned(),
        trigger: Trigger::Schedule,
        scheduled: Some(turn),
        schedule: Some(schedule.to_owned()),
        started: turn,
        ended: Some(turn),
        outcome: RunOutcome::Succeeded,
        attempts: 1,
        stages: Vec::new(),
        backup: None,
        entries: None,
        restored_by: None,
        delta: None,
        not_restored: Vec::new(),
        error: None,
        report: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn manually_dropped_objects_are_restored_without_resuming() {
    let scene = Scene::new("night_dropped").await;
    let hooks = folder(&[("after-pre-data.sql", "SELECT 1 / 0;")]);
    scene.night().env("HOOKS_DIR", hooks.path()).run().expect_code(1);
    let unfinished = "SELECT to_regclass('nocturne.night') IS NOT NULL \
                      OR to_regclass('nocturne.restore_journal') IS NOT NULL";
    assert_eq!(scene.warehouse.database.query(unfinished), "t");
    scene.command("drop-objects").succeed();
    assert_eq!(scene.warehouse.database.query(unfinished), "f");
    let again = scene.night().succeed();
    assert!(!again.stderr().contains("resuming the restore of this backup"), "{again}");
    assert_eq!(scene.warehouse.database.query("SELECT count(*) FROM users"), "1000");
}
