//! A COPY that the server refuses before it asks for data: a table, a column or a privilege is
//! missing, or FREEZE is not possible.
//!
//! The driver starts a COPY with Bind, Execute and Sync. If it is refused, that Sync is answered by
//! ReadyForQuery; yet the driver sends CopyFail and another Sync, and closes the connection when a
//! second ReadyForQuery comes (rust-postgres issue 789). So the second Sync is replaced by a Flush,
//! which has the same length and no answer. CopyFail is ignored outside a COPY (`PostgresMain` in
//! `src/backend/tcop/postgres.c`).

use std::sync::atomic::{AtomicU8, Ordering};

/// The state of a COPY that has just been requested.
#[derive(Debug, Default)]
pub(super) struct CopyStart(AtomicU8);

const ASKED: u8 = 1;
const REFUSED: u8 = 2;

impl CopyStart {
    /// A COPY is about to be requested.
    pub(super) fn ask(&self) {
        self.0.store(ASKED, Ordering::Release);
    }

    /// The server answers with a message of this type.
    pub(super) fn answered(&self, kind: u8) {
        let now = match kind {
            b'G' => 0,
            b'E' => REFUSED,
            _ => return,
        };
        let _ = self.0.compare_exchange(ASKED, now, Ordering::AcqRel, Ordering::Acquire);
    }

    fn is_refused(&self) -> bool {
        self.0.load(Ordering::Acquire) == REFUSED
    }

    fn end(&self) {
        self.0.store(0, Ordering::Release);
    }
}

/// The driver's output after a refusal: CopyFail without a reason, and Sync.
const UNWANTED: &[u8] = b"f\0\0\0\x05\0S\0\0\0\x04";

/// What is written instead.
const INSTEAD: &[u8] = b"f\0\0\0\x05\0H\0\0\0\x04";

/// Corrects the driver's output.
#[derive(Debug, Default)]
pub(super) struct Correction {
    /// Bytes of [`INSTEAD`] already written.
    written: usize,
}

impl Correction {
    /// What to write now.
    pub(super) fn of<'a>(&self, start: &CopyStart, bytes: &'a [u8]) -> &'a [u8] {
        if start.is_refused() && bytes.starts_with(&UNWANTED[self.written..]) {
            &INSTEAD[self.written..]
        } else {
            bytes
        }
    }

    /// Records how much of it was written.
    pub(super) fn wrote(&mut self, start: &CopyStart, count: usize) {
        if start.is_refused() {
            self.written += count;
            if self.written >= INSTEAD.len() {
                self.written = 0;
                start.end();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written for these bytes, at most `most` at a time.
    fn written(start: &CopyStart, mut bytes: &[u8], most: usize) -> Vec<u8> {
        let (mut correction, mut all) = (Correction::default(), Vec::new());
        while !bytes.is_empty() {
            let now = correction.of(start, bytes);
            let count = now.len().min(most);
            all.extend_from_slice(&now[..count]);
            correction.wrote(start, count);
            bytes = &bytes[count..];
        }
        all
    }

    #[test]
    fn sync_after_refused_copy_becomes_flush() {
        let start = CopyStart::default();
        let bytes = [UNWANTED, b"Q\0\0\0\x05\0", UNWANTED].concat();
        let corrected = [INSTEAD, b"Q\0\0\0\x05\0", UNWANTED].concat();
        for most in 1..=bytes.len() {
            start.ask();
            start.answered(b'2');
            start.answered(b'E');
            assert_eq!(written(&start, &bytes, most), corrected, "{most}");
        }
    }

    #[test]
    fn other_bytes_and_accepted_copies_are_unchanged() {
        let start = CopyStart::default();
        assert_eq!(written(&start, UNWANTED, 7), UNWANTED);
        start.ask();
        start.answered(b'G');
        start.answered(b'E');
        assert_eq!(written(&start, UNWANTED, 7), UNWANTED, "the error is in its data");
        start.ask();
        start.answered(b'E');
        let query = b"Q\0\0\0\x0dROLLBACK\0";
        assert_eq!(written(&start, query, 5), query, "a driver that sends no second Sync");
    }
}
