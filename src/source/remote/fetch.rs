//! The download thread: sends requests until all bytes are delivered.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use chrono::Utc;
use reqwest::header::{ACCEPT_ENCODING, IF_RANGE, RANGE};
use reqwest::{Client, Response};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::error::{Break, Result};
use super::reply::{FileIdentity, Reply, retry_after};
use super::{Address, DownloadError, DownloadProgress, LocateError, Start};
use crate::http::is_lasting;

/// Provides the URL. Called before each request, because a signed URL expires.
pub trait Locate: Send + 'static {
    /// Whether each call gives a new URL, so that a refusal of one is not final.
    const IS_RENEWED: bool;

    /// The current URL.
    fn address(&mut self) -> impl Future<Output = Result<Address, LocateError>> + Send;
}

/// A fixed URL.
#[derive(Clone, Debug)]
pub struct Fixed(pub Address);

impl Locate for Fixed {
    const IS_RENEWED: bool = false;

    async fn address(&mut self) -> Result<Address, LocateError> {
        Ok(self.0.clone())
    }
}

/// Timeouts and retries of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownloadOptions {
    /// Timeout for establishing a connection.
    pub connect: Duration,
    /// How long the server may send nothing before the connection counts as broken.
    pub idle: Duration,
    /// How many attempts in a row may make no progress before the download fails. Any progress
    /// resets the count.
    pub tries: u32,
    /// The pause before the first attempt to resume; it doubles with each attempt. A random amount
    /// of up to the same length is added, so that many clients do not return at once.
    pub first_pause: Duration,
    /// The longest pause, without the random part.
    pub longest_pause: Duration,
}

impl Default for DownloadOptions {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            tries: 10,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

impl DownloadOptions {
    fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::new()
            .with_min_delay(self.first_pause)
            .with_max_delay(self.longest_pause)
            .with_max_times(usize::try_from(self.tries).unwrap_or(usize::MAX))
            .with_jitter()
            .build()
    }
}

/// The outcome of one connection.
enum FetchEnd {
    /// All bytes were delivered.
    Whole,
    /// The receiver is gone.
    Unwanted,
    /// The connection broke; the bytes delivered so far remain valid.
    Broken(Break),
}

/// Bytes to deliver, or the error that ended the download.
pub(super) type Received = Result<Bytes, Arc<DownloadError>>;

/// A download in progress.
pub(super) struct Fetch<L> {
    pub(super) locate: L,
    pub(super) client: Client,
    pub(super) options: DownloadOptions,
    /// The expected length, if known.
    pub(super) promised: Option<u64>,
    pub(super) out: Sender<Received>,
    pub(super) progress: DownloadProgress,
    known: FileIdentity,
    position: u64,
    /// The hash of all bytes before `position`.
    hash: Sha256,
    /// Whether the server sent a different range than requested.
    has_no_ranges: bool,
    /// Whether the server has ever responded. Until then, the URL is more likely wrong than the
    /// network broken, and retrying would only hide it.
    is_reached: bool,
    /// Where a response ended before the expected length.
    ended_at: Option<u64>,
}

impl<L: Locate> Fetch<L> {
    pub(super) fn new(
        (locate, promised): (L, Option<u64>),
        client: Client,
        options: DownloadOptions,
        start: Start,
        (out, progress): (Sender<Received>, DownloadProgress),
    ) -> Self {
        let Start { position, hash } = start;
        progress.advance_to(position);
        let (known, has_no_ranges, is_reached) = (FileIdentity::default(), false, position > 0);
        Self {
            locate,
            client,
            options,
            promised,
            out,
            progress,
            known,
            position,
            hash,
            has_no_ranges,
            is_reached,
            ended_at: None,
        }
    }

    /// Runs until everything is delivered, the receiver is gone, or the download fails.
    pub(super) async fn run(mut self) {
        let out = self.out.clone();
        let result = tokio::select! {
            result = Box::pin(self.fetch()) => result,
            // Stop waiting when the receiver is gone.
            () = out.closed() => return,
        };
        match result {
            Ok(FetchEnd::Whole) => self.progress.finish(self.hash),
            Ok(_) => {}
            Err(error) => {
                let error = Arc::new(error);
                self.progress.fail(Arc::clone(&error));
                // If the receiver is gone, there is no one to notify.
                let _ = out.send(Err(error)).await;
            }
        }
    }

    async fn fetch(&mut self) -> Result<FetchEnd> {
        let (mut pauses, mut tries) = (self.options.pauses(), 0);
        loop {
            let before = self.position;
            let broken = match self.attempt().await? {
                FetchEnd::Broken(broken) => broken,
                ended => return Ok(ended),
            };
            if self.position > before {
                (pauses, tries) = (self.options.pauses(), 0);
            }
            let position = self.position;
            if !self.is_reached && broken.is_no_contact() {
                return Err(DownloadError::Unreachable(broken));
            }
            let Some(pause) = pauses.next() else {
                return Err(DownloadError::Broken { position, tries, source: broken });
            };
            tries += 1;
            let pause = pause.max(broken.retry_after().unwrap_or_default());
            tracing::warn!(
                position,
                total = self.total(),
                attempt = tries,
                ?pause,
                error = &broken as &dyn std::error::Error,
                "download interrupted, retrying"
            );
            tokio::time::sleep(pause).await;
            self.progress.resume();
        }
    }

