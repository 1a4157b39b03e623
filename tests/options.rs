//! Every option of `nocturne restore` against a real server: each test fails when its option is
//! ignored. Where pg_restore has the option, its run is the oracle.
//!
//! Options that only change a script or a listing are in `script.rs` and `listing.rs`.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

mod common;

#[path = "options/connection.rs"]
mod connection;
#[path = "options/contact.rs"]
mod contact;
#[path = "options/errors.rs"]
mod errors;
#[path = "options/oracle.rs"]
mod oracle;
#[path = "options/output.rs"]
mod output;
#[path = "options/places.rs"]
mod places;
#[path = "options/probe.rs"]
mod probe;
#[path = "options/terminal.rs"]
mod terminal;
#[path = "options/threads.rs"]
mod threads;
#[path = "options/usage.rs"]
mod usage;
