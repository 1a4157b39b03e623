//! A stream of bytes over HTTP that survives broken connections.
//!
//! A backup of many gigabytes takes hours to restore while it downloads, longer than connections
//! last. So a dedicated thread fetches the bytes and resumes where a connection broke:
//!
//! ```text
//!   Locate ──address──▶ thread "download"  ──bounded channel──▶ Download ──▶ Reader (blocking)
//!   (called before       request, check,         pieces            or next() (async)
//!    each request)       hash, resume
//! ```
//!
//! - The URL is requested again before each request ([`Locate`]): signed URLs expire.
//! - A resuming request asks for a range (RFC 9110, section 14), tied to the `ETag` of the first
//!   response by `If-Range`. A server without range support sends everything from the start: the
//!   bytes already delivered are skipped, and their SHA-256 must match.
//! - Every response must be for the same bytes: the same total length, the same `ETag`. If not, the
//!   download fails with [`DownloadError::Changed`]. If the server sends strong tags, two versions
//!   are never mixed. Without them, a range cannot distinguish versions of the same length.
//! - The end is reported only at the expected length. A connection that is closed early, or silent
//!   for too long, counts as broken. A slow receiver does not count as silence: the clock runs only
//!   while the thread waits for the server.
//! - Memory is bounded: a few pieces wait in a channel, then the server waits.
//!
//! URLs may contain secrets: see [`Address`]. No error or log line of this module shows more of one
//! than scheme, host and path.

mod address;
mod download;
mod error;
mod fetch;
mod progress;
mod reply;

pub use address::Address;
pub use download::{Download, Reader, Start};
pub use error::{DownloadError, LocateError};
pub use fetch::{DownloadOptions, Fixed, Locate};
pub use progress::DownloadProgress;

pub use super::url::AddressError;

pub(crate) use reply::retry_after;
