//! A clock that does not wait, scripted jobs, and a history in memory.

mod cycle;
mod restart;
mod run_with_retries;

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
use crate::replicate::schedule::CronSchedule;
use crate::replicate::stages::Stage;
use crate::server::Retry;

fn utc(text: &str) -> DateTime<Utc> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap().and_utc()
}

type Action = Box<dyn FnOnce(&FakeClock) + Send>;

/// Sleeping advances it at once. Actions can be scheduled for certain times.
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

    /// Schedules an action for when the clock reaches a time; call in the order of the times.
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

/// Stores records in memory.
#[derive(Default)]
struct Memory {
    records: Mutex<Vec<RunRecord>>,
    /// How many calls fail first.
    away: Mutex<u32>,
}

impl Memory {
    fn records(&self) -> Vec<RunRecord> {
        self.records.lock().unwrap().clone()
    }
}

impl History for Memory {
    fn save<'a>(&'a self, record: &'a RunRecord) -> BoxFuture<'a, Result<(), HistoryError>> {
        let mut records = self.records.lock().unwrap();
        records.retain(|other| other.id != record.id);
        records.push(record.clone());
        async { Ok(()) }.boxed()
    }

    fn latest(&self, count: usize) -> BoxFuture<'_, Result<Vec<RunRecord>, HistoryError>> {
        let away = &mut *self.away.lock().unwrap();
        if *away > 0 {
            *away -= 1;
            return async { Err(HistoryError::Slow) }.boxed();
        }
        let records = self.records.lock().unwrap().iter().rev().take(count).cloned().collect();
        async { Ok(records) }.boxed()
    }
}

type ScriptedAttempt =
    Box<dyn Fn(Run, CancellationToken) -> BoxFuture<'static, JobOutcome> + Send + Sync>;

/// Runs the steps in turn, repeating the last one.
struct Steps {
    clock: Arc<FakeClock>,
    steps: Vec<ScriptedAttempt>,
    starts: Mutex<Vec<DateTime<Utc>>>,
}

impl NightJob for Steps {
    fn mode(&self) -> &'static str {
        "full"
    }

    async fn run(&self, run: &Run, stop: CancellationToken) -> JobOutcome {
        let nth = {
            let mut starts = self.starts.lock().unwrap();
            starts.push(self.clock.now());
            starts.len() - 1
        };
        let step = self.steps.get(nth).or(self.steps.last()).expect("a step");
        step(run.clone(), stop).await
    }
}

fn step<F: Future<Output = JobOutcome> + Send + 'static>(
    step: impl Fn(Run, CancellationToken) -> F + Send + Sync + 'static,
) -> ScriptedAttempt {
    Box::new(move |run, stop| step(run, stop).boxed())
}

fn at_once(outcome: JobOutcome) -> ScriptedAttempt {
    step(move |_, _| futures::future::ready(outcome.clone()))
}

fn failing(is_permanent: bool) -> JobOutcome {
    let retry = if is_permanent { Retry::Never } else { Retry::LaterAttempt };
    JobOutcome::Failed(JobFailure { message: "the network is down".to_owned(), retry })
}

/// A step that takes some time.
fn taking(clock: &Arc<FakeClock>, time: Duration, outcome: JobOutcome) -> ScriptedAttempt {
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
    fn new(steps: impl FnOnce(&Arc<FakeClock>) -> Vec<ScriptedAttempt>) -> Self {
        let clock = FakeClock::at("2026-03-01 12:00:00");
        let history = Arc::new(Memory::default());
        let job =
            Steps { steps: steps(&clock), clock: Arc::clone(&clock), starts: Mutex::default() };
        let night = RunWithRetries {
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
        let schedule = CronSchedule::parse("10 5 * * *", Tz::Europe__Paris).unwrap();
        let worker = Worker { schedule, night, latest_start: TimeDelta::minutes(10) };
        Self { clock, history, worker, stop: CancellationToken::new() }
    }

    /// Runs the worker until the clock reaches a time.
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
