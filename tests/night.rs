//! Whole nights: from a fake host's API and its archive, written by a real pg_dump, to a warehouse
//! owned by a role that is not a superuser; compared with the result of the old system's steps.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

mod common;
// They also serve other tests, which use more of them.
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
#[path = "night/foreseen.rs"]
mod foreseen;
#[path = "night/handed_over.rs"]
mod handed_over;
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
