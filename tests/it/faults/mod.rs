//! Failures of a night on real servers: sessions cut, servers stopped, disks full, rows
//! refused. Tables are whole or empty, every wanted entry is accounted for, and the exit code
//! and messages report what happened.

mod connecting;
mod errors;
mod lost;
mod sessions;
mod settings;
mod source;
mod space;
mod transactions;
