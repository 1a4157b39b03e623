//! TLS and authentication, from the command line to a real server: what the program trusts, how it
//! authenticates, and its messages when that fails.

mod certificates;
mod identity;
mod passwords;
pub mod server;
mod trust;
