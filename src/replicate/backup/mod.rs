//! Where a night's backup comes from: the host's API, a folder, a file or a URL.
//!
//! ```text
//!  BackupSource ──find──▶ FoundBackup ──open──────────▶ OpenBackup   restored while it downloads
//!   (settings)            id, name,   ──open_on_disk──▶ OpenBackup   downloaded first
//!                         time, size  ──save──────────▶ a file       nocturne fetch-backup
//! ```
//!
//! - [`BackupSource::find`] decides which backup, and reads none of it. With [`scalingo`] that is
//!   the host's list of backups, in a [`local`] folder the newest archive.
//! - [`FoundBackup`] is what a journal can compare from night to night. Its bytes come as a
//!   [`remote`](crate::source::remote) download, which goes on where a connection broke, asks the
//!   host for a fresh signed address each time, and checks length and identity.
//! - [`OpenBackup`] is the archive, ready for a restore, and the download's progress, which at its
//!   end has the SHA-256 of what was read.
//! - [`save()`] keeps a backup as a file, and goes on with a part that an earlier try left.
//!
//! Tokens and signed addresses appear in no error, log line or `Debug` of this module.

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
