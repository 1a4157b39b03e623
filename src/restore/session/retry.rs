//! What is retried, how often, and with which pauses.
//!
//! Only what may succeed on its own at once: see [`Retry`](crate::server::Retry). Pauses grow and
//! vary, so that sessions lost together do not reconnect together.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::archive::Entry;
use crate::error::chain;
use crate::restore::error::WorkError;
use crate::restore::event::Event;
use crate::restore::ledger::Ledger;
use crate::server::{Class, SessionError};

/// Pauses between attempts of a statement, or of everything an entry needs.
pub(crate) fn repeating() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .with_max_times(5)
        .build()
}

/// Logs and waits before another attempt of an entry's work. Returns false if there is to be none.
pub(crate) async fn pause(
    ledger: &Ledger,
    entry: &Entry,
    error: &WorkError,
    pauses: &mut ExponentialBackoff,
) -> bool {
    if !error.retry().is_at_once() || ledger.server.is_lost() {
        return false;
    }
    let Some(pause) = pauses.next() else {
        return false;
    };
    let message = format!("{} interrupted, retrying: {}", entry.label(), chain(error));
    ledger.facts.events.send(Event::Warning { message });
    tokio::time::sleep(pause).await;
    true
}

/// Whether the server refused this statement but may accept the next one.
pub(crate) fn is_refusal(error: &SessionError) -> bool {
    let goes_on = !error.retry().is_at_once() && !error.is_connection_lost();
    goes_on && matches!(error, SessionError::Server(refusal) if refusal.class() != Class::Fatal)
}
