//! Waiting for what nothing announces.
//!
//! No test supposes that something has come to pass after some time: it asks until it has. How long
//! that takes says nothing, so there is one limit for all, for what will never be.

use std::time::{Duration, Instant};

/// How long anything is waited for: with other tests beside it a machine can be slow.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until a condition holds.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The same in an async test, whose other futures go on meanwhile.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
