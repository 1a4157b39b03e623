//! The work of the download's thread: request after request, until all bytes were passed on.

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
use super::reply::{Identity, Reply, retry_after};
use super::{Address, DownloadError, LocateError, Progress, Start, is_lasting};

/// Says where the bytes are. Asked before each request: a signed address expires.
pub trait Locate: Send + 'static {
    /// Whether it gives another address each time, so that a refusal of one is not the last word.
    const IS_RENEWED: bool;

    /// The address of now.
    fn address(&mut self) -> impl Future<Output = Result<Address, LocateError>> + Send;
}

/// An address that is what it is.
#[derive(Clone, Debug)]
pub struct Fixed(pub Address);

impl Locate for Fixed {
    const IS_RENEWED: bool = false;

    async fn address(&mut self) -> Result<Address, LocateError> {
        Ok(self.0.clone())
    }
}

/// How patient a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownloadOptions {
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long the server may say nothing before the connection counts as broken.
    pub idle: Duration,
    /// How many tries in a row may bring no byte before it fails. A try that brings some starts
    /// the count anew.
    pub tries: u32,
    /// The pause before a first try to go on; it doubles from try to try. At random, up to as much
    /// again is added, so that many clients do not come back at once.
    pub first_pause: Duration,
    /// The longest pause, without what is added.
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

/// What one connection came to.
enum Ended {
    /// All bytes are passed on.
    Whole,
    /// Nobody takes them any more.
    Unwanted,
    /// It broke; what was passed on stays.
    Broken(Break),
}

/// What passes bytes on, or why there are no more.
pub(super) type Piece = Result<Bytes, Arc<DownloadError>>;

/// A download at work.
pub(super) struct Fetch<L> {
    pub(super) locate: L,
    pub(super) client: Client,
    pub(super) options: DownloadOptions,
    /// The length that somebody promised.
    pub(super) promised: Option<u64>,
    pub(super) out: Sender<Piece>,
    pub(super) progress: Progress,
    known: Identity,
    position: u64,
    /// Of all bytes before `position`.
    hash: Sha256,
    /// Whether the server sent another range than it was asked for.
    has_no_ranges: bool,
    /// Whether the server has ever answered. Until then the address is more likely wrong than the
    /// network broken, and trying again would only hide it.
    is_reached: bool,
    /// Where a response ended that came short of the promise.
    ended_at: Option<u64>,
}

impl<L: Locate> Fetch<L> {
    pub(super) fn new(
        (locate, promised): (L, Option<u64>),
        client: Client,
        options: DownloadOptions,
        start: Start,
        (out, progress): (Sender<Piece>, Progress),
    ) -> Self {
        let Start { position, hash } = start;
        progress.advance_to(position);
        let (known, has_no_ranges, is_reached) = (Identity::default(), false, position > 0);
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

    /// Works until all is passed on, or nobody wants it, or it failed.
    pub(super) async fn run(mut self) {
        let out = self.out.clone();
        let result = tokio::select! {
            result = Box::pin(self.fetch()) => result,
            // Nothing is worth waiting for when nobody listens.
            () = out.closed() => return,
        };
        match result {
            Ok(Ended::Whole) => self.progress.finish(self.hash),
            Ok(_) => {}
            Err(error) => {
                let error = Arc::new(error);
                self.progress.fail(Arc::clone(&error));
                // When nobody listens there is nobody to tell.
                let _ = out.send(Err(error)).await;
            }
        }
    }

    async fn fetch(&mut self) -> Result<Ended> {
        let (mut pauses, mut tries) = (self.options.pauses(), 0);
        loop {
            let before = self.position;
            let broken = match self.attempt().await? {
                Ended::Broken(broken) => broken,
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
    async fn attempt(&mut self) -> Result<Ended> {
        let address = match self.locate.address().await {
            Ok(address) => address,
            Err(error @ LocateError::Permanent(_)) => return Err(DownloadError::Locate(error)),
            Err(error) => return Ok(Ended::Broken(Break::Locate(error))),
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
            Ok(Err(error)) => return Ok(Ended::Broken(network(address, error))),
            Err(_) => return Ok(Ended::Broken(self.silent(address))),
        };
        self.is_reached = true;
        let (status, headers) = (response.status(), response.headers());
        let skip = match Reply::of(status, headers, L::IS_RENEWED) {
            Reply::Refused => return Err(DownloadError::Refused { address, status }),
            Reply::Passing => {
                let retry_after = retry_after(headers, Utc::now());
                return Ok(Ended::Broken(Break::Status { address, status, retry_after }));
            }
            reply => {
                self.recognise(Identity::of(status, headers, response.content_length()), &address)?;
                match reply {
                    Reply::Whole => self.position,
                    Reply::Part { from } if from == self.position => 0,
                    _ if self.total() == Some(self.position) => return Ok(Ended::Whole),
                    _ => {
                        self.has_no_ranges = true;
                        return Ok(Ended::Broken(Break::NoRange { address }));
                    }
                }
            }
        };
        self.pass_on(response, skip, address).await
    }

    /// Checks that an answer is about the bytes that are expected.
    fn recognise(&mut self, found: Identity, address: &Address) -> Result<()> {
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

    /// Passes a body on, less its first `skip` bytes, which must be those that were passed on
    /// before.
    async fn pass_on(
        &mut self,
        mut response: Response,
        mut skip: u64,
        address: Address,
    ) -> Result<Ended> {
        let mut skipped = Sha256::new();
        let changed = |what: &str| {
            Err(DownloadError::Changed { address: address.clone(), what: what.to_owned() })
        };
        loop {
            let mut bytes = match timeout(self.options.idle, response.chunk()).await {
                Ok(Ok(Some(bytes))) => bytes,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Ok(Ended::Broken(network(address, error))),
                Err(_) => return Ok(Ended::Broken(self.silent(address))),
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
            // This waits as long as the reader does: the server may lose patience, not the clock.
            if self.out.send(Ok(bytes)).await.is_err() {
                return Ok(Ended::Unwanted);
            }
        }
        match self.total() {
            Some(total) if self.position < total && !self.ended_here_before() => {
                let position = self.position;
                Ok(Ended::Broken(Break::Short { address, position, total }))
            }
            _ if skip > 0 => changed("it is shorter than before"),
            _ => Ok(Ended::Whole),
        }
    }

    /// The length in a list that differs from the server's own decides nothing: no document
    /// promises that they are equal, and what is compressed has an end and a checksum of its own.
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

    /// Whether a response without a length has ended here twice: then only the promise is wrong.
    fn ended_here_before(&mut self) -> bool {
        let is_second = self.known.total.is_none() && self.ended_at == Some(self.position);
        self.ended_at = Some(self.position);
        if is_second {
            self.doubt_promise(self.position);
        }
        is_second
    }

    /// How many bytes there must be.
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
