//! The work of a night: combines the parts of [`super`] into jobs of [`super::worker`].
//!
//! ```text
//!           hooks and enrichment are read          nothing is changed before they are valid
//!  recover  a swap that stopped halfway            swap
//!  lock     one run for a target, watched          super::lock
//!  find     the backup; what is already done       opened_backup, before, restored
//!  check    incremental tables, on both sides      before
//!           the backup's table of contents         opened_backup
//!           objects of other roles, privileges     others, rights, superuser, planned
//!           what has the place of its objects      in_the_way
//!  drop     or create a new database               night_target
//!           or apply what differs instead          delta
//!           hook before-restore
//!           what other roles have created since          planted
//!  restore  hooks after-pre-data and after-data    choose, present, first_load, restore, resume
//!           hook after-restore
//!  copy     new rows of incremental tables         incremental
//!  enrich   views over these, indexes and views    refresh, enrich
//!  swap     copy the records, rename               night_target
//!  report   logged, and saved with the record      report
//! ```
//!
//! [`FullRun`] does all of it, [`IncrementalRun`] only the copy, [`preview()`] plans it without
//! changing anything. [`RunWithRetries`](super::worker::RunWithRetries) handles retries, records and
//! notifications.
//!
//! # What a failure leaves
//!
//! - Before the drop: everything is unchanged. With `DELTA`, what differs is applied in one
//!   transaction, instead of a drop and a restore: until it is committed, nothing has changed.
//! - After a restore that ends early, or a failed hook: the objects restored so far, tables without
//!   rows, and a journal. The next attempt resumes there if the backup is the same (`resume`). With
//!   a swap, this applies to the new database; the old one is unchanged.
//! - After a failed entry: all other entries, the enrichment and the copy, and a permanently failed
//!   run, because a retry would fail in the same way. With a swap, the new database is dropped.
//! - When asked to stop: statements are cancelled and rolled back; the next start resumes.
//!
//! If the process is killed, its sessions end, and with them its lock. The server rolls back what
//! it was writing; the next run resumes after that, or starts over with another backup.

mod before;
mod choose;
mod delta;
mod enrich;
mod error;
mod first_load;
mod full;
mod in_the_way;
mod incremental;
mod modes;
mod night_target;
mod opened_backup;
mod others;
mod planned;
mod planted;
mod present;
mod preview;
mod refresh;
mod report;
mod restore;
mod restored;
mod resume;
mod rights;
mod superuser;

pub use error::NightError;
pub use full::{FullRun, Output};
pub use incremental::IncrementalRun;
pub use preview::{Preview, preview};
pub(crate) use resume::forget_all;
