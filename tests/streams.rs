//! Archives that come as a stream, wrapped or through a pipe: the same database as from the file,
//! and a truncated stream is never silently accepted.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

#[path = "streams/ahead.rs"]
mod ahead;
#[path = "streams/appended.rs"]
mod appended;
mod common;
#[path = "streams/damage.rs"]
mod damage;
#[path = "streams/sources.rs"]
mod sources;
#[path = "streams/tars.rs"]
mod tars;
