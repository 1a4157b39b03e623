//! What a recorder heard: the spans of a run, as they were.

use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::restore::event::EntryRef;

/// A run, piece by piece. As JSON, times are seconds since the start of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Recording {
    /// The archive's name as the user gave it.
    pub archive: Option<String>,
    /// `user@host:port/database`, never a password.
    pub target: Option<String>,
    /// The server's version, `15.8`.
    pub server_version: Option<String>,
    /// Sessions that were to work side by side.
    pub jobs: usize,
    /// Entries that were wanted.
    pub wanted: usize,
    /// When the run began.
    pub started_at: Option<DateTime<Utc>>,
    /// How long it took.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub length: Duration,
    /// What sessions did, in the order in which it ended.
    pub spans: Vec<Span>,
    /// What was done beside the entries, in order.
    pub steps: Vec<StepAt>,
    /// Entries that failed, whether or not work on them began, in order.
    pub failures: Vec<FailedEntry>,
}

/// What a session did for an entry without a break.
///
/// An entry that is made in two steps has two, and one whose rows several sessions sent has one
/// for each of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// The session, from 0.
    pub lane: usize,
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryRef,
    /// From when.
    #[serde(serialize_with = "seconds")]
    pub start: Duration,
    /// Until when.
    #[serde(serialize_with = "seconds")]
    pub end: Duration,
    /// How it ended.
    pub outcome: SpanEnd,
    /// Rows (or large objects) that the server stored for the entry; of its last span only.
    pub rows: u64,
    /// Bytes sent to the server for the entry (decompressed); of its last span only.
    pub bytes: u64,
    /// Bytes read from the archive for the entry (compressed); of its last span only.
    pub read: u64,
    /// What went wrong, or why the entry was left out.
    pub message: Option<String>,
}

impl Span {
    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}

/// How a span ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanEnd {
    /// The entry is in the database.
    Done,
    /// The session's part is done, the entry not yet.
    Paused,
    /// The entry was left out after all.
    Skipped,
    /// The server refused it, and the user accepts that.
    Tolerated,
    /// It is not, or not wholly, in the database.
    Failed,
    /// It was done, and is gone again: its transaction was rolled back.
    RolledBack,
    /// The run ended before.
    Open,
}

/// A step that is not an entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepAt {
    /// What is being done, in words.
    pub what: String,
    /// From when.
    #[serde(serialize_with = "seconds")]
    pub start: Duration,
    /// Until when: the next step or entry.
    #[serde(serialize_with = "seconds")]
    pub end: Duration,
}

/// An entry that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedEntry {
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryRef,
    /// What went wrong.
    pub message: String,
    /// The server's code.
    pub sqlstate: Option<String>,
    /// Whether it failed only because of something else that is reported in its own right.
    pub follows: bool,
}

impl Recording {
    /// Writes it as indented JSON, with a newline at the end.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn write_json(&self, mut writer: impl io::Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut writer, self)?;
        writer.write_all(b"\n")?;
        writer.flush()
    }
}

/// Seconds to the microsecond: more digits would only be noise.
pub(super) fn seconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
}
