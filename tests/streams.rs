//! Archives that come as a stream, wrapped or through a pipe: the same database as from the file,
//! and never silence about a stream that is cut.

// Its helpers are tests as well, where a broken expectation may panic.
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
