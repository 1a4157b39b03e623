//! A part of a file as an independent reader, so that an archive can be read in parallel.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::Digest;

/// Bytes `start..end` of a file. Reads are positional: the file's own cursor is not used.
#[derive(Clone, Debug)]
pub(crate) struct FileSlice {
    file: Arc<File>,
    start: u64,
    position: u64,
    end: u64,
}

impl FileSlice {
    pub(crate) fn new(file: Arc<File>, start: u64, end: u64) -> Self {
        Self { file, start, position: start, end: end.max(start) }
    }

    /// The file's metadata.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Bytes in the slice.
    pub(crate) fn len(&self) -> u64 {
        self.end - self.start
    }

    /// The slice from `offset`, relative to this one's start, to this one's end.
    pub(crate) fn from(&self, offset: u64) -> Self {
        Self::new(self.file.clone(), self.start.saturating_add(offset).min(self.end), self.end)
    }

    /// The slice of `len` bytes from `offset`, truncated at this one's end.
    pub(crate) fn part(&self, offset: u64, len: u64) -> Self {
        let from = self.from(offset);
        Self { end: from.start.saturating_add(len).min(self.end), ..from }
    }
}

impl Read for FileSlice {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.position);
        let wanted = output.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.file.read_at(&mut output[..wanted], self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for FileSlice {
    /// May seek past the end, as in a file; reading there returns nothing.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(offset) => (self.start, i64::try_from(offset).ok()),
            SeekFrom::Current(by) => (self.position, Some(by)),
            SeekFrom::End(by) => (self.end, Some(by)),
        };
        match by.and_then(|by| base.checked_add_signed(by)).filter(|to| *to >= self.start) {
            Some(to) => {
                self.position = to;
                Ok(to - self.start)
            }
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "an offset is out of range")),
        }
    }
}

/// Bytes read from the archive so far, and optionally their SHA-256; shared between a reader and
/// the code that tracks its progress.
#[derive(Clone, Debug, Default)]
pub struct ReadCounter {
    bytes: Arc<AtomicU64>,
    hash: Option<Arc<Mutex<Sha256>>>,
}

impl ReadCounter {
    /// A counter that also hashes.
    #[must_use]
    pub fn hashing() -> Self {
        Self { hash: Some(Arc::default()), ..Self::default() }
    }

    /// Bytes so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The SHA-256 of the bytes so far, as stored in the archive; `None` unless requested.
    ///
    /// For a fully read entry, this covers its block without the block's header (custom format) or
    /// its file. For large objects in files it covers, for each object in the order of their list,
    /// the OID (4 bytes) and the file's length (8), least significant byte first, and the file.
    #[must_use]
    pub fn sha256(&self) -> Option<Digest> {
        let hash = self.hash.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Some(hash.into())
    }

    pub(crate) fn read(&self, bytes: &[u8]) {
        self.add(bytes.len() as u64);
        self.hash(bytes);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Hashes bytes that belong to the data but were not read with it.
    pub(super) fn hash(&self, bytes: &[u8]) {
        if let Some(hash) = &self.hash {
            // There is one reader; a hash left by a panic is never compared.
            hash.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
        }
    }

    /// The same count, without the digest.
    pub(super) fn count_only(&self) -> Self {
        Self { hash: None, ..self.clone() }
    }
}

/// Counts what is read through it.
pub(crate) struct Counted<R> {
    pub(crate) reader: R,
    pub(crate) counter: ReadCounter,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(output)?;
        self.counter.read(&output[..read]);
        Ok(read)
    }
}
