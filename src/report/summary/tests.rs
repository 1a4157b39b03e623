//! The exact text and numbers of the summary for fixed events.

use super::*;
use crate::report::tests::{at, entry};
use crate::restore::event::{Event, Failure, LaneId, Outcome};

fn planned(wanted: usize) -> Event {
    Event::Planned {
        archive: "app.dump".into(),
        entries: wanted + 40,
        wanted,
        with_data: 2,
        data_bytes: Some(1),
        jobs: 8,
    }
}

fn failure(message: &str, cause: Option<Cause>) -> Failure {
    Failure { message: message.into(), cause, ..Failure::default() }
}

fn failed(message: &str, cause: Option<Cause>) -> Outcome {
    Outcome::Failed { failure: failure(message, cause) }
}

fn skipped(reason: &str) -> Outcome {
    Outcome::Skipped { reason: reason.into() }
}

fn finished(entry: EntryRef, outcome: Outcome, seconds: f64) -> Event {
    Event::Finished {
        entry,
        lane: LaneId(0),
        outcome,
        rows: 0,
        bytes: 0,
        read: 0,
        duration: at(seconds),
    }
}

fn loaded(entry: EntryRef, rows: u64, bytes: u64, read: u64, seconds: f64) -> Event {
    let (outcome, duration) = (Outcome::Done, at(seconds));
    Event::Finished { entry, lane: LaneId(0), outcome, rows, bytes, read, duration }
}

/// The summary of these events, each with its time, of a run of `seconds`.
fn summary(seconds: f64, events: &[(f64, Event)]) -> Summary {
    let mut tally = Tally::default();
    for (time, event) in events {
        tally.observe(event, at(*time));
    }
    tally.finish(at(seconds))
}

fn role(role: &str) -> Cause {
    Cause::MissingRole { role: role.into() }
}

#[test]
fn text_of_a_run_without_errors() {
    let answers = entry(7, "TABLE DATA", "answers");
    let started = |entry| Event::Started { entry, again: false, lane: LaneId(0), data_bytes: None };
    let summary = summary(
        5262.0,
        &[
            (0.0, planned(5)),
            (
                0.0,
                Event::Connected {
                    target: "app@db:5432/app".into(),
                    server_version: "15.8".into(),
                },
            ),
            (1.0, finished(entry(1, "TABLE", "answers"), Outcome::Done, 0.012)),
            (2.0, started(answers.clone())),
            (1002.0, loaded(answers, 12_345_678, 52_100_000_000, 8_000_000_000, 1000.0)),
            (1002.0, loaded(entry(8, "TABLE DATA", "users"), 1, 20, 10, 3.44)),
            (5261.0, finished(entry(9, "INDEX", "answers_pkey"), Outcome::Done, 4259.0)),
            (5261.0, finished(entry(2, "COMMENT", "users"), skipped("--no-comments"), 0.0)),
        ],
    );
    assert_eq!(
        summary.to_string(),
        "\
restore of app.dump took 1h 27min 42s, 8 jobs
into app@db:5432/app, PostgreSQL 15.8

kind        entries  done  skipped        rows        MB  session time
INDEX             1     1        -           -         -  1h 10min 59s
TABLE DATA        2     2        -  12,345,679  52,100.0     16min 43s
TABLE             1     1        -           -         -         12 ms
COMMENT           1     -        1           -         -             -
total             5     4        1  12,345,679  52,100.0  1h 27min 42s

data sent  52,100.0 MB, 52.1 MB/s
data read   8,000.0 MB, 8.0 MB/s

slowest entries
  1h 10min 59s  INDEX public.answers_pkey
     16min 40s  TABLE DATA public.answers, 12,345,678 rows, 52.1 GB
         3.4 s  TABLE DATA public.users, 1 row, 20 B
         12 ms  TABLE public.answers

skipped
  1  --no-comments

no errors: 4 entries done, 1 skipped
"
    );
}

