//! The memory limit for the framing of a stream: its table of contents, its lists of large
//! objects, the names in a tar.
//!
//! An uncompressed file needs no limit: its framing takes memory in proportion to its size. A
//! compressed stream can expand a few bytes into gigabytes of entries, so it may use a constant
//! plus a multiple of the bytes received, up to a fixed maximum. Rows are not framing: they
//! stream, however many there are.

use std::io::{self, Read};

use super::error::{ArchiveError, ErrorKind, Result};
use super::slice::ReadCounter;

/// Bytes of memory that any stream may use: some 150,000 entries.
const FREE: u64 = 128 << 20;

/// Bytes of memory for each byte received. Entries of large objects, the most repetitive ones,
/// take 60 to 100 bytes of memory per byte of gzip.
const PER_BYTE: u64 = 256;

/// Bytes of memory that no stream may exceed: some ten million entries.
const MAX_STREAM_MEMORY: u64 = 8 << 30;

/// The highest ratio a single compressor reaches: Zstandard stores a block of 128 KiB of one
/// repeated byte in 4 bytes (RFC 8878, section 3.1.1.2). A higher ratio means several layers of
/// compression, which no backup has.
const RATIO: u64 = 1 << 16;

/// Bytes that a wrapper may output regardless of the ratio: so few cost no more than a second.
const FREE_OUTPUT: u64 = 64 << 20;

/// The memory still allowed. See the module.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Counts the bytes received; `None` when the framing is in an uncompressed file.
    input: Option<ReadCounter>,
    spent: u64,
}

impl Budget {
    /// For framing in an uncompressed file.
    pub(crate) fn unlimited() -> Self {
        Self { input: None, spent: 0 }
    }

    /// For a stream; `input` counts its bytes before they are decompressed.
    pub(crate) fn of_stream(input: ReadCounter) -> Self {
        Self { input: Some(input), spent: 0 }
    }

    /// Uses `bytes` of memory permanently.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when they exceed the limit.
    pub(crate) fn spend(&mut self, bytes: u64) -> Result<()> {
        self.spent = self.spent.saturating_add(bytes);
        self.allows(0)
    }

    /// Checks that `bytes` more could be spent.
    ///
    /// # Errors
    /// As [`Budget::spend`].
    pub(crate) fn allows(&self, bytes: u64) -> Result<()> {
        let Some(input) = &self.input else { return Ok(()) };
        let allowance =
            input.get().saturating_mul(PER_BYTE).saturating_add(FREE).min(MAX_STREAM_MEMORY);
        if self.spent.saturating_add(bytes) <= allowance {
            return Ok(());
        }
        Err(ArchiveError::new(ErrorKind::Limit(format!(
            "its table of contents and lists need more than {} MiB of memory for {} bytes of \
             input; if this is intended, unpack the archive first (plain files have no such limit)",
            allowance >> 20,
            input.get(),
        ))))
    }
}

/// The output of a wrapper's decompressor, limited in proportion to its input.
pub(crate) struct Proportionate<R> {
    reader: R,
    input: ReadCounter,
    output: u64,
}

impl<R> Proportionate<R> {
    /// `input` counts the bytes received, before they are decompressed.
    pub(crate) fn new(reader: R, input: ReadCounter) -> Self {
        Self { reader, input, output: 0 }
    }
}

impl<R: Read> Read for Proportionate<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(output)?;
        self.output += read as u64;
        let input = self.input.get();
        if self.output > FREE_OUTPUT.saturating_add(input.saturating_mul(RATIO)) {
            let what = format!(
                "{input} bytes decompress to more than {} MiB, which no backup does",
                self.output >> 20
            );
            return Err(ArchiveError::new(ErrorKind::Limit(what)).into());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_limit_grows_with_its_input() {
        let input = ReadCounter::default();
        let mut budget = Budget::of_stream(input.clone());
        budget.spend(FREE).unwrap();
        let error = budget.spend(1).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Limit(_)), "{error}");
        assert!(error.to_string().contains("more than 128 MiB of memory for 0 bytes of input"));
        input.add(1);
        budget.allows(PER_BYTE - 1).unwrap();
        budget.allows(PER_BYTE).unwrap_err();
    }

    #[test]
    fn stream_limit_has_a_maximum_and_files_none() {
        let input = ReadCounter::default();
        input.add(u64::MAX);
        Budget::of_stream(input.clone()).spend(MAX_STREAM_MEMORY).unwrap();
        Budget::of_stream(input).spend(MAX_STREAM_MEMORY + 1).unwrap_err();
        Budget::unlimited().spend(u64::MAX).unwrap();
    }

    #[test]
    fn impossible_compression_ratio_is_refused() {
        let input = ReadCounter::default();
        input.add(100);
        let mut reader = Proportionate::new(io::repeat(0), input);
        let error = io::copy(&mut reader, &mut io::sink()).unwrap_err();
        let error = ArchiveError::from_io(error).to_string();
        assert!(error.starts_with("100 bytes decompress to more than 70 MiB"), "{error}");
    }
}
