//! Writes events as log lines, one each, with their facts as fields.
//!
//! Levels: problems are `error` or `warn`; steps, and entries whose work grows with their rows, are
//! `info`; all other entries are `debug`, including those that failed because of a separately
//! reported problem. [`super::telemetry`] decides how lines are written.

use tracing::Level;

use crate::archive::Desc;
use crate::restore::event::{EntryRef, Event, Failure, Outcome};

use super::LogFormat;
use super::wording::{self, Severity};

/// Logs at a level known only at run time; tracing needs it at compile time.
macro_rules! at {
    ($level:expr, $($fields:tt)*) => {
        match $level {
            Level::ERROR => tracing::error!($($fields)*),
            Level::WARN => tracing::warn!($($fields)*),
            Level::INFO => tracing::info!($($fields)*),
            _ => tracing::debug!($($fields)*),
        }
    };
}

/// How the line of an entry ends when work on it starts.
pub(crate) const STARTED: &str = "started";

/// The same for the second step of an entry that is restored in two steps.
pub(crate) const CONTINUED: &str = "continued";

/// Writes the line of an event. [`Event::Progress`] has none.
///
/// As text, fields that the message already contains are omitted.
pub(super) fn write(event: &Event, format: LogFormat) {
    let level = level(event);
    let json = format == LogFormat::Json;
    match event {
        Event::Planned { archive, entries, wanted, with_data, data_bytes, jobs } => {
            let text = wording::planned(archive, *entries, *wanted, *with_data, *data_bytes, *jobs);
            at!(level, entries, wanted, with_data, data_bytes, jobs, "{text}");
        }
        Event::Connected { target, server_version } => {
            let target = wording::one_line(target);
            at!(level, server_version, "connected to {target}");
        }
        Event::Started { entry, again, lane, data_bytes } => {
            let EntryRef { dump_id, desc, schema, name } = entry;
            at!(
                level,
                dump_id,
                kind = json.then_some(desc.as_str()),
                schema = schema.as_deref().filter(|_| json),
                name = json.then_some(name.as_str()),
                lane = lane.0,
                data_bytes,
                "{} {}",
                wording::label(entry),
                if *again { CONTINUED } else { STARTED }
            );
        }
        Event::Predicted { wall } => {
            at!(level, seconds = thousandths(*wall), "{}", wording::predicted(*wall));
        }
        Event::Progress { .. }
        | Event::Remaining { .. }
        | Event::FewerSessions { .. }
        | Event::Measured { .. }
        | Event::Paused { .. }
        | Event::Left { .. }
        | Event::NotChecked { .. } => {}
        Event::Joined { entry, lane } => {
            at!(level, entry.dump_id, lane = lane.0, "{}: one more session", wording::label(entry));
        }
        Event::Analyzed { entry, lane, failure, duration } => {
            let EntryRef { dump_id, desc, schema, name } = entry;
            // A failed ANALYZE is not an error.
            let outcome = match failure {
                Some(failure) => Outcome::Tolerated { failure: failure.clone() },
                None => Outcome::Done,
            };
            let (word, _, failure) = parts(&outcome);
            at!(
                level,
                dump_id,
                kind = json.then_some(desc.as_str()),
                schema = schema.as_deref().filter(|_| json),
                name = json.then_some(name.as_str()),
                lane = lane.0,
                outcome = json.then_some(word),
                seconds = thousandths(*duration),
                sqlstate = failure.and_then(|failure| failure.sqlstate.as_deref()),
                "{}",
                ending(entry, &outcome)
            );
        }
        Event::Finished { entry, lane, outcome, rows, bytes, read, duration } => {
            let EntryRef { dump_id, desc, schema, name } = entry;
            let (word, reason, failure) = parts(outcome);
            // For an entry without data, all counts are zero.
            let some = |count: u64| (count > 0).then_some(count);
            at!(
                level,
                dump_id,
                kind = json.then_some(desc.as_str()),
                schema = schema.as_deref().filter(|_| json),
                name = json.then_some(name.as_str()),
                lane = lane.0,
                outcome = json.then_some(word),
                rows = some(*rows),
                bytes = some(*bytes),
                read = some(*read),
                seconds = thousandths(*duration),
                reason = reason.filter(|_| json),
                sqlstate = failure.and_then(|failure| failure.sqlstate.as_deref()),
                detail = failure.and_then(|failure| failure.detail.as_deref()),
                statement = failure.and_then(|failure| failure.statement.as_deref()),
                "{}",
                ending(entry, outcome)
            );
        }
        Event::RolledBack { entry, rows } => {
            at!(level, entry.dump_id, rows, "{} rolled back", wording::label(entry));
        }
        Event::Applied { entry, answer, rows_in, rows_out, reason } => {
            let some = |count: u64| (count > 0).then_some(count);
            at!(
                level,
                dump_id = entry.dump_id,
                rows_in = some(*rows_in),
                rows_out = some(*rows_out),
                reason = reason.as_deref(),
                "{} {}",
                wording::label(entry),
                answer.word()
            );
        }
        Event::Synced { sequences, views } => at!(level, sequences, views, "changes committed"),
        Event::RestoresAll { reasons } => {
            at!(level, "{}", wording::everything("restoring everything", reasons));
        }
        Event::Step { what } => at!(level, "{}", wording::one_line(what)),
        Event::DropFailed { entry, failure, tolerated } => at!(
            level,
            dump_id = entry.dump_id,
            tolerated,
            detail = failure.detail.as_deref(),
            statement = failure.statement.as_deref(),
            "{}",
            wording::not_dropped(entry, failure)
        ),
        Event::Warning { message } | Event::Note { message } => {
            at!(level, "{}", wording::one_line(message));
        }
        Event::Problem { cause, message, entries, tolerated } => {
            let named = json.then(|| wording::cause(cause, None));
            let text = wording::problem(cause, message, *entries);
            at!(level, cause = named, entries, tolerated, "{text}");
        }
        Event::Notice { dump_id, severity, message } => {
            at!(level, dump_id, severity, "{}", wording::one_line(message));
        }
    }
}

