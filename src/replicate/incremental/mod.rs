//! Copies the new rows of append-only tables from the source database.
//!
//! ```text
//!  source                                                          target
//!  reader: READ ONLY, REPEATABLE READ,   rows, whole, counted      writer: one transaction
//!  the run's snapshot       COPY TO ───────────────────────▶ COPY FROM, committed when the
//!                                         256 KiB at a time         counts are equal
//! ```
//!
//! A table grows by its *key*: the highest key in the target is where the last run stopped, and
//! rows of the source above it are new. What is guaranteed, and what is not:
//!
//! - **A range of keys is complete or absent.** Its transaction is committed only if the source's
//!   COPY ended properly and both servers counted the same rows. If the source or the target fails
//!   in the middle, nothing of the range remains, so the highest key stays correct. (The replaced
//!   system committed the rows received so far. Rows arrive in no particular key order, so the
//!   highest key could be among them, and the rest was lost for good.)
//! - **Committed ranges have no gap between them.** A large table is split into ranges
//!   ([`CopySettings::range_rows`]), which may be read in parallel, but each is committed after the one
//!   before it. So a run interrupted at any point resumes after the highest key.
//! - **All tables are read from one snapshot of the source**, which the readers share. If the
//!   source cannot share a snapshot, or loses it, a warning is logged.
//! - **Only new rows are copied.** Rows that the source updates or deletes later are not. The copy
//!   waits for open transactions of the source that took a lower key
//!   ([`CopySettings::late_commits_timeout`], `settle`). [`CopySettings::check_gaps`] finds rows that were
//!   still missed, and [`CopySettings::fill_gaps`] copies them.
//! - **Columns are matched by name.** A difference between the two tables stops the copy before it
//!   starts; the error lists the statements that resolve it ([`Drift`]). Partitions that only the
//!   source has are created (`partitions`).
//!
//! The source gets one connection per range being read and one that holds the snapshot. All are
//! read-only, have timeouts, and identify themselves in `pg_stat_activity`.

mod choose;
mod claim;
mod copy;
mod drift;
mod error;
mod fill;
mod gaps;
mod key;
mod partitions;
mod pipe;
mod precheck;
mod ranges;
mod run;
mod sequences;
mod settings;
mod settle;
mod snapshot;
mod table;
mod table_definition;

pub use choose::tables;
pub use drift::{Change, Drift};
pub use error::{IncrementalError, Side};
pub use gaps::{Gap, Gaps};
pub use precheck::{Prechecked, precheck};
pub use run::{Summary, run};
pub use settings::{CopySettings, IncrementalTable, Retries};
pub use table::{Copied, TableOutcome};
