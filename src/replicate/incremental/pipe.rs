//! Pipes one COPY into another.

use super::error::Side;
use crate::server::{self, Session};

/// The counts of a pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Piped {
    /// Rows in the source's command tag.
    pub(super) sent: u64,
    /// Rows in the target's command tag.
    pub(super) stored: u64,
    /// Bytes of the COPY format.
    pub(super) bytes: u64,
}

/// Sends the output of a `COPY … TO STDOUT` into a `COPY … FROM STDIN`. The slower side sets the
/// pace, and memory holds at most one chunk and what the driver has in flight.
///
/// The target's COPY ends only after the source's data has ended properly; on any error it fails,
/// and with it the target's transaction. If the target fails, the source is asked to cancel.
/// Dropping the future does both.
pub(super) async fn pipe(
    source: &Session,
    copy_out: &str,
    target: &Session,
    copy_in: &str,
) -> Result<Piped, (Side, server::SessionError)> {
    let of_source = |error| (Side::Source, error);
    let of_target = |error| (Side::Target, error);
    // The target first: if it fails, the source is not burdened.
    let mut sink = target.copy_in(copy_in).await.map_err(of_target)?;
    let mut rows = source.copy_out(copy_out).await.map_err(of_source)?;
    let mut bytes = 0;
    while let Some(chunk) = rows.next().await.map_err(of_source)? {
        bytes += chunk.len() as u64;
        sink.send(chunk).await.map_err(of_target)?;
    }
    let sent = rows.rows().unwrap_or_default();
    let stored = sink.finish().await.map_err(of_target)?;
    Ok(Piped { sent, stored, bytes })
}
