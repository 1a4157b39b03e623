//! What is tried again, how often, and with which pauses.
//!
//! Only what may succeed later by itself ([`Class::Retry`]): a lost connection, a deadlock, a
//! serialization failure, too many connections, a lock that is not to be had, a server that stops
//! or starts. Pauses grow and vary, so that sessions that were lost together do not come back
//! together.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::context::Context;
use super::event::Event;
use super::failure::{WorkError, chain};
use crate::archive::Entry;
use crate::target::Class;

/// Pauses between the tries of a statement, or of all that an entry needs.
pub(super) fn repeating() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .with_max_times(5)
        .build()
}

impl WorkError {
    /// Whether the same work may succeed later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Target(error) | Self::Row { source: error, .. } => error.class() == Class::Retry,
            Self::Archive(_) | Self::Other(_) => false,
        }
    }
}

/// Waits before another try of an entry's work, and says so. False if there is to be none.
pub(super) async fn pause(
    ctx: &Context,
    entry: &Entry,
    error: &WorkError,
    pauses: &mut ExponentialBackoff,
) -> bool {
    if !error.is_passing() || ctx.ledger().server_lost.is_some() {
        return false;
    }
    let Some(pause) = pauses.next() else {
        return false;
    };
    let message = format!("{} interrupted, retrying: {}", entry.label(), chain(error));
    ctx.events.send(Event::Warning { message });
    tokio::time::sleep(pause).await;
    true
}
