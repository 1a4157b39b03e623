//! Text in messages: UTF-8 for the driver, the session's `client_encoding` on the wire.
//!
//! The driver accepts and returns `str`. The server accepts SQL in the session's encoding, and
//! sends names, values and messages in it, as announced in a ParameterStatus. Both directions here
//! are lossless ([`Encoding`]). COPY data passes unchanged, and so does everything that needs no
//! conversion: a UTF-8 session only costs a check of the text of statements and answers.
//! (PostgreSQL documentation, section "Message Formats".)

use bytes::{Buf, BytesMut};

use crate::archive::encoding::Encoding;

/// Bytes after a statement that are sent along with it: the rest of a small request.
const TOGETHER: usize = 4096;

/// Follows messages that pass unchanged.
#[derive(Clone, Debug, Default)]
struct Cursor {
    header: [u8; 5],
    filled: usize,
    /// Bytes of the body still to come.
    body: usize,
}

impl Cursor {
    /// How many of `bytes` come before the first message of a kind that `stops`.
    fn walk(&mut self, bytes: &[u8], stops: impl Fn(u8) -> bool) -> usize {
        let mut at = 0;
        loop {
            if self.filled == 0 {
                let skipped = self.body.min(bytes.len() - at);
                self.body -= skipped;
                at += skipped;
                if at == bytes.len() || stops(bytes[at]) {
                    return at;
                }
            }
            let taken = (self.header.len() - self.filled).min(bytes.len() - at);
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[at..at + taken]);
            self.filled += taken;
            at += taken;
            if self.filled < self.header.len() {
                return at;
            }
            self.filled = 0;
            self.body = body_length(&self.header[1..]);
        }
    }
}

/// The length of a body, from the four length bytes, which include themselves.
fn body_length(length: &[u8]) -> usize {
    let length = length.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    (length as usize).saturating_sub(4)
}

/// The outgoing side, to the server.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    cursor: Cursor,
    /// Whether the first message, which has no type, has been sent.
    started: bool,
    /// Whether the session starts in the server's own encoding, rather than in the driver's.
    server_encoding: bool,
    /// The message whose text is being collected.
    text: BytesMut,
    /// Taken but not yet written.
    pub(super) pending: BytesMut,
}

impl Outgoing {
    pub(super) fn new(server_encoding: bool) -> Self {
        Self { server_encoding, ..Self::default() }
    }

    fn stops(&self) -> impl Fn(u8) -> bool + use<> {
        let started = self.started;
        move |kind| !started || matches!(kind, b'Q' | b'P')
    }

    /// How many of `bytes` can be written unchanged.
    pub(super) fn passing(&self, bytes: &[u8]) -> usize {
        if self.text.is_empty() { self.cursor.clone().walk(bytes, self.stops()) } else { 0 }
    }

    /// Records that these bytes were written unchanged.
    pub(super) fn passed(&mut self, bytes: &[u8]) {
        let stops = self.stops();
        self.cursor.walk(bytes, stops);
    }

    /// Takes some of `bytes`, which start with a statement or a part of it. Returns how many.
    pub(super) fn take(&mut self, bytes: &[u8], encoding: &Encoding) -> usize {
        let head = if self.started { 5 } else { 4 };
        let mut at = 0;
        loop {
            let whole = match self.text.len() {
                length if length < head => head,
                _ => head + body_length(&self.text[head - 4..head]),
            };
            if self.text.len() >= head && self.text.len() == whole {
                break;
            }
            let taken = (whole - self.text.len()).min(bytes.len() - at);
            if taken == 0 {
                return at;
            }
            self.text.extend_from_slice(&bytes[at..at + taken]);
            at += taken;
        }
        let message = self.text.split();
        self.pending.unsplit(match (self.started, message[0]) {
            (false, _) if self.server_encoding => without_encoding(message),
            (false, _) => message,
            (true, b'Q') => encoded(message, 5, encoding),
            (true, _) => {
                let name = message[5..].iter().position(|byte| *byte == 0).unwrap_or_default();
                encoded(message, 5 + name + 1, encoding)
            }
        });
        self.started = true;
        let more = self.passing(&bytes[at..]);
        if more <= TOGETHER {
            let more = &bytes[at..at + more];
            self.passed(more);
            self.pending.extend_from_slice(more);
            at += more.len();
        }
        at
    }
}

