//! Nights and their schedule on a clock that does not wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::replicate::notify::{Notifier, Patience};
use crate::replicate::schedule::Schedule;
use crate::report::stages::Stage;

fn utc(text: &str) -> DateTime<Utc> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap().and_utc()
}

type Action = Box<dyn FnOnce(&FakeClock) + Send>;

/// Sleeping moves it on at once. At some times something happens.
struct FakeClock {
    now: Mutex<DateTime<Utc>>,
    plan: Mutex<VecDeque<(DateTime<Utc>, Action)>>,
    longest_sleep: Mutex<Duration>,
}

impl FakeClock {
    fn at(now: &str) -> Arc<Self> {
        let now = utc(now).into();
        Arc::new(Self { now, plan: Mutex::default(), longest_sleep: Mutex::default() })
    }

    /// Plans what happens when the clock gets to a time; in the order of the times.
    fn when(&self, time: &str, action: impl FnOnce(&Self) + Send + 'static) {
        self.plan.lock().unwrap().push_back((utc(time), Box::new(action)));
    }

    fn cancel_at(&self, time: &str, token: &CancellationToken) {
        let token = token.clone();
        self.when(time, move |_| token.cancel());
    }

    fn set(&self, time: &str) {
        *self.now.lock().unwrap() = utc(time);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        async move {
            let longest = &mut *self.longest_sleep.lock().unwrap();
            *longest = time.max(*longest);
            let then = self.now() + TimeDelta::from_std(time).unwrap();
            loop {
                let mut plan = self.plan.lock().unwrap();
                if plan.front().is_none_or(|(time, _)| *time > then) {
                    break;
                }
                let (time, action) = plan.pop_front().unwrap();
                drop(plan);
                *self.now.lock().unwrap() = time;
                action(self);
            }
            let mut now = self.now.lock().unwrap();
            *now = then.max(*now);
        }
        .then(|()| tokio::task::yield_now())
        .boxed()
    }
}

/// Keeps records in memory.
#[derive(Default)]
struct Memory(Mutex<Vec<RunRecord>>);

impl Memory {
    fn records(&self) -> Vec<RunRecord> {
        self.0.lock().unwrap().clone()
    }
}

impl History for Memory {
    fn save<'a>(&'a self, record: &'a RunRecord) -> BoxFuture<'a, Result<(), HistoryError>> {
        let mut records = self.0.lock().unwrap();
        records.retain(|other| other.id != record.id);
        records.push(record.clone());
        async { Ok(()) }.boxed()
    }

    fn latest(&self, count: usize) -> BoxFuture<'_, Result<Vec<RunRecord>, HistoryError>> {
        let records = self.0.lock().unwrap().iter().rev().take(count).cloned().collect();
        async { Ok(records) }.boxed()
    }
}

type Step = Box<dyn Fn(Run, CancellationToken) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Does the steps in turn, the last one for ever.
struct Steps {
    clock: Arc<FakeClock>,
    steps: Vec<Step>,
    starts: Mutex<Vec<DateTime<Utc>>>,
}

impl Job for Steps {
    fn mode(&self) -> &'static str {
        "full"
    }

    async fn run(&self, run: &Run, stop: CancellationToken) -> Outcome {
        let nth = {
            let mut starts = self.starts.lock().unwrap();
            starts.push(self.clock.now());
            starts.len() - 1
        };
        let step = self.steps.get(nth).or(self.steps.last()).expect("a step");
        step(run.clone(), stop).await
    }
}

fn step<F: Future<Output = Outcome> + Send + 'static>(
    step: impl Fn(Run, CancellationToken) -> F + Send + Sync + 'static,
) -> Step {
    Box::new(move |run, stop| step(run, stop).boxed())
}

fn at_once(outcome: Outcome) -> Step {
    step(move |_, _| futures::future::ready(outcome.clone()))
}

fn failing(is_permanent: bool) -> Outcome {
    Outcome::Failed(Failure { message: "the network is down".to_owned(), is_permanent })
}

