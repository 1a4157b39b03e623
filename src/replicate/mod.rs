//! The nightly run: from the backup at the host to a warehouse that is ready for its analysts.
//!
//! The modules, in the order of a run:
//!
//! 1. [`config`] reads the settings, [`schedule`] computes when runs start, [`worker`] waits for
//!    these times.
//! 2. [`backup`] finds the newest backup and opens it, as a stream that survives broken
//!    connections.
//! 3. [`clean`] drops the objects of the previous run, except incremental tables.
//! 4. [`crate::restore`] restores the selected entries.
//! 5. [`enrich`] adds the warehouse's own indexes and views; [`hooks`] run between the stages; both
//!    are SQL files ([`sql_file`]).
//! 6. [`incremental`] copies the new rows of append-only tables from the source database.
//! 7. [`notify`] reports the outcome to webhooks; [`web`] shows the last runs. [`stages`] logs where
//!    a run is, [`logs`] finds runs in such logs, [`run_report`] describes them.
//!
//! [`night`] ties them together. [`lock`] keeps two runs from overlapping. With `SWAP`, [`swap`]
//! restores into a new database and renames it at the end.

pub mod backup;
pub mod clean;
pub mod config;
pub mod enrich;
pub mod hooks;
pub mod incremental;
pub mod lock;
pub mod logs;
pub mod night;
pub mod notify;
pub mod run_report;
pub mod schedule;
pub mod sql_file;
pub mod stages;
pub mod swap;
#[cfg(feature = "web")]
pub mod web;
pub mod worker;
