//! What a night does: the parts of [`super`], strung together as jobs of [`super::worker`].
//!
//! ```text
//!           hooks and enrichment are read          nothing is touched before they are sound
//!  recover  a swap that stopped halfway            swap
//!  lock     one run for a target, watched          guard
//!  find     the backup; its table of contents      (backup)
//!  drop     or a new database beside the old one   ground
//!           hook before-restore
//!  restore  hooks after-pre-data and after-data    choose, present, first_load, restore
//!           hook after-restore
//!  enrich   indexes and views                      enrich
//!  copy     new rows of incremental tables         incremental
//!  swap     records come along, names change       ground
//!  report   logged, and kept with the record       report
//! ```
//!
//! [`FullRun`] is all of it, [`IncrementalRun`] the copy alone. Retries, records and notifications
//! are [`Night`](super::worker::Night)'s.
//!
//! # What a failure leaves
//!
//! - Before the drop: everything as it was.
//! - A restore that ends early, or a hook that fails: what came so far, and tables that are empty.
//!   With a swap: the old database, as it was; the new one is dropped.
//! - An entry that fails: all other entries, the enrichment and the copy, and a run that failed for
//!   good, because another attempt would meet the same. With a swap it is not swapped.
//! - Asked to stop: statements are cancelled and rolled back. A new database stays as it is until
//!   the next run drops it.
//!
//! Whoever kills the process ends its sessions and so its lock. What it was writing is rolled back
//! by the server, and the next run begins with a clean target again.

mod choose;
mod enrich;
mod error;
mod first_load;
mod full;
mod ground;
mod guard;
mod incremental;
mod present;
mod report;
mod restore;

pub use error::NightError;
pub use full::{FullRun, Output};
pub use incremental::IncrementalRun;
