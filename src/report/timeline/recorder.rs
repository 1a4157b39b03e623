//! Listens to a restore, and records what each session did and when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;

use super::recording::{FailedEntry, Recording, Span, SpanEnd, StepAt};
use crate::restore::event::{EntryRef, Event, LaneId, Outcome, Reader};

#[cfg(test)]
mod tests;

/// Records the spans of one run. Clones share them.
///
/// Memory grows with the number of entries, not with their rows.
#[derive(Clone, Debug)]
pub struct TimelineReader {
    start: Instant,
    heard: Arc<Mutex<Observed>>,
}

impl Default for TimelineReader {
    fn default() -> Self {
        Self::new()
    }
}

impl TimelineReader {
    /// Starts the clock.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now(), heard: Arc::default() }
    }

    /// Records the events that it reads.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let Self { start, heard } = self.clone();
        Arc::new(move |event: &Event| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).observe(event, start.elapsed());
        })
    }

    /// The recording so far. Work in progress ends now.
    #[must_use]
    pub fn finish(&self) -> Recording {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone().finish(self.start.elapsed())
    }
}

/// Identifies work: a table's statistics have its entry's number, but their own kind.
type EntryKey = (i32, String);

fn key(entry: &EntryRef) -> EntryKey {
    (entry.dump_id, entry.desc.clone())
}

/// The state so far. Times are relative to the recorder's start.
#[derive(Clone, Debug, Default)]
struct Observed {
    recording: Recording,
    /// When the plan was made: the restore's own clock starts there.
    planned: Duration,
    /// What each session is working on, and since when.
    open: BTreeMap<LaneId, (EntryRef, Duration)>,
    /// The index of each entry's last span in the recording.
    last: BTreeMap<EntryKey, usize>,
    step: Option<(String, Duration)>,
}