    /// One request.
    async fn attempt(&mut self) -> Result<FetchEnd> {
        let address = match self.locate.address().await {
            Ok(address) => address,
            Err(error @ LocateError::Permanent(_)) => return Err(DownloadError::Locate(error)),
            Err(error) => return Ok(FetchEnd::Broken(Break::Locate(error))),
        };
        let mut request =
            self.client.get(address.expose().clone()).header(ACCEPT_ENCODING, "identity");
        if self.position > 0 && !self.has_no_ranges {
            request = request.header(RANGE, format!("bytes={}-", self.position));
            if let Some(etag) = self.known.strong_etag() {
                request = request.header(IF_RANGE, etag);
            }
        }
        let response = match timeout(self.options.idle, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if is_lasting(&error) => {
                return Err(DownloadError::Unsafe { address, source: error.without_url() });
            }
            Ok(Err(error)) => return Ok(FetchEnd::Broken(network(address, error))),
            Err(_) => return Ok(FetchEnd::Broken(self.silent(address))),
        };
        self.is_reached = true;
        let (status, headers) = (response.status(), response.headers());
        let skip = match Reply::of(status, headers, L::IS_RENEWED) {
            Reply::Refused => return Err(DownloadError::Refused { address, status }),
            Reply::Passing => {
                let retry_after = retry_after(headers, Utc::now());
                return Ok(FetchEnd::Broken(Break::Status { address, status, retry_after }));
            }
            reply => {
                self.recognise(
                    FileIdentity::of(status, headers, response.content_length()),
                    &address,
                )?;
                match reply {
                    Reply::Whole => self.position,
                    Reply::Part { from } if from == self.position => 0,
                    _ if self.total() == Some(self.position) => return Ok(FetchEnd::Whole),
                    _ => {
                        self.has_no_ranges = true;
                        return Ok(FetchEnd::Broken(Break::NoRange { address }));
                    }
                }
            }
        };
        self.pass_on(response, skip, address).await
    }

    /// Checks that a response is for the expected bytes.
    fn recognise(&mut self, found: FileIdentity, address: &Address) -> Result<()> {
        if let Some(what) = self.known.difference(&found) {
            return Err(DownloadError::Changed { address: address.clone(), what });
        }
        if let Some(total) = found.total {
            self.doubt_promise(total);
        }
        if let Some(total) = found.total.filter(|total| *total < self.position) {
            let what = format!("it has {total} bytes, fewer than already read");
            return Err(DownloadError::Changed { address: address.clone(), what });
        }
        self.known.learn(found);
        self.progress.expect(self.total());
        Ok(())
    }

    /// Delivers a body without its first `skip` bytes, which must equal those already delivered.
    async fn pass_on(
        &mut self,
        mut response: Response,
        mut skip: u64,
        address: Address,
    ) -> Result<FetchEnd> {
        let mut skipped = Sha256::new();
        let changed = |what: &str| {
            Err(DownloadError::Changed { address: address.clone(), what: what.to_owned() })
        };
        loop {
            let mut bytes = match timeout(self.options.idle, response.chunk()).await {
                Ok(Ok(Some(bytes))) => bytes,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Ok(FetchEnd::Broken(network(address, error))),
                Err(_) => return Ok(FetchEnd::Broken(self.silent(address))),
            };
            if skip > 0 {
                let old =
                    bytes.split_to(bytes.len().min(usize::try_from(skip).unwrap_or(usize::MAX)));
                skipped.update(&old);
                skip -= old.len() as u64;
                if skip == 0 && skipped.clone().finalize() != self.hash.clone().finalize() {
                    return changed("it starts with different bytes");
                }
            }
            if bytes.is_empty() {
                continue;
            }
            self.position += bytes.len() as u64;
            if self.known.total.is_some_and(|total| self.position > total) {
                return changed("it is longer than expected");
            }
            if self.promised.is_some_and(|promised| self.position > promised) {
                self.doubt_promise(self.position);
            }
            self.hash.update(&bytes);
            self.progress.advance_to(self.position);
            // This blocks as long as the reader does, without counting as idle; only the server may
            // time out.
            if self.out.send(Ok(bytes)).await.is_err() {
                return Ok(FetchEnd::Unwanted);
            }
        }
        match self.total() {
            Some(total) if self.position < total && !self.ended_here_before() => {
                let position = self.position;
                Ok(FetchEnd::Broken(Break::Short { address, position, total }))
            }
            _ if skip > 0 => changed("it is shorter than before"),
            _ => Ok(FetchEnd::Whole),
        }
    }

    /// Drops an expected length that differs from the server's: nothing documents that they are
    /// equal, and compressed data has its own end and checksum.
    fn doubt_promise(&mut self, found: u64) {
        if let Some(promised) = self.promised.take_if(|promised| *promised != found) {
            tracing::warn!(
                promised,
                found,
                "the backup's size differs from the host's list; \
                 relying on its end and its checksums"
            );
        }
    }

    /// Whether a response without a length ended here twice: then the expected length is wrong.
    fn ended_here_before(&mut self) -> bool {
        let is_second = self.known.total.is_none() && self.ended_at == Some(self.position);
        self.ended_at = Some(self.position);
        if is_second {
            self.doubt_promise(self.position);
        }
        is_second
    }

    /// The expected number of bytes.
    fn total(&self) -> Option<u64> {
        self.known.total.or(self.promised)
    }

    fn silent(&self, address: Address) -> Break {
        Break::Silent { address, time: self.options.idle }
    }
}

fn network(address: Address, error: reqwest::Error) -> Break {
    Break::Network { address, source: error.without_url() }
}
