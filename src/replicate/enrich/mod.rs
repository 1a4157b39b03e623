//! The warehouse's own indexes and views: a folder of SQL files, run after the restore.
//!
//! The comments at the top of a file list its requirements:
//!
//! | line | meaning |
//! |---|---|
//! | `-- requires-table: users` | skipped unless this table (or view) exists; may be repeated |
//! | `-- unless-table: students` | not needed if a table or view of this name exists |
//! | `-- depends: users` | runs after `users.sql`, unless that was skipped or failed |
//!
//! Table names are written as in `BACKUP_MODE`; the default schema is `public`.
//!
//! The statements of a file run one after the other. Files run in parallel, those on the largest
//! tables first, each as soon as its dependencies are done. If a file fails, only the files that
//! depend on it are skipped. Files should be safe to run again: `CREATE INDEX IF NOT EXISTS`,
//! `CREATE OR REPLACE VIEW`.

mod error;
mod file_header;
mod folder;
mod report;
mod run;

pub use error::EnrichError;
pub use folder::Enrichment;
pub use report::{EnrichProgress, FileOutcome, FileReport, Report, tell};
pub use run::run;
