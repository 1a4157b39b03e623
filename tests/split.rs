//! One table through several sessions, on real servers: the same rows as through one, and all of
//! them or none whatever fails.

// Test helpers may panic when an expectation fails.
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
