//! A part of a file as a reader of its own, so that many can read one archive side by side.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes `start..end` of a file. Reads are positioned: the file's own cursor is not used.
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

    /// Bytes in the slice.
    pub(crate) fn len(&self) -> u64 {
        self.end - self.start
    }

    /// The slice from `offset`, counted from this one's start, to this one's end.
    pub(crate) fn from(&self, offset: u64) -> Self {
        Self::new(self.file.clone(), self.start.saturating_add(offset).min(self.end), self.end)
    }

    /// The slice of `len` bytes from `offset`, cut at this one's end.
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
    /// May go past the end, as in a file; reading there gives nothing.
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

/// Bytes read from the archive so far, shared between a reader and whoever shows progress.
#[derive(Clone, Debug, Default)]
pub struct ReadCounter(Arc<AtomicU64>);

impl ReadCounter {
    /// Bytes so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
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
        self.counter.add(read as u64);
        Ok(read)
    }
}