/// The message with the string that starts at `start` converted to this encoding.
fn encoded(message: BytesMut, start: usize, encoding: &Encoding) -> BytesMut {
    let length = message[start..].iter().position(|byte| *byte == 0).unwrap_or_default();
    let Ok(text) = std::str::from_utf8(&message[start..start + length]) else { return message };
    match encoding.encode(text) {
        std::borrow::Cow::Borrowed(_) => message,
        std::borrow::Cow::Owned(bytes) => {
            let body = [&message[5..start], &bytes, &message[start + length..]].concat();
            whole(message[0], &body)
        }
    }
}

/// The StartupMessage without the driver's `client_encoding`: not every database supports UTF-8.
fn without_encoding(message: BytesMut) -> BytesMut {
    const DRIVERS: &[u8] = b"client_encoding\0UTF8\0";
    match memchr::memmem::find(&message, DRIVERS) {
        Some(at) => {
            let body = [&message[4..at], &message[at + DRIVERS.len()..]].concat();
            let mut message = whole(0, &body);
            message.advance(1);
            message
        }
        None => message,
    }
}

/// A message of this kind.
fn whole(kind: u8, body: &[u8]) -> BytesMut {
    let mut message = BytesMut::with_capacity(body.len() + 5);
    message.extend_from_slice(&[kind]);
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(body);
    message
}

/// The incoming side, from the server.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The session's encoding, as reported by the server.
    pub(super) encoding: Encoding,
    cursor: Cursor,
    /// Whether values are text: only after RowDescription, not after BindComplete.
    text_rows: bool,
    /// Messages, or the start of one, that must be examined as a whole.
    held: BytesMut,
    /// What goes to the driver next.
    pub(super) ready: BytesMut,
}

impl Default for Incoming {
    fn default() -> Self {
        Self {
            encoding: Encoding::named("UTF8"),
            cursor: Cursor::default(),
            text_rows: false,
            held: BytesMut::new(),
            ready: BytesMut::new(),
        }
    }
}

impl Incoming {
    /// How many of `bytes` the driver can have unchanged. The others are kept, and become `ready`
    /// as soon as they are complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        if self.held.is_empty() {
            passed = self.cursor.walk(bytes, holds);
        }
        self.held.extend_from_slice(&bytes[passed..]);
        while self.step() {}
        passed
    }

    /// What is left when no more data will arrive.
    pub(super) fn end(&mut self) {
        self.ready.unsplit(self.held.split());
    }

    /// Moves a message, or a part that passes, from `held` to `ready`.
    fn step(&mut self) -> bool {
        let Some(kind) = self.held.first().copied() else { return false };
        let inside = self.cursor.body > 0 || self.cursor.filled > 0;
        if inside || !holds(kind) {
            let passing = self.cursor.walk(&self.held, holds);
            self.ready.unsplit(self.held.split_to(passing));
            return passing > 0;
        }
        if self.held.len() < 5 {
            return false;
        }
        let length = 5 + body_length(&self.held[1..5]);
        if self.held.len() < length {
            return false;
        }
        let message = self.held.split_to(length);
        let decoded = self.decoded(message);
        self.ready.unsplit(decoded);
        true
    }

    fn decoded(&mut self, message: BytesMut) -> BytesMut {
        let body = &message[5..];
        let decoded = match message[0] {
            b'T' => {
                self.text_rows = true;
                self.columns(body)
            }
            b'2' => {
                self.text_rows = false;
                None
            }
            b'D' if self.text_rows => self.values(body),
            b'D' => None,
            _ => {
                let decoded = self.strings(body);
                if message[0] == b'S'
                    && let Some(name) = body.strip_prefix(b"client_encoding\0")
                {
                    let name = String::from_utf8_lossy(name);
                    self.encoding = Encoding::named(name.trim_end_matches('\0'));
                }
                Some(decoded)
            }
        };
        match decoded {
            Some(decoded) if decoded != body => whole(message[0], &decoded),
            _ => message,
        }
    }

    /// Zero-terminated strings: no character of any encoding contains a zero byte.
    fn strings(&self, body: &[u8]) -> Vec<u8> {
        let decoded: Vec<_> =
            body.split(|byte| *byte == 0).map(|s| self.encoding.decode(s)).collect();
        decoded.join("\0").into_bytes()
    }

    /// Decodes a RowDescription: each column has a name and 18 bytes of numbers.
    fn columns(&self, body: &[u8]) -> Option<Vec<u8>> {
        let (count, mut rest) = body.split_at_checked(2)?;
        let mut decoded = count.to_vec();
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == 0)?;
            decoded.extend_from_slice(self.encoding.decode(&rest[..end]).as_bytes());
            let numbers;
            (numbers, rest) = rest[end..].split_at_checked(19)?;
            decoded.extend_from_slice(numbers);
        }
        Some(decoded)
    }

    /// Decodes a DataRow: each value is preceded by its length, -1 for NULL.
    fn values(&self, body: &[u8]) -> Option<Vec<u8>> {
        let (count, mut rest) = body.split_at_checked(2)?;
        let mut decoded = count.to_vec();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let Ok(bytes) = usize::try_from(i32::from_be_bytes(*length)) else {
                decoded.extend_from_slice(length);
                rest = after;
                continue;
            };
            let value;
            (value, rest) = after.split_at_checked(bytes)?;
            let value = self.encoding.decode(value);
            decoded.extend_from_slice(&u32::try_from(value.len()).ok()?.to_be_bytes());
            decoded.extend_from_slice(value.as_bytes());
        }
        Some(decoded)
    }
}

