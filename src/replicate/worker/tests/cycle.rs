//! A worker over several days: starts, retries, missed times.

use super::*;

#[tokio::test]
async fn run_starts_at_each_scheduled_time() {
    let scene = Scene::new(|clock| vec![taking(clock, 2 * HOUR, JobOutcome::Succeeded)]);
    scene.until("2026-03-04 00:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:10:00", "03-03 04:10:00"]);
    assert_eq!(
        scene.outcomes(),
        [
            outcome(RunOutcome::Succeeded, "03-02 04:10", 1),
            outcome(RunOutcome::Succeeded, "03-03 04:10", 1)
        ]
    );
    let record = &scene.history.records()[0];
    assert_eq!(record.duration(record.ended.unwrap()), 2 * HOUR);
    assert_eq!(record.schedule.as_deref(), Some("10 5 * * * Europe/Paris"));
    assert_eq!((record.trigger, record.app.as_deref()), (Trigger::Schedule, Some("warehouse")));
}

#[tokio::test]
async fn worker_never_sleeps_longer_than_a_minute() {
    let scene = Scene::new(|_| vec![at_once(failing(false)), at_once(JobOutcome::Succeeded)]);
    scene.until("2026-03-02 06:00:00").await;
    assert_eq!(*scene.clock.longest_sleep.lock().unwrap(), Duration::from_secs(60));
}

#[tokio::test]
async fn clock_change_moves_the_start() {
    let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
    scene.clock.set("2026-03-27 12:00:00");
    scene.until("2026-03-30 12:00:00").await;
    assert_eq!(scene.starts(), ["03-28 04:10:00", "03-29 03:10:00", "03-30 03:10:00"]);
}

#[tokio::test]
async fn failed_run_is_retried_then_given_up() {
    let scene = Scene::new(|_| vec![at_once(failing(false))]);
    scene.until("2026-03-02 12:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:10:00", "03-02 04:25:00", "03-02 04:40:00"]);
    assert_eq!(scene.outcomes(), [outcome(RunOutcome::Failed, "03-02 04:10", 3)]);
    let record = &scene.history.records()[0];
    assert_eq!(record.error.as_deref(), Some("the network is down"));
}

#[tokio::test]
async fn successful_retry_clears_the_error() {
    let scene = Scene::new(|_| vec![at_once(failing(false)), at_once(JobOutcome::Succeeded)]);
    scene.until("2026-03-03 12:00:00").await;
    assert_eq!(
        scene.outcomes(),
        [
            outcome(RunOutcome::Succeeded, "03-02 04:10", 2),
            outcome(RunOutcome::Succeeded, "03-03 04:10", 1)
        ]
    );
    assert_eq!(scene.history.records()[0].error, None);
}

#[tokio::test]
async fn permanent_failure_is_not_retried() {
    let scene = Scene::new(|_| vec![at_once(failing(true)), at_once(JobOutcome::Succeeded)]);
    scene.until("2026-03-03 12:00:00").await;
    assert_eq!(
        scene.outcomes(),
        [
            outcome(RunOutcome::Failed, "03-02 04:10", 1),
            outcome(RunOutcome::Succeeded, "03-03 04:10", 1)
        ]
    );
}

#[tokio::test]
async fn times_missed_during_a_long_run_are_reported() {
    let scene = Scene::new(|clock| vec![taking(clock, 50 * HOUR, JobOutcome::Succeeded)]);
    scene.until("2026-03-04 12:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:10:00"]);
    assert_eq!(
        scene.outcomes(),
        [
            outcome(RunOutcome::Succeeded, "03-02 04:10", 1),
            outcome(RunOutcome::Missed, "03-04 04:10", 0)
        ]
    );
    assert_eq!(
        scene.history.records()[1].error.as_deref(),
        Some(
            "missed 2 runs, from 2026-03-03 05:10:00 +01:00 to 2026-03-04 05:10:00 +01:00: the \
             previous run was still in progress"
        )
    );
}

#[tokio::test]
async fn time_missed_during_sleep_is_reported() {
    let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
    scene.clock.when("2026-03-02 04:00:00", |clock| clock.set("2026-03-02 09:00:00"));
    scene.until("2026-03-03 12:00:00").await;
    assert_eq!(
        scene.outcomes(),
        [
            outcome(RunOutcome::Missed, "03-02 04:10", 0),
            outcome(RunOutcome::Succeeded, "03-03 04:10", 1)
        ]
    );
}

#[tokio::test]
async fn time_noticed_slightly_late_still_counts() {
    let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
    scene.clock.when("2026-03-02 04:00:00", |clock| clock.set("2026-03-02 04:15:00"));
    scene.until("2026-03-02 12:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:15:00"]);
    assert_eq!(scene.outcomes(), [outcome(RunOutcome::Succeeded, "03-02 04:10", 1)]);
}

#[tokio::test]
async fn late_time_counts_within_the_setting() {
    for (minutes, expected) in [(9, RunOutcome::Missed), (50, RunOutcome::Succeeded)] {
        let mut scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
        scene.worker.latest_start = TimeDelta::minutes(minutes);
        scene.clock.when("2026-03-02 04:00:00", |clock| clock.set("2026-03-02 05:00:00"));
        scene.until("2026-03-02 12:00:00").await;
        let attempts = u32::from(expected == RunOutcome::Succeeded);
        assert_eq!(scene.outcomes(), [outcome(expected, "03-02 04:10", attempts)], "{minutes}");
    }
}

#[tokio::test]
async fn clock_set_back_starts_no_second_run() {
    let scene = Scene::new(|_| vec![at_once(JobOutcome::Succeeded)]);
    scene.clock.when("2026-03-02 04:11:00", |clock| clock.set("2026-03-02 03:30:00"));
    scene.until("2026-03-03 12:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:10:00", "03-03 04:10:00"]);
}

#[tokio::test]
async fn retry_wait_ends_when_asked_to_stop() {
    let scene = Scene::new(|_| vec![at_once(failing(false))]);
    scene.until("2026-03-02 04:20:00").await;
    assert_eq!(scene.starts(), ["03-02 04:10:00"]);
    assert_eq!(scene.outcomes(), [outcome(RunOutcome::Interrupted, "03-02 04:10", 1)]);
}

#[tokio::test]
async fn schedule_of_every_second_reports_misses_once() {
    let mut scene = Scene::new(|clock| vec![taking(clock, HOUR, JobOutcome::Succeeded)]);
    scene.worker.schedule = CronSchedule::parse("* * * * * *", Tz::UTC).unwrap();
    scene.until("2026-03-01 13:00:02").await;
    assert_eq!(scene.starts(), ["03-01 12:00:01"]);
    let reported = scene.history.records().pop().unwrap().error.unwrap();
    let expected = "missed at least 1000 runs, since 2026-03-01 12:00:02 +00:00: ";
    assert!(reported.starts_with(expected), "{reported}");
}
