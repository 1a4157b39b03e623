//! `restore --resume` on real servers: runs that are broken off in every way, and what another run
//! makes of it. It ends with the database that one undisturbed run would have made; a table that
//! was done is not touched; the journal is gone.

// Its helpers are tests as well, where a broken expectation may panic.
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
