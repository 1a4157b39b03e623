//! The warehouse's own indexes and views, from a folder of SQL files.
//!
//! Each file says in comments at its head what it needs:
//!
//! ```sql
//! -- requires-table: public.users        (may be repeated; without it the file is skipped)
//! -- unless-table: schooling-registrations   (with it the file is skipped)
//! -- depends: other-file                 (runs after other-file.sql)
//! ```
//!
//! Files run side by side, those about the largest tables first. A file that fails does not stop
//! the others, only those that depend on it. Files should stand being run twice (`IF NOT EXISTS`,
//! `OR REPLACE`): after a failure the whole folder runs again.

mod folder;
mod run;

pub use folder::{Enrichments, FolderError};
pub use run::{FileOutcome, FileReport, run};
