//! Bytes that come over HTTP, as a stream that survives broken connections.
//!
//! A backup of many gigabytes takes hours to restore while it downloads, longer than connections
//! live. So the bytes are fetched by a thread of its own, which goes on where a connection broke:
//!
//! ```text
//!   Locate ──address──▶ thread "download"  ──bounded channel──▶ Download ──▶ Reader (blocking)
//!   (asked before        request, check,         pieces            or next() (async)
//!    each request)       hash, resume
//! ```
//!
//! - The address is asked for again before each request ([`Locate`]): signed addresses expire.
//! - A request that goes on asks for a range (RFC 9110, section 14), tied to the `ETag` of the
//!   first answer by `If-Range`. A server that does not know ranges sends all from the start: what
//!   is known already is read over, and its SHA-256 must be that of the bytes that were passed on.
//! - Whatever comes must belong to the same bytes: the same total length, the same `ETag`. If not,
//!   the download fails with [`DownloadError::Changed`]. Two versions are never mixed where a
//!   server gives strong tags. Without them, versions of the same length cannot be told apart by a
//!   range.
//! - The end is reported only when the length is the promised one. A connection that is closed
//!   early, or is silent for too long, counts as broken. Nobody taking the pieces is no silence:
//!   the clock runs only while the thread waits for the server.
//! - Memory is bounded: pieces wait in a channel of few, then the server waits.
//!
//! Addresses may hold secrets: see [`Address`]. No error and no log line of this module shows more
//! of one than scheme, host and path.

mod address;
mod client;
mod download;
mod error;
mod fetch;
mod progress;
mod reply;

pub use address::{Address, AddressError};
pub use download::{Download, Reader, Start};
pub use error::{DownloadError, LocateError};
pub use fetch::{DownloadOptions, Fixed, Locate};
pub use progress::{Progress, Sha256Sum};

pub(crate) use client::{ClientError, client, is_lasting};
pub(crate) use reply::retry_after;
