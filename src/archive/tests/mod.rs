//! Archives and entries made for tests, of this and the other modules; and what the reader makes of
//! them.

pub(crate) mod entry;
mod models;
mod round_trip;
pub(crate) mod writer;

use std::io::{self, Read};

/// A reader that returns at most this many bytes at a time, like small chunks of an archive.
pub(crate) struct Slow<R>(pub(crate) R, pub(crate) usize);

impl<R: Read> Read for Slow<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let wanted = output.len().min(self.1);
        self.0.read(&mut output[..wanted])
    }
}
