//! Listens to a restore, and keeps what each session did when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;

use super::recording::{FailedEntry, Recording, Span, SpanEnd, StepAt};
use crate::restore::event::{EntryRef, Event, Events, Outcome};

/// Keeps the spans of one run. Clones share them.
///
/// Memory grows with the number of entries, not with their rows.
#[derive(Clone, Debug)]
pub struct Recorder {
    start: Instant,
    heard: Arc<Mutex<Heard>>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// Starts the clock.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now(), heard: Arc::default() }
    }

    /// Events that are kept, and then go on to `others`.
    #[must_use]
    pub fn listen(&self, others: Events) -> Events {
        let Self { start, heard } = self.clone();
        Events::to(move |event: Event| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).observe(&event, start.elapsed());
            others.send(event);
        })
    }

    /// What was heard until now. Work that goes on ends now.
    #[must_use]
    pub fn finish(&self) -> Recording {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone().finish(self.start.elapsed())
    }
}

/// What tells pieces of work apart: the statistics of a table have its entry's number, and a kind
/// of their own.
type Key = (i32, String);

fn key(entry: &EntryRef) -> Key {
    (entry.dump_id, entry.desc.clone())
}

/// What was heard so far. Times are counted from the recorder's start.
#[derive(Clone, Debug, Default)]
struct Heard {
    recording: Recording,
    /// When the entries were chosen: the restore's own clock begins there.
    planned: Duration,
    /// What each session is doing.
    open: BTreeMap<usize, (EntryRef, Duration)>,
    /// Where in the recording each entry's last span is.
    last: BTreeMap<Key, usize>,
    step: Option<(String, Duration)>,
}

