//! Errors of finding and reading a backup.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::local::Skipped;
use super::scalingo::ScalingoError;
use crate::archive;
use crate::report::units;
use crate::server::Retry;
use crate::source::remote::{AddressError, DownloadError};

/// Why no backup was found, or why it cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The settings name no source.
    #[error("no backup source: set SCALINGO_APP and SCALINGO_API_TOKEN, or BACKUP_SOURCE")]
    NoSource,
    /// An address in the settings is invalid.
    #[error("invalid address in BACKUP_SOURCE or the SCALINGO_*_URL variables")]
    Address(#[from] AddressError),
    /// The host has no suitable backup, or cannot be reached.
    #[error(transparent)]
    Scalingo(Box<ScalingoError>),
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A folder without a backup.
    #[error(
        "{} contains no archive ({}){}", folder.display(), super::local::ENDINGS.join(", "),
        skipped.as_ref().map_or_else(String::new, |skipped| format!("; {skipped}"))
    )]
    NoFile {
        /// The folder.
        folder: PathBuf,
        /// The other files in it.
        skipped: Option<Skipped>,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another process is writing the same file.
    #[error("{} is being written by another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The disk is too small.
    #[error(
        "{} has {} free, but the backup needs {}",
        folder.display(), units::bytes(*.free), units::bytes(*.needed)
    )]
    NoSpace {
        /// The folder.
        folder: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that are needed.
        needed: u64,
    },
    /// It is on this machine, so there is nothing to download.
    #[error("the backup is already on this machine: {}", path.display())]
    IsLocal {
        /// Where.
        path: PathBuf,
    },
    /// The download failed.
    #[error("cannot download the backup")]
    Download(#[from] Arc<DownloadError>),
    /// It is older than the settings allow.
    #[error(
        "{name} was made at {made} and is not {wanted} (to accept older backups, set \
         BACKUP_MAX_AGE_HOURS or BACKUP_ANY_DAY)"
    )]
    Stale {
        /// The backup.
        name: String,
        /// When it was made, by its header.
        made: String,
        /// What the settings ask for, in words.
        wanted: String,
    },
    /// Parts of it cannot be restored.
    #[error("{name} is damaged: {first}")]
    Damaged {
        /// The backup.
        name: String,
        /// The first error found.
        first: String,
    },
    /// It is not an archive, or a damaged one.
    #[error(transparent)]
    Archive(#[from] archive::ArchiveError),
}

impl From<ScalingoError> for BackupError {
    fn from(error: ScalingoError) -> Self {
        Self::Scalingo(Box::new(error))
    }
}

impl BackupError {
    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoSource | Self::Address(_) | Self::IsLocal { .. } => Retry::Never,
            Self::Scalingo(error) => error.retry(),
            Self::Download(error) if error.is_permanent() => Retry::Never,
            // Backups may appear later, disk space may be freed, and a damaged archive may be
            // replaced.
            Self::Download(_)
            | Self::Read { .. }
            | Self::NoFile { .. }
            | Self::Write { .. }
            | Self::Locked { .. }
            | Self::NoSpace { .. }
            | Self::Stale { .. }
            | Self::Damaged { .. }
            | Self::Archive(_) => Retry::LaterAttempt,
        }
    }
}
