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
async fn a_run_that_was_interrupted_or_killed_is_resumed_at_the_start() {
    for cut in [RunOutcome::Interrupted, RunOutcome::Running] {
        let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
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
async fn a_run_that_ended_is_not_resumed() {
    for ended in [RunOutcome::Succeeded, RunOutcome::Failed, RunOutcome::Missed] {
        let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
        before(&scene, ended, "2026-03-01 04:10:00", PARIS);
        scene.until("2026-03-02 12:00:00").await;
        assert_eq!(scene.starts(), ["03-02 04:10:00"]);
        assert_eq!(scene.history.records().len(), 2);
    }
}

#[tokio::test]
async fn times_at_which_no_process_was_there_are_reported_at_the_start() {
    let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
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
async fn a_start_during_a_deployment_is_made_good() {
    let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
    before(&scene, RunOutcome::Succeeded, "2026-03-01 04:10:00", PARIS);
    scene.clock.set("2026-03-02 04:12:00");
    scene.until("2026-03-02 06:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:12:00"]);
    assert_eq!(scene.outcomes()[1..], [outcome(RunOutcome::Succeeded, "03-02 04:10", 1)]);
}

#[tokio::test]
async fn another_schedule_s_runs_say_nothing_about_this_one() {
    let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
    before(&scene, RunOutcome::Interrupted, "2026-02-20 04:10:00", "10 5 * * * UTC");
    scene.until("2026-03-01 13:00:00").await;
    assert!(scene.starts().is_empty());
    assert_eq!(scene.history.records().len(), 1);
}

#[tokio::test]
async fn an_interrupted_run_is_resumed_when_the_database_comes_back_after_the_process() {
    let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
    before(&scene, RunOutcome::Interrupted, "2026-03-01 04:10:00", PARIS);
    *scene.history.away.lock().unwrap() = 20;
    scene.until("2026-03-01 13:00:00").await;
    assert_eq!(scene.starts(), ["03-01 12:10:00"]);
    assert_eq!(scene.history.records().pop().unwrap().trigger, Trigger::Resume);
}

#[tokio::test]
async fn a_database_that_stays_away_does_not_keep_the_next_turn_from_its_time() {
    let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
    *scene.history.away.lock().unwrap() = u32::MAX;
    scene.until("2026-03-02 05:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:10:00"]);
}

#[tokio::test]
async fn a_run_that_a_change_of_the_schedule_has_interrupted_is_resumed() {
    let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
    before(&scene, RunOutcome::Interrupted, "2026-03-01 11:50:00", "50 11 * * * UTC");
    scene.until("2026-03-01 13:00:00").await;
    assert_eq!(scene.starts(), ["03-01 12:00:00"]);
}
