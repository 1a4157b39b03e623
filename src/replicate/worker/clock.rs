//! The clock, so that tests need not wait.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// Nobody sleeps longer than this in one go: when the clock is set, or the machine was suspended,
/// it is noticed that soon.
const SLICE: Duration = Duration::from_secs(60);

/// Tells the time and lets it pass.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
    /// Waits.
    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()>;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(time).boxed()
    }
}

/// Waits until the clock shows a time. False when asked to stop before.
pub(super) async fn sleep_until(
    clock: &dyn Clock,
    until: DateTime<Utc>,
    stop: &CancellationToken,
) -> bool {
    loop {
        // An error is a time that has gone by.
        let Ok(left) = (until - clock.now()).to_std() else { return !stop.is_cancelled() };
        if left.is_zero() {
            return !stop.is_cancelled();
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return false,
            () = clock.sleep(left.min(SLICE)) => {}
        }
    }
}
