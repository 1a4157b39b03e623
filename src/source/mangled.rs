//! Detects archives damaged by a text-mode transfer or an editor.
//!
//! Their tables of contents are unreadable, wherever the first rewritten byte is. The first bytes
//! show what happened: tables of contents and compressed data contain line feeds of their own.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use super::Archive;
use crate::archive::{ArchiveError, ErrorKind, LocalTime, Result};

/// Number of first bytes to inspect.
const HEAD: usize = 64 * 1024;

/// This many occurrences are not a coincidence.
const ENOUGH: usize = 4;

/// U+FFFD in UTF-8, with which editors replace bytes that are not text.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// The first bytes of a file.
pub(super) fn head(file: impl Read) -> Vec<u8> {
    let mut head = Vec::new();
    // On a read error there is nothing to explain.
    let _ = file.take(HEAD as u64).read_to_end(&mut head);
    head
}

/// The error for an archive that starts with these bytes: the cause, if they show it.
pub(super) fn explained(error: ArchiveError, head: &[u8]) -> ArchiveError {
    let by_bytes = !matches!(error.kind(), ErrorKind::Io(_) | ErrorKind::Limit(_));
    match rewritten(head).filter(|_| by_bytes) {
        Some(how) => {
            let what = format!("{how}: copy the archive again, in binary mode");
            ArchiveError::new(ErrorKind::Damaged(what))
        }
        None => error,
    }
}

/// Checks an archive that could be opened: an invalid time in the header suggests a rewritten one,
/// in which nothing can be trusted.
pub(super) fn checked(archive: Archive, head: impl FnOnce() -> Vec<u8>) -> Result<Archive> {
    let LocalTime { month, day, .. } = archive.toc.header.created;
    if (1..=12).contains(&month) && (1..=31).contains(&day) {
        return Ok(archive);
    }
    let impossible = ArchiveError::malformed("invalid time in the header");
    match explained(impossible, &head()) {
        error if matches!(error.kind(), ErrorKind::Damaged(_)) => Err(error),
        _ => Ok(archive),
    }
}

fn rewritten(head: &[u8]) -> Option<&'static str> {
    let count = |what: &[u8]| head.windows(what.len()).filter(|bytes| *bytes == what).count();
    let begins = |magic: &[&[u8]]| magic.iter().any(|magic| head.starts_with(magic));
    // A custom archive or toc.dat, gzip, lz4, zstd.
    if begins(&[b"PGDMP", b"\x1f\x8b", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd"]) {
        let feeds = count(b"\n");
        if feeds >= ENOUGH && feeds == count(b"\r\n") {
            return Some("a text-mode transfer turned line feeds into CR LF");
        }
    }
    // The same, with invalid UTF-8 replaced.
    let replaced: &[&[u8]] =
        &[b"PGDMP", b"\x1f\xef\xbf\xbd", b"\x04\x22\x4d\x18", b"\x28\xef\xbf\xbd\x2f\xef\xbf\xbd"];
    if begins(replaced) && count(REPLACEMENT) >= ENOUGH && is_utf8(head) {
        return Some("an editor or shell rewrote the archive as UTF-8 text");
    }
    None
}

/// Whether all bytes are UTF-8, except for a truncated character at the end.
fn is_utf8(head: &[u8]) -> bool {
    match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// A stream that keeps its first bytes, as they cannot be read again.
pub(super) struct Kept<R> {
    inner: R,
    head: Head,
}

/// The first bytes received.
#[derive(Clone, Default)]
pub(super) struct Head(Arc<Mutex<Vec<u8>>>);

impl<R: Read> Kept<R> {
    /// Wraps a stream; returns it and a handle to its first bytes.
    pub(super) fn new(inner: R) -> (Self, Head) {
        let head = Head::default();
        (Self { inner, head: head.clone() }, head)
    }
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        // Not shared once the archive is open: then no explanation is needed any more.
        if Arc::strong_count(&self.head.0) > 1 {
            let mut head = self.head.0.lock().unwrap_or_else(PoisonError::into_inner);
            let more = read.min(HEAD.saturating_sub(head.len()));
            head.extend_from_slice(&buffer[..more]);
        }
        Ok(read)
    }
}

impl Head {
    /// As [`explained`].
    pub(super) fn explained(&self, error: ArchiveError) -> ArchiveError {
        explained(error, &self.bytes())
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation(head: &[u8]) -> String {
        explained(ArchiveError::malformed("a length"), head).to_string()
    }

    #[test]
    fn rewritten_archive_is_reported_with_its_cause() {
        let archive =
            b"PGDMP\x01\x10\x00\x04\x08SET x;\nSET y;\n\xff\xfe\xfd\xfc\nSET z;\n".as_slice();
        let crlf = archive.iter().flat_map(|byte| match byte {
            b'\n' => vec![b'\r', b'\n'],
            other => vec![*other],
        });
        let crlf: Vec<u8> = crlf.collect();
        assert!(explanation(&crlf).contains("CR LF"), "{}", explanation(&crlf));
        let text = String::from_utf8_lossy(archive).into_owned().into_bytes();
        assert!(explanation(&text).contains("UTF-8 text"), "{}", explanation(&text));
        for sound in [archive, b"a,b\r\n1,2\r\n3,4\r\n5,6\r\n", b"PGDMP\x01\r\n\n\r\n\r\n\r\n"] {
            assert_eq!(explanation(sound), "a length");
        }
    }
}
