//! What a restore reports while it runs: one stream of [`Event`]s.
//!
//! Progress bars, log lines, the summary at the end and the cost history are all readers of these
//! events; nothing in the core prints.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::archive::{Desc, DumpId, Entry};
use crate::plan::Step;
use crate::plan::history::RowFormat;

/// The entry an event is about, with enough of it to name it anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryRef {
    /// The entry's number in the archive.
    pub dump_id: i32,
    /// Its kind, `TABLE DATA`.
    pub desc: String,
    /// Its schema, if it has one.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
}

impl EntryRef {
    /// The name of the entry in messages, `TABLE DATA public.users`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.schema.as_deref() {
            Some(schema) if !schema.is_empty() => format!("{} {}.{}", self.desc, schema, self.name),
            _ => format!("{} {}", self.desc, self.name),
        }
    }

    /// The number as its own type.
    #[must_use]
    pub fn id(&self) -> DumpId {
        DumpId(self.dump_id)
    }

    /// The kind as its own type.
    #[must_use]
    pub fn kind(&self) -> Desc {
        Desc::from_text(&self.desc)
    }
}

impl From<&Entry> for EntryRef {
    fn from(entry: &Entry) -> Self {
        Self {
            dump_id: entry.dump_id.0,
            desc: entry.desc.as_str().to_owned(),
            schema: entry.namespace.clone(),
            name: entry.tag.clone(),
        }
    }
}

/// One of a restore's sessions, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct LaneId(pub usize);

impl LaneId {
    /// The session that is opened first.
    pub const FIRST: Self = Self(0);
}

/// The outcome of an entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// All of it is in the database.
    Done,
    /// It was wanted but skipped on purpose.
    Skipped {
        /// Why, in words.
        reason: String,
    },
    /// The server refused it in a way that the user chose to accept (`--tolerate`).
    Tolerated {
        /// What was refused.
        failure: Failure,
    },
    /// It is not, or only partially, in the database.
    Failed {
        /// What went wrong.
        failure: Failure,
    },
}

/// What a sync did with a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// They were left as they are.
    Unchanged,
    /// Some were deleted, some inserted.
    Patched,
    /// All were deleted, and inserted anew.
    Replaced,
}

impl Answer {
    /// As a word in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Patched => "patched",
            Self::Replaced => "replaced",
        }
    }
}

/// The start of the reason for entries skipped because the restore ended before them.
pub const NOT_REACHED: &str = "not reached";

/// The reason for entries that were done in a transaction that was not committed.
pub const ROLLED_BACK: &str = "rolled back";

/// Why an entry failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Failure {
    /// One line: the server's message, or the problem with the archive.
    pub message: String,
    /// The SQLSTATE: the server's, or 08006 when the connection was lost.
    pub sqlstate: Option<String>,
    /// DETAIL, HINT and CONTEXT of the server, each on a line.
    pub detail: Option<String>,
    /// The statement that the server refused, truncated to a sensible length.
    pub statement: Option<String>,
    /// Set when this failure is only a consequence of another one, which is reported itself.
    pub cause: Option<Cause>,
    /// Whether the object is restored and only its owner is not set.
    pub only_owner: bool,
}

impl Failure {
    /// One more line of detail.
    pub(crate) fn add_detail(&mut self, line: &str) {
        let detail = self.detail.get_or_insert_default();
        if !detail.is_empty() {
            detail.push('\n');
        }
        detail.push_str(line);
    }

    /// Adds how many statements failed this way, if more than one.
    pub(crate) fn add_count(&mut self, count: u64) {
        if count > 1 {
            self.add_detail(&format!("COUNT: {count} statements were refused for this reason"));
        }
    }
}