#[test]
fn text_with_errors_lists_each_cause_once() {
    let refused = Failure {
        message: "duplicate key value violates unique constraint \"users_pkey\"".into(),
        sqlstate: Some("23505".into()),
        detail: Some("DETAIL: Key (id)=(1) already exists.\nCONTEXT: COPY users, line 2".into()),
        statement: Some("COPY public.users (id,\n    name) FROM stdin;".into()),
        ..failure("", None)
    };
    let exists = Failure {
        sqlstate: Some("42P06".into()),
        ..failure("schema \"sales\" already exists", None)
    };
    let problem = Event::Problem {
        cause: role("app"),
        message: "role \"app\" does not exist".into(),
        entries: 2,
        tolerated: false,
    };
    let on_users = Some(Cause::Entry { entry: 12 });
    let summary = summary(
        59.96,
        &[
            (0.0, planned(5)),
            (0.0, problem),
            (0.0, Event::Warning { message: "the dump is\nolder than the server".into() }),
            (
                1.0,
                finished(entry(3, "SCHEMA", "sales"), Outcome::Tolerated { failure: exists }, 0.0),
            ),
            (
                1.0,
                finished(
                    entry(12, "TABLE DATA", "users"),
                    Outcome::Failed { failure: refused },
                    0.0,
                ),
            ),
            (2.0, finished(entry(99, "ACL", "users"), failed("no role", Some(role("app"))), 0.0)),
            (2.0, finished(entry(100, "ACL", "x"), failed("no role", Some(role("app"))), 0.0)),
            (3.0, finished(entry(30, "FK CONSTRAINT", "fk"), failed("needs", on_users), 0.0)),
        ],
    );
    let text = summary.to_string();
    let (_, wrong) = text.split_once("\nwarnings\n").unwrap();
    assert!(text.starts_with("restore of app.dump took 1min 0s, 8 jobs\n"), "{text}");
    assert_eq!(
        wrong,
        "  \
  the dump is older than the server

tolerated
  3  SCHEMA public.sales
     42P06: schema \"sales\" already exists

role \"app\" does not exist: 2 entries not restored
   99  ACL public.users
  100  ACL public.x

TABLE DATA public.users was not restored: 1 entry not restored
  30  FK CONSTRAINT public.fk

failed
  12  TABLE DATA public.users
      23505: duplicate key value violates unique constraint \"users_pkey\"
      DETAIL: Key (id)=(1) already exists.
      CONTEXT: COPY users, line 2
      COPY public.users (id,
          name) FROM stdin;

hint: create the missing roles, restore without owners and privileges (--no-owner --no-privileges), \
or tolerate the errors with --tolerate missing-role

2 errors: 0 entries done, 1 tolerated, 4 failed
"
    );
}

#[test]
fn interrupted_run_lists_ten_tables_and_counts_others() {
    let mut events = vec![(0.0, planned(13))];
    events.extend((1..=12).map(|id| {
        let name = format!("t{id}");
        let outcome = skipped("not reached: interrupted");
        (1.0, finished(entry(id, "TABLE DATA", &name), outcome, 0.0))
    }));
    events.push((1.0, finished(entry(13, "INDEX", "i"), skipped("not reached: x"), 0.0)));
    let summary = summary(2.0, &events);
    assert_eq!(summary.not_loaded.len(), 12);
    let text = summary.to_string();
    assert!(text.contains("\ntables not loaded\n  public.t1\n"), "{text}");
    assert!(text.contains("  public.t10\n  and 2 more\n"), "{text}");
    assert!(text.ends_with("\nnot finished: 0 entries done, 13 skipped\n"), "{text}");
}

#[test]
fn common_errors_have_a_hint_each() {
    let hints = |desc: &str, name: &str, sqlstate: &str| {
        let failure = Failure { sqlstate: Some(sqlstate.into()), ..failure("refused", None) };
        let failed = finished(entry(1, desc, name), Outcome::Failed { failure }, 0.0);
        summary(1.0, &[(0.0, planned(1)), (0.0, failed)]).hints
    };
    for (desc, sqlstate, word) in [
        ("TABLE", "42P07", "--clean --if-exists"),
        ("FUNCTION", "42723", "not empty"),
        ("TABLE DATA", "42P01", "existing tables"),
        ("TABLE", "42501", "--no-owner"),
        ("TABLE DATA", "53100", "disk space"),
    ] {
        let found = hints(desc, "x", sqlstate);
        assert!(found.len() == 1 && found[0].contains(word), "{desc} {sqlstate}: {found:?}");
    }
    // Every database has this schema.
    assert!(hints("SCHEMA", "public", "42P06").is_empty());
    assert!(hints("VIEW", "x", "42P01").is_empty());
}

