//! Copies the new rows of append-only tables from the source database.
//!
//! ```text
//!  source                                                          target
//!  reader: READ ONLY, REPEATABLE READ,   rows, whole, counted      writer: one transaction
//!  the run's snapshot       COPY TO ───────────────────────▶ COPY FROM, committed when the
//!                                         256 KiB at a time         counts are equal
//! ```
//!
//! A table grows by its *key*: the highest key in the target says where the last run stopped, and
//! what the source has above it is new. What is copied for sure, and what is not:
//!
//! - **A range of keys is whole or absent.** Its transaction is committed only when the source's
//!   COPY came to its proper end and both servers counted the same rows. A source or a target that
//!   dies in the middle leaves nothing of it, so the highest key stays right. (The replaced system
//!   committed what had come until then. Rows come in no order of keys, so the highest key was
//!   among them, and the rest was lost for good.)
//! - **Committed ranges have no gap between them.** A large table is split into ranges
//!   ([`Settings::range_rows`]), which may be read side by side, but each is committed after the
//!   one before it. So a run that breaks off at any point is resumed behind the highest key.
//! - **All tables are of one moment of the source**: readers share a snapshot. Where the source
//!   cannot share one, or loses it, a warning says so.
//! - **Only what is new is seen.** Rows that the source changes or deletes later are not followed.
//!   The copy waits for transactions of the source that took a low key and are still open
//!   ([`Settings::late_commits_timeout`], `settle`). [`Settings::check_gaps`] finds what was missed
//!   all the same, and [`Settings::fill_gaps`] copies it.
//! - **Columns go by name.** A difference between the two tables stops the copy before it begins;
//!   the error lists the statements that resolve it ([`Drift`]).
//!
//! The source gets one connection for each range that is read and one that holds the snapshot. All
//! are read-only, end by timeouts of their own, and say who they are in `pg_stat_activity`.

mod catalogue;
mod choose;
mod claim;
mod copy;
mod drift;
mod error;
mod fill;
mod gaps;
mod key;
mod pipe;
mod precheck;
mod ranges;
mod run;
mod sequences;
mod settings;
mod settle;
mod snapshot;
mod table;

pub use choose::tables;
pub use drift::{Change, Drift};
pub use error::{IncrementalError, Side};
pub use gaps::{Gap, Gaps};
pub use precheck::{Prechecked, precheck};
pub use run::{Summary, run};
pub use settings::{Retries, Settings, Table};
pub use table::{Copied, TableOutcome};
