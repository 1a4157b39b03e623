//! Why a night failed, and whether another attempt may do better.

use crate::archive::ErrorKind;
use crate::replicate::backup::BackupError;
use crate::replicate::clean::CleanError;
use crate::replicate::enrich::EnrichError;
use crate::replicate::hooks::HookError;
use crate::replicate::incremental::IncrementalError;
use crate::replicate::lock::LockError;
use crate::replicate::swap::SwapError;
use crate::report::units::plural;
use crate::restore::journal::JournalError;
use crate::restore::{self, statements::StatementError};
use crate::select::SelectError;
use crate::target;

/// Why a night failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NightError {
    /// The settings name no target.
    #[error("DATABASE_URL is not set")]
    NoTarget,
    /// Asked to stop, or nothing may go on because the lock is lost.
    #[error("stopped")]
    Stopped,
    /// Another run is at work.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is no backup, or it cannot be read.
    #[error(transparent)]
    Backup(Box<BackupError>),
    /// The target is not clean.
    #[error(transparent)]
    Clean(#[from] CleanError),
    /// No new database, or it could not take the place of the old one.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// A hook.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The archive's own settings make no sense.
    #[error("the archive's settings")]
    Settings(#[from] StatementError),
    /// No entries can be chosen.
    #[error("no entries can be chosen")]
    Select(#[from] SelectError),
    /// The target could not be asked something.
    #[error("cannot {what}")]
    Target {
        /// What was to be done.
        what: &'static str,
        /// What the server said.
        #[source]
        source: target::Error,
    },
    /// The restore ended before its end.
    #[error("the restore ended early")]
    Restore(#[source] Box<restore::Error>),
    /// Entries of the archive are not in the target.
    #[error("{} could not be restored, the first: {first}", plural(*.count, "entry", "entries"))]
    Entries {
        /// How many, and causes of several.
        count: u64,
        /// What the first one was, and why.
        first: String,
        /// Whether another attempt may restore some of them.
        is_passing: bool,
    },
    /// There is no enrichment.
    #[error(transparent)]
    Enrich(#[from] EnrichError),
    /// Files of the enrichment failed.
    #[error("{} of the enrichment failed, the first: {first}", plural(*.count, "file", "files"))]
    Files {
        /// How many.
        count: u64,
        /// The first one, and why.
        first: String,
        /// Whether time may heal all of them.
        is_passing: bool,
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
        /// Whether time may heal all of them.
        is_passing: bool,
    },
    /// Names in the settings that mean nothing in the archive.
    #[error(
        "nothing was dropped: {names} (hint: correct BACKUP_MODE or RESTORE_EXCLUDE, or unset \
         BACKUP_MODE_STRICT)"
    )]
    Unused {
        /// Each name, in words.
        names: String,
    },
    /// The settings leave out all tables of the archive.
    #[error(
        "nothing was dropped: RESTORE_EXCLUDE and BACKUP_MODE leave no table of the backup to \
         restore (hint: run --dry-run shows what they mean; nocturne list shows the names)"
    )]
    NoTable,
    /// The archive defines no tables.
    #[error(
        "nothing was dropped: the backup defines no tables (hint: make it with pg_dump of a \
         database that has some, without --data-only and --section)"
    )]
    NoDefinitions,
    /// Modes of partitions that their tables' modes rule out.
    #[error("nothing was dropped: {partitions} (hint: set the same mode for both in BACKUP_MODE)")]
    Contradiction {
        /// Each partition, with both modes.
        partitions: String,
    },
    /// The role could not create what is restored.
    #[error("nothing was dropped: {missing}")]
    Rights {
        /// Each missing right, in words.
        missing: String,
    },
    /// Incremental tables would not be copied.
    #[error(
        "nothing was dropped, because {} could not be copied, the first: {first}",
        plural(*.count, "table", "tables")
    )]
    Precheck {
        /// How many.
        count: u64,
        /// The first one's error.
        first: String,
        /// Whether time may heal all of them.
        is_passing: bool,
    },
    /// Rows of earlier runs are missing.
    #[error(
        "{} of earlier incremental copies missing in the target ({})",
        plural(*.missing, "row", "rows"),
        match .were_to_be_filled {
            false => "hint: INCREMENTAL_FILL_GAPS=true copies them",
            true => "they could not be copied: the log's warnings say why",
        }
    )]
    Gaps {
        /// How many.
        missing: u64,
        /// Whether they were to be copied.
        were_to_be_filled: bool,
    },
}

impl NightError {
    /// An error of the target outside of any part that has errors of its own.
    pub(super) fn target(what: &'static str) -> impl FnOnce(target::Error) -> Self {
        move |source| Self::Target { what, source }
    }

