//! A recording: the spans of a run.

use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::restore::event::{EntryRef, LaneId};

/// A run as spans and steps. As JSON, times are seconds since the start of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Recording {
    /// The archive's name as given by the user.
    pub archive: Option<String>,
    /// `user@host:port/database`, never a password.
    pub target: Option<String>,
    /// The server's version, `15.8`.
    pub server_version: Option<String>,
    /// The requested number of parallel sessions.
    pub jobs: usize,
    /// Selected entries.
    pub wanted: usize,
    /// When the run started.
    pub started_at: Option<DateTime<Utc>>,
    /// How long it took.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub length: Duration,
    /// The sessions' work, in the order of its end.
    pub spans: Vec<Span>,
    /// Steps that are not entries, in order.
    pub steps: Vec<StepAt>,
    /// Failed entries, whether or not work on them started, in order.
    pub failures: Vec<FailedEntry>,
}

/// A session's uninterrupted work on an entry.
///
/// An entry that is restored in two steps has two spans, and an entry whose rows several sessions
/// sent has one per session.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// The session.
    pub lane: LaneId,
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryRef,
    /// Its start.
    #[serde(serialize_with = "seconds")]
    pub start: Duration,
    /// Its end.
    #[serde(serialize_with = "seconds")]
    pub end: Duration,
    /// Its outcome.
    pub outcome: SpanEnd,
    /// Rows (or large objects) that the server stored for the entry; only in its last span.
    pub rows: u64,
    /// Bytes sent to the server for the entry (decompressed); only in its last span.
    pub bytes: u64,
    /// Bytes read from the archive for the entry (compressed); only in its last span.
    pub read: u64,
    /// The error, or why the entry was skipped.
    pub message: Option<String>,
}

impl Span {
    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}

/// The outcome of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanEnd {
    /// The entry is in the database.
    Done,
    /// The session's part is done, but not the entry.
    Paused,
    /// The entry was skipped after all.
    Skipped,
    /// The server rejected it, and the user tolerates that.
    Tolerated,
    /// It is not, or not completely, in the database.
    Failed,
    /// It was done, but its transaction was rolled back.
    RolledBack,
    /// The run ended first.
    Open,
}

/// A step that is not an entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepAt {
    /// A description of the step.
    pub what: String,
    /// Its start.
    #[serde(serialize_with = "seconds")]
    pub start: Duration,
    /// Its end: the start of the next step or entry.
    #[serde(serialize_with = "seconds")]
    pub end: Duration,
}

/// An entry that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedEntry {
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryRef,
    /// The error.
    pub message: String,
    /// The server's error code.
    pub sqlstate: Option<String>,
    /// Whether it failed only because of a separately reported problem.
    pub follows: bool,
}

impl Recording {
    /// Writes it as indented JSON, with a newline at the end.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write_json(&self, mut writer: impl io::Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut writer, self)?;
        writer.write_all(b"\n")?;
        writer.flush()
    }
}

/// Seconds, rounded to the microsecond: more digits would be noise.
pub(super) fn seconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
}
