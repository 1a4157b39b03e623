//! Whole nights and their backups, from a fake host: a process of its own, because every log line
//! of the process is collected at the level `trace` and searched for secrets.

// Clippy does not recognize test helpers as tests.
#![allow(clippy::unwrap_used)]

mod backup;
#[path = "../common/mod.rs"]
mod common;
mod files;
mod host;
mod log;
mod night;
