//! The progress of a download, and its result once it is over.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use sha2::Sha256;

use super::DownloadError;
use crate::archive::Digest;

/// The progress of a download. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct DownloadProgress(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    position: AtomicU64,
    resumes: AtomicU32,
    total: OnceLock<u64>,
    sha256: OnceLock<Digest>,
    failure: OnceLock<Arc<DownloadError>>,
}

impl DownloadProgress {
    /// Bytes received from the start, including those that existed before.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.0.position.load(Ordering::Relaxed)
    }

    /// The total number of bytes, once the server has sent it.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.0.total.get().copied()
    }

    /// How often the download was resumed.
    #[must_use]
    pub fn resumes(&self) -> u32 {
        self.0.resumes.load(Ordering::Relaxed)
    }

    /// The SHA-256 of all bytes, once all have arrived and the length is right.
    #[must_use]
    pub fn sha256(&self) -> Option<Digest> {
        self.0.sha256.get().copied()
    }

    /// The error, if it failed. The reader of the bytes gets the same one.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<DownloadError>> {
        self.0.failure.get().cloned()
    }

    pub(super) fn advance_to(&self, position: u64) {
        self.0.position.store(position, Ordering::Relaxed);
    }

    pub(super) fn expect(&self, total: Option<u64>) {
        if let Some(total) = total {
            // The first value counts; a different one ends the download.
            let _ = self.0.total.set(total);
        }
    }

    pub(super) fn resume(&self) {
        self.0.resumes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn finish(&self, hash: Sha256) {
        // Called once.
        let _ = self.0.sha256.set(hash.into());
    }

    pub(super) fn fail(&self, error: Arc<DownloadError>) {
        // The first failure is the cause.
        let _ = self.0.failure.set(error);
    }
}
