//! The output of the script, in the archive's encoding.

use std::io::{self, Read, Write};

use crate::archive::{self, encoding::Encoding};

use super::error::ScriptError;

const BUFFER_BYTES: usize = 64 << 10;

pub(super) struct Output<'a> {
    out: io::BufWriter<&'a mut dyn Write>,
    encoding: &'a Encoding,
}

impl<'a> Output<'a> {
    pub(super) fn new(out: &'a mut dyn Write, encoding: &'a Encoding) -> Self {
        Self { out: io::BufWriter::with_capacity(BUFFER_BYTES, out), encoding }
    }

    /// Writes SQL or a comment.
    pub(super) fn text(&mut self, text: &str) -> Result<(), ScriptError> {
        self.out.write_all(&self.encoding.encode(text)).map_err(ScriptError::Output)
    }

    /// Writes data unchanged, to its end.
    pub(super) fn data(&mut self, mut data: impl Read) -> Result<(), ScriptError> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match read(&mut data, &mut buffer)? {
                0 => return Ok(()),
                length => self.bytes(&buffer[..length])?,
            }
        }
    }

    /// Writes bytes unchanged.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), ScriptError> {
        self.out.write_all(bytes).map_err(ScriptError::Output)
    }

    pub(super) fn flush(&mut self) -> Result<(), ScriptError> {
        self.out.flush().map_err(ScriptError::Output)
    }
}

/// Reads available data. A failure here is an archive error, unlike a failure to write.
pub(super) fn read(data: &mut impl Read, buffer: &mut [u8]) -> archive::Result<usize> {
    loop {
        match data.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map_err(archive::ArchiveError::from_io),
        }
    }
}
