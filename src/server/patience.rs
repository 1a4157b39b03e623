//! Waits for a server that responds but accepts no sessions at the moment: it is starting up,
//! shutting down, or has too many. An address that does not respond is not waited for: it may be
//! wrong.

use std::future::Future;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};

use super::error::{Result, SessionError};

/// How long to wait for a server: as long as a restart takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Pauses between attempts to open a session. They grow and vary, so that sessions lost together do
/// not reconnect together.
pub(crate) fn reconnecting() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
        .with_total_delay(Some(PATIENCE))
}

/// Waits for something as long as it makes progress, however long that takes, and for a limited
/// time while it does not.
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

    /// Records an observation, and pauses. Returns false if there was no progress for too long.
    pub(crate) async fn pause(&mut self, works: bool) -> bool {
        if works {
            self.worked = Instant::now();
        } else if self.worked.elapsed() > self.patience {
            return false;
        }
        // Short at first; longer the longer it has taken.
        let (soon, late) = (Duration::from_millis(20), Duration::from_secs(1));
        tokio::time::sleep((self.began.elapsed() / 8).clamp(soon, late)).await;
        true
    }
}

/// Opens the first session, waiting up to [`PATIENCE`] for a server that reports that it accepts
/// none at the moment. `waits` is called once, with the reason.
///
/// # Errors
/// The last one of `connect`. Refused connections, unknown hosts and refused roles are not waited
/// for.
pub async fn once_ready<T, F: Future<Output = Result<T>>>(
    connect: impl FnMut() -> F,
    waits: impl FnOnce(&SessionError),
) -> Result<T> {
    let mut waits = Some(waits);
    let tell = |error: &SessionError, _| {
        if let Some(waits) = waits.take() {
            waits(error);
        }
    };
    connect.retry(reconnecting()).when(SessionError::is_not_ready).notify(tell).await
}

impl SessionError {
    /// Whether the server itself reports that it accepts no session at the moment:
    /// `cannot_connect_now` (`src/backend/tcop/backend_startup.c`), `too_many_connections`, or a
    /// shutdown.
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
    async fn working_server_outlasts_patience_and_idle_does_not() {
        let mut wait = WhileItWorks::new(Duration::from_millis(1));
        // Each pause is longer than the patience given.
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
