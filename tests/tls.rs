//! TLS and authentication, from the command line to a real server: what the program trusts, how it
//! authenticates, and its messages when that fails.

// Test helpers may panic when an expectation fails.
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
