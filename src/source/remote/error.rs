//! Errors of a download.

use std::time::Duration;

use reqwest::StatusCode;

use super::Address;

/// Result of a download.
pub(super) type Result<T, E = DownloadError> = std::result::Result<T, E>;

/// Any error.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The HTTP client or the thread could not be created.
    #[error("cannot start a download")]
    Start(#[source] Source),
    /// No URL is available, and asking again would not help.
    #[error("no download URL available")]
    Locate(#[source] LocateError),
    /// The connection fails permanently, for example because of its certificate or a redirect.
    #[error("{address}: cannot connect securely")]
    Unsafe {
        /// The URL.
        address: Address,
        /// The client's error, without the URL.
        source: reqwest::Error,
    },
    /// The server refuses permanently.
    #[error("{address}: the server answered {status}")]
    Refused {
        /// The URL.
        address: Address,
        /// The status of the response.
        status: StatusCode,
    },
    /// The bytes differ from those received before.
    #[error("{address}: the backup changed while it was read ({what})")]
    Changed {
        /// The URL.
        address: Address,
        /// The difference.
        what: String,
    },
    /// The first request got no response.
    #[error("cannot reach the server that holds the backup")]
    Unreachable(#[source] Break),
    /// Too many attempts in a row failed.
    #[error("the download stopped at byte {position}; {tries} attempts to resume it failed")]
    Broken {
        /// Bytes delivered.
        position: u64,
        /// Attempts without progress.
        tries: u32,
        /// The last interruption.
        source: Break,
    },
    /// The thread ended unexpectedly.
    #[error("the download ended unexpectedly")]
    Vanished,
}

impl DownloadError {
    /// Whether a new download from the start would fail the same way.
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

/// Why one connection was interrupted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Break {
    /// A network error.
    #[error("{address}: the connection failed")]
    Network {
        /// The URL.
        address: Address,
        /// The client's error, without the URL.
        source: reqwest::Error,
    },
    /// No response or no data for this long.
    #[error("{address}: no data received for {time:?}")]
    Silent {
        /// The URL.
        address: Address,
        /// How long.
        time: Duration,
    },
    /// The body ended early.
    #[error("{address}: the server closed the connection after {position} of {total} bytes")]
    Short {
        /// The URL.
        address: Address,
        /// Bytes received, from the start of the file.
        position: u64,
        /// The expected length, in bytes.
        total: u64,
    },
    /// A temporary refusal.
    #[error("{address}: the server answered {status}")]
    Status {
        /// The URL.
        address: Address,
        /// The status of the response.
        status: StatusCode,
        /// The delay it requests before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The response is not the requested range.
    #[error("{address}: the server did not send the requested range")]
    NoRange {
        /// The URL.
        address: Address,
    },
    /// No URL is available at the moment.
    #[error("no download URL available")]
    Locate(#[source] LocateError),
}

impl Break {
    /// Whether no HTTP server was reached: an unknown host, a refused connection, a failed TLS
    /// handshake, no response, or a response that is not HTTP.
    pub(super) fn is_no_contact(&self) -> bool {
        match self {
            Self::Network { source, .. } => source.is_connect() || is_not_http(source),
            Self::Silent { .. } => true,
            _ => false,
        }
    }

    /// The delay that the server requests.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Whether the response was not HTTP, for example from a server that expects TLS.
fn is_not_http(error: &reqwest::Error) -> bool {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| std::error::Error::source(*error))
        .any(|error| error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse))
}

/// Why there is no URL.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// It may be available later.
    #[error(transparent)]
    Passing(Source),
    /// It will not become available.
    #[error(transparent)]
    Permanent(Source),
}
