//! Every option of `nocturne restore` against a real server: each test fails when its option is
//! ignored. Where pg_restore has the option, its run is the oracle.
//!
//! Options that only change a script or a listing are in `script.rs` and `listing.rs`.

mod connection;
mod contact;
mod errors;
mod oracle;
mod output;
mod places;
mod probe;
mod terminal;
mod threads;
mod usage;