impl Heard {
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
            | Event::DropFailed { .. }
            | Event::NotChecked { .. }
            | Event::Predicted { .. }
            | Event::Measured { .. }
            | Event::Note { .. }
            | Event::Warning { .. }
            | Event::Problem { .. }
            | Event::Notice { .. } => {}
        }
    }

    /// A session turns to an entry. What it did before, if nobody said that it ended, is paused.
    fn begin(&mut self, lane: usize, entry: EntryRef, now: Duration) {
        self.end_step(now);
        self.end(lane, SpanEnd::Paused, now);
        self.open.insert(lane, (entry, now));
    }

    /// What a session is doing comes to an end.
    fn end(&mut self, lane: usize, outcome: SpanEnd, now: Duration) {
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

    /// An entry comes to an end: all sessions that are at it stop, the one named last.
    fn end_all(
        &mut self,
        entry: &EntryRef,
        lane: usize,
        outcome: SpanEnd,
        now: Duration,
        took: Duration,
    ) {
        let at_it = |(at, _): &(EntryRef, Duration)| key(at) == key(entry);
        let helpers: Vec<usize> = self
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
            // It ended on a session that has left it: its last span tells how.
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
        // Steps before the plan are no part of the restore's time.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restore::event::{Cause, Failure};

    fn entry(dump_id: i32, desc: &str) -> EntryRef {
        EntryRef { dump_id, desc: desc.into(), schema: Some("public".into()), name: "a".into() }
    }

    fn planned() -> Event {
        Event::Planned {
            archive: "app.dump".into(),
            entries: 9,
            wanted: 5,
            with_data: 1,
            data_bytes: None,
            jobs: 2,
        }
    }

    fn started(lane: usize, entry: EntryRef) -> Event {
        Event::Started { entry, lane, data_bytes: None }
    }

    fn finished(lane: usize, entry: EntryRef, outcome: Outcome) -> Event {
        let duration = Duration::from_secs(1);
        Event::Finished { entry, lane, outcome, rows: 10, bytes: 200, read: 50, duration }
    }

    fn heard(events: &[(u64, Event)], end: u64) -> Recording {
        let mut heard = Heard::default();
        for (at, event) in events {
            heard.observe(event, Duration::from_secs(*at));
        }
        heard.finish(Duration::from_secs(end))
    }

    /// Lane, entry, start, end and outcome of each span.
    fn spans(recording: &Recording) -> Vec<(usize, i32, u64, u64, SpanEnd)> {
        let seconds = |time: Duration| time.as_secs();
        recording
            .spans
            .iter()
            .map(|span| {
                let (start, end) = (seconds(span.start), seconds(span.end));
                (span.lane, span.entry.dump_id, start, end, span.outcome)
            })
            .collect()
    }

    #[test]
    fn times_count_from_the_plan() {
        let data = entry(1, "TABLE DATA");
        let recording = heard(
            &[
                (10, planned()),
                (11, started(1, data.clone())),
                (14, finished(1, data, Outcome::Done)),
            ],
            20,
        );
        assert_eq!(spans(&recording), [(1, 1, 1, 4, SpanEnd::Done)]);
        assert_eq!(recording.length, Duration::from_secs(10));
        assert_eq!(recording.spans[0].rows, 10);
    }

    #[test]
    fn an_entry_made_in_two_steps_has_two_spans() {
        let key = entry(1, "CONSTRAINT");
        let recording = heard(
            &[
                (0, planned()),
                (0, started(0, key.clone())),
                (2, Event::Paused { dump_id: 1, lane: 0 }),
                (5, started(1, key.clone())),
                (6, finished(1, key, Outcome::Done)),
            ],
            6,
        );
        let expected = [(0, 1, 0, 2, SpanEnd::Paused), (1, 1, 5, 6, SpanEnd::Done)];
        assert_eq!(spans(&recording), expected);
    }

    #[test]
    fn sessions_that_help_with_an_entry_have_a_span_each() {
        let data = entry(1, "TABLE DATA");
        let recording = heard(
            &[
                (0, planned()),
                (0, started(0, data.clone())),
                (1, Event::Joined { entry: data.clone(), lane: 1 }),
                (5, Event::Left { dump_id: 1, lane: 1 }),
                (5, finished(0, data, Outcome::Done)),
            ],
            5,
        );
        let expected = [(1, 1, 1, 5, SpanEnd::Paused), (0, 1, 0, 5, SpanEnd::Done)];
        assert_eq!(spans(&recording), expected);
        let rows: u64 = recording.spans.iter().map(|span| span.rows).sum();
        assert_eq!(rows, 10);
    }

    #[test]
    fn an_entry_that_ends_on_a_session_that_has_left_it_is_not_lost() {
        let objects = entry(1, "BLOBS");
        let other = entry(2, "INDEX");
        let recording = heard(
            &[
                (0, planned()),
                (0, started(0, objects.clone())),
                (2, started(0, other)),
                (5, finished(1, objects, Outcome::Done)),
            ],
            6,
        );
        let expected = [(0, 1, 0, 2, SpanEnd::Done), (0, 2, 2, 6, SpanEnd::Open)];
        assert_eq!(spans(&recording), expected);
    }

    #[test]
    fn failures_are_listed_whether_or_not_work_on_them_began() {
        let failure = |cause| Failure {
            message: "no".into(),
            sqlstate: Some("23505".into()),
            detail: None,
            statement: None,
            cause,
        };
        let (one, two) = (entry(1, "TABLE DATA"), entry(2, "INDEX"));
        let follows = failure(Some(Cause::Entry { entry: 1 }));
        let recording = heard(
            &[
                (0, planned()),
                (0, started(0, one.clone())),
                (1, finished(0, one, Outcome::Failed { failure: failure(None) })),
                (
                    1,
                    Event::Finished {
                        entry: two,
                        lane: 0,
                        outcome: Outcome::Failed { failure: follows },
                        rows: 0,
                        bytes: 0,
                        read: 0,
                        duration: Duration::ZERO,
                    },
                ),
            ],
            2,
        );
        assert_eq!(spans(&recording), [(0, 1, 0, 1, SpanEnd::Failed)]);
        let follows: Vec<bool> = recording.failures.iter().map(|failed| failed.follows).collect();
        assert_eq!(follows, [false, true]);
    }

    #[test]
    fn statistics_are_work_of_their_own() {
        let (data, analyze) = (entry(1, "TABLE DATA"), entry(1, "ANALYZE"));
        let duration = Duration::from_secs(2);
        let recording = heard(
            &[
                (0, planned()),
                (0, started(0, data.clone())),
                (3, finished(0, data, Outcome::Done)),
                (4, started(1, analyze.clone())),
                (6, Event::Analyzed { entry: analyze, lane: 1, failure: None, duration }),
            ],
            6,
        );
        let expected = [(0, 1, 0, 3, SpanEnd::Done), (1, 1, 4, 6, SpanEnd::Done)];
        assert_eq!(spans(&recording), expected);
        assert_eq!(recording.totals().kinds.len(), 2);
    }

    #[test]
    fn a_step_of_the_restore_lasts_until_the_next_thing() {
        let step = |what: &str| Event::Step { what: what.into() };
        let recording = heard(
            &[
                (0, step("starting")),
                (1, planned()),
                (2, step("dropping")),
                (4, started(0, entry(1, "TABLE"))),
            ],
            5,
        );
        let steps: Vec<_> = recording
            .steps
            .iter()
            .map(|step| (step.what.as_str(), step.start.as_secs(), step.end.as_secs()))
            .collect();
        assert_eq!(steps, [("dropping", 1, 3)]);
    }

    #[test]
    fn what_was_rolled_back_says_so() {
        let table = entry(1, "TABLE");
        let recording = heard(
            &[
                (0, planned()),
                (0, started(0, table.clone())),
                (1, finished(0, table.clone(), Outcome::Done)),
                (2, Event::RolledBack { entry: table, rows: 0 }),
            ],
            2,
        );
        assert_eq!(spans(&recording), [(0, 1, 0, 1, SpanEnd::RolledBack)]);
    }

    #[test]
    fn the_json_has_one_object_for_each_span() {
        let data = entry(1, "TABLE DATA");
        let recording = heard(
            &[(0, planned()), (1, started(0, data.clone())), (2, finished(0, data, Outcome::Done))],
            3,
        );
        let mut bytes = Vec::new();
        recording.write_json(&mut bytes).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["seconds"], 3.0);
        let span = &json["spans"][0];
        assert_eq!(span["desc"], "TABLE DATA");
        assert_eq!(span["start"], 1.0);
        assert_eq!(span["outcome"], "done");
        assert_eq!(span["rows"], 10);
    }
}
