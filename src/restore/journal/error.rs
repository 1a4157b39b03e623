//! Why a restore cannot keep a journal, or not go on with one.

use crate::{archive, target};

/// Why a restore with a journal did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// What is asked for cannot be done with a journal.
    #[error("cannot keep a journal: {0}")]
    Cannot(&'static str),
    /// Another restore is at work on the target.
    #[error("another restore is running on this target{}", process(.pid.as_ref()))]
    Busy {
        /// The process of the server, if it tells.
        pid: Option<String>,
    },
    /// Sessions of an earlier run do not end.
    #[error("sessions of an earlier run have not ended (server process {pids})")]
    StillThere {
        /// The processes of the server.
        pids: String,
    },
    /// The journal is of another restore.
    #[error(
        "the target holds the journal of a different restore, started at {began}: {}; finish that \
         one, or drop the tables nocturne.restore_journal and nocturne.restore_journal_line",
        .differences.join("; ")
    )]
    Differs {
        /// When that restore began, as the server writes times.
        began: String,
        /// What differs, in words.
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
    /// The journal was written by another version of this program.
    #[error(
        "the journal in the target has format {0}, which this version does not support: finish \
         that restore with the version that started it, or drop the tables \
         nocturne.restore_journal and nocturne.restore_journal_line"
    )]
    Format(String),
    /// The archive cannot be read where it is compared with what was loaded.
    #[error(transparent)]
    Archive(archive::Error),
    /// The tables of the journal do not hold what they should.
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
    /// Whether the journal is of another restore: whoever wants this one must
    /// [`forget`](super::forget) it.
    #[must_use]
    pub fn is_other_restore(&self) -> bool {
        matches!(self, Self::Differs { .. } | Self::Format(_))
    }
}
