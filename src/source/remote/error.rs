//! Why a download failed.

use std::time::Duration;

use reqwest::StatusCode;

use super::Address;

/// Result of a download.
pub(super) type Result<T, E = DownloadError> = std::result::Result<T, E>;

/// Anybody's error.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the bytes did not come, or not all of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// There is no HTTP client, or no thread.
    #[error("cannot start a download")]
    Start(#[source] Source),
    /// Nobody can say where the bytes are, and asking again would not help.
    #[error("no address to download from")]
    Locate(#[source] LocateError),
    /// The server cannot be talked to, and that will not pass: its certificate, a redirect.
    #[error("{address}: cannot connect securely")]
    Unsafe {
        /// Where.
        address: Address,
        /// The client's error, which shows no address.
        source: reqwest::Error,
    },
    /// The server's answer means that there is nothing to be had.
    #[error("{address}: the server answered {status}")]
    Refused {
        /// Where.
        address: Address,
        /// What it answered.
        status: StatusCode,
    },
    /// The bytes are other ones than before.
    #[error("{address}: the backup changed while it was read ({what})")]
    Changed {
        /// Where.
        address: Address,
        /// How that is known.
        what: String,
    },
    /// No one answered the first request.
    #[error("cannot reach the server that holds the backup")]
    Unreachable(#[source] Break),
    /// It broke too often.
    #[error("the download stopped at byte {position}; {tries} attempts to resume it failed")]
    Broken {
        /// Bytes that were passed on.
        position: u64,
        /// Tries that brought no byte.
        tries: u32,
        /// What happened last.
        source: Break,
    },
    /// The thread is gone.
    #[error("the download ended unexpectedly")]
    Vanished,
}

impl DownloadError {
    /// Whether another download, from the start, would fail the same way.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Start(_) | Self::Locate(_) | Self::Unsafe { .. } | Self::Refused { .. } => true,
            Self::Changed { .. } | Self::Unreachable(_) | Self::Broken { .. } | Self::Vanished => {
                false
            }
        }
    }
}

/// Why one connection brought no more bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Break {
    /// The network's error.
    #[error("{address}: the connection failed")]
    Network {
        /// Where.
        address: Address,
        /// The client's error, which shows no address.
        source: reqwest::Error,
    },
    /// No answer, or no byte, for this long.
    #[error("{address}: no data received for {time:?}")]
    Silent {
        /// Where.
        address: Address,
        /// How long.
        time: Duration,
    },
    /// The body ended early.
    #[error("{address}: the server closed the connection after {position} of {total} bytes")]
    Short {
        /// Where.
        address: Address,
        /// Bytes from the start of the whole.
        position: u64,
        /// The promised length, in bytes.
        total: u64,
    },
    /// A passing refusal.
    #[error("{address}: the server answered {status}")]
    Status {
        /// Where.
        address: Address,
        /// What it answered.
        status: StatusCode,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Not the range that was asked for.
    #[error("{address}: the server did not send the requested range")]
    NoRange {
        /// Where.
        address: Address,
    },
    /// Nobody could say where the bytes are.
    #[error("no address to download from")]
    Locate(#[source] LocateError),
}

impl Break {
    /// Whether no server was there: an unknown host, a refused connection, a TLS handshake that
    /// failed, an address where no one answers, or where something else than HTTP does.
    pub(super) fn is_no_contact(&self) -> bool {
        match self {
            Self::Network { source, .. } => source.is_connect() || is_not_http(source),
            Self::Silent { .. } => true,
            _ => false,
        }
    }

    /// How long the server wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Whether the answer was not HTTP: of a server that expects TLS, for instance.
fn is_not_http(error: &reqwest::Error) -> bool {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| std::error::Error::source(*error))
        .any(|error| error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse))
}

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// It may be there later.
    #[error(transparent)]
    Passing(Source),
    /// It will not.
    #[error(transparent)]
    Permanent(Source),
}
