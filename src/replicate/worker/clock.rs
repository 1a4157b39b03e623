//! The clock, as a trait so that tests need not wait.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// The longest single sleep: a change of the clock or a suspended machine is noticed within this
/// time.
const SLICE: Duration = Duration::from_secs(60);

/// A source of time, and a way to wait.
pub trait Clock: Send + Sync {
    /// The current time.
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

/// Waits until the clock shows a time. Returns false if asked to stop before.
pub(super) async fn sleep_until(
    clock: &dyn Clock,
    until: DateTime<Utc>,
    stop: &CancellationToken,
) -> bool {
    loop {
        // An error means that the time has passed.
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