/// Whether messages of this kind are examined as a whole.
fn holds(kind: u8) -> bool {
    matches!(kind, b'A' | b'D' | b'E' | b'N' | b'S' | b'T' | b'2')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        whole(kind, body).to_vec()
    }

    #[test]
    fn statements_are_encoded_and_data_passes_unchanged() {
        let startup = b"\0\0\0\x25\0\x03\0\0client_encoding\0UTF8\0a\0b\0\0\0\0\0\0";
        let startup = [&(startup.len() as u32).to_be_bytes(), &startup[4..]].concat();
        let sent = |text: &str| {
            let parse = [b"s\0", text.as_bytes(), b"\0\0\0"].concat();
            [
                startup.clone(),
                message(b'Q', &[text.as_bytes(), b"\0"].concat()),
                message(b'd', "é".as_bytes()),
                message(b'P', &parse),
                message(b'S', b""),
            ]
            .concat()
        };
        let bytes = sent("é");
        let mut expected = Vec::new();
        let at = memchr::memmem::find(&startup, b"client_encoding").unwrap();
        let body = [&startup[4..at], &startup[at + 21..]].concat();
        expected.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        expected.extend_from_slice(&body);
        expected.extend(message(b'Q', b"\xe9\0"));
        expected.extend(message(b'd', "é".as_bytes()));
        expected.extend(message(b'P', b"s\0\xe9\0\0\0"));
        expected.extend(message(b'S', b""));
        let encoding = Encoding::named("LATIN1");
        for size in 1..=bytes.len() {
            let (mut outgoing, mut written) = (Outgoing::new(true), Vec::new());
            for mut chunk in bytes.chunks(size) {
                while !chunk.is_empty() {
                    written.extend_from_slice(&outgoing.pending.split());
                    let passing = outgoing.passing(chunk);
                    let used = if passing > 0 {
                        outgoing.passed(&chunk[..passing]);
                        written.extend_from_slice(&chunk[..passing]);
                        passing
                    } else {
                        outgoing.take(chunk, &encoding)
                    };
                    assert!(used > 0);
                    chunk = &chunk[used..];
                }
            }
            written.extend_from_slice(&outgoing.pending.split());
            assert_eq!(written, expected, "{size}");
        }
    }

    #[test]
    fn answers_are_decoded_in_the_announced_encoding() {
        let row = |value: &[u8]| {
            message(
                b'D',
                &[b"\0\x02\xff\xff\xff\xff", &(value.len() as u32).to_be_bytes()[..], value]
                    .concat(),
            )
        };
        let columns = |name: &[u8]| message(b'T', &[b"\0\x01", name, b"\0", &[0xe9; 18]].concat());
        let session = |before: &[u8], after: &[u8]| {
            [
                message(b'S', b"client_encoding\0LATIN1\0"),
                message(b'Z', b"I"),
                columns(after),
                row(after),
                message(b'2', b""),
                row(b"\xe9"),
                message(b'd', b"\xe9"),
                message(b'E', &[b"SERROR\0M", after, b"\0\0"].concat()),
                message(b'S', b"client_encoding\0UTF8\0"),
                message(b'N', &[b"M", before, b"\0\0"].concat()),
            ]
            .concat()
        };
        let bytes = session("é".as_bytes(), b"\xe9");
        let expected = session("é".as_bytes(), "é".as_bytes());
        for size in 1..=bytes.len() {
            let (mut incoming, mut read) = (Incoming::default(), Vec::new());
            for chunk in bytes.chunks(size) {
                let passed = incoming.take(chunk);
                read.extend_from_slice(&chunk[..passed]);
                read.extend_from_slice(&incoming.ready.split());
            }
            assert_eq!(read, expected, "{size}");
        }
    }
}
