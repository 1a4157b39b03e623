//! Text of a reader's bytes.

use std::io::{self, Read};

use super::Encoding;

/// Decodes what a reader gives, in pieces of any size.
#[derive(Debug)]
pub struct Decoding<R> {
    reader: R,
    encoding: Encoding,
    /// Read and not decoded: at most the start of a character, between calls.
    raw: Vec<u8>,
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
        let (raw, text) = (Vec::new(), String::new());
        Self { reader, encoding, raw, text, given: 0, ended: false }
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.ended {
            let kept = self.raw.len();
            self.raw.resize(kept + PIECE, 0);
            let read = self.reader.read(&mut self.raw[kept..]);
            self.raw.truncate(kept + read.as_ref().copied().unwrap_or_default());
            self.ended = read? == 0;
            self.text.clear();
            self.given = 0;
            let used = self.encoding.decode_into(&self.raw, self.ended, &mut self.text);
            self.raw.drain(..used);
        }
        let rest = &self.text.as_bytes()[self.given..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }
}
