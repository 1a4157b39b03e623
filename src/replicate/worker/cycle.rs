//! Waits for each scheduled time in turn.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::clock::sleep_until;
use super::history::KILLED;
use super::job::NightJob;
use super::record::{RunOutcome, RunRecord, Trigger};
use super::run::Run;
use super::run_with_retries::{RunWithRetries, Turn};
use crate::error::chain;
use crate::replicate::schedule::CronSchedule;

/// Missed times beyond this number are not counted, for example with a schedule of every second.
const MOST_COUNTED: usize = 1000;

/// The pause between two attempts to read the records of earlier runs.
const BETWEEN_LOOKS: TimeDelta = TimeDelta::seconds(30);

/// How many records are searched for the last scheduled run.
const LOOKED_THROUGH: usize = 50;

/// Starts a night at each scheduled time.
pub struct Worker<J> {
    /// When nights start.
    pub schedule: CronSchedule,
    /// The night to run.
    pub night: RunWithRetries<J>,
    /// A scheduled time noticed later than this is missed: a run in the middle of the day may do
    /// more harm than yesterday's data.
    pub latest_start: TimeDelta,
}

impl<J: NightJob> Worker<J> {
    /// Waits and runs, until asked to stop.
    pub async fn run(&self, stop: &CancellationToken) {
        let clock = self.night.clock.as_ref();
        let mut seen = clock.now();
        if let Some(last) = self.last_turn(seen, stop).await {
            self.close(&last).await;
            let is_of_this_schedule = last.schedule.as_ref() == Some(&self.text());
            match self.resumable(&last, clock.now()) {
                Some(turn) => {
                    tracing::info!(id = last.id, "the last run was interrupted; resuming it");
                    self.night.run_for(Trigger::Resume, Some(turn), stop).await;
                    seen = self
                        .report_missed_since(seen, "the previous run was still in progress", stop)
                        .await;
                }
                // Times of another schedule do not count for this one.
                None if is_of_this_schedule => seen = last.scheduled.unwrap_or(seen).min(seen),
                None if is_cut(&last) => {
                    tracing::warn!(
                        id = last.id,
                        "the last run was interrupted, too long ago to resume it"
                    );
                }
                None => {}
            }
        }
        while !stop.is_cancelled() {
            let Some(next) = self.schedule.next_after(seen) else {
                tracing::warn!("the schedule \"{}\" has no future times", self.schedule);
                return stop.cancelled().await;
            };
            if next > clock.now() {
                tracing::info!("next run: {}", self.shown(next));
            }
            if !sleep_until(clock, next, stop).await {
                return;
            }
            let now = clock.now();
            let due = self.due(seen, now);
            // At least `next` is due; only the latest one may still be started.
            let latest = due.last().copied().unwrap_or(next);
            let in_time = now - latest <= self.latest_start;
            let missed = &due[..due.len().saturating_sub(usize::from(in_time))];
            self.report_missed(missed, "the process was not running", stop).await;
            seen = latest.max(next);
            if in_time {
                self.night.run_for(Trigger::Schedule, Some(self.turn(latest)), stop).await;
                seen = self
                    .report_missed_since(seen, "the previous run was still in progress", stop)
                    .await;
            }
        }
    }

    /// The record of the last scheduled run, of this schedule or of one before the setting changed.
    /// Waits for an unreachable database until the next scheduled time: its host may have restarted
    /// it together with this process.
    async fn last_turn(
        &self,
        started: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> Option<RunRecord> {
        let clock = self.night.clock.as_ref();
        let next = self.schedule.next_after(started);
        loop {
            match self.night.history.latest(LOOKED_THROUGH).await {
                Ok(records) => return records.into_iter().find(|run| run.scheduled.is_some()),
                Err(error) => tracing::warn!("cannot read earlier runs: {}", chain(&error)),
            }
            let again = clock.now() + BETWEEN_LOOKS;
            if next.is_some_and(|next| next <= again) || !sleep_until(clock, again, stop).await {
                return None;
            }
        }
    }

    /// Closes the record of a run whose process was killed. If the run continues in another
    /// container, that will overwrite the record at its end.
    async fn close(&self, last: &RunRecord) {
        if last.outcome != RunOutcome::Running {
            return;
        }
        let error = Some(KILLED.to_owned());
        let closed = RunRecord { outcome: RunOutcome::Interrupted, error, ..last.clone() };
        if let Err(error) = self.night.history.save(&closed).await {
            tracing::warn!("cannot record the end of run {}: {}", last.id, chain(&error));
        }
    }

    /// The turn of a run that was interrupted, by a signal or because the process was killed,
    /// unless the next turn is already due.
    fn resumable(&self, last: &RunRecord, now: DateTime<Utc>) -> Option<Turn> {
        let time = last.scheduled?;
        let next = self.schedule.next_after(time)?;
        (is_cut(last) && next > now).then(|| self.turn(time))
    }

    /// The scheduled times after one instant, up to another.
    fn due(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let mut due: Vec<_> = self
            .schedule
            .upcoming(after)
            .take_while(|time| *time <= until)
            .take(MOST_COUNTED)
            .collect();
        if due.len() == MOST_COUNTED {
            // The latest must be found, however many there were: search from shortly before now.
            let shortly = until - self.latest_start;
            due.extend(
                self.schedule.upcoming(shortly.max(after)).take_while(|time| *time <= until),
            );
            due.sort_unstable();
            due.dedup();
        }
        due
    }

    /// Reports the times that have passed since, and returns the instant from which to continue.
    async fn report_missed_since(
        &self,
        since: DateTime<Utc>,
        why: &str,
        stop: &CancellationToken,
    ) -> DateTime<Utc> {
        let now = self.night.clock.now();
        self.report_missed(&self.due(since, now), why, stop).await;
        now.max(since)
    }

    /// Reports times at which no run started; the last one is recorded.
    async fn report_missed(&self, times: &[DateTime<Utc>], why: &str, stop: &CancellationToken) {
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return };
        // When this process is stopping, the next one will report these times.
        if stop.is_cancelled() {
            return;
        }
        let (first, last_shown) = (self.shown(*first), self.shown(*last));
        let message = match times.len() {
            1 => format!("missed the run of {last_shown}: {why}"),
            more if more >= MOST_COUNTED => {
                format!("missed at least {MOST_COUNTED} runs, since {first}: {why}")
            }
            more => format!("missed {more} runs, from {first} to {last_shown}: {why}"),
        };
        tracing::warn!("{message}");
        let clock = std::sync::Arc::clone(&self.night.clock);
        let run =
            Run::begin(clock, self.night.job.mode(), Trigger::Schedule, self.night.app.clone());
        run.change(|record| {
            record.scheduled = Some(*last);
            record.schedule = Some(self.text());
            record.ended = Some(record.started);
            record.outcome = RunOutcome::Missed;
            record.attempts = 0;
            record.error = Some(message);
        });
        self.night.conclude(&run.record(), stop).await;
    }

    fn turn(&self, time: DateTime<Utc>) -> Turn {
        Turn { time, schedule: self.text() }
    }

    /// The schedule and its zone.
    fn text(&self) -> String {
        format!("{} {}", self.schedule, self.schedule.zone())
    }

    fn shown(&self, time: DateTime<Utc>) -> String {
        time.with_timezone(&self.schedule.zone()).format("%Y-%m-%d %H:%M:%S %:z").to_string()
    }
}

/// Whether a run was ended from outside.
fn is_cut(run: &RunRecord) -> bool {
    matches!(run.outcome, RunOutcome::Interrupted | RunOutcome::Running)
}
