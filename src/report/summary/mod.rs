//! The result of a run: every entry accounted for, every failure reported once.
//!
//! [`Tally`] reads the events and produces a [`Summary`]. `Display` writes it as text, `serde` as
//! JSON.

use std::io;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::archive::Desc;
use crate::restore::event::{Cause, EntryRef, NOT_REACHED, ROLLED_BACK};
use crate::server::sqlstate::FOREIGN_KEY_VIOLATION;

mod hints;
mod synced;
mod tally;
#[cfg(test)]
mod tests;
mod text;

pub use synced::{Synced, SyncedTable};
pub use tally::Tally;

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The archive's name as given by the user. `None` if it could not be opened.
    pub archive: Option<String>,
    /// `user@host:port/database`. `None` without a connection.
    pub target: Option<String>,
    /// The server's version.
    pub server_version: Option<String>,
    /// The number of parallel sessions.
    pub jobs: usize,
    /// Wall time, from the plan to the end.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
    /// The prediction from earlier runs, if any.
    #[serde(serialize_with = "some_seconds")]
    pub predicted_seconds: Option<Duration>,
    /// What differed, if the run was a sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<Synced>,
    /// Number of errors: see [`Summary::errors`].
    errors: u64,
    /// Whether all selected entries are accounted for: see [`Summary::is_balanced`].
    balanced: bool,
    /// Entries in the archive.
    pub entries: u64,
    /// Selected entries.
    pub wanted: u64,
    /// Their outcomes, and the data that they moved.
    pub total: Totals,
    /// From the start of the first data entry to the end of the last.
    #[serde(serialize_with = "seconds")]
    pub data_seconds: Duration,
    /// Bytes sent (decompressed) per second while there was data to send.
    pub bytes_per_second: Option<u64>,
    /// Bytes read (compressed) per second while there was data to read.
    pub read_per_second: Option<u64>,
    /// The same for each kind of entry, the slowest kind first.
    pub kinds: Vec<KindTotals>,
    /// The slowest entries, at most [`SLOWEST`] of them.
    pub slowest: Vec<TimedEntry>,
    /// Analyzed tables.
    pub analyzed: Analyzed,
    /// Foreign keys that were added without checking the rows, as requested; counted as done.
    pub not_checked: u64,
    /// Why entries were skipped, the most frequent reason first.
    pub skipped: Vec<SkippedFor>,
    /// Causes for which several entries failed, with those entries.
    pub causes: Vec<CommonCause>,
    /// Entries that failed by themselves, in the order of their failures.
    pub failures: Vec<FailedEntry>,
    /// Entries that failed by themselves and were tolerated.
    pub tolerated: Vec<FailedEntry>,
    /// Tables whose rows were not loaded because the run ended early, in the order of the events.
    pub not_loaded: Vec<EntryRef>,
    /// Next steps for the user.
    pub hints: Vec<&'static str>,
    /// Warnings that do not concern an entry.
    pub warnings: Vec<String>,
    /// How many messages the server sent.
    pub notices: u64,
}

/// How many of the slowest entries a summary lists.
pub const SLOWEST: usize = 10;

/// The outcomes of a group of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Entries with any outcome.
    pub count: u64,
    /// Entries that are in the database.
    pub done: u64,
    /// Entries skipped deliberately.
    pub skipped: u64,
    /// Entries whose failure the user chose to tolerate.
    pub tolerated: u64,
    /// Entries that are not, or not completely, in the database.
    pub failed: u64,
    /// Rows (or large objects) the server stored.
    pub rows: u64,
    /// Bytes sent to the server (decompressed).
    pub bytes: u64,
    /// Bytes read from the archive (compressed).
    pub read: u64,
    /// Total wall time of the entries: more than the run's if sessions work in parallel.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
}

/// The outcomes of the entries of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindTotals {
    /// The kind, `TABLE DATA`.
    pub kind: String,
    /// Their outcomes.
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

/// Analyzed tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Analyzed {
    /// How many.
    pub count: u64,
    /// Their total wall time.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
}

/// A reason for skipping entries, and its count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedFor {
    /// The reason as text.
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
    /// The error, on one line.
    pub message: String,
    /// The server's error code.
    pub sqlstate: Option<String>,
    /// The server's DETAIL, HINT and CONTEXT, each on a line.
    pub detail: Option<String>,
    /// The statement that the server rejected.
    pub statement: Option<String>,
}

/// A common cause for which several entries failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommonCause {
    /// The cause. If it is an entry, that entry failed by itself.
    pub cause: Cause,
    /// The cause as text.
    pub message: String,
    /// Whether the user chose to tolerate it.
    pub tolerated: bool,
    /// Whether it counts as a separate error: it is not tolerated, and not an entry listed in
    /// [`Summary::failures`].
    pub is_error: bool,
    /// The entries that failed because of it.
    pub entries: Vec<EntryRef>,
    /// How many of them are restored and lack only their owner.
    pub without_owner: u64,
}

impl FailedEntry {
    /// Whether it is a foreign key with orphaned rows.
    fn is_of_orphans(&self) -> bool {
        self.entry.kind() == Desc::FkConstraint
            && self.sqlstate.as_deref() == Some(FOREIGN_KEY_VIOLATION)
    }
}

impl Summary {
    /// The number of errors: entries that failed by themselves, common causes that are not
    /// tolerated, and entries that are unaccounted for. If it is not 0, the exit code is 1.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// Whether wanted = done + skipped + tolerated + failed. If not, the program has a bug, or the
    /// run ended early.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.balanced
    }

    /// Whether the run ended early, so that entries without an error may be missing, too.
    fn was_cut_short(&self) -> bool {
        self.skipped.iter().any(|skipped| is_cut(&skipped.reason))
    }

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

    /// One line of JSON in the format of the log lines, with a newline at the end; the field
    /// `summary` contains the summary.
    pub(super) fn to_log_line(&self) -> String {
        let mut timestamp = String::new();
        // Writing to a String does not fail, and a line without a time is better than none.
        let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
        let line = LogLine {
            timestamp,
            level: if self.errors == 0 { "INFO" } else { "ERROR" },
            fields: Fields { message: "summary", summary: self },
            target: module_path!(),
        };
        // A summary consists of numbers, text and lists, which always serialize.
        let mut line = serde_json::to_string(&line).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// Whether an entry was skipped because the run ended early.
fn is_cut(reason: &str) -> bool {
    reason == ROLLED_BACK || reason.starts_with(NOT_REACHED)
}

/// A log line in tracing-subscriber's JSON format.
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