#[test]
fn clock_of_a_restore_starts_with_its_plan() {
    // Earlier work, such as starting a temporary server, is not part of the restore.
    let done = finished(entry(1, "TABLE", "a"), Outcome::Done, 0.5);
    let summary = summary(12.5, &[(10.0, planned(1)), (12.0, done)]);
    assert_eq!(summary.seconds, at(2.5));
}

#[test]
fn entries_failed_for_a_cause_are_not_separate_errors() {
    let summary = summary(
        1.0,
        &[
            (0.0, planned(3)),
            (0.0, finished(entry(1, "ACL", "a"), failed("no role", Some(role("app"))), 0.0)),
            (0.0, finished(entry(2, "ACL", "b"), failed("no role", Some(role("app"))), 0.0)),
            (0.0, finished(entry(3, "TABLE", "c"), failed("syntax error", None), 0.0)),
        ],
    );
    assert_eq!(summary.errors(), 2);
    assert_eq!(summary.total.failed, 3);
    assert_eq!(summary.failures.len(), 1);
    assert_eq!(summary.causes[0].message, "role \"app\" does not exist");
    assert!(summary.is_balanced());
}

#[test]
fn indirect_failures_are_listed_under_the_root_cause() {
    let on = |entry| Some(Cause::Entry { entry });
    let summary = summary(
        1.0,
        &[
            (0.0, planned(3)),
            (0.0, finished(entry(3, "INDEX", "c"), failed("needs 2", on(2)), 0.0)),
            (0.0, finished(entry(2, "TABLE", "b"), failed("needs 1", on(1)), 0.0)),
            (0.0, finished(entry(1, "SCHEMA", "a"), failed("permission denied", None), 0.0)),
        ],
    );
    assert_eq!(summary.errors(), 1);
    assert_eq!(summary.causes.len(), 1);
    assert_eq!(summary.causes[0].cause, Cause::Entry { entry: 1 });
    assert!(!summary.causes[0].is_error);
    let listed: Vec<i32> = summary.causes[0].entries.iter().map(|entry| entry.dump_id).collect();
    assert_eq!(listed, [3, 2]);
}

#[test]
fn tolerated_cause_is_named_with_its_reason() {
    let refused = Failure { sqlstate: Some("42501".into()), ..failure("permission denied", None) };
    let refused = Outcome::Tolerated { failure: refused };
    let on = Some(Cause::Entry { entry: 223 });
    let summary = summary(
        1.0,
        &[
            (0.0, planned(2)),
            (0.0, finished(entry(223, "SCHEMA", "a"), refused, 0.0)),
            (0.0, finished(entry(224, "TABLE", "b"), failed("no schema", on), 0.0)),
        ],
    );
    let said = "SCHEMA public.a was not restored, which was tolerated: permission denied (42501)";
    assert_eq!(summary.causes[0].message, said);
    assert_eq!(summary.errors(), 1);
}

#[test]
fn circular_causes_are_still_errors() {
    let on = |entry| Some(Cause::Entry { entry });
    let summary = summary(
        1.0,
        &[
            (0.0, planned(2)),
            (0.0, finished(entry(1, "VIEW", "a"), failed("needs 2", on(2)), 0.0)),
            (0.0, finished(entry(2, "VIEW", "b"), failed("needs 1", on(1)), 0.0)),
        ],
    );
    assert!(summary.errors() > 0);
    assert_eq!(summary.causes[0].message, "VIEW public.b was not restored");
}

#[test]
fn tolerated_cause_is_not_an_error() {
    let missing = Failure { ..failure("no role", Some(role("app"))) };
    let problem = Event::Problem {
        cause: role("app"),
        message: "role \"app\" does not exist".into(),
        entries: 1,
        tolerated: true,
    };
    let summary = summary(
        1.0,
        &[
            (0.0, planned(1)),
            (0.0, finished(entry(1, "ACL", "a"), Outcome::Tolerated { failure: missing }, 0.0)),
            (0.0, problem),
        ],
    );
    assert_eq!(summary.errors(), 0);
    assert!(summary.causes[0].tolerated);
    let text = summary.to_string();
    assert!(text.contains("role \"app\" does not exist (tolerated): 1 entry not"), "{text}");
}

