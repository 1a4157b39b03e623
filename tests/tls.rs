//! TLS and authentication, from the command line to a real server: whom the program trusts, how it
//! proves who it is, and what it says when that fails.

// Its helpers are tests as well, where a broken expectation may panic.
#![allow(clippy::unwrap_used)]

#[path = "tls/certificates.rs"]
mod certificates;
mod common;
#[path = "tls/identity.rs"]
mod identity;
#[path = "tls/passwords.rs"]
mod passwords;
#[path = "tls/server.rs"]
mod server;
#[path = "tls/trust.rs"]
mod trust;