/// Seconds, rounded to the millisecond: more digits would be noise.
fn thousandths(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// The level of an event's line.
pub(super) fn level(event: &Event) -> Level {
    match event {
        Event::Planned { .. }
        | Event::Predicted { .. }
        | Event::Connected { .. }
        | Event::Applied { .. }
        | Event::Synced { .. }
        | Event::RestoresAll { .. }
        | Event::Step { .. } => Level::INFO,
        Event::Progress { .. }
        | Event::Remaining { .. }
        | Event::FewerSessions { .. }
        | Event::Measured { .. }
        | Event::Paused { .. }
        | Event::Left { .. }
        | Event::NotChecked { .. } => Level::TRACE,
        Event::Note { .. } | Event::Joined { .. } | Event::Analyzed { failure: None, .. } => {
            Level::DEBUG
        }
        Event::Started { entry, .. } | Event::RolledBack { entry, .. } => {
            level_of_kind(&entry.kind())
        }
        Event::Finished { entry, outcome, .. } => match outcome {
            Outcome::Done => level_of_kind(&entry.kind()),
            Outcome::Failed { failure } if failure.cause.is_none() => Level::ERROR,
            Outcome::Failed { .. } | Outcome::Tolerated { .. } | Outcome::Skipped { .. } => {
                Level::DEBUG
            }
        },
        Event::Warning { .. } | Event::Analyzed { failure: Some(_), .. } => Level::WARN,
        Event::Problem { tolerated, .. } | Event::DropFailed { tolerated, .. } => {
            if *tolerated {
                Level::WARN
            } else {
                Level::ERROR
            }
        }
        Event::Notice { severity, .. } => match Severity::of_server(severity) {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARN,
            Severity::Notice => Level::INFO,
        },
    }
}

/// Kinds whose work grows with the rows deserve a line each; there are too many of the others.
fn level_of_kind(kind: &Desc) -> Level {
    match kind {
        Desc::TableData
        | Desc::Blobs
        | Desc::BlobComments
        | Desc::MaterializedViewData
        | Desc::Index
        | Desc::Constraint
        | Desc::CheckConstraint
        | Desc::FkConstraint => Level::INFO,
        _ => Level::DEBUG,
    }
}

fn parts(outcome: &Outcome) -> (&'static str, Option<&str>, Option<&Failure>) {
    match outcome {
        Outcome::Done => ("done", None, None),
        Outcome::Skipped { reason } => ("skipped", Some(reason), None),
        Outcome::Tolerated { failure } => ("tolerated", None, Some(failure)),
        Outcome::Failed { failure } => ("failed", None, Some(failure)),
    }
}

fn ending(entry: &EntryRef, outcome: &Outcome) -> String {
    let label = wording::label(entry);
    match outcome {
        Outcome::Done => format!("{label} done"),
        Outcome::Skipped { reason } => format!("{label} skipped: {}", wording::one_line(reason)),
        Outcome::Tolerated { failure } => {
            format!("{label} tolerated: {}", wording::message(failure))
        }
        Outcome::Failed { failure } => format!("{label} failed: {}", wording::message(failure)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::report::tests::entry;
    use crate::restore::event::{Cause, LaneId};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The event's JSON line, without the time.
    fn json(event: &Event) -> Value {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .without_time()
            .with_max_level(Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || write(event, LogFormat::Json));
        let bytes = lines.0.lock().unwrap().clone();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The event's text line, without the time.
    fn text(event: &Event) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .with_max_level(Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || write(event, LogFormat::Text));
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn users() -> EntryRef {
        entry(12, "TABLE DATA", "users")
    }

    fn finished(entry: EntryRef, outcome: Outcome) -> Event {
        Event::Finished {
            entry,
            lane: LaneId(1),
            outcome,
            rows: 10,
            bytes: 2000,
            read: 500,
            duration: Duration::from_millis(1500),
        }
    }

    fn failure(cause: Option<Cause>) -> Failure {
        Failure {
            message: "duplicate key value".into(),
            sqlstate: Some("23505".into()),
            detail: Some("Key (id)=(1) already exists.".into()),
            cause,
            ..Failure::default()
        }
    }

    #[test]
    fn done_entry_has_its_numbers_as_fields() {
        let line = json(&finished(users(), Outcome::Done));
        assert_eq!(line["level"], "INFO");
        assert_eq!(
            line["fields"],
            serde_json::json!({
                "message": "TABLE DATA public.users done",
                "dump_id": 12, "kind": "TABLE DATA", "schema": "public", "name": "users",
                "lane": 1, "outcome": "done", "rows": 10, "bytes": 2000, "read": 500,
                "seconds": 1.5,
            })
        );
    }

    #[test]
    fn text_line_does_not_repeat_fields() {
        assert_eq!(
            text(&finished(users(), Outcome::Done)),
            " INFO TABLE DATA public.users done dump_id=12 lane=1 rows=10 bytes=2000 read=500 \
             seconds=1.5\n"
        );
        let message = "role \"app\" does not exist".to_owned();
        let cause = Cause::MissingRole { role: "app".into() };
        assert_eq!(
            text(&Event::Problem { cause, message, entries: 1, tolerated: false }),
            "ERROR role \"app\" does not exist: needed by 1 entry entries=1 tolerated=false\n"
        );
    }

    #[test]
    fn independently_failed_entry_is_an_error_with_sqlstate() {
        let line = json(&finished(users(), Outcome::Failed { failure: failure(None) }));
        assert_eq!(line["level"], "ERROR");
        assert_eq!(
            line["fields"]["message"],
            "TABLE DATA public.users failed: duplicate key value (23505)"
        );
        assert_eq!(line["fields"]["sqlstate"], "23505");
        assert_eq!(line["fields"]["detail"], "Key (id)=(1) already exists.");
        assert_eq!(line["fields"].get("statement"), None);
    }

    #[test]
    fn entry_failed_because_of_another_is_debug_only() {
        let failure = failure(Some(Cause::Entry { entry: 3 }));
        assert_eq!(level(&finished(users(), Outcome::Failed { failure })), Level::DEBUG);
    }

    #[test]
    fn small_entry_is_debug_and_large_one_info() {
        let comment = entry(12, "COMMENT", "users");
        let started =
            |entry| Event::Started { entry, again: false, lane: LaneId(0), data_bytes: None };
        assert_eq!(json(&started(comment))["level"], "DEBUG");
        let line = json(&started(users()));
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["fields"]["message"], "TABLE DATA public.users started");
        let again =
            Event::Started { entry: users(), again: true, lane: LaneId(0), data_bytes: None };
        assert_eq!(json(&again)["fields"]["message"], "TABLE DATA public.users continued");
    }

    #[test]
    fn problem_is_one_line_with_an_entry_count() {
        let cause = Cause::MissingRole { role: "app".into() };
        let message = "role \"app\" does not exist".to_owned();
        let line = json(&Event::Problem { cause, message, entries: 14, tolerated: false });
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["fields"]["message"], "role \"app\" does not exist: needed by 14 entries");
        assert_eq!(line["fields"]["entries"], 14);
    }

    #[test]
    fn notice_keeps_the_server_severity() {
        let notice = |severity: &str| Event::Notice {
            dump_id: None,
            severity: severity.into(),
            message: "hm".into(),
        };
        assert_eq!(level(&notice("WARNING")), Level::WARN);
        assert_eq!(level(&notice("NOTICE")), Level::INFO);
        assert_eq!(json(&notice("WARNING"))["fields"]["severity"], "WARNING");
    }
}
