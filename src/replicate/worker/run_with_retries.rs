//! One run with its retries, its record and its notifications.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::clock::{Clock, sleep_until};
use super::history::History;
use super::job::{JobFailure, JobOutcome, NightJob};
use super::record::{RunOutcome, RunRecord, Trigger};
use super::retry_policy::RetryPolicy;
use super::run::{Run, random};
use crate::error::chain;
use crate::replicate::notify::Notifier;
use crate::replicate::stages::{run_done, run_failed, run_started};
use crate::report::units;
use crate::server::Retry;

/// How long a job may take to end when it is asked to stop. The host kills the process 30 seconds
/// after SIGTERM; the remaining time is for saving the record.
pub const LEAVE_WITHIN: Duration = Duration::from_secs(25);

/// How long saving the last record may take when the process is asked to stop.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The shortest interval between two records of a running run.
const BETWEEN_RECORDS: Duration = Duration::from_secs(5);

/// One run with its retries, scheduled or manual.
pub struct RunWithRetries<J> {
    /// The work of the run.
    pub job: J,
    /// What happens after a failure.
    pub retry: RetryPolicy,
    /// Where the record is saved.
    pub history: Arc<dyn History>,
    /// Notifies webhooks of the outcome.
    pub notifier: Notifier,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The app that nocturne runs in.
    pub app: Option<String>,
}

/// The scheduled time that a run was started for.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) time: DateTime<Utc>,
    pub(super) schedule: String,
}

impl<J: NightJob> RunWithRetries<J> {
    /// Runs the job until it succeeds, fails permanently, or is asked to stop. Saves the record and
    /// sends notifications, except for a run that was asked to stop, which will be resumed.
    pub async fn run(&self, trigger: Trigger, stop: &CancellationToken) -> RunRecord {
        self.run_for(trigger, None, stop).await
    }

    pub(super) async fn run_for(
        &self,
        trigger: Trigger,
        turn: Option<Turn>,
        stop: &CancellationToken,
    ) -> RunRecord {
        let run = Run::begin(Arc::clone(&self.clock), self.job.mode(), trigger, self.app.clone());
        if let Some(turn) = turn {
            run.change(|record| {
                record.scheduled = Some(turn.time);
                record.schedule = Some(turn.schedule);
            });
        }
        tracing::info!(id = run.record().id, "night started");
        let outcome = {
            let mut attempts = std::pin::pin!(self.attempts(&run, stop));
            let mut records = std::pin::pin!(self.keep_records(&run));
            tokio::select! {
                biased;
                outcome = &mut attempts => outcome,
                () = &mut records => attempts.await,
            }
        };
        run.change(|record| {
            record.outcome = outcome;
            record.ended = Some(self.clock.now());
        });
        let record = run.record();
        log_end(&record);
        self.conclude(&record, stop).await;
        record
    }

    /// Makes attempts until one succeeds or no more are allowed.
    async fn attempts(&self, run: &Run, stop: &CancellationToken) -> RunOutcome {
        let mut warned = false;
        loop {
            let attempt = run.attempt();
            let began = self.clock.now();
            run_started(self.job.mode(), attempt);
            let outcome = self.attempt(run, stop).await;
            let took = (self.clock.now() - began).to_std().unwrap_or_default();
            let failure = match outcome {
                JobOutcome::Succeeded => {
                    run_done(took);
                    run.change(|record| record.error = None);
                    return RunOutcome::Succeeded;
                }
                JobOutcome::Stopped => {
                    run_failed(took, Some("stopped"));
                    return RunOutcome::Interrupted;
                }
                JobOutcome::Failed(failure) => failure,
            };
            let is_told = run.is_told(&failure.message);
            run_failed(took, (!is_told).then_some(failure.message.as_str()));
            run.change(|record| record.error = Some(failure.message.clone()));
            // Errors while stopping are left to the next start.
            if stop.is_cancelled() {
                return RunOutcome::Interrupted;
            }
            if failure.retry == Retry::Never || attempt > self.retry.retries {
                return RunOutcome::Failed;
            }
            let chance = f64::from(random()) / f64::from(u32::MAX);
            let wait = self.retry.wait(attempt - 1, chance);
            tracing::warn!(
                attempt,
                retries = self.retry.retries,
                "retrying in {}",
                units::duration(wait)
            );
            let gone = run.record().duration(self.clock.now());
            if gone > self.retry.warn_after && !warned {
                warned = true;
                let gone = units::duration(gone);
                tracing::warn!(attempt, "the run has been failing for {gone}");
            }
            let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
            let until =
                self.clock.now().checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC);
            if !sleep_until(self.clock.as_ref(), until, stop).await {
                return RunOutcome::Interrupted;
            }
            run.change(|record| record.attempts += 1);
        }
    }

    /// Makes one attempt; drops the job if it does not end in time when asked to stop.
    async fn attempt(&self, run: &Run, stop: &CancellationToken) -> JobOutcome {
        let job = AssertUnwindSafe(self.job.run(run, stop.child_token())).catch_unwind();
        let mut job = std::pin::pin!(job);
        let too_late = async {
            stop.cancelled().await;
            tracing::info!("asked to stop");
            self.clock.sleep(LEAVE_WITHIN).await;
        };
        let ended = tokio::select! {
            biased;
            ended = &mut job => ended,
            () = too_late => {
                tracing::warn!("the run did not stop in time and was dropped");
                return JobOutcome::Stopped;
            }
        };
        ended.unwrap_or_else(|panic| {
            let words = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown");
            // A panic is a bug, but memory safe: the process continues with the next night.
            let message = format!("a bug in nocturne: {words}");
            JobOutcome::Failed(JobFailure { message, retry: Retry::LaterAttempt })
        })
    }

    /// Saves the record whenever it changes, while the run is in progress. A failure to save only
    /// makes the status page less current.
    async fn keep_records(&self, run: &Run) {
        loop {
            run.changed().await;
            if let Err(error) = self.history.save(&run.record()).await {
                tracing::debug!("{}", chain(&error));
            }
            tokio::time::sleep(BETWEEN_RECORDS).await;
        }
    }

    /// Saves the last record and sends notifications.
    pub(super) async fn conclude(&self, record: &RunRecord, stop: &CancellationToken) {
        let saved = async {
            if let Err(error) = self.history.save(record).await {
                tracing::warn!("cannot record the run: {}", chain(&error));
            }
        };
        if record.outcome == RunOutcome::Interrupted {
            if tokio::time::timeout(LAST_WORDS, saved).await.is_err() {
                tracing::warn!("cannot record the run: exiting before it was saved");
            }
            return;
        }
        let told = async {
            saved.await;
            self.notifier.tell(record).await;
        };
        let asked_to_stop = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::select! {
            () = told => {}
            () = asked_to_stop => tracing::warn!("exiting before all notifications were sent"),
        }
    }
}

fn log_end(record: &RunRecord) {
    let took = units::duration(record.duration(record.ended.unwrap_or(record.started)));
    let (outcome, attempts, rows) = (record.outcome.word(), record.attempts, record.rows());
    match record.outcome {
        RunOutcome::Succeeded => tracing::info!(attempts, rows, "night {outcome} after {took}"),
        _ => tracing::warn!(attempts, rows, "night {outcome} after {took}"),
    }
    for line in &record.not_restored {
        tracing::warn!("{line}");
    }
}
