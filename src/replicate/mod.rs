//! The nightly run: from the host's backup to a warehouse ready for its analysts.
//!
//! Its steps, in the order of a night:
//!
//! 1. [`schedule`] says when, [`worker`] waits for it, [`config`] is what the environment says.
//! 2. [`backup`] finds the newest backup and opens it, as a stream that survives a broken
//!    connection.
//! 3. [`clean`] drops what the last night left, and keeps what is copied by increment.
//! 4. [`crate::restore`] restores the chosen part.
//! 5. [`enrich`] adds indexes and views of the warehouse's own; [`hooks`] run between the stages;
//!    both are files of SQL ([`sql_file`]).
//! 6. [`incremental`] copies the new rows of append-only tables from the source database.
//! 7. [`notify`] tells the world; [`web`] shows the last nights.
//!
//! [`night`] strings them together. [`lock`] keeps two runs apart. Where the role may create databases, [`swap`] restores beside the
//! old one and renames at the end.

pub mod backup;
pub mod clean;
pub mod config;
pub mod enrich;
pub mod hooks;
pub mod incremental;
pub mod lock;
pub mod night;
pub mod notify;
pub mod schedule;
pub mod sql_file;
pub mod swap;
pub mod web;
pub mod worker;
