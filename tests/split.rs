//! One table through several sessions, on real servers: the same rows as by one, and all of them or
//! none whatever goes wrong.

// Its helpers are tests as well, where a broken expectation may panic.
#![allow(clippy::unwrap_used)]

#[path = "split/broken.rs"]
mod broken;
mod common;
#[path = "split/parts.rs"]
mod parts;
#[path = "split/source.rs"]
mod source;
#[path = "split/toc.rs"]
mod toc;
#[path = "split/whole.rs"]
mod whole;
