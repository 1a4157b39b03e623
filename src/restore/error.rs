//! Why a restore ends early, why it cannot keep a journal, and why the work on an entry fails.

use crate::archive;
use crate::error::chain;
use crate::restore::event::{Cause, Failure};
use crate::restore::points::StagePoint;
use crate::server::sqlstate::CONNECTION_FAILURE;
use crate::server::{Retry, ServerError, SessionError};

/// Result of a restore.
pub type Result<T, E = RestoreError> = std::result::Result<T, E>;

/// Why a restore ended early. Errors of single entries are reported as events instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The archive is damaged or lacks something that is wanted.
    #[error(transparent)]
    Archive(archive::ArchiveError),
    /// The archive stream turned out to be damaged, or ended early. What arrived before is in the
    /// database.
    #[error(transparent)]
    Stream(archive::ArchiveError),
    /// The first session could not be opened.
    #[error("{0}")]
    Connect(#[source] SessionError),
    /// A session failed outside of any entry.
    #[error("{0}")]
    Target(#[source] SessionError),
    /// No journal can be kept, or the one in the target belongs to a different restore. Nothing was
    /// done.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A session was lost and could not be replaced, or its replacement may not continue.
    #[error("{0}")]
    ServerLost(String),
    /// The database could not be created (`--create`), and its contents must not go anywhere else.
    #[error("cannot create the database; nothing was restored")]
    NoDatabase,
    /// The caller's work at a stage of the restore failed.
    #[error("stopped {point}")]
    Stage {
        /// Where.
        point: StagePoint,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An entry failed and the restore was to stop at the first error (`--exit-on-error`).
    #[error("stopped at the first error")]
    Stopped,
    /// The user or the system asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A bug in this program.
    #[error("{0}")]
    Internal(String),
}

/// The result of a restore that ran to completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Failures that count as errors, of entries and of dropping.
    pub errors: usize,
}

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
    /// The target has no journal, but is not empty.
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
    Archive(archive::ArchiveError),
    /// The journal tables do not contain what they should.
    #[error("the journal in the target is damaged: {0}")]
    Damaged(String),
    /// The server refuses the journal's statements.
    #[error("cannot keep the journal in the target (schema nocturne)")]
    Target(#[from] SessionError),
}

fn process(pid: Option<&String>) -> String {
    pid.map(|pid| format!(" (server process {pid})")).unwrap_or_default()
}

impl JournalError {
    /// Whether the journal belongs to a different restore: to run this one,
    /// [`forget`](crate::restore::journal::forget) the journal.
    #[must_use]
    pub fn is_other_restore(&self) -> bool {
        matches!(self, Self::Differs { .. } | Self::Format(_))
    }
}

/// Why the work on an entry did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// The server, or the connection to it.
    #[error(transparent)]
    Target(#[from] SessionError),
    /// The server, about a row whose number in the COPY differs from its number in the archive.
    #[error("row {row} of the archive's data")]
    Row {
        /// The row, from 1.
        row: u64,
        /// What the server said.
        source: SessionError,
    },
    /// The archive.
    #[error(transparent)]
    Archive(#[from] archive::ArchiveError),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl WorkError {
    pub(crate) fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Target(error) | Self::Row { source: error, .. } => error.server(),
            _ => None,
        }
    }

    /// Whether, and how, the work is tried again.
    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::Target(error) | Self::Row { source: error, .. } => error.retry(),
            Self::Archive(_) | Self::Other(_) => Retry::Never,
        }
    }

    /// The failure to report, without its cause, which depends on the other entries.
    pub(crate) fn failure(&self) -> Failure {
        match self.server() {
            Some(error) => Failure {
                message: error.message.clone(),
                sqlstate: Some(error.sqlstate.clone()),
                detail: self.details(error),
                statement: error.statement.clone(),
                cause: error
                    .missing_role()
                    .map(|role| Cause::MissingRole { role: role.to_owned() }),
                only_owner: false,
            },
            None => Failure {
                message: chain(self),
                sqlstate: self.retry().is_at_once().then(|| CONNECTION_FAILURE.to_owned()),
                ..Failure::default()
            },
        }
    }

    fn details(&self, error: &ServerError) -> Option<String> {
        let row = match self {
            Self::Row { row, .. } => Some(format!("{row} of the archive's data")),
            _ => None,
        };
        let lines: Vec<String> = [
            ("DETAIL", &error.detail),
            ("HINT", &error.hint),
            ("CONTEXT", &error.context),
            ("QUERY", &error.internal_query),
            ("ROW", &row),
        ]
        .into_iter()
        .filter_map(|(name, text)| text.as_ref().map(|text| format!("{name}: {text}")))
        .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// An error about data that is loaded nevertheless, at least for the most part.
pub(crate) struct Shortfall {
    pub(crate) error: WorkError,
    /// What happened to the data.
    pub(crate) note: String,
}
