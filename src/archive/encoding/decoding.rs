//! Decoding a reader's bytes into text.

use std::io::{self, Read};

use super::Encoding;

/// Decodes the output of a reader, in pieces of any size.
#[derive(Debug)]
pub struct Decoding<R> {
    reader: R,
    encoding: Encoding,
    raw: Box<[u8]>,
    /// Bytes of `raw` that are read but not decoded: between calls, at most a partial character.
    kept: usize,
    text: String,
    /// Bytes of `text` already returned.
    given: usize,
    ended: bool,
}

/// Bytes decoded at a time.
const PIECE: usize = 64 << 10;

impl<R: Read> Decoding<R> {
    /// Decodes the output of `reader`.
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
