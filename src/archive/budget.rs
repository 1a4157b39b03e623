//! How much memory the framing of a stream may take: its table of contents, its lists of large
//! objects, the names in a tar.
//!
//! What lies uncompressed in a file takes memory in proportion to the file, and needs no budget.
//! A compressed stream may turn a few bytes into gigabytes of entries. It is allowed a constant, a
//! multiple of the bytes that really came, and no more than a fixed sum. Rows are not framing:
//! they stream, however many they are.

use std::io::{self, Read};

use super::error::{Error, ErrorKind, Result};
use super::slice::ReadCounter;

/// Bytes of memory that any stream may take: some 150,000 entries.
const FREE: u64 = 128 << 20;

/// Bytes of memory for each byte that came. Entries of large objects, the most alike there are,
/// take 60 to 100 bytes of memory for a byte of gzip.
const PER_BYTE: u64 = 256;

/// Bytes of memory that no stream may pass: some ten million entries.
const MOST: u64 = 8 << 30;

/// What one compressor can make of one byte at the most. Zstandard is the one that can do it: it
/// notes a block of 128 KiB of one byte in 4 bytes (RFC 8878, section 3.1.1.2). What passes this is
/// compressed several times over, as no backup is.
const RATIO: u64 = 1 << 16;

/// Bytes that a wrapper may give whatever it is made of: below that nothing is lost but a second.
const FREE_OUTPUT: u64 = 64 << 20;

/// What is left to take. See the module.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Counts the bytes that came; `None` when the framing lies uncompressed in a file.
    input: Option<ReadCounter>,
    spent: u64,
}

impl Budget {
    /// For framing that lies in a file as it is.
    pub(crate) fn unlimited() -> Self {
        Self { input: None, spent: 0 }
    }

    /// For a stream whose bytes are counted by `input` before anything is made of them.
    pub(crate) fn of_stream(input: ReadCounter) -> Self {
        Self { input: Some(input), spent: 0 }
    }

    /// Takes `bytes` of memory for good.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when they are not to be had.
    pub(crate) fn spend(&mut self, bytes: u64) -> Result<()> {
        self.spent = self.spent.saturating_add(bytes);
        self.allows(0)
    }

    /// Whether `bytes` more might be spent.
    ///
    /// # Errors
    /// As [`Budget::spend`].
    pub(crate) fn allows(&self, bytes: u64) -> Result<()> {
        let Some(input) = &self.input else { return Ok(()) };
        let allowance = input.get().saturating_mul(PER_BYTE).saturating_add(FREE).min(MOST);
        if self.spent.saturating_add(bytes) <= allowance {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Limit(format!(
            "its table of contents and lists need more than {} MiB of memory for {} bytes of \
             input; if this is intended, unpack the archive first (plain files have no such limit)",
            allowance >> 20,
            input.get(),
        ))))
    }
}

/// The output of a wrapper's decompressor, which may not be without all proportion to the input.
pub(crate) struct Proportionate<R> {
    reader: R,
    input: ReadCounter,
    output: u64,
}

impl<R> Proportionate<R> {
    /// `input` counts the bytes that came, before anything is made of them.
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
            return Err(Error::new(ErrorKind::Limit(what)).into());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_may_take_a_constant_and_a_multiple_of_what_came() {
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
    fn no_stream_takes_more_than_a_fixed_sum_and_a_file_is_not_limited() {
        let input = ReadCounter::default();
        input.add(u64::MAX);
        Budget::of_stream(input.clone()).spend(MOST).unwrap();
        Budget::of_stream(input).spend(MOST + 1).unwrap_err();
        Budget::unlimited().spend(u64::MAX).unwrap();
    }

    #[test]
    fn a_wrapper_that_gives_more_than_any_compressor_can_is_refused() {
        let input = ReadCounter::default();
        input.add(100);
        let mut reader = Proportionate::new(io::repeat(0), input);
        let error = io::copy(&mut reader, &mut io::sink()).unwrap_err();
        let error = Error::from_io(error).to_string();
        assert!(error.starts_with("100 bytes decompress to more than 70 MiB"), "{error}");
    }
}
