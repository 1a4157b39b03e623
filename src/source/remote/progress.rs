//! How far a download is, for whoever watches, and what it was when it is over.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::DownloadError;

/// How far a download is. Clones see the same one.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    position: AtomicU64,
    resumes: AtomicU32,
    total: OnceLock<u64>,
    sha256: OnceLock<Sha256Sum>,
    failure: OnceLock<Arc<DownloadError>>,
}

impl Progress {
    /// Bytes from the start that are there, whoever brought them.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.0.position.load(Ordering::Relaxed)
    }

    /// How many there will be, as soon as the server has said so.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.0.total.get().copied()
    }

    /// How often a broken connection was taken up again.
    #[must_use]
    pub fn resumes(&self) -> u32 {
        self.0.resumes.load(Ordering::Relaxed)
    }

    /// The SHA-256 of all bytes, when all of them have come and their number is right.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256Sum> {
        self.0.sha256.get().copied()
    }

    /// Why it failed, if it did. Whoever reads the bytes gets the same error.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<DownloadError>> {
        self.0.failure.get().cloned()
    }

    pub(super) fn advance_to(&self, position: u64) {
        self.0.position.store(position, Ordering::Relaxed);
    }

    pub(super) fn expect(&self, total: Option<u64>) {
        if let Some(total) = total {
            // The first word counts; another one ends the download.
            let _ = self.0.total.set(total);
        }
    }

    pub(super) fn resume(&self) {
        self.0.resumes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn finish(&self, hash: Sha256) {
        // It is called once.
        let _ = self.0.sha256.set(Sha256Sum(hash.finalize().into()));
    }

    pub(super) fn fail(&self, error: Arc<DownloadError>) {
        // The first failure is the cause.
        let _ = self.0.failure.set(error);
    }
}

/// A SHA-256, shown in hexadecimal digits as `sha256sum` does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256Sum([u8; 32]);

impl Sha256Sum {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl From<Sha256> for Sha256Sum {
    fn from(hash: Sha256) -> Self {
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Sha256Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256Sum({self})")
    }
}

impl Serialize for Sha256Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
