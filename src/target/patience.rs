//! A server that is there, but takes no sessions just now: it starts up, shuts down, or has too many.
//! Whoever begins waits for it. What nobody answers is not waited for: the address may be wrong.

use std::future::Future;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};

use super::error::{Error, Result};

/// How long a server is waited for: as long as a restart takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Pauses between the tries to open a session. They grow and vary, so that sessions that were lost
/// together do not come back together.
pub(crate) fn reconnecting() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
        .with_total_delay(Some(PATIENCE))
}

/// Waits for something as long as it works, however long that takes, and so long while it does not.
#[derive(Debug)]
pub(crate) struct WhileItWorks {
    patience: Duration,
    began: Instant,
    worked: Instant,
}

impl WhileItWorks {
    pub(crate) fn new(patience: Duration) -> Self {
        let began = Instant::now();
        Self { patience, began, worked: began }
    }

    /// Takes in what was seen, and pauses. False if it has not worked for too long.
    pub(crate) async fn pause(&mut self, works: bool) -> bool {
        if works {
            self.worked = Instant::now();
        } else if self.worked.elapsed() > self.patience {
            return false;
        }
        // Soon at first; what has taken long takes longer.
        let (soon, late) = (Duration::from_millis(20), Duration::from_secs(1));
        tokio::time::sleep((self.began.elapsed() / 8).clamp(soon, late)).await;
        true
    }
}

/// Opens the first session, waiting up to [`PATIENCE`] for a server that says that it takes none
/// just now. `waits` is told why, once.
///
/// # Errors
/// The last one of `connect`. Refused connections, unknown hosts and refused roles are not waited
/// for.
pub async fn once_ready<T, F: Future<Output = Result<T>>>(
    connect: impl FnMut() -> F,
    waits: impl FnOnce(&Error),
) -> Result<T> {
    let mut waits = Some(waits);
    let tell = |error: &Error, _| {
        if let Some(waits) = waits.take() {
            waits(error);
        }
    };
    connect.retry(reconnecting()).when(Error::is_not_ready).notify(tell).await
}

impl Error {
    /// Whether the server itself says that it takes no session just now: `cannot_connect_now`
    /// (`src/backend/tcop/backend_startup.c`), `too_many_connections`, or that it shuts down after
    /// all.
    #[must_use]
    pub fn is_not_ready(&self) -> bool {
        matches!(self.sqlstate(), Some("57P03" | "53300" | "57P01" | "57P02"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use backon::BackoffBuilder;

    use super::*;

    #[tokio::test]
    async fn work_is_waited_for_beyond_patience_and_rest_is_not() {
        let mut wait = WhileItWorks::new(Duration::from_millis(1));
        // Each pause is longer than the patience.
        for _ in 0..3 {
            assert!(wait.pause(true).await);
        }
        let worked = wait.worked;
        while wait.pause(false).await {}
        assert!(worked.elapsed() > wait.patience);
    }

    #[test]
    fn pauses_of_different_clients_differ() {
        let pauses = |_| reconnecting().build().take(4).collect::<Vec<_>>();
        let different: HashSet<_> = (0..8).map(pauses).collect();
        assert!(different.len() > 1, "every client waits {different:?}");
    }
}
