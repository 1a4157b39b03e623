//! How a worker handles earlier runs when it starts.

use super::*;

/// The history left by another process.
fn before(scene: &Scene, outcome: RunOutcome, turn: &str, schedule: &str) {
    let run = Run::begin(Arc::clone(&scene.worker.night.clock), FULL, Trigger::Schedule, None);
    let mut record = run.record();
    record.outcome = outcome;
    record.scheduled = Some(utc(turn));
    record.schedule = Some(schedule.to_owned());
    scene.history.records.lock().unwrap().push(record);
}

const PARIS: &str = "10 5 * * * Europe/Paris";

#[tokio::test]
async fn interrupted_or_killed_run_is_resumed_at_start() {
    for cut in [RunOutcome::Interrupted, RunOutcome::Running] {
        let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
        before(&scene, cut, "2026-03-01 04:10:00", PARIS);
        scene.until("2026-03-01 13:00:00").await;
        assert_eq!(scene.starts(), ["03-01 12:00:00"]);
        let resumed = scene.history.records().pop().unwrap();
        assert_eq!(resumed.trigger, Trigger::Resume);
        assert_eq!(resumed.scheduled, Some(utc("2026-03-01 04:10:00")));
        // The killed run must not appear to be still running.
        assert_eq!(scene.history.records()[0].outcome, RunOutcome::Interrupted);
    }
}

#[tokio::test]
async fn ended_run_is_not_resumed() {
    for ended in [RunOutcome::Succeeded, RunOutcome::Failed, RunOutcome::Missed] {
        let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
        before(&scene, ended, "2026-03-01 04:10:00", PARIS);
        scene.until("2026-03-02 12:00:00").await;
        assert_eq!(scene.starts(), ["03-02 04:10:00"]);
        assert_eq!(scene.history.records().len(), 2);
    }
}

#[tokio::test]
async fn times_without_a_process_are_reported_at_start() {
    let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
    // It was interrupted, but another scheduled time has passed since then.
    before(&scene, RunOutcome::Interrupted, "2026-02-27 04:10:00", PARIS);
    scene.until("2026-03-01 13:00:00").await;
    assert!(scene.starts().is_empty());
    let outcomes = scene.outcomes();
    assert_eq!(outcomes[1..], [outcome(RunOutcome::Missed, "03-01 04:10", 0)]);
    let reported = scene.history.records().pop().unwrap().error.unwrap();
    assert!(reported.starts_with("missed 2 runs, from 2026-02-28"), "{reported}");
}

#[tokio::test]
async fn start_missed_during_deployment_is_made_up() {
    let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
    before(&scene, RunOutcome::Succeeded, "2026-03-01 04:10:00", PARIS);
    scene.clock.set("2026-03-02 04:12:00");
    scene.until("2026-03-02 06:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:12:00"]);
    assert_eq!(scene.outcomes()[1..], [outcome(RunOutcome::Succeeded, "03-02 04:10", 1)]);
}

#[tokio::test]
async fn runs_of_another_schedule_do_not_count() {
    let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
    before(&scene, RunOutcome::Interrupted, "2026-02-20 04:10:00", "10 5 * * * UTC");
    scene.until("2026-03-01 13:00:00").await;
    assert!(scene.starts().is_empty());
    assert_eq!(scene.history.records().len(), 1);
}

#[tokio::test]
async fn interrupted_run_is_resumed_when_database_returns() {
    let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
    before(&scene, RunOutcome::Interrupted, "2026-03-01 04:10:00", PARIS);
    *scene.history.away.lock().unwrap() = 20;
    scene.until("2026-03-01 13:00:00").await;
    assert_eq!(scene.starts(), ["03-01 12:10:00"]);
    assert_eq!(scene.history.records().pop().unwrap().trigger, Trigger::Resume);
}

#[tokio::test]
async fn unreachable_database_does_not_delay_next_turn() {
    let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
    *scene.history.away.lock().unwrap() = u32::MAX;
    scene.until("2026-03-02 05:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:10:00"]);
}

#[tokio::test]
async fn run_interrupted_by_schedule_change_is_resumed() {
    let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
    before(&scene, RunOutcome::Interrupted, "2026-03-01 11:50:00", "50 11 * * * UTC");
    scene.until("2026-03-01 13:00:00").await;
    assert_eq!(scene.starts(), ["03-01 12:00:00"]);
}
