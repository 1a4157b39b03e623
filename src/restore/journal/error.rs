//! Why a restore cannot keep a journal, or cannot resume from one.

use crate::{archive, target};

/// Why a restore with a journal did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The requested restore cannot be done with a journal.
    #[error("cannot keep a journal: {0}")]
    Cannot(&'static str),
    /// Another restore is running on the target.
    #[error("another restore is running on this target{}", process(.pid.as_ref()))]
    Busy {
        /// The server process, if known.
        pid: Option<String>,
    },
    /// Sessions of an earlier run have not ended.
    #[error("sessions of an earlier run have not ended (server process {pids})")]
    StillThere {
        /// The server processes.
        pids: String,
    },
    /// The journal belongs to a different restore.
    #[error(
        "the target holds the journal of a different restore, started at {began}: {}; finish that \
         one, or drop the tables nocturne.restore_journal and nocturne.restore_journal_line",
        .differences.join("; ")
    )]
    Differs {
        /// When that restore started, in the server's format.
        began: String,
        /// The differences, in words.
        differences: Vec<String>,
    },
    /// There is no journal, and the target is not empty.
    #[error(
        "the target holds no journal, but {table} already exists: a finished restore is not \
         started again (--clean drops existing objects)"
    )]
    AlreadyThere {
        /// A table of the archive.
        table: String,
    },
    /// The journal was written by an incompatible version of this program.
    #[error(
        "the journal in the target has format {0}, which this version does not support: finish \
         that restore with the version that started it, or drop the tables \
         nocturne.restore_journal and nocturne.restore_journal_line"
    )]
    Format(String),
    /// The archive could not be read while comparing it with what was loaded.
    #[error(transparent)]
    Archive(archive::Error),
    /// The journal tables do not contain what they should.
    #[error("the journal in the target is damaged: {0}")]
    Damaged(String),
    /// The server refuses the journal's statements.
    #[error("cannot keep the journal in the target (schema nocturne)")]
    Target(#[from] target::Error),
}

fn process(pid: Option<&String>) -> String {
    pid.map(|pid| format!(" (server process {pid})")).unwrap_or_default()
}

impl JournalError {
    /// Whether the journal belongs to a different restore: to run this one,
    /// [`forget`](super::forget) the journal.
    #[must_use]
    pub fn is_other_restore(&self) -> bool {
        matches!(self, Self::Differs { .. } | Self::Format(_))
    }
}
