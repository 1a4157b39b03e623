//! What goes wrong in the night, on real servers: sessions cut, servers stopped, disks full, rows
//! refused. A table is whole or empty, every wanted entry is accounted for, the exit code and
//! the words say what happened.

// Its helpers are tests as well, where a broken expectation may panic.
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