/// A step that takes some time.
fn taking(clock: &Arc<FakeClock>, time: Duration, outcome: Outcome) -> Step {
    let clock = Arc::clone(clock);
    step(move |_, _| {
        let (clock, outcome) = (Arc::clone(&clock), outcome.clone());
        async move {
            clock.sleep(time).await;
            outcome
        }
    })
}

const HOUR: Duration = Duration::from_secs(3600);

struct Scene {
    clock: Arc<FakeClock>,
    history: Arc<Memory>,
    worker: Worker<Steps>,
    stop: CancellationToken,
}

impl Scene {
    /// A worker at 5:10 every day in Paris, on 1 March 2026 at noon, with two retries.
    fn new(steps: impl FnOnce(&Arc<FakeClock>) -> Vec<Step>) -> Self {
        let clock = FakeClock::at("2026-03-01 12:00:00");
        let history = Arc::new(Memory::default());
        let job =
            Steps { steps: steps(&clock), clock: Arc::clone(&clock), starts: Mutex::default() };
        let night = Night {
            job,
            retry: RetryPolicy {
                retries: 2,
                min: Duration::from_secs(900),
                max: Duration::from_secs(900),
                warn_after: HOUR,
            },
            history: Arc::clone(&history) as Arc<dyn History>,
            notifier: Notifier::new(Vec::new(), Patience::default()).unwrap(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            app: Some("warehouse".to_owned()),
        };
        let schedule = Schedule::parse("10 5 * * *", Tz::Europe__Paris).unwrap();
        let worker = Worker { schedule, night };
        Self { clock, history, worker, stop: CancellationToken::new() }
    }

    /// Runs the worker until the clock gets to a time.
    async fn until(&self, time: &str) {
        self.clock.cancel_at(time, &self.stop);
        self.worker.run(&self.stop).await;
    }

    fn starts(&self) -> Vec<String> {
        let starts = self.worker.night.job.starts.lock().unwrap();
        starts.iter().map(|time| time.format("%m-%d %H:%M:%S").to_string()).collect()
    }

    /// Outcome, scheduled time, attempts.
    fn outcomes(&self) -> Vec<(RunOutcome, String, u32)> {
        let shown = |run: &RunRecord| {
            let turn = run.scheduled.map(|time| time.format("%m-%d %H:%M").to_string());
            (run.outcome, turn.unwrap_or_default(), run.attempts)
        };
        self.history.records().iter().map(shown).collect()
    }
}

fn outcome(outcome: RunOutcome, turn: &str, attempts: u32) -> (RunOutcome, String, u32) {
    (outcome, turn.to_owned(), attempts)
}

#[tokio::test]
async fn a_run_starts_at_each_time_of_the_schedule() {
    let scene = Scene::new(|clock| vec![taking(clock, 2 * HOUR, Outcome::Succeeded)]);
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
async fn nobody_sleeps_longer_than_a_minute() {
    let scene = Scene::new(|_| vec![at_once(failing(false)), at_once(Outcome::Succeeded)]);
    scene.until("2026-03-02 06:00:00").await;
    assert_eq!(*scene.clock.longest_sleep.lock().unwrap(), Duration::from_secs(60));
}

#[tokio::test]
async fn a_clock_change_moves_the_start_with_the_wall() {
    let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
    scene.clock.set("2026-03-27 12:00:00");
    scene.until("2026-03-30 12:00:00").await;
    assert_eq!(scene.starts(), ["03-28 04:10:00", "03-29 03:10:00", "03-30 03:10:00"]);
}

#[tokio::test]
async fn a_failed_run_is_tried_again_after_the_wait_and_then_given_up() {
    let scene = Scene::new(|_| vec![at_once(failing(false))]);
    scene.until("2026-03-02 12:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:10:00", "03-02 04:25:00", "03-02 04:40:00"]);
    assert_eq!(scene.outcomes(), [outcome(RunOutcome::Failed, "03-02 04:10", 3)]);
    let record = &scene.history.records()[0];
    assert_eq!(record.error.as_deref(), Some("the network is down"));
}

#[tokio::test]
async fn a_retry_that_succeeds_forgets_the_error_and_the_next_night_comes() {
    let scene = Scene::new(|_| vec![at_once(failing(false)), at_once(Outcome::Succeeded)]);
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
async fn a_permanent_failure_is_not_tried_again_and_the_process_lives_on() {
    let scene = Scene::new(|_| vec![at_once(failing(true)), at_once(Outcome::Succeeded)]);
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
async fn a_panic_is_a_failure_of_the_attempt() {
    let panics = step(|_, _| async { panic!("index out of bounds") });
    let scene = Scene::new(|_| vec![panics, at_once(Outcome::Succeeded)]);
    let record = scene.worker.night.run(Trigger::Manual, &scene.stop).await;
    assert_eq!((record.outcome, record.attempts), (RunOutcome::Succeeded, 2));
    let panics = step(|_, _| async { panic!("index out of bounds") });
    let scene = Scene::new(|_| vec![panics]);
    let record = scene.worker.night.run(Trigger::Manual, &scene.stop).await;
    assert_eq!(record.error.as_deref(), Some("a bug in nocturne: index out of bounds"));
}

#[tokio::test]
async fn times_that_a_long_run_passes_are_reported_and_not_caught_up() {
    let scene = Scene::new(|clock| vec![taking(clock, 50 * HOUR, Outcome::Succeeded)]);
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
             run before went on"
        )
    );
}

#[tokio::test]
async fn a_time_that_the_process_slept_through_is_reported_as_missed() {
    let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
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
async fn a_time_that_is_noticed_a_little_late_still_counts() {
    let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
    scene.clock.when("2026-03-02 04:00:00", |clock| clock.set("2026-03-02 04:15:00"));
    scene.until("2026-03-02 12:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:15:00"]);
    assert_eq!(scene.outcomes(), [outcome(RunOutcome::Succeeded, "03-02 04:10", 1)]);
}

#[tokio::test]
async fn a_clock_that_is_put_back_starts_no_second_run() {
    let scene = Scene::new(|_| vec![at_once(Outcome::Succeeded)]);
    scene.clock.when("2026-03-02 04:11:00", |clock| clock.set("2026-03-02 03:30:00"));
    scene.until("2026-03-03 12:00:00").await;
    assert_eq!(scene.starts(), ["03-02 04:10:00", "03-03 04:10:00"]);
}

#[tokio::test]
async fn a_job_that_is_asked_to_stop_leaves_and_is_recorded_as_interrupted() {
    let leaves = step(|run: Run, stop: CancellationToken| async move {
        let _stage = run.stage(Stage::Restore);
        stop.cancelled().await;
        Outcome::Stopped
    });
    let scene = Scene::new(|_| vec![leaves]);
    let stopper = scene.stop.clone();
    let (record, ()) =
        tokio::join!(scene.worker.night.run(Trigger::Schedule, &scene.stop), async {
            tokio::task::yield_now().await;
            stopper.cancel();
        });
    assert_eq!(record.outcome, RunOutcome::Interrupted);
    assert_eq!(record.stages[0].state, StageState::Failed);
    assert_eq!(scene.history.records().last(), Some(&record));
    // It left by itself: nobody waited for it.
    assert_eq!(scene.clock.now(), utc("2026-03-01 12:00:00"));
}

#[tokio::test]
async fn a_job_that_does_not_leave_is_dropped_within_the_host_s_limit() {
    let stays = step(|run: Run, _| async move {
        let _stage = run.stage(Stage::Enrich);
        futures::future::pending().await
    });
    let scene = Scene::new(|_| vec![stays]);
    scene.stop.cancel();
    let record = scene.worker.night.run(Trigger::Schedule, &scene.stop).await;
    assert_eq!(record.outcome, RunOutcome::Interrupted);
    assert_eq!(record.stages[0].state, StageState::Failed);
    let took = scene.clock.now() - utc("2026-03-01 12:00:00");
    assert_eq!(took.to_std().unwrap(), LEAVE_WITHIN);
    assert!(LEAVE_WITHIN < Duration::from_secs(30));
}

#[tokio::test]
async fn a_failure_while_leaving_is_an_interruption() {
    let fails = step(|_, stop: CancellationToken| async move {
        stop.cancelled().await;
        failing(true)
    });
    let scene = Scene::new(|_| vec![fails]);
    scene.stop.cancel();
    let record = scene.worker.night.run(Trigger::Schedule, &scene.stop).await;
    assert_eq!(record.outcome, RunOutcome::Interrupted);
    assert_eq!(record.error.as_deref(), Some("the network is down"));
}

#[tokio::test]
async fn a_wait_for_a_retry_ends_when_asked_to_stop() {
    let scene = Scene::new(|_| vec![at_once(failing(false))]);
    scene.until("2026-03-02 04:20:00").await;
    assert_eq!(scene.starts(), ["03-02 04:10:00"]);
    assert_eq!(scene.outcomes(), [outcome(RunOutcome::Interrupted, "03-02 04:10", 1)]);
}

/// The history that another process left behind.
fn before(scene: &Scene, outcome: RunOutcome, turn: &str, schedule: &str) {
    let run = Run::begin(Arc::clone(&scene.worker.night.clock), Trigger::Schedule, None);
    let mut record = run.record();
    record.outcome = outcome;
    record.scheduled = Some(utc(turn));
    record.schedule = Some(schedule.to_owned());
    scene.history.0.lock().unwrap().push(record);
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
        // Nobody shall think that the killed one still goes on.
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
    // It was interrupted, but since then another time has come and gone.
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
async fn a_schedule_of_every_second_reports_in_one_line_what_a_run_has_passed() {
    let mut scene = Scene::new(|clock| vec![taking(clock, HOUR, Outcome::Succeeded)]);
    scene.worker.schedule = Schedule::parse("* * * * * *", Tz::UTC).unwrap();
    scene.until("2026-03-01 12:30:00").await;
    // The run began before it was asked to stop, and ended after.
    assert_eq!(scene.starts(), ["03-01 12:00:01"]);
}

#[tokio::test]
async fn stages_are_timed_and_counted_by_attempt() {
    let clock = FakeClock::at("2026-03-02 04:10:00");
    let run = Run::begin(Arc::clone(&clock) as Arc<dyn Clock>, Trigger::Manual, None);
    let left = run.stage(Stage::Restore);
    left.add(10, 100);
    clock.sleep(HOUR).await;
    drop(left);
    run.change(|record| record.attempts = 2);
    let stage = run.stage(Stage::Restore);
    stage.add(1, 10);
    stage.add(2, 20);
    clock.sleep(2 * HOUR).await;
    stage.done();
    let record = run.record();
    let stages = &record.stages;
    assert_eq!((stages[0].state, stages[0].attempt, stages[0].rows), (StageState::Failed, 1, 10));
    assert_eq!((stages[1].state, stages[1].attempt), (StageState::Done, 2));
    assert_eq!(stages[0].duration(clock.now()), HOUR);
    assert_eq!(stages[1].duration(clock.now()), 2 * HOUR);
    assert_eq!((record.rows(), record.bytes()), (3, 30));
}

#[test]
fn a_record_of_an_older_or_newer_version_is_still_read() {
    let text = r#"{"id":"x","version":"9.0.0","trigger":"manual","started":"2026-03-02T05:10:00Z",
        "outcome":"succeeded","attempts":1,"stages":[{"name":"polish","attempt":1,
        "started":"2026-03-02T05:10:00Z","state":"done"}],"unheard":true}"#;
    let record: RunRecord = serde_json::from_str(text).unwrap();
    assert_eq!(record.stages[0].name, StageName::Other("polish".to_owned()));
    assert_eq!(record.backup, None);
    let again: RunRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    assert_eq!(again, record);
}
