//! Failures of a night on real servers: sessions cut, servers stopped, disks full, rows
//! refused. Tables are whole or empty, every wanted entry is accounted for, and the exit code
//! and messages report what happened.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "faults/connecting.rs"]
mod connecting;
#[path = "faults/errors.rs"]
mod errors;
#[path = "faults/lost.rs"]
mod lost;
#[path = "faults/sessions.rs"]
mod sessions;
#[path = "faults/settings.rs"]
mod settings;
#[path = "faults/source.rs"]
mod source;
#[path = "faults/space.rs"]
mod space;
#[path = "faults/transactions.rs"]
mod transactions;
