//! Where the backup of a run comes from: the host's API, a folder, a file or a URL.
//!
//! ```text
//!  BackupSource ──find──▶ FoundBackup ──open──────────▶ OpenBackup   restored while it downloads
//!   (settings)            id, name,   ──open_on_disk──▶ OpenBackup   downloaded first
//!                         time, size  ──save──────────▶ a file       nocturne fetch-backup
//! ```
//!
//! - [`BackupSource::find`] chooses a backup without reading it: from the host's list of backups
//!   ([`scalingo`]), or as the newest archive of a folder ([`local`]).
//! - [`FoundBackup`] identifies a backup, so that a journal can compare it from night to night. Its
//!   bytes come from a [`remote`](crate::source::remote) download, which resumes after a broken
//!   connection, asks the host for a fresh signed address each time, and checks length and
//!   identity.
//! - [`OpenBackup`] is the archive, ready to restore, and the progress of the download, which ends
//!   with the SHA-256 of the bytes read.
//! - [`save()`] saves a backup as a file, and resumes a partial file of an earlier attempt.
//!
//! Tokens and signed addresses never appear in an error, log line or `Debug` output of this module.

mod check;
mod error;
mod found;
pub mod local;
mod save;
pub mod scalingo;
mod source;
mod spool;

pub use check::{Check, Made};
pub use error::BackupError;
pub use found::{FoundBackup, OpenBackup};
pub use save::{Saved, save};
pub use source::BackupSource;
