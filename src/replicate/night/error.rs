//! Why a night failed, and whether a retry may succeed.

use tokio_util::sync::CancellationToken;

use crate::archive::ErrorKind;
use crate::error::chain;
use crate::replicate::backup::BackupError;
use crate::replicate::clean::CleanError;
use crate::replicate::enrich::EnrichError;
use crate::replicate::hooks::HookError;
use crate::replicate::incremental::IncrementalError;
use crate::replicate::lock::LockError;
use crate::replicate::swap::SwapError;
use crate::replicate::worker::{JobFailure, JobOutcome};
use crate::report::units::plural;
use crate::restore::RestoreError;
use crate::restore::journal::JournalError;
use crate::select::SelectError;
use crate::server::sqlstate::INVALID_CATALOG_NAME;
use crate::server::{self, Retry};
use crate::sync::{Reason, SyncError};

/// Why a night failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NightError {
    /// The settings name no target.
    #[error("DATABASE_URL is not set")]
    NoTarget,
    /// The run was asked to stop, or stopped because the lock was lost.
    #[error("stopped")]
    Stopped,
    /// Another run holds the lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// No backup was found, or it cannot be read.
    #[error(transparent)]
    Backup(Box<BackupError>),
    /// The target could not be cleaned.
    #[error(transparent)]
    Clean(#[from] CleanError),
    /// The new database could not be created or swapped in.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// A hook failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The entries cannot be selected.
    #[error("cannot select entries")]
    Select(#[from] SelectError),
    /// The target could not be queried.
    #[error("cannot {what}")]
    Target {
        /// The failed action.
        what: &'static str,
        /// The server's error.
        #[source]
        source: server::SessionError,
    },
    /// The restore ended early.
    #[error("the restore ended early")]
    Restore(#[source] Box<RestoreError>),
    /// What differs could not be applied. The target is unchanged.
    #[error(
        "cannot apply what differs: {}{}", chain(&**.0),
        match sync_retry(.0) {
            Retry::Never => " (hint: --from-scratch restores everything)",
            _ => "",
        }
    )]
    Sync(Box<SyncError>),
    /// What differs was applied, but materialized views of the enrichment could not be refreshed.
    #[error(
        "{} could not be refreshed, the first: {first}; the next night restores everything",
        plural(*.count, "materialized view", "materialized views")
    )]
    Stale {
        /// How many.
        count: u64,
        /// The first one.
        first: String,
    },
    /// Entries of the archive could not be restored.
    #[error("{} could not be restored, the first: {first}", plural(*.count, "entry", "entries"))]
    Entries {
        /// How many, and causes that affect several.
        count: u64,
        /// The first one, and why.
        first: String,
        /// Whether, and how, some of them are tried again.
        retry: Retry,
    },
    /// The enrichment could not run.
    #[error(transparent)]
    Enrich(#[from] EnrichError),
    /// Files of the enrichment failed.
    #[error("{} of the enrichment failed, the first: {first}", plural(*.count, "file", "files"))]
    Files {
        /// How many.
        count: u64,
        /// The first one, and why.
        first: String,
        /// Whether, and how, they are tried again.
        retry: Retry,
    },
    /// The incremental tables cannot be listed.
    #[error(transparent)]
    Incremental(Box<IncrementalError>),
    /// Incremental tables were not copied.
    #[error("{} not copied, the first: {first}", plural(*.count, "table", "tables"))]
    Tables {
        /// How many.
        count: u64,
        /// The first one's error.
        first: String,
        /// Whether, and how, they are tried again.
        retry: Retry,
    },
    /// Names in the settings that match nothing in the archive.
    #[error(
        "nothing was dropped: {names} (hint: correct BACKUP_MODE or RESTORE_EXCLUDE, or unset \
         BACKUP_MODE_STRICT)"
    )]
    Unused {
        /// Each name, in words.
        names: String,
    },
    /// The settings exclude all tables of the archive.
    #[error(
        "nothing was dropped: RESTORE_EXCLUDE and BACKUP_MODE exclude every table of the backup \
         (hint: run --dry-run shows their effect; nocturne list shows the names)"
    )]
    NoTable,
    /// The archive defines no tables.
    #[error(
        "nothing was dropped: the backup defines no tables (hint: make it with pg_dump of a \
         database that has some, without --data-only and --section)"
    )]
    NoDefinitions,
    /// Partitions whose mode contradicts that of their table.
    #[error("nothing was dropped: {partitions} (hint: set the same mode for both in BACKUP_MODE)")]
    Contradiction {
        /// Each partition, with both modes.
        partitions: String,
    },
    /// The role lacks privileges to create the restored objects.
    #[error("nothing was dropped: {missing}")]
    Rights {
        /// Each missing privilege, in words.
        missing: String,
    },
    /// The target has other objects in the place of the archive's.
    #[error(
        "nothing was dropped, because {} could not be restored, the first: {first}",
        plural(*.count, "entry", "entries")
    )]
    InTheWay {
        /// How many entries.
        count: u64,
        /// The first one, and why.
        first: String,
    },
    /// Other roles have created something since the check before the drop.
    #[error("{} of other roles would be used, the first: {first}", plural(*.count, "object", "objects"))]
    Planted {
        /// How many.
        count: u64,
        /// The first one, and what to do.
        first: String,
    },
    /// Incremental tables could not be copied.
    #[error(
        "nothing was dropped, because {} could not be copied, the first: {first}",
        plural(*.count, "table", "tables")
    )]
    Precheck {
        /// How many.
        count: u64,
        /// The first one's error.
        first: String,
        /// Whether, and how, they are tried again.
        retry: Retry,
    },
    /// Rows of earlier runs are missing.
    #[error(
        "{} of earlier incremental copies missing in the target ({})",
        plural(*.missing, "row", "rows"),
        match .were_to_be_filled {
            false => "hint: INCREMENTAL_FILL_GAPS=true copies them",
            true => "they could not be copied; see the warnings in the log",
        }
    )]
    Gaps {
        /// How many.
        missing: u64,
        /// Whether they should have been copied.
        were_to_be_filled: bool,
    },
}

