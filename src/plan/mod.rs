//! In which order the entries are restored, and which may be worked on side by side.
//!
//! A [`Plan`] has a *prelude*, which one session does in order (what must exist before rows can be
//! loaded), and *jobs*, which any number of sessions take from a [`Schedule`]: a job is ready when
//! those it depends on are done, and may run when no running job holds a lock in its way.
//!
//! Pure: no server, no clock. The rules are pg_restore's (`fix_dependencies`,
//! `identify_locking_dependencies`, `restore_toc_entries_prefork` in `pg_backup_archiver.c`); the
//! order among ready jobs is ours.

mod build;
mod schedule;

pub use build::{Options, Plan};
pub use schedule::Schedule;

use crate::archive::DumpId;
use crate::select::Pass;

/// A job's place in [`Plan::jobs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub usize);

/// One entry's work, to be done by one session.
#[derive(Clone, Debug)]
pub struct Job {
    /// The entry's place in the TOC.
    pub entry: usize,
    /// Whether there is anything to do. Unwanted entries stay in the plan because a wanted one may
    /// depend on another through them.
    pub wanted: bool,
    /// The pass in which it runs; passes do not overlap.
    pub pass: Pass,
    /// Jobs that must be done before.
    pub after: Vec<JobId>,
    /// Tables that nobody else may work on meanwhile, by the number of their TABLE entry.
    pub exclusive: Vec<DumpId>,
    /// Tables that it works on beside others: they must not be locked exclusively.
    pub shared: Vec<DumpId>,
    /// Bytes of archived data that the work grows with; the larger job goes first.
    pub size: u64,
}