    /// Whether what an earlier attempt has left in the target is of no use for this one.
    pub(super) fn is_other_restore(&self) -> bool {
        let Self::Restore(error) = self else { return false };
        match &**error {
            restore::Error::Journal(error) => {
                let is_of_no_use =
                    matches!(error, JournalError::Damaged(_) | JournalError::AlreadyThere { .. });
                is_of_no_use || error.is_other_restore()
            }
            // A backup that was replaced under its name, seen while it came.
            restore::Error::Stream(error) => matches!(error.kind(), ErrorKind::Changed(_)),
            _ => false,
        }
    }

    /// Whether another attempt would fail the same way.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::NoTarget
            | Self::Settings(_)
            | Self::Select(_)
            | Self::Unused { .. }
            | Self::NoTable
            | Self::NoDefinitions
            | Self::Contradiction { .. }
            | Self::Rights { .. } => true,
            Self::Stopped => false,
            Self::Lock(error) => !error.is_passing(),
            Self::Backup(error) => error.is_permanent(),
            Self::Clean(error) => !error.is_passing(),
            Self::Swap(error) => !error.is_passing(),
            Self::Hook(error) => !error.is_passing(),
            Self::Target { source, .. } => !heals(source),
            Self::Restore(error) => is_permanent(error),
            Self::Gaps { .. } => true,
            Self::Enrich(error) => !error.is_passing(),
            Self::Entries { is_passing, .. }
            | Self::Files { is_passing, .. }
            | Self::Tables { is_passing, .. }
            | Self::Precheck { is_passing, .. } => !is_passing,
            Self::Incremental(error) => !error.is_passing(),
        }
    }
}

impl From<BackupError> for NightError {
    fn from(error: BackupError) -> Self {
        Self::Backup(Box::new(error))
    }
}

impl From<IncrementalError> for NightError {
    fn from(error: IncrementalError) -> Self {
        Self::Incremental(Box::new(error))
    }
}

fn heals(error: &target::Error) -> bool {
    error.is_passing()
}

fn is_permanent(error: &restore::Error) -> bool {
    match error {
        // A damaged backup may be replaced by a better one, a download be complete the next time.
        restore::Error::Archive(_) | restore::Error::Stream(_) => false,
        restore::Error::Connect(error)
        | restore::Error::Target(error)
        | restore::Error::Journal(JournalError::Target(error)) => !heals(error),
        restore::Error::Journal(error) => {
            matches!(error, JournalError::Cannot(_) | JournalError::AlreadyThere { .. })
        }
        restore::Error::ServerLost(_)
        | restore::Error::Interrupted
        | restore::Error::Internal(_) => false,
        restore::Error::Stage { source, .. } => {
            source.downcast_ref::<HookError>().is_none_or(|error| !error.is_passing())
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive;
    use crate::replicate::hooks::Stage;
    use crate::replicate::sql_file::FileError;
    use crate::restore::StagePoint;

    fn restore(error: restore::Error) -> NightError {
        NightError::Restore(Box::new(error))
    }

    fn hook(source: FileError) -> restore::Error {
        let error = HookError::Failed { stage: Stage::AfterData, source };
        restore::Error::Stage { point: StagePoint::AfterData, source: Box::new(error) }
    }

    #[test]
    fn what_time_may_heal_is_tried_again_and_nothing_else() {
        let damaged = || archive::Error::new(ErrorKind::Damaged("cut".to_owned()));
        let network = || target::Error::Network("refused".into());
        let file = || "f.sql".to_owned();
        for (error, is_permanent) in [
            (restore(restore::Error::Stream(damaged())), false),
            (restore(restore::Error::Connect(network())), false),
            (restore(restore::Error::Connect(target::Error::NoPassword)), true),
            (restore(restore::Error::Journal(JournalError::Busy { pid: None })), false),
            (restore(restore::Error::Journal(JournalError::Cannot("no"))), true),
            (restore(hook(FileError::Stopped { file: file() })), false),
            (restore(hook(FileError::OpenTransaction { file: file() })), true),
            (NightError::target("look")(network()), false),
            (NightError::Entries { count: 1, first: String::new(), is_passing: false }, true),
            (NightError::Entries { count: 1, first: String::new(), is_passing: true }, false),
            (NightError::Lock(LockError::Taken { holder: None }), false),
            (NightError::Backup(Box::new(BackupError::NoSource)), true),
            (NightError::Stopped, false),
        ] {
            assert_eq!(error.is_permanent(), is_permanent, "{error:?}");
        }
    }

    #[test]
    fn a_journal_of_another_restore_is_told_apart() {
        let differs = JournalError::Differs { began: "then".to_owned(), differences: Vec::new() };
        assert!(restore(restore::Error::Journal(differs)).is_other_restore());
        let busy = JournalError::Busy { pid: None };
        assert!(!restore(restore::Error::Journal(busy)).is_other_restore());
        let stream = |kind: fn(String) -> ErrorKind| {
            restore(restore::Error::Stream(archive::Error::new(kind(String::new()))))
        };
        assert!(stream(ErrorKind::Changed).is_other_restore());
        assert!(!stream(ErrorKind::Damaged).is_other_restore());
    }
}