impl NightError {
    /// An error of the target outside of the modules with their own errors.
    pub(super) fn target(what: &'static str) -> impl FnOnce(server::SessionError) -> Self {
        move |source| Self::Target { what, source }
    }

    /// Whether a database of the target's server does not exist.
    pub(super) fn is_missing_database(&self) -> bool {
        matches!(self, Self::Target { source, .. } if source.sqlstate() == Some(INVALID_CATALOG_NAME))
    }

    /// Why everything has to be restored, if it showed only while what differs was determined.
    pub(super) fn needs_full(&self) -> Option<Vec<String>> {
        let Self::Sync(error) = self else { return None };
        let SyncError::NeedsFull(reasons) = &**error else { return None };
        Some(reasons.iter().map(Reason::to_string).collect())
    }

    /// Whether what an earlier attempt left in the target cannot be resumed.
    pub(super) fn is_other_restore(&self) -> bool {
        let Self::Restore(error) = self else { return false };
        match &**error {
            RestoreError::Journal(error) => {
                let is_of_no_use =
                    matches!(error, JournalError::Damaged(_) | JournalError::AlreadyThere { .. });
                is_of_no_use || error.is_other_restore()
            }
            // The backup was replaced under the same name while it was being read.
            RestoreError::Stream(error) => matches!(error.kind(), ErrorKind::Changed(_)),
            _ => false,
        }
    }

    /// Whether another attempt follows: not if it is [`Retry::Never`].
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoTarget
            | Self::Select(_)
            | Self::Unused { .. }
            | Self::NoTable
            | Self::NoDefinitions
            | Self::Contradiction { .. }
            | Self::Rights { .. }
            | Self::InTheWay { .. }
            | Self::Planted { .. }
            | Self::Stale { .. }
            | Self::Gaps { .. } => Retry::Never,
            Self::Stopped => Retry::LaterAttempt,
            Self::Lock(error) => error.retry(),
            Self::Backup(error) => error.retry(),
            Self::Clean(error) => error.retry(),
            Self::Swap(error) => error.retry(),
            Self::Hook(error) => error.retry(),
            Self::Target { source, .. } => source.retry(),
            Self::Restore(error) => retry(error),
            Self::Sync(error) => sync_retry(error),
            Self::Enrich(error) => error.retry(),
            Self::Entries { retry, .. }
            | Self::Files { retry, .. }
            | Self::Tables { retry, .. }
            | Self::Precheck { retry, .. } => *retry,
            Self::Incremental(error) => error.retry(),
        }
    }
}

impl From<BackupError> for NightError {
    fn from(error: BackupError) -> Self {
        Self::Backup(Box::new(error))
    }
}

