//! What a recorder records of events.

use super::*;
use crate::report::tests::entry;
use crate::restore::event::{Cause, Failure, LaneId};

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
    Event::Started { entry, again: false, lane: LaneId(lane), data_bytes: None }
}

fn finished(lane: usize, entry: EntryRef, outcome: Outcome) -> Event {
    let duration = Duration::from_secs(1);
    Event::Finished { entry, lane: LaneId(lane), outcome, rows: 10, bytes: 200, read: 50, duration }
}

fn heard(events: &[(u64, Event)], end: u64) -> Recording {
    let mut heard = Observed::default();
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
            (span.lane.0, span.entry.dump_id, start, end, span.outcome)
        })
        .collect()
}

#[test]
fn times_count_from_the_plan() {
    let data = entry(1, "TABLE DATA", "a");
    let recording = heard(
        &[(10, planned()), (11, started(1, data.clone())), (14, finished(1, data, Outcome::Done))],
        20,
    );
    assert_eq!(spans(&recording), [(1, 1, 1, 4, SpanEnd::Done)]);
    assert_eq!(recording.length, Duration::from_secs(10));
    assert_eq!(recording.spans[0].rows, 10);
}

#[test]
fn entry_in_two_steps_has_two_spans() {
    let key = entry(1, "CONSTRAINT", "a");
    let recording = heard(
        &[
            (0, planned()),
            (0, started(0, key.clone())),
            (2, Event::Paused { dump_id: 1, lane: LaneId(0) }),
            (5, started(1, key.clone())),
            (6, finished(1, key, Outcome::Done)),
        ],
        6,
    );
    let expected = [(0, 1, 0, 2, SpanEnd::Paused), (1, 1, 5, 6, SpanEnd::Done)];
    assert_eq!(spans(&recording), expected);
}

#[test]
fn each_helping_session_has_a_span() {
    let data = entry(1, "TABLE DATA", "a");
    let recording = heard(
        &[
            (0, planned()),
            (0, started(0, data.clone())),
            (1, Event::Joined { entry: data.clone(), lane: LaneId(1) }),
            (5, Event::Left { dump_id: 1, lane: LaneId(1) }),
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
fn entry_ended_on_departed_session_is_recorded() {
    let objects = entry(1, "BLOBS", "a");
    let other = entry(2, "INDEX", "a");
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
fn failures_are_listed_even_without_spans() {
    let failure = |cause| Failure {
        message: "no".into(),
        sqlstate: Some("23505".into()),
        cause,
        ..Failure::default()
    };
    let (one, two) = (entry(1, "TABLE DATA", "a"), entry(2, "INDEX", "a"));
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
                    lane: LaneId(0),
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
fn statistics_are_separate_work() {
    let (data, analyze) = (entry(1, "TABLE DATA", "a"), entry(1, "ANALYZE", "a"));
    let duration = Duration::from_secs(2);
    let recording = heard(
        &[
            (0, planned()),
            (0, started(0, data.clone())),
            (3, finished(0, data, Outcome::Done)),
            (4, started(1, analyze.clone())),
            (6, Event::Analyzed { entry: analyze, lane: LaneId(1), failure: None, duration }),
        ],
        6,
    );
    let expected = [(0, 1, 0, 3, SpanEnd::Done), (1, 1, 4, 6, SpanEnd::Done)];
    assert_eq!(spans(&recording), expected);
    assert_eq!(recording.totals().kinds.len(), 2);
}

#[test]
fn step_lasts_until_the_next_event() {
    let step = |what: &str| Event::Step { what: what.into() };
    let recording = heard(
        &[
            (0, step("starting")),
            (1, planned()),
            (2, step("dropping")),
            (4, started(0, entry(1, "TABLE", "a"))),
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
fn rolled_back_span_is_marked() {
    let table = entry(1, "TABLE", "a");
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
fn json_has_one_object_per_span() {
    let data = entry(1, "TABLE DATA", "a");
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
