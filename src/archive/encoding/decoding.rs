//! Text of a reader's bytes.

use std::io::{self, Read};

use super::Encoding;

/// Decodes what a reader gives, in pieces of any size.
#[derive(Debug)]
pub struct Decoding<R> {
    reader: R,
    encoding: Encoding,
    raw: Box<[u8]>,
    /// How much of `raw` is read and not decoded: between calls, at most the start of a character.
    kept: usize,
    text: String,
    /// How much of `text` was given out.
    given: usize,
    ended: bool,
}

/// Bytes that are decoded at a time.
const PIECE: usize = 64 << 10;

impl<R: Read> Decoding<R> {
    /// The text of what `reader` gives.
    pub fn new(reader: R, encoding: Encoding) -> Self {
        let (raw, text) = (vec![0; PIECE].into_boxed_slice(), String::new());
        Self { reader, encoding, raw, kept: 0, text, given: 0, ended: false }
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.ended {
            let read = self.reader.read(&mut self.raw[self.kept..])?;
            self.ended = read == 0;
            let whole = self.kept + read;
            self.text.clear();
            self.given = 0;
            let used = self.encoding.decode_into(&self.raw[..whole], self.ended, &mut self.text);
            self.raw.copy_within(used..whole, 0);
            self.kept = whole - used;
        }
        let rest = &self.text.as_bytes()[self.given..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }
}
