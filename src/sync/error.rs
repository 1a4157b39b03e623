//! Why a sync fails.

use crate::archive::ArchiveError;
use crate::restore::RestoreError;
use crate::restore::journal::JournalError;
use crate::server::{Retry, SessionError};
use crate::sync::reason::Reason;

/// Why a sync failed. The target is unchanged, except after [`SyncError::Restore`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The first session could not be opened.
    #[error("{0}")]
    Connect(#[source] SessionError),
    /// The archive is damaged, or lacks something that is wanted.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Another sync or restore is running on the target, or its sessions have not ended.
    #[error(transparent)]
    Lock(JournalError),
    /// The target has objects of the archive, but no manifest.
    #[error("the target has objects of the archive but no manifest")]
    NoManifest,
    /// The changes cannot be applied, and a full restore is not allowed or no longer possible.
    /// Never empty.
    #[error("everything has to be restored: {}", sentences(.0))]
    NeedsFull(Vec<Reason>),
    /// A table could not be changed.
    #[error("cannot change table {table}")]
    Table {
        /// Schema and name, as in SQL.
        table: String,
        /// What the server said.
        #[source]
        source: SessionError,
    },
    /// A materialized view could not be refreshed.
    #[error("cannot refresh materialized view {view}")]
    View {
        /// Schema and name, as in SQL.
        view: String,
        /// What the server said.
        #[source]
        source: SessionError,
    },
    /// The archive's rows violate a foreign key of the database that the archive does not have, or
    /// that refers to or from a table that is not synced.
    #[error("{} would violate foreign key {key} of table {table}", in_words(*.rows))]
    ForeignKey {
        /// The key's name.
        key: String,
        /// The table with the key, as in SQL.
        table: String,
        /// Rows that violate it, up to 1000.
        rows: u64,
    },
    /// Objects could not be dropped before everything was restored. Nothing was.
    #[error("cannot drop existing objects{detail}")]
    Drop {
        /// What the server said about it, after a colon, or nothing.
        detail: String,
        /// What the server said.
        #[source]
        source: SessionError,
    },
    /// A session failed outside of any table.
    #[error("{0}")]
    Server(#[from] SessionError),
    /// The restore of everything failed, or ended with errors.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The reply to the last COMMIT was lost, and its outcome could not be determined.
    #[error("the connection was lost during the last COMMIT; run the same command again")]
    Unsettled(#[source] SessionError),
    /// The user or the system asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A bug in this program.
    #[error("internal error: {0}")]
    Internal(String),
}

/// The reasons in one line.
pub(super) fn sentences(reasons: &[Reason]) -> String {
    reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join("; ")
}

fn in_words(rows: u64) -> String {
    match rows {
        1 => "1 row".to_owned(),
        1000.. => "1000 rows or more".to_owned(),
        rows => format!("{rows} rows"),
    }
}

impl SyncError {
    /// Whether, and how, the sync is worth trying again, from the archive's start.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connect(error)
            | Self::Server(error)
            | Self::Table { source: error, .. }
            | Self::View { source: error, .. }
            | Self::Drop { source: error, .. } => error.retry(),
            Self::Lock(_) | Self::Unsettled(_) => Retry::LaterAttempt,
            _ => Retry::Never,
        }
    }
}