#[test]
fn problem_without_failed_entries_counts_if_run_stopped() {
    let of = |reason: &str| {
        let cause = Cause::MissingExtension { extension: "postgis".into() };
        let message = "extension \"postgis\" is not available".into();
        summary(
            1.0,
            &[
                (0.0, planned(1)),
                (0.0, Event::Problem { cause, message, entries: 1, tolerated: false }),
                (0.0, finished(entry(1, "EXTENSION", "postgis"), skipped(reason), 0.0)),
            ],
        )
    };
    let restored = of("restored by an earlier run");
    assert_eq!((restored.errors(), restored.causes.len()), (0, 0), "{restored}");
    let stopped = of("not reached: stopped at the first error");
    assert_eq!(stopped.errors(), 1);
    assert!(
        stopped.to_string().contains("\nextension \"postgis\" is not available\n"),
        "{stopped}"
    );
}

#[test]
fn entries_without_owner_are_not_reported_missing() {
    let lacks = |only_owner| Failure { only_owner, ..failure("no role", Some(role("app"))) };
    let text = |failures: &[Failure]| {
        let mut events = vec![(0.0, planned(failures.len()))];
        for (number, failure) in (1..).zip(failures) {
            let outcome = Outcome::Failed { failure: failure.clone() };
            events.push((0.0, finished(entry(number, "TABLE", "t"), outcome, 0.0)));
        }
        summary(1.0, &events).to_string()
    };
    for (failures, said) in [
        (&[lacks(true)][..], "exist: owner not set on 1 entry\n"),
        (&[lacks(true), lacks(false), lacks(true)], "set on 2 entries, 1 entry not restored\n"),
        (&[lacks(false)], "exist: 1 entry not restored\n"),
    ] {
        let text = text(failures);
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn unaccounted_entry_is_an_error() {
    let one = finished(entry(1, "TABLE", "a"), Outcome::Done, 0.0);
    let summary = summary(1.0, &[(0.0, planned(3)), (0.0, one)]);
    assert!(!summary.is_balanced());
    assert_eq!(summary.errors(), 2);
    let text = summary.to_string();
    let end = "3 entries were selected, but 1 was accounted for\n2 errors: 1 entry done\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn ten_slowest_entries_are_listed_in_order() {
    let mut events = vec![(0.0, planned(15))];
    for number in 0..15 {
        let index = entry(number, "INDEX", &format!("i{number}"));
        events.push((0.0, finished(index, Outcome::Done, f64::from(number % 5))));
    }
    let summary = summary(1.0, &events);
    let named: Vec<i32> = summary.slowest.iter().map(|timed| timed.entry.dump_id).collect();
    assert_eq!(named, [4, 9, 14, 3, 8, 13, 2, 7, 12, 1]);
}

#[test]
fn json_has_counts_times_and_verdict() {
    let done = finished(entry(1, "TABLE", "a"), Outcome::Done, 0.5);
    let summary = summary(2.5, &[(0.0, planned(1)), (0.0, done)]);
    let mut bytes = Vec::new();
    summary.write_json(&mut bytes).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(json["errors"], 0);
    assert_eq!(json["balanced"], true);
    assert_eq!(json["seconds"], 2.5);
    assert_eq!(json["wanted"], 1);
    assert_eq!(json["total"]["done"], 1);
    assert_eq!(json["kinds"][0]["kind"], "TABLE");
    assert_eq!(json["kinds"][0]["seconds"], 0.5);
    assert_eq!(json["slowest"][0]["dump_id"], 1);
}

#[test]
fn last_log_line_is_one_line_of_json() {
    let done = finished(entry(1, "TABLE", "a\nb"), Outcome::Done, 0.5);
    let line = summary(2.5, &[(0.0, planned(1)), (0.0, done)]).to_log_line();
    assert_eq!(line.matches('\n').count(), 1);
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json["level"], "INFO");
    assert_eq!(json["fields"]["message"], "summary");
    assert_eq!(json["fields"]["summary"]["total"]["done"], 1);
}

#[test]
fn hostile_name_cannot_forge_a_line() {
    let hostile = entry(1, "TABLE", "a\n\nno errors: all done\u{1b}[2J");
    let text =
        summary(1.0, &[(0.0, planned(1)), (0.0, finished(hostile, failed("no", None), 0.0))])
            .to_string();
    assert!(!text.lines().any(|line| line.starts_with("no errors")), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}
