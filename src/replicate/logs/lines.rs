//! Reads a log, compressed or not, as lines of bounded length.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// Bytes of a line that are kept; the rest is cut off. The longest meaningful line is a JSON object
/// with an SQL statement in it.
pub(super) const MAX_LINE: usize = 64 << 10;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The lines of an input.
pub(super) struct LogFile<'a> {
    input: Box<dyn BufRead + 'a>,
    line: Vec<u8>,
}

/// A line, without its end.
pub(super) struct LogLine<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether nothing was cut off.
    pub(super) is_whole: bool,
}

impl<'a> LogFile<'a> {
    /// Checks the first bytes, and decompresses if they are gzip's.
    pub(super) fn open(mut input: impl Read + 'a) -> io::Result<Self> {
        let mut head = Vec::new();
        input.by_ref().take(GZIP.len() as u64).read_to_end(&mut head)?;
        let is_gzip = head == GZIP;
        let whole = Cursor::new(head).chain(input);
        let input: Box<dyn BufRead + 'a> = if is_gzip {
            Box::new(BufReader::new(MultiGzDecoder::new(whole)))
        } else {
            Box::new(BufReader::new(whole))
        };
        Ok(Self { input, line: Vec::new() })
    }

    /// The next line; `None` after the last.
    pub(super) fn next(&mut self) -> io::Result<Option<LogLine<'_>>> {
        self.line.clear();
        let mut is_whole = true;
        let mut any = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                if !any {
                    return Ok(None);
                }
                break;
            }
            any = true;
            let end = memchr::memchr(b'\n', buffer);
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = MAX_LINE - self.line.len();
            is_whole &= part.len() <= room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(Some(LogLine { bytes: &self.line, is_whole }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<(usize, bool)> {
        let mut lines = LogFile::open(bytes).unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.bytes.len(), line.is_whole));
        }
        found
    }

    #[test]
    fn lines_end_at_newline_or_end_of_input() {
        assert_eq!(all(b""), []);
        assert_eq!(all(b"a"), [(1, true)]);
        assert_eq!(all(b"\n\nab\r\nc\n"), [(0, true), (0, true), (2, true), (1, true)]);
    }

    #[test]
    fn huge_line_is_cut_and_the_next_is_read() {
        let mut bytes = vec![b'x'; 3 * MAX_LINE];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(all(&bytes), [(MAX_LINE, false), (4, true)]);
        let exact = vec![b'x'; MAX_LINE];
        assert_eq!(all(&exact), [(MAX_LINE, true)]);
    }

    #[test]
    fn multi_member_gzip_is_read_completely() {
        let mut bytes = Vec::new();
        for part in ["one\ntw", "o\n"] {
            let mut gzip = flate2::write::GzEncoder::new(&mut bytes, flate2::Compression::fast());
            gzip.write_all(part.as_bytes()).unwrap();
            gzip.finish().unwrap();
        }
        assert_eq!(all(&bytes), [(3, true), (3, true)]);
        bytes.pop();
        let mut lines = LogFile::open(&bytes[..]).unwrap();
        while let Ok(Some(_)) = lines.next() {}
        assert!(lines.next().is_err());
    }
}
