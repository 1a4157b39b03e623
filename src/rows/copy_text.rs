//! The data of a COPY block, checked while it streams.
//!
//! pg_dump ends each block with a line `\.` and two empty lines. A block without them is truncated,
//! whatever its last row looks like. pg_restore silently loads such a partial table from an archive
//! that is uncompressed, or compressed with lz4 or zstd. (`dumpTableData_copy` in
//! `src/bin/pg_dump/pg_dump.c`.)
//!
//! A newline is a row boundary: COPY text escapes newlines inside values.

use std::io::{self, Read};

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use crate::archive::{ArchiveError, Result};

/// Bytes of a piece. Messages of 256 KiB have the lowest client cost per byte.
pub(super) const PIECE: usize = 256 * 1024;

/// What follows the last row.
const END: &[u8] = b"\\.\n\n\n";

/// The line that ends a block.
const MARKER: &[u8] = b"\\.\n";

/// The same with the newline of the row before it.
const MARKER_AFTER_ROW: &[u8] = b"\n\\.\n";

/// Reads a COPY block piece by piece, without its end marker.
pub struct CopyText<R> {
    reader: R,
    /// Bytes read but not returned.
    buffer: BytesMut,
    /// Whether the buffer starts at the start of a line.
    at_line_start: bool,
    ended: bool,
    rows: u64,
    bytes: u64,
}

impl<R: Read> CopyText<R> {
    /// Reads from `reader`, the decompressed block.
    pub fn new(reader: R) -> Self {
        let buffer = BytesMut::new();
        Self { reader, buffer, at_line_start: true, ended: false, rows: 0, bytes: 0 }
    }

    /// Rows in the pieces returned so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes in the pieces returned so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next piece of rows, or `None` after the last. A piece ends at the end of a row, unless
    /// it is part of a row longer than a piece.
    ///
    /// # Errors
    /// When the data ends without its end marker, continues after it, or cannot be read.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        let more = self.fill()?;
        if let Some(at) = self.marker() {
            return self.last_piece(at);
        }
        if !more {
            return Err(ArchiveError::truncated("the rows end without their end marker (\\.)"));
        }
        // The marker is a whole line, so an unfinished row cannot be its start.
        let end = memchr::memrchr(b'\n', &self.buffer).map_or(self.buffer.len(), |at| at + 1);
        let piece = self.buffer.split_to(end);
        self.at_line_start = piece.ends_with(b"\n");
        Ok(self.give(piece))
    }

    /// The start of the end marker.
    fn marker(&self) -> Option<usize> {
        if self.at_line_start && self.buffer.starts_with(MARKER) {
            return Some(0);
        }
        memmem::find(&self.buffer, MARKER_AFTER_ROW).map(|at| at + 1)
    }

    /// Reads until the buffer holds a piece. Returns false at the end of the input.
    fn fill(&mut self) -> Result<bool> {
        let mut filled = self.buffer.len();
        self.buffer.resize(PIECE, 0);
        while filled < PIECE {
            match self.reader.read(&mut self.buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ArchiveError::from_io(error)),
            }
        }
        self.buffer.truncate(filled);
        Ok(filled == PIECE)
    }

    /// The marker is at `at`: the last rows precede it, and only pg_dump's empty lines may follow.
    fn last_piece(&mut self, at: usize) -> Result<Option<Bytes>> {
        self.ended = true;
        let piece = self.buffer.split_to(at);
        loop {
            if !END.starts_with(&self.buffer) {
                return Err(ArchiveError::malformed("data after the end marker (\\.) of the rows"));
            }
            let mut byte = [0];
            match self.reader.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => self.buffer.extend_from_slice(&byte),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ArchiveError::from_io(error)),
            }
        }
        if self.buffer != END {
            return Err(ArchiveError::truncated("after the end marker (\\.) of the rows"));
        }
        Ok(self.give(piece))
    }

    /// Counts a piece. `None` if it is empty, as only the last one can be.
    fn give(&mut self, piece: BytesMut) -> Option<Bytes> {
        self.rows += memchr::memchr_iter(b'\n', &piece).count() as u64;
        self.bytes += piece.len() as u64;
        (!piece.is_empty()).then(|| piece.freeze())
    }
}

