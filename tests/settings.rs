//! What a restore sets on real servers, and what it leaves behind for speed: frozen rows,
//! statistics, memory and parallel workers.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

#[path = "settings/analyze.rs"]
mod analyze;
mod common;
#[path = "settings/frozen.rs"]
mod frozen;
#[path = "settings/session.rs"]
mod session;
