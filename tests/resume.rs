//! `restore --resume` on real servers: runs interrupted in every way, and the result of the
//! next run. It ends with the database that one undisturbed run would have created; finished
//! tables are not touched; the journal is gone.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "resume/definitions.rs"]
mod definitions;
#[path = "resume/killed.rs"]
mod killed;
#[path = "resume/library.rs"]
mod library;
#[path = "resume/lost.rs"]
mod lost;
#[path = "resume/manifest.rs"]
mod manifest;
#[path = "resume/passing.rs"]
mod passing;
#[path = "resume/random.rs"]
mod random;
#[path = "resume/refused.rs"]
mod refused;
#[path = "resume/restart.rs"]
mod restart;
#[path = "resume/rows.rs"]
mod rows;
#[path = "resume/source.rs"]
mod source;

use common::gate;
