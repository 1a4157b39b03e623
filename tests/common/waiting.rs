//! Waiting for events that nothing announces.
//!
//! No test assumes that something has happened after some time: it polls until it has. How long
//! that takes means nothing, so there is one limit for everything, for what never happens.

use std::time::{Duration, Instant};

/// Limit of every wait: with other tests running a machine can be slow.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until a condition holds.
///
/// # Panics
/// If it does not within [`PATIENCE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The same in an async test, whose other futures continue meanwhile.
///
/// # Panics
/// If it does not within [`PATIENCE`].
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