/// The common reason why several entries fail.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Cause {
    /// An entry that this one depends on failed.
    Entry {
        /// That entry.
        entry: i32,
    },
    /// A role that the target does not have.
    MissingRole {
        /// Its name.
        role: String,
    },
    /// An extension that the target cannot install.
    MissingExtension {
        /// Its name.
        extension: String,
    },
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The archive is open and the entries are chosen.
    Planned {
        /// The archive's name as the user gave it.
        archive: String,
        /// Entries in the archive.
        entries: usize,
        /// Entries that are wanted.
        wanted: usize,
        /// Entries with data that are wanted.
        with_data: usize,
        /// Bytes of data to read from the archive (compressed), if known beforehand.
        data_bytes: Option<u64>,
        /// Sessions that will work in parallel.
        jobs: usize,
    },
    /// The predicted duration of the restore, from earlier runs.
    Predicted {
        /// Wall time, from the plan to the end.
        #[serde(serialize_with = "seconds")]
        wall: Duration,
    },
    /// The remaining time of the run, from the predicted costs of its jobs. Sent when the plan is
    /// made and then about once a second, if enough is known about the data.
    Remaining {
        /// Wall time from now to the end.
        #[serde(serialize_with = "seconds")]
        left: Duration,
    },
    /// Connected to the target.
    Connected {
        /// `user@host:port/database`, never a password.
        target: String,
        /// The server's version, `15.8`.
        server_version: String,
    },
    /// The server has room for fewer sessions than planned.
    FewerSessions {
        /// Sessions in use.
        jobs: usize,
    },
    /// Work on an entry starts, or continues.
    Started {
        /// The entry.
        entry: EntryRef,
        /// Whether it was started before: this is its second step, or another way to restore it.
        again: bool,
        /// The session that does it.
        lane: LaneId,
        /// Bytes of the entry's data in the archive (compressed), if known.
        data_bytes: Option<u64>,
    },
    /// An idle session helps to load a table's rows. The entry is reported as usual by the session
    /// that started it.
    Joined {
        /// The entry.
        entry: EntryRef,
        /// The session that helps.
        lane: LaneId,
    },
    /// A session has stopped helping, just before the entry is finished.
    Left {
        /// The entry.
        dump_id: i32,
        /// The session that helped.
        lane: LaneId,
    },
    /// The first step of a two-step entry is done: the session is free, but the entry is not
    /// finished.
    Paused {
        /// The entry.
        dump_id: i32,
        /// The session that did the step.
        lane: LaneId,
    },
    /// A foreign key was added without checking its rows, as requested. Its entry is also reported
    /// as finished.
    NotChecked {
        /// The entry.
        dump_id: i32,
    },
    /// Statistics about a table were gathered, or could not be, which is not an error. This is not
    /// an entry of the archive; it was reported as started under the same name.
    Analyzed {
        /// The table's entry, with `ANALYZE` as its kind.
        entry: EntryRef,
        /// The session that did it.
        lane: LaneId,
        /// Why they were not gathered, if they were not.
        failure: Option<Failure>,
        /// Wall time.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
    },
    /// A data entry makes progress. Sent a few times a second.
    Progress {
        /// The entry.
        dump_id: i32,
        /// Rows (or large objects) sent so far.
        rows: u64,
        /// Bytes sent to the server so far (decompressed).
        bytes: u64,
        /// Bytes read from the archive so far (compressed).
        read: u64,
    },
    /// Work on an entry ended, successfully or not.
    Finished {
        /// The entry.
        entry: EntryRef,
        /// The session that did it.
        lane: LaneId,
        /// How it ended.
        outcome: Outcome,
        /// Rows (or large objects) the server stored.
        rows: u64,
        /// Bytes sent to the server (decompressed).
        bytes: u64,
        /// Bytes read from the archive (compressed).
        read: u64,
        /// Wall time.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
    },
    /// A job succeeded and was measured. A two-step entry is two jobs, each measured separately.
    /// Entries of the prelude are not jobs.
    Measured {
        /// The entry.
        entry: EntryRef,
        /// Which step of it.
        step: Step,
        /// Bytes of archived data that its cost grows with; 0 if unknown.
        size: u64,
        /// Rows (or large objects) the server stored.
        rows: u64,
        /// Bytes sent to the server.
        bytes: u64,
        /// The format in which rows were sent, if any were.
        format: Option<RowFormat>,
        /// Wall time; for rows loaded by several sessions, the time one session would have taken.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
    },
    /// An entry that was reported as done is gone again: the transaction that held it was rolled
    /// back.
    RolledBack {
        /// The entry.
        entry: EntryRef,
        /// Rows (or large objects) that were reported for it.
        rows: u64,
    },
    /// A sync has changed a table's rows, or left them. The change is not committed yet.
    Applied {
        /// The entry with the table's rows.
        entry: EntryRef,
        /// What was done.
        answer: Answer,
        /// Rows inserted.
        rows_in: u64,
        /// Rows deleted.
        rows_out: u64,
        /// Why this, if it is not the least work.
        reason: Option<String>,
    },
    /// A sync has committed its changes.
    Synced {
        /// Sequences that were set.
        sequences: u64,
        /// Materialized views that were refreshed.
        views: u64,
    },
    /// A sync restores everything; nothing that it has reported so far was done.
    RestoresAll {
        /// Why, each in words.
        reasons: Vec<String>,
    },
    /// A step that is not an entry: reading the TOC, looking for data blocks, dropping, committing.
    Step {
        /// What is being done, as a present participle: `dropping existing objects`.
        what: String,
    },
    /// An object could not be dropped beforehand (`--clean`). Counts as a separate error: the entry
    /// itself may still be restored.
    DropFailed {
        /// The entry whose object it is.
        entry: EntryRef,
        /// Why not.
        failure: Failure,
        /// Whether the user chose to accept it (`--tolerate`).
        tolerated: bool,
    },
    /// Something the user should know that is not the failure of an entry.
    Warning {
        /// One line.
        message: String,
    },
    /// A detail of how the restore works, for verbose output.
    Note {
        /// One line.
        message: String,
    },
    /// A failure that concerns more than one entry: reported once, with the number of entries
    /// affected.
    Problem {
        /// The cause.
        cause: Cause,
        /// One line.
        message: String,
        /// Entries that need what is missing.
        entries: usize,
        /// Whether the user chose to accept it (`--tolerate`).
        tolerated: bool,
    },
    /// A notice or warning of the server.
    Notice {
        /// The entry whose statement caused the notice, if known.
        dump_id: Option<i32>,
        /// Severity, `WARNING`.
        severity: String,
        /// The message.
        message: String,
    },
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// Sees every event. It must not block.
pub type Reader = Arc<dyn Fn(&Event) + Send + Sync>;

/// Where events go: to readers, in their order, and to one receiver. Cheap to clone; sending never
/// blocks.
#[derive(Clone)]
pub struct Events {
    readers: Arc<[Reader]>,
    receiver: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Events {
    /// Sends events to this function, which must not block.
    pub fn to(receiver: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self { readers: Arc::default(), receiver: Arc::new(receiver) }
    }

    /// Discards events.
    #[must_use]
    pub fn discard() -> Self {
        Self::to(|_| {})
    }

    /// The same, with these readers, which see each event first.
    #[must_use]
    pub fn read_by(self, readers: impl IntoIterator<Item = Reader>) -> Self {
        let readers = readers.into_iter().chain(self.readers.iter().cloned()).collect();
        Self { readers, ..self }
    }

    /// Sends one event.
    pub fn send(&self, event: Event) {
        self.readers.iter().for_each(|reader| reader(&event));
        (self.receiver)(event);
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