impl Observed {
    fn observe(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Planned { archive, wanted, jobs, .. } => {
                self.recording.archive = Some(archive.clone());
                self.recording.wanted = *wanted;
                self.recording.jobs = *jobs;
                self.recording.started_at = Some(Utc::now());
                self.planned = now;
            }
            Event::Connected { target, server_version } => {
                self.end_step(now);
                self.recording.target = Some(target.clone());
                self.recording.server_version = Some(server_version.clone());
            }
            Event::Step { what } => {
                self.end_step(now);
                self.step = Some((what.clone(), now));
            }
            Event::Started { entry, lane, .. } | Event::Joined { entry, lane } => {
                self.begin(*lane, entry.clone(), now);
            }
            Event::Paused { dump_id, lane } | Event::Left { dump_id, lane } => {
                if self.open.get(lane).is_some_and(|(entry, _)| entry.dump_id == *dump_id) {
                    self.end(*lane, SpanEnd::Paused, now);
                }
            }
            Event::Finished { entry, lane, outcome, rows, bytes, read, duration } => {
                let (end, message) = match outcome {
                    Outcome::Done => (SpanEnd::Done, None),
                    Outcome::Skipped { reason } => (SpanEnd::Skipped, Some(reason.clone())),
                    Outcome::Tolerated { failure } => {
                        (SpanEnd::Tolerated, Some(failure.message.clone()))
                    }
                    Outcome::Failed { failure } => {
                        self.recording.failures.push(FailedEntry {
                            entry: entry.clone(),
                            message: failure.message.clone(),
                            sqlstate: failure.sqlstate.clone(),
                            follows: failure.cause.is_some(),
                        });
                        (SpanEnd::Failed, Some(failure.message.clone()))
                    }
                };
                self.end_all(entry, *lane, end, now, *duration);
                if let Some(span) = self.last_of(entry) {
                    (span.rows, span.bytes, span.read) = (*rows, *bytes, *read);
                    span.message = message;
                }
            }
            Event::Analyzed { entry, lane, failure, duration } => {
                let end = if failure.is_some() { SpanEnd::Tolerated } else { SpanEnd::Done };
                self.end_all(entry, *lane, end, now, *duration);
                if let (Some(span), Some(failure)) = (self.last_of(entry), failure) {
                    span.message = Some(failure.message.clone());
                }
            }
            Event::RolledBack { entry, .. } => {
                if let Some(span) = self.last_of(entry) {
                    span.outcome = SpanEnd::RolledBack;
                }
            }
            Event::Progress { .. }
            | Event::Remaining { .. }
            | Event::FewerSessions { .. }
            | Event::DropFailed { .. }
            | Event::NotChecked { .. }
            | Event::Applied { .. }
            | Event::Synced { .. }
            | Event::RestoresAll { .. }
            | Event::Predicted { .. }
            | Event::Measured { .. }
            | Event::Note { .. }
            | Event::Warning { .. }
            | Event::Problem { .. }
            | Event::Notice { .. } => {}
        }
    }

    /// A session starts on an entry. Its previous work, if not reported as ended, is paused.
    fn begin(&mut self, lane: LaneId, entry: EntryRef, now: Duration) {
        self.end_step(now);
        self.end(lane, SpanEnd::Paused, now);
        self.open.insert(lane, (entry, now));
    }

    /// A session's current work ends.
    fn end(&mut self, lane: LaneId, outcome: SpanEnd, now: Duration) {
        if let Some((entry, start)) = self.open.remove(&lane) {
            self.push(Span {
                lane,
                entry,
                start,
                end: now,
                outcome,
                rows: 0,
                bytes: 0,
                read: 0,
                message: None,
            });
        }
    }

    /// An entry ends: all sessions working on it stop, the given one last.
    fn end_all(
        &mut self,
        entry: &EntryRef,
        lane: LaneId,
        outcome: SpanEnd,
        now: Duration,
        took: Duration,
    ) {
        let at_it = |(at, _): &(EntryRef, Duration)| key(at) == key(entry);
        let helpers: Vec<LaneId> = self
            .open
            .iter()
            .filter(|(other, open)| **other != lane && at_it(open))
            .map(|(other, _)| *other)
            .collect();
        let had_helpers = !helpers.is_empty();
        for helper in helpers {
            self.end(helper, SpanEnd::Paused, now);
        }
        if self.open.get(&lane).is_some_and(at_it) {
            self.end(lane, outcome, now);
        } else if had_helpers || self.last.contains_key(&key(entry)) {
            // It ended on a session that had left it: its last span gets the outcome.
            if let Some(span) = self.last_of(entry) {
                span.outcome = outcome;
            }
        } else if !took.is_zero() {
            let start = now.saturating_sub(took);
            self.open.insert(lane, (entry.clone(), start));
            self.end(lane, outcome, now);
        }
    }

    fn push(&mut self, span: Span) {
        self.last.insert(key(&span.entry), self.recording.spans.len());
        self.recording.spans.push(span);
    }

    fn last_of(&mut self, entry: &EntryRef) -> Option<&mut Span> {
        let place = *self.last.get(&key(entry))?;
        self.recording.spans.get_mut(place)
    }

    fn end_step(&mut self, now: Duration) {
        if let Some((what, start)) = self.step.take() {
            self.recording.steps.push(StepAt { what, start, end: now });
        }
    }

    fn finish(mut self, now: Duration) -> Recording {
        self.end_step(now);
        for lane in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(lane, SpanEnd::Open, now);
        }
        let Self { mut recording, planned, .. } = self;
        // Steps before the plan are not part of the restore's time.
        recording.steps.retain(|step| step.start >= planned);
        let times = recording.spans.iter_mut().map(|span| (&mut span.start, &mut span.end));
        let steps = recording.steps.iter_mut().map(|step| (&mut step.start, &mut step.end));
        for (start, end) in times.chain(steps) {
            *start = start.saturating_sub(planned);
            *end = end.saturating_sub(planned);
        }
        recording.length = now.saturating_sub(planned);
        recording
    }
}
