//! What a night does: the parts of [`super`], strung together as jobs of [`super::worker`].
//!
//! ```text
//!           hooks and enrichment are read          nothing is touched before they are sound
//!  recover  a swap that stopped halfway            swap
//!  lock     one run for a target, watched          guard
//!  find     the backup; what is done already       intake, before, restored
//!  check    incremental tables, on both sides      before
//!           the backup's table of contents         intake
//!           objects of other roles, rights         others, rights, planned
//!  drop     or a new database beside the old one   ground
//!           hook before-restore
//!  restore  hooks after-pre-data and after-data    choose, present, first_load, restore, resume
//!           hook after-restore
//!  copy     new rows of incremental tables         incremental
//!  enrich   views over those, indexes and views    refresh, enrich
//!  swap     records come along, names change       ground
//!  report   logged, and kept with the record       report
//! ```
//!
//! [`FullRun`] is all of it, [`IncrementalRun`] the copy alone, [`preview()`] the plan of it. Retries, records and notifications
//! are [`Night`](super::worker::Night)'s.
//!
//! # What a failure leaves
//!
//! - Before the drop: everything as it was.
//! - A restore that ends early, or a hook that fails: what came so far, tables without rows, and a
//!   journal. The next attempt goes on there if the backup is the same one (`resume`). With a
//!   swap that is so of the new database; the old one is as it was.
//! - An entry that fails: all other entries, the enrichment and the copy, and a run that failed for
//!   good, because another attempt would meet the same. With a swap the new database is dropped.
//! - Asked to stop: statements are cancelled and rolled back; the next start goes on.
//!
//! Whoever kills the process ends its sessions and so its lock. What it was writing is rolled back
//! by the server, and the next run goes on behind it, or begins again with another backup.

mod before;
mod choose;
mod enrich;
mod error;
mod first_load;
mod full;
mod ground;
mod guard;
mod incremental;
mod intake;
mod modes;
mod others;
mod planned;
mod present;
mod preview;
mod refresh;
mod report;
mod restore;
mod restored;
mod resume;
mod rights;

pub use error::NightError;
pub use full::{FullRun, Output};
pub use incremental::IncrementalRun;
pub use preview::{Preview, preview};
pub(crate) use resume::forget_all;
