//! The backslash sequences of COPY text.

use bytes::BytesMut;
use memchr::memchr;

/// Appends a field's unescaped text. `None` for any escape that pg_dump does not write
/// (`CopyAttributeOutText`, `src/backend/commands/copyto.c`): octal and hex numbers stand for bytes
/// in the server's encoding, and `\.` ends the data.
pub(in crate::rows) fn unescape(mut raw: &[u8], out: &mut BytesMut) -> Option<()> {
    while let Some(at) = memchr(b'\\', raw) {
        out.extend_from_slice(&raw[..at]);
        let byte = match raw.get(at + 1)? {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' => b'\\',
            _ => return None,
        };
        out.extend_from_slice(&[byte]);
        raw = &raw[at + 2..];
    }
    out.extend_from_slice(raw);
    Some(())
}