impl From<SyncError> for NightError {
    fn from(error: SyncError) -> Self {
        Self::Sync(Box::new(error))
    }
}

impl From<IncrementalError> for NightError {
    fn from(error: IncrementalError) -> Self {
        Self::Incremental(Box::new(error))
    }
}

/// How an attempt ended that was to stop once `stop` is cancelled.
pub(super) fn outcome(result: Result<(), NightError>, stop: &CancellationToken) -> JobOutcome {
    match result {
        Ok(()) => JobOutcome::Succeeded,
        Err(_) if stop.is_cancelled() => JobOutcome::Stopped,
        Err(error) => JobOutcome::Failed(JobFailure::new(&error, error.retry())),
    }
}

fn sync_retry(error: &SyncError) -> Retry {
    match error {
        // As in a restore.
        SyncError::Archive(_) | SyncError::Interrupted | SyncError::Internal(_) => {
            Retry::LaterAttempt
        }
        error => error.retry(),
    }
}

fn retry(error: &RestoreError) -> Retry {
    match error {
        // A damaged backup may be replaced, and a download may be complete next time.
        RestoreError::Archive(_) | RestoreError::Stream(_) => Retry::LaterAttempt,
        RestoreError::Connect(error)
        | RestoreError::Target(error)
        | RestoreError::Journal(JournalError::Target(error)) => error.retry(),
        RestoreError::Journal(JournalError::Cannot(_) | JournalError::AlreadyThere { .. }) => {
            Retry::Never
        }
        RestoreError::Journal(_)
        | RestoreError::ServerLost(_)
        | RestoreError::Interrupted
        | RestoreError::Internal(_) => Retry::LaterAttempt,
        RestoreError::Stage { source, .. } => {
            source.downcast_ref::<HookError>().map_or(Retry::Never, HookError::retry)
        }
        _ => Retry::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive;
    use crate::replicate::hooks::HookPoint;
    use crate::replicate::sql_file::FileError;
    use crate::restore::StagePoint;

    fn restore(error: RestoreError) -> NightError {
        NightError::Restore(Box::new(error))
    }

    fn hook(source: FileError) -> RestoreError {
        let error = HookError::Failed { stage: HookPoint::AfterData, source };
        RestoreError::Stage { point: StagePoint::AfterData, source: Box::new(error) }
    }

    #[test]
    fn only_temporary_errors_are_retried() {
        let damaged = || archive::ArchiveError::new(ErrorKind::Damaged("cut".to_owned()));
        let network = || server::SessionError::Network("refused".into());
        let file = || "f.sql".to_owned();
        for (error, is_retried) in [
            (restore(RestoreError::Stream(damaged())), true),
            (restore(RestoreError::Connect(network())), true),
            (restore(RestoreError::Connect(server::SessionError::NoPassword)), false),
            (restore(RestoreError::Journal(JournalError::Busy { pid: None })), true),
            (restore(RestoreError::Journal(JournalError::Cannot("no"))), false),
            (restore(hook(FileError::Stopped { file: file() })), true),
            (restore(hook(FileError::OpenTransaction { file: file() })), false),
            (NightError::target("look")(network()), true),
            (NightError::Entries { count: 1, first: String::new(), retry: Retry::Never }, false),
            (
                NightError::Entries { count: 1, first: String::new(), retry: Retry::LaterAttempt },
                true,
            ),
            (NightError::Lock(LockError::Taken { holder: None }), true),
            (NightError::Backup(Box::new(BackupError::NoSource)), false),
            (NightError::Stopped, true),
        ] {
            assert_eq!(error.retry() != Retry::Never, is_retried, "{error:?}");
        }
    }

    #[test]
    fn journal_of_another_restore_is_recognised() {
        let differs = JournalError::Differs { began: "then".to_owned(), differences: Vec::new() };
        assert!(restore(RestoreError::Journal(differs)).is_other_restore());
        let busy = JournalError::Busy { pid: None };
        assert!(!restore(RestoreError::Journal(busy)).is_other_restore());
        let stream = |kind: fn(String) -> ErrorKind| {
            restore(RestoreError::Stream(archive::ArchiveError::new(kind(String::new()))))
        };
        assert!(stream(ErrorKind::Changed).is_other_restore());
        assert!(!stream(ErrorKind::Damaged).is_other_restore());
    }
}
