//! Indexes and views of the warehouse's own: a folder of SQL files, run after the restore.
//!
//! The comments at the top of a file say what it needs:
//!
//! | line | meaning |
//! |---|---|
//! | `-- requires-table: users` | skipped unless this table (or view) is there; may be repeated |
//! | `-- unless-table: students` | not needed when a table or view of this name is there |
//! | `-- depends: users` | runs after `users.sql`, and only if that was not skipped and did not fail |
//!
//! Names of tables are written as in `BACKUP_MODE`: the schema is `public` when there is none.
//!
//! A file's statements run one after the other; files run side by side, those on the largest tables
//! first, and each as soon as those that it depends on are done. A file that fails takes those along
//! that depend on it, and no other. Files should be such that they can be run again: `CREATE INDEX
//! IF NOT EXISTS`, `CREATE OR REPLACE VIEW`.

mod error;
mod folder;
mod header;
mod report;
mod run;

pub use error::EnrichError;
pub use folder::Enrichment;
pub use report::{FileReport, Outcome, Progress, Report, tell};
pub use run::run;
