//! Runs a streaming parser over a `Read` of unknown length.
//!
//! The buffer grows with the bytes actually read, never with a length that the archive only claims:
//! a hostile length costs nothing but an error at the end of the file.

use std::io::{Cursor, Read};

use super::budget::Budget;
use super::error::{ArchiveError, Result};
use super::primitives::Parsed;

/// Bytes requested from the reader at a time, initially. Grows with an item that does not fit.
const STEP: usize = 64 * 1024;

/// What follows the parsed items: bytes read ahead, then the reader.
pub(super) type Rest<R> = std::io::Chain<Cursor<Vec<u8>>, R>;

/// A reader and its bytes that are not parsed yet.
pub(super) struct Incremental<'a, R> {
    reader: R,
    /// The memory limit for items, including the bytes of an unfinished one.
    budget: &'a mut Budget,
    buffer: Vec<u8>,
    /// The start of the next item in `buffer`.
    start: usize,
    /// The offset of `buffer[0]` in the input.
    base: u64,
}

impl<'a, R: Read> Incremental<'a, R> {
    pub(super) fn new(reader: R, budget: &'a mut Budget) -> Self {
        Self { reader, budget, buffer: Vec::new(), start: 0, base: 0 }
    }

    /// Counts the memory of an item that is kept.
    pub(super) fn spend(&mut self, bytes: u64) -> Result<()> {
        self.budget.spend(bytes).map_err(|error| error.at(self.offset()))
    }

    /// Bytes parsed so far.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Parses one item, reading as much as it needs. `what` names it in errors.
    ///
    /// An incomplete item is parsed again from its start with at least twice the bytes, so the work
    /// stays linear in its size.
    pub(super) fn parse<T>(
        &mut self,
        what: &str,
        parser: impl Fn(&[u8]) -> Parsed<'_, T>,
    ) -> Result<T> {
        loop {
            let input = &self.buffer[self.start..];
            match parser(input) {
                Ok((rest, value)) => {
                    self.start = self.buffer.len() - rest.len();
                    return Ok(value);
                }
                Err(nom::Err::Incomplete(_)) => {
                    let (offset, available) = (self.offset(), input.len());
                    let allowed = self.budget.allows(available as u64);
                    allowed.map_err(|error| error.at(offset))?;
                    if !self.fill(available.max(STEP))? {
                        return Err(ArchiveError::truncated(format!("in {what}"))
                            .at(offset + available as u64));
                    }
                }
                Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => {
                    let at = self.base + (self.buffer.len() - fault.rest.len()) as u64;
                    return Err(ArchiveError::malformed(format!("{} in {what}", fault.what)).at(at));
                }
            }
        }
    }

    /// Reads up to `more` bytes. Returns whether there was at least one.
    fn fill(&mut self, more: usize) -> Result<bool> {
        self.buffer.drain(..self.start);
        self.base += self.start as u64;
        self.start = 0;
        let read = (&mut self.reader).take(more as u64).read_to_end(&mut self.buffer).map_err(
            |error| ArchiveError::from_io(error).at(self.base + self.buffer.len() as u64),
        )?;
        Ok(read > 0)
    }

    /// What follows the parsed items, as one reader.
    pub(super) fn into_rest(mut self) -> Rest<R> {
        self.buffer.drain(..self.start);
        Cursor::new(self.buffer).chain(self.reader)
    }
}
