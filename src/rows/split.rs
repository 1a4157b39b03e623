//! Cuts a table's rows into chunks that can go to different sessions.
//!
//! A chunk consists of whole rows, so that it can be converted to binary format independently and
//! stored in any order. Rows may have any length: beyond a limit, a row is split into several
//! chunks, marked as such, which belong in one session.

use std::io::Read;

use bytes::{Bytes, BytesMut};

use super::{CopyText, Transcoder};
use crate::archive::Result;

/// Rows in one of the two formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Whole rows in binary format, without header and trailer.
    Binary(Bytes),
    /// Text.
    Text(Bytes),
}

/// A part of a table's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPiece {
    /// The rows as COPY text.
    pub text: Bytes,
    /// Rows that end before this chunk.
    pub before: u64,
    /// Rows that end in this chunk.
    pub rows: u64,
    /// Whether it starts at the start of a row.
    pub begins: bool,
    /// Whether it ends at the end of a row. If not, the next chunk must follow in the same session.
    pub ends: bool,
}

impl TextPiece {
    /// The rows in binary format if all have one, otherwise unchanged.
    #[must_use]
    pub fn transcode(self, transcoder: &mut Transcoder) -> Rows {
        let mut binary = BytesMut::new();
        let whole = self.begins && self.ends;
        if whole && transcoder.transcode(&self.text, &mut binary).is_ok() {
            Rows::Binary(binary.freeze())
        } else {
            Rows::Text(self.text)
        }
    }
}

/// Reads a COPY block chunk by chunk.
///
/// A chunk has at most 256 KiB, unless it is a single longer row within the limit.
pub struct TextPieces<R> {
    copy: CopyText<R>,
    /// The longest row that is kept in one chunk, in bytes.
    longest: usize,
    /// The start of an unfinished row.
    rest: BytesMut,
    /// Whether the next chunk starts at the start of a row.
    begins: bool,
    /// Rows that end in the chunks returned so far.
    given: u64,
}

impl<R: Read> TextPieces<R> {
    /// Reads from `reader`, the decompressed block. A row of more than `longest` bytes (and more
    /// than 256 KiB) is split into several chunks.
    pub fn new(reader: R, longest: usize) -> Self {
        let (copy, rest) = (CopyText::new(reader), BytesMut::new());
        Self { copy, longest, rest, begins: true, given: 0 }
    }

    /// The next chunk, or `None` after the last.
    ///
    /// # Errors
    /// As [`CopyText::next_piece`].
    pub fn next_chunk(&mut self) -> Result<Option<TextPiece>> {
        while let Some(piece) = self.copy.next_piece()? {
            let ends = piece.ends_with(b"\n");
            // The continuation of a row that is too long is not collected again.
            let pass = ends || !self.begins || self.longest < piece.len();
            if self.rest.is_empty() && pass {
                return Ok(Some(self.give(piece, ends)));
            }
            self.rest.extend_from_slice(&piece);
            if ends || self.rest.len() > self.longest {
                let text = self.rest.split().freeze();
                return Ok(Some(self.give(text, ends)));
            }
        }
        // Every block ends with a whole row, so nothing is left over.
        Ok(None)
    }

    fn give(&mut self, text: Bytes, ends: bool) -> TextPiece {
        let before = std::mem::replace(&mut self.given, self.copy.rows());
        let begins = std::mem::replace(&mut self.begins, ends);
        TextPiece { text, before, rows: self.given - before, begins, ends }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rows::ColumnType;
    use crate::rows::copy_text::PIECE;

    fn split(text: &str, longest: usize) -> Vec<TextPiece> {
        let block = format!("{text}\\.\n\n\n");
        let mut chunks = TextPieces::new(block.as_bytes(), longest);
        std::iter::from_fn(|| chunks.next_chunk().unwrap()).collect()
    }

    fn rejoined(chunks: &[TextPiece]) -> Vec<u8> {
        chunks.iter().flat_map(|chunk| chunk.text.to_vec()).collect()
    }

    #[test]
    fn empty_table_has_no_chunk() {
        assert_eq!(split("", 0), []);
    }

    #[test]
    fn rows_without_binary_form_stay_text() {
        let mut transcoder = Transcoder::new(vec![ColumnType::Int2]);
        let [good] = &split("1\n2\n", 0)[..] else { panic!("not one chunk") };
        let binary = Bytes::from_static(b"\0\x01\0\0\0\x02\0\x01\0\x01\0\0\0\x02\0\x02");
        assert_eq!(good.clone().transcode(&mut transcoder), Rows::Binary(binary));
        let [bad] = &split("1\nx\n", 0)[..] else { panic!("not one chunk") };
        let text = Rows::Text(Bytes::from_static(b"1\nx\n"));
        assert_eq!(bad.clone().transcode(&mut transcoder), text);
    }

    #[test]
    fn row_above_the_limit_is_split_into_chunks() {
        let rows = format!("1\n{}\n3\n", "x".repeat(3 * PIECE));
        let collected = split(&rows, 4 * PIECE);
        assert!(collected.iter().all(|chunk| chunk.begins && chunk.ends));
        assert_eq!(rejoined(&collected), rows.as_bytes());

        let passed = split(&rows, 0);
        assert_eq!(rejoined(&passed), rows.as_bytes());
        assert!(passed.iter().all(|chunk| chunk.text.len() <= PIECE));
        let inner = passed.iter().filter(|chunk| !chunk.begins && !chunk.ends).count();
        assert!(inner >= 1, "the long row has a middle");
        // A part of a row has no binary form, whatever it looks like.
        let mut transcoder = Transcoder::new(vec![ColumnType::Text]);
        for chunk in passed {
            let whole = chunk.begins && chunk.ends;
            assert_eq!(matches!(chunk.transcode(&mut transcoder), Rows::Binary(_)), whole);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn chunks_keep_row_order_and_boundaries(
            lengths in proptest::collection::vec(
                prop_oneof![8 => 0usize..2000, 1 => 0usize..PIECE, 1 => PIECE - 3..3 * PIECE],
                0..40,
            ),
            longest in prop_oneof![Just(0), 0..4 * PIECE],
        ) {
            let text: String = lengths.iter().map(|n| format!("{}\n", "x".repeat(*n))).collect();
            let chunks = split(&text, longest);
            prop_assert_eq!(rejoined(&chunks), text.as_bytes());
            let (mut before, mut begins) = (0, true);
            for chunk in &chunks {
                prop_assert_eq!(chunk.begins, begins);
                prop_assert_eq!(chunk.ends, chunk.text.ends_with(b"\n"));
                prop_assert_eq!(chunk.before, before);
                let ends = memchr::memchr_iter(b'\n', &chunk.text).count() as u64;
                prop_assert_eq!(chunk.rows, ends);
                let most = if begins { PIECE.max(longest + PIECE) } else { PIECE };
                prop_assert!(chunk.text.len() <= most);
                (before, begins) = (before + chunk.rows, chunk.ends);
            }
            prop_assert_eq!(before, lengths.len() as u64);
            if lengths.iter().all(|length| *length < PIECE.max(longest)) {
                prop_assert!(chunks.iter().all(|chunk| chunk.begins && chunk.ends));
            }
        }
    }
}
