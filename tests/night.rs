//! Whole nights: from a fake host's API and its archive, made by a real pg_dump, to a warehouse
//! that belongs to a role which is no superuser; compared with what the old system's steps give.

// Its helpers are tests as well, where a broken expectation may panic.
#![allow(clippy::unwrap_used)]

mod common;
// They serve other tests, too, with more than is used here.
#[allow(dead_code)]
#[path = "backup/files.rs"]
mod files;
#[allow(dead_code)]
#[path = "backup/host.rs"]
mod host;
#[path = "backup/log.rs"]
mod log;

#[path = "night/again.rs"]
mod again;
#[path = "night/dry_run.rs"]
mod dry_run;
#[path = "night/excluded.rs"]
mod excluded;
#[path = "night/failures.rs"]
mod failures;
#[path = "night/interrupted.rs"]
mod interrupted;
#[path = "night/not_restored.rs"]
mod not_restored;
#[path = "night/old_steps.rs"]
mod old_steps;
#[path = "night/partitions.rs"]
mod partitions;
#[path = "night/passing.rs"]
mod passing;
#[path = "night/refused.rs"]
mod refused;
#[path = "night/replaced.rs"]
mod replaced;
#[path = "night/scene.rs"]
mod scene;
#[path = "night/settings.rs"]
mod settings;
#[path = "night/source.rs"]
mod source;
#[path = "night/swapped.rs"]
mod swapped;
#[path = "night/tables.rs"]
mod tables;
#[path = "night/versions.rs"]
mod versions;
#[path = "night/views.rs"]
mod views;
