//! Cuts a table's text at row boundaries, so that its parts can go to several sessions or be
//! transcoded each for itself.

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memrchr};

/// Cuts a stream of pieces into chunks of whole rows.
///
/// A chunk has at most the wished number of bytes, unless a single row has more: then it is that
/// row. What is held back is less than that and one piece.
#[derive(Debug)]
pub struct RowSplitter {
    wished: usize,
    /// Pieces that have not been given out; begins with a row.
    buffer: BytesMut,
    /// Bytes of the buffer that are known to hold no row's end.
    searched: usize,
}

impl RowSplitter {
    /// Chunks of about `wished` bytes.
    #[must_use]
    pub fn new(wished: usize) -> Self {
        Self { wished: wished.max(1), buffer: BytesMut::new(), searched: 0 }
    }

    /// Takes the next piece of text, which may end anywhere. Then ask for [`RowSplitter::chunk`]
    /// until it gives none.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// A chunk, if there is text for a full one.
    pub fn chunk(&mut self) -> Option<Bytes> {
        if self.buffer.len() < self.wished {
            return None;
        }
        let end = match self.last_end(self.wished) {
            Some(end) => end,
            None => self.first_end()?,
        };
        self.searched = 0;
        Some(self.buffer.split_to(end).freeze())
    }

    /// What is left after the last piece: less than a full chunk, or a row without an end.
    #[must_use]
    pub fn finish(self) -> Option<Bytes> {
        (!self.buffer.is_empty()).then(|| self.buffer.freeze())
    }

    /// Behind the last row that ends within the first `limit` bytes.
    fn last_end(&self, limit: usize) -> Option<usize> {
        let mut end = limit.min(self.buffer.len());
        while end > self.searched {
            let at = self.searched + memrchr(b'\n', &self.buffer[self.searched..end])?;
            if self.ends_row(at) {
                return Some(at + 1);
            }
            end = at;
        }
        None
    }

    /// Behind the first row. Remembers how far it looked.
    fn first_end(&mut self) -> Option<usize> {
        while let Some(at) = memchr(b'\n', &self.buffer[self.searched..]) {
            let at = self.searched + at;
            self.searched = at + 1;
            if self.ends_row(at) {
                return Some(at + 1);
            }
        }
        self.searched = self.buffer.len();
        None
    }

    /// Whether the newline at `at` ends a row. pg_dump writes `\n` for a newline in a value, but
    /// COPY also takes a backslash before a real one.
    fn ends_row(&self, at: usize) -> bool {
        let backslashes = self.buffer[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
        backslashes.is_multiple_of(2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The chunks, and the most bytes that were held back.
    fn split(text: &[u8], step: usize, wished: usize) -> (Vec<Bytes>, usize) {
        let mut splitter = RowSplitter::new(wished);
        let mut chunks = Vec::new();
        let mut held = 0;
        for piece in text.chunks(step) {
            splitter.push(piece);
            chunks.extend(std::iter::from_fn(|| splitter.chunk()));
            held = held.max(splitter.buffer.len());
        }
        chunks.extend(splitter.finish());
        (chunks, held)
    }

    fn chunks(text: &[u8], step: usize, wished: usize) -> Vec<Bytes> {
        split(text, step, wished).0
    }

    #[test]
    fn a_newline_after_a_backslash_ends_no_row() {
        assert_eq!(chunks(b"a\\\nb\n", 1, 2), ["a\\\nb\n"]);
        assert_eq!(chunks(b"a\\\\\nb\n", 1, 2), ["a\\\\\n", "b\n"]);
    }

    #[test]
    fn a_row_without_an_end_comes_last() {
        assert_eq!(chunks(b"a\nb", 2, 2), ["a\n", "b"]);
        assert_eq!(chunks(b"", 1, 1), Vec::<Bytes>::new());
    }

    proptest! {
        #[test]
        fn chunks_are_whole_rows_of_the_wished_size(
            rows in proptest::collection::vec("([a-z\t]|\\\\[n\\\\]){0,30}", 0..60),
            step in 1usize..80,
            wished in 1usize..100,
        ) {
            let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
            let (chunks, held) = split(text.as_bytes(), step, wished);
            let longest = rows.iter().map(|row| row.len() + 1).max().unwrap_or(0);
            prop_assert!(held < wished.max(longest));
            prop_assert_eq!(chunks.concat(), text.into_bytes());
            for (at, chunk) in chunks.iter().enumerate() {
                prop_assert!(chunk.ends_with(b"\n"));
                let rows = memchr::memchr_iter(b'\n', chunk).count();
                prop_assert!(chunk.len() <= wished || rows == 1);
                // As many rows as go in: the next one would be too much.
                if let Some(next) = chunks.get(at + 1) {
                    let next = memchr(b'\n', next).map_or(0, |end| end + 1);
                    prop_assert!(chunk.len() + next > wished);
                }
            }
        }
    }
}
