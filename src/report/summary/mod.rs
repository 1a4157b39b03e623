//! What a run came to: every entry accounted for, and every failure said once.
//!
//! [`Tally`] reads the events; [`Summary`] is what it found. `Display` writes the text for people,
//! `serde` the JSON for machines.

use std::io;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::archive::Desc;
use crate::restore::event::{Cause, EntryRef, NOT_REACHED, ROLLED_BACK};

mod hints;
mod tally;
#[cfg(test)]
mod tests;
mod text;

pub use tally::Tally;

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The archive's name as the user gave it. `None` if it could not be opened.
    pub archive: Option<String>,
    /// `user@host:port/database`. `None` if nothing was connected to.
    pub target: Option<String>,
    /// The server's version.
    pub server_version: Option<String>,
    /// Sessions that worked side by side.
    pub jobs: usize,
    /// Wall time, from the plan to the end.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
    /// What it was thought to take, by earlier runs. `None` if they told nothing.
    #[serde(serialize_with = "some_seconds")]
    pub predicted_seconds: Option<Duration>,
    /// Number of errors: see [`Summary::errors`].
    errors: u64,
    /// Whether all wanted entries are accounted for: see [`Summary::is_balanced`].
    balanced: bool,
    /// Entries in the archive.
    pub entries: u64,
    /// Entries that were wanted.
    pub wanted: u64,
    /// What became of them, and what they moved.
    pub total: Totals,
    /// From the start of the first data entry to the end of the last.
    #[serde(serialize_with = "seconds")]
    pub data_seconds: Duration,
    /// Bytes sent (decompressed) a second while there were data to send.
    pub bytes_per_second: Option<u64>,
    /// Bytes read (compressed) a second while there were data to read.
    pub read_per_second: Option<u64>,
    /// The same for each kind of entry; the kind that took longest comes first.
    pub kinds: Vec<KindTotals>,
    /// The entries that took longest, at most [`SLOWEST`] of them.
    pub slowest: Vec<TimedEntry>,
    /// Tables of which statistics were gathered.
    pub analyzed: Analyzed,
    /// Foreign keys that were added without checking the rows, as asked. They are among the done.
    pub not_checked: u64,
    /// Why entries were skipped, the most frequent reason first.
    pub skipped: Vec<SkippedFor>,
    /// What made several entries fail, with those entries.
    pub causes: Vec<CommonCause>,
    /// Entries that failed on their own account, in the order in which they did.
    pub failures: Vec<FailedEntry>,
    /// Entries whose failure was tolerated on their own account.
    pub tolerated: Vec<FailedEntry>,
    /// Tables whose rows are not loaded because the run ended early, in the order of the events.
    pub not_loaded: Vec<EntryRef>,
    /// What to do about what went wrong.
    pub hints: Vec<&'static str>,
    /// Warnings that are about no entry.
    pub warnings: Vec<String>,
    /// How many messages the server sent.
    pub notices: u64,
}

/// How many of the slowest entries a summary names.
pub const SLOWEST: usize = 10;

/// What became of some entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Entries that came to an end, of whichever kind.
    pub count: u64,
    /// Entries that are in the database.
    pub done: u64,
    /// Entries left out on purpose.
    pub skipped: u64,
    /// Entries whose failure the user chose to accept.
    pub tolerated: u64,
    /// Entries that are not, or not wholly, in the database.
    pub failed: u64,
    /// Rows (or large objects) the server stored.
    pub rows: u64,
    /// Bytes sent to the server (decompressed).
    pub bytes: u64,
    /// Bytes read from the archive (compressed).
    pub read: u64,
    /// Wall time of each entry, added up: more than the run's when sessions work side by side.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
}

/// What became of the entries of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindTotals {
    /// The kind, `TABLE DATA`.
    pub kind: String,
    /// What became of them.
    #[serde(flatten)]
    pub totals: Totals,
}

/// An entry and how long it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimedEntry {
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryRef,
    /// Wall time.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
    /// Rows (or large objects) the server stored.
    pub rows: u64,
    /// Bytes sent to the server (decompressed).
    pub bytes: u64,
}

/// Tables of which statistics were gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Analyzed {
    /// How many.
    pub count: u64,
    /// Wall time of each, added up.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
}

/// A reason for skipping, and how often it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedFor {
    /// The reason, in words.
    pub reason: String,
    /// How many entries.
    pub count: u64,
}

/// An entry that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedEntry {
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryRef,
    /// One line: what went wrong.
    pub message: String,
    /// The server's code.
    pub sqlstate: Option<String>,
    /// DETAIL, HINT and CONTEXT of the server, each on a line.
    pub detail: Option<String>,
    /// The statement that the server refused.
    pub statement: Option<String>,
}

/// One reason for which several entries failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommonCause {
    /// The reason. If it is an entry, that entry failed on its own account.
    pub cause: Cause,
    /// The same in words.
    pub message: String,
    /// Whether the user chose to accept it.
    pub tolerated: bool,
    /// Whether it counts as an error of its own: it is not tolerated, and not an entry that is
    /// among [`Summary::failures`].
    pub is_error: bool,
    /// The entries that failed for it.
    pub entries: Vec<EntryRef>,
    /// How many of them are restored, and lack only their owner.
    pub without_owner: u64,
}

impl FailedEntry {
    /// Whether it is a foreign key with rows that refer to nothing (`foreign_key_violation`).
    fn is_of_orphans(&self) -> bool {
        self.entry.kind() == Desc::FkConstraint && self.sqlstate.as_deref() == Some("23503")
    }
}

impl Summary {
    /// How many things went wrong: entries that failed on their own account, common causes that
    /// are not tolerated, and entries that nobody accounted for. The exit code is 1 when this is
    /// not 0.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// Whether wanted = done + skipped + tolerated + failed. If not, the program is at fault, or
    /// the run was cut short.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.balanced
    }

    /// Whether the run ended before its end, so that what is not an error is not there either.
    fn was_cut_short(&self) -> bool {
        self.skipped.iter().any(|skipped| is_cut(&skipped.reason))
    }

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

    /// One line of JSON in the form of the log lines around it, with a newline at the end; the
    /// summary is the field `summary`.
    pub(super) fn to_log_line(&self) -> String {
        let mut timestamp = String::new();
        // Writing to a string does not fail, and a line without a time is better than none.
        let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
        let line = LogLine {
            timestamp,
            level: if self.errors == 0 { "INFO" } else { "ERROR" },
            fields: Fields { message: "summary", summary: self },
            target: module_path!(),
        };
        // A summary is numbers, text and lists: all of it can be written.
        let mut line = serde_json::to_string(&line).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// Whether an entry was skipped because the run ended before its end.
fn is_cut(reason: &str) -> bool {
    reason == ROLLED_BACK || reason.starts_with(NOT_REACHED)
}

/// A log line as tracing-subscriber's JSON has them.
#[derive(Serialize)]
struct LogLine<'a> {
    timestamp: String,
    level: &'static str,
    fields: Fields<'a>,
    target: &'static str,
}

#[derive(Serialize)]
struct Fields<'a> {
    message: &'static str,
    summary: &'a Summary,
}

fn some_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
