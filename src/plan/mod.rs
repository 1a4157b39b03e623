//! The order in which entries are restored, and which may be restored in parallel.
//!
//! A [`Plan`] has a *prelude*, which one session does in order (what must exist before rows can be
//! loaded), and *jobs*, which any number of sessions take from a [`Schedule`]: a job is ready when
//! its dependencies are done, and may run when no running job holds a conflicting lock.
//!
//! Pure: no server, no clock. The rules are pg_restore's (`fix_dependencies`,
//! `identify_locking_dependencies`, `restore_toc_entries_prefork` in `pg_backup_archiver.c`); the
//! order among ready jobs is ours.

mod analyze;
mod attach;
mod build;
pub mod cost;
pub mod forecast;
mod help;
pub mod history;
mod lock;
mod pg_restore;
mod rank;
mod schedule;
pub mod simulate;
#[cfg(test)]
pub(crate) mod tests;
mod tree;
mod waits;

pub(crate) use build::builds_index;
pub use build::{Plan, PlanBuildOptions};
pub(crate) use help::{MAX_SESSIONS_PER_TABLE as MOST_FOR_A_TABLE, WORTH, at_once};
pub use help::{Workers, at_least, simulate_with_help};
pub use lock::LockMode;
pub use pg_restore::simulate_pg_restore;
pub use schedule::Schedule;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::archive::{DumpId, Place};
use crate::select::Pass;

/// A job's place in [`Plan::jobs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub usize);

/// What a job does for its entry.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// All of it, as in the archive.
    #[default]
    Entire,
    /// Builds the index of a primary key or unique constraint.
    BuildIndex,
    /// Turns that index into a constraint.
    UseIndex,
    /// Adds a foreign key without checking the rows.
    AddForeignKey,
    /// Checks the rows.
    Validate,
    /// Adds a foreign key and leaves its rows unchecked.
    AddNotValid,
    /// Gathers statistics about a table. Not part of the entry, which is the table's TABLE DATA, or
    /// the TABLE of a partitioned table.
    Analyze,
    /// The same for a partition of a table that is analysed too. Servers before PostgreSQL 18
    /// include all partitions then, so nothing remains to be done for it.
    AnalyzePartition,
}

impl Step {
    /// Whether this is not part of restoring the entry, and may run long after it.
    #[must_use]
    pub fn is_analyze(self) -> bool {
        matches!(self, Self::Analyze | Self::AnalyzePartition)
    }
}

/// One entry's work, or a step of it, to be done by one session.
#[derive(Clone, Debug)]
pub struct Job {
    /// The entry's place in the TOC.
    pub entry: Place,
    /// The step of the entry.
    pub step: Step,
    /// Whether there is anything to do. Unwanted entries stay in the plan because a wanted one may
    /// depend on another through them.
    pub wanted: bool,
    /// The pass in which it runs; passes do not overlap.
    pub pass: Pass,
    /// Jobs that must finish before it starts.
    pub after: Vec<JobId>,
    /// The locks that the server will take, by the number of the table's TABLE entry.
    pub locks: Vec<(DumpId, LockMode)>,
    /// The reason, in words, why it waits for jobs that its entry does not depend on.
    pub why: Option<String>,
    /// Whether these are rows that functions read or write meanwhile, possibly those of another
    /// table: one session loads them, not frozen.
    pub alone: bool,
    /// Bytes of archived data that the work grows with.
    pub size: u64,
    /// Its predicted cost, in microseconds.
    pub cost: u64,
    /// The time from the start of this job to the end of the longest chain of jobs that wait for
    /// it, in microseconds. The job with the highest rank goes first.
    pub rank: u64,
}

/// Ranks are whole numbers, so that they can be compared.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
