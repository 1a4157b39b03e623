//! Why there is no backup.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::local::Skipped;
use super::scalingo::ScalingoError;
use crate::archive;
use crate::report::units;
use crate::source::remote::{AddressError, DownloadError};

/// Why there is no backup, or none that can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The settings name no source.
    #[error("no source of backups: set SCALINGO_APP and SCALINGO_API_TOKEN, or BACKUP_SOURCE")]
    NoSource,
    /// The address of a source is none.
    #[error("BACKUP_SOURCE, or an address of the host's API")]
    Address(#[from] AddressError),
    /// The host has none.
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
        "{} holds no archive ({}){}", folder.display(), super::local::ENDINGS.join(", "),
        skipped.as_ref().map_or_else(String::new, |skipped| format!("; {skipped}"))
    )]
    NoFile {
        /// The folder.
        folder: PathBuf,
        /// What else is in it.
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
    /// Somebody else is writing the same file.
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
    /// It is here already: there is nothing to download.
    #[error("the backup is on this machine already: {}", path.display())]
    IsLocal {
        /// Where.
        path: PathBuf,
    },
    /// The download failed.
    #[error("cannot download the backup")]
    Download(#[from] Arc<DownloadError>),
    /// It was made at another time than is wanted.
    #[error(
        "{name} was made at {made}, and is not {wanted} (BACKUP_MAX_AGE_HOURS and BACKUP_ANY_DAY \
         decide how old a backup may be)"
    )]
    Stale {
        /// The backup.
        name: String,
        /// When, by its header.
        made: String,
        /// What is wanted, in words.
        wanted: String,
    },
    /// Not all of it can be restored.
    #[error("{name} is damaged: {first}")]
    Damaged {
        /// The backup.
        name: String,
        /// What is wrong, the first of it.
        first: String,
    },
    /// What came is no archive, or a damaged one.
    #[error(transparent)]
    Archive(#[from] archive::Error),
}

impl From<ScalingoError> for BackupError {
    fn from(error: ScalingoError) -> Self {
        Self::Scalingo(Box::new(error))
    }
}

impl BackupError {
    /// Whether waiting and trying again would not help: somebody has to change something.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::NoSource | Self::Address(_) | Self::IsLocal { .. } => true,
            Self::Scalingo(error) => error.is_permanent(),
            Self::Download(error) => error.is_permanent(),
            // Backups may be put there later, disks become free, and a damaged archive be replaced.
            Self::Read { .. }
            | Self::NoFile { .. }
            | Self::Write { .. }
            | Self::Locked { .. }
            | Self::NoSpace { .. }
            | Self::Stale { .. }
            | Self::Damaged { .. }
            | Self::Archive(_) => false,
        }
    }
}