/// Refuses NUL, which no server accepts in text and pg_dump never writes; psql would drop the rest
/// of the line. `before` bytes of the entry precede the piece.
///
/// # Errors
/// When the piece has one.
pub(crate) fn refuse_nul(piece: &[u8], before: u64) -> Result<()> {
    match memchr::memchr(0, piece) {
        Some(at) => {
            let at = before + at as u64;
            Err(ArchiveError::malformed(format!(
                "byte {at} of its data is NUL, which no server accepts"
            )))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::archive::tests::Slow;

    /// Reads a whole block, at most `step` bytes a read.
    fn read(data: &[u8], step: usize) -> Result<(Vec<u8>, u64)> {
        let mut copy = CopyText::new(Slow(data, step));
        let mut all = Vec::new();
        while let Some(piece) = copy.next_piece()? {
            assert!(!piece.is_empty() && piece.len() <= PIECE);
            assert!(piece.ends_with(b"\n") || piece.len() == PIECE);
            all.extend_from_slice(&piece);
        }
        assert!(copy.next_piece()?.is_none());
        assert_eq!(copy.bytes(), all.len() as u64);
        Ok((all, copy.rows()))
    }

    #[test]
    fn empty_block_has_no_rows() {
        assert_eq!(read(b"\\.\n\n\n", 64).unwrap(), (vec![], 0));
    }

    #[test]
    fn rows_are_counted_without_the_marker() {
        assert_eq!(read(b"1\ta\n2\tb\n\\.\n\n\n", 64).unwrap(), (b"1\ta\n2\tb\n".to_vec(), 2));
    }

    #[test]
    fn rows_that_look_like_markers_are_rows() {
        // In a table of one column: an empty string, a value `\.` (escaped), a value `.`.
        let rows = b"\n\\\\.\n.\n\\.x\n";
        let block = [&rows[..], b"\\.\n\n\n"].concat();
        assert_eq!(read(&block, 64).unwrap(), (rows.to_vec(), 4));
    }

    #[test]
    fn every_prefix_is_an_error() {
        let block = b"1\ta\n2\tb\n\\.\n\n\n";
        for cut in 0..block.len() {
            assert!(read(&block[..cut], 64).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn nul_is_refused_with_its_offset() {
        refuse_nul(b"1\ta\n", 7).unwrap();
        let error = refuse_nul(b"1\t\0\n", 7).unwrap_err().to_string();
        assert!(error.contains("byte 9 "), "{error}");
    }

    #[test]
    fn data_after_the_marker_is_an_error() {
        for after in ["1\n", "\n", "\\.\n\n\n"] {
            let block = format!("1\n\\.\n\n\n{after}");
            assert!(read(block.as_bytes(), 64).is_err(), "{after:?}");
        }
        assert!(read(b"1\n\\.\n2\n\n", 64).is_err());
    }

    proptest! {
        #[test]
        fn pieces_equal_the_rows_for_any_read_size(
            rows in proptest::collection::vec("[a-z\\\\.\t]{0,20}", 0..200),
            step in 1usize..50,
        ) {
            // A row that equals the marker cannot occur in COPY text.
            let rows: Vec<_> = rows.into_iter().filter(|row| row != "\\.").collect();
            let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
            let (all, count) = read(format!("{text}\\.\n\n\n").as_bytes(), step).unwrap();
            prop_assert_eq!(all, text.into_bytes());
            prop_assert_eq!(count, rows.len() as u64);
        }

        #[test]
        fn marker_across_piece_boundary_is_found(before in PIECE - 8..PIECE + 8) {
            let text = format!("{}\n", "x".repeat(before));
            let (all, count) = read(format!("{text}\\.\n\n\n").as_bytes(), 1 << 20).unwrap();
            prop_assert_eq!(all.len(), text.len());
            prop_assert_eq!(count, 1);
        }
    }
}
