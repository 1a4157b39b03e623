//! Observes the server's messages in a session's stream.
//!
//! It notes three things that the driver's interface does not expose: the transaction's status in
//! each ReadyForQuery, that an ErrorResponse came while a COPY is still sending, and the row count
//! that a COPY reports (PostgreSQL documentation, section "Message Formats").

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::command_tag::CommandTag;
use super::error::{ServerError, SessionError};
use super::last_words::LastWords;
use super::refused_copy::CopyStart;
use super::require_auth::AuthCheck;

/// The transaction status of a session, as of the last ReadyForQuery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// No transaction block.
    Idle,
    /// In a transaction block.
    InTransaction,
    /// In a transaction block that an error has aborted.
    Failed,
}

/// What the stream has observed; shared with the session.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The last ReadyForQuery's byte, 0 before the first.
    status: AtomicU8,
    errors: AtomicU64,
    /// The rows in the last COPY's command tag.
    copied: Mutex<Option<u64>>,
    /// The server's message when it ended the session.
    last_words: OnceLock<ServerError>,
    /// The COPY requested last.
    pub(super) copy: CopyStart,
}

impl Watch {
    pub(super) fn transaction_status(&self) -> TransactionStatus {
        match self.status.load(Ordering::Acquire) {
            b'T' => TransactionStatus::InTransaction,
            b'E' => TransactionStatus::Failed,
            _ => TransactionStatus::Idle,
        }
    }

    /// An ErrorResponse: it aborts the transaction block, which ReadyForQuery will also report.
    fn failed(&self) {
        self.errors.fetch_add(1, Ordering::AcqRel);
        if self.transaction_status() == TransactionStatus::InTransaction {
            self.status.store(b'E', Ordering::Release);
        }
    }

    /// How many ErrorResponses have arrived since the session started.
    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Acquire)
    }

    /// The rows of the last COPY that ended since the previous call, if any.
    pub(super) fn take_copied(&self) -> Option<u64> {
        self.copied.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Why the server ended the session, if it gave a reason.
    pub(super) fn last_words(&self) -> Option<&ServerError> {
        self.last_words.get()
    }
}

/// Follows message boundaries through chunks of any size.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// Type and length of the message whose header is being read.
    header: [u8; 5],
    filled: usize,
    /// Bytes of the body still to come, once the header is whole.
    body: usize,
    words: LastWords,
    tag: CommandTag,
    auth: AuthCheck,
}

impl Scanner {
    pub(super) fn new(auth: AuthCheck) -> Self {
        Self { auth, ..Self::default() }
    }

    /// Notes what is in these bytes.
    ///
    /// # Errors
    /// When the server requests an authentication method that is not allowed.
    pub(super) fn feed(&mut self, mut bytes: &[u8], watch: &Watch) -> Result<(), SessionError> {
        while !bytes.is_empty() {
            if self.body > 0 {
                // ReadyForQuery's body is its one byte of status.
                if self.header[0] == b'Z' {
                    watch.status.store(bytes[0], Ordering::Release);
                }
                let skipped = self.body.min(bytes.len());
                self.body -= skipped;
                if matches!(self.header[0], b'E' | b'N') {
                    self.words.feed(&bytes[..skipped]);
                    if let Some(error) = self.words.end().filter(|_| self.body == 0) {
                        let _ = watch.last_words.set(error);
                    }
                }
                if self.header[0] == b'R' {
                    self.auth.feed(&bytes[..skipped])?;
                }
                if self.header[0] == b'C' {
                    self.tag.feed(&bytes[..skipped]);
                    if let Some(rows) = self.tag.copied().filter(|_| self.body == 0) {
                        let mut copied =
                            watch.copied.lock().unwrap_or_else(PoisonError::into_inner);
                        *copied = Some(rows);
                    }
                }
                bytes = &bytes[skipped..];
                continue;
            }
            let taken = (self.header.len() - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == self.header.len() {
                self.filled = 0;
                let [kind, length @ ..] = self.header;
                // The length includes itself. The driver rejects one below four.
                self.body = (u32::from_be_bytes(length) as usize).saturating_sub(4);
                self.words.begin();
                self.tag.begin();
                self.auth.begin();
                watch.copy.answered(kind);
                if kind == b'E' {
                    watch.failed();
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A NoticeResponse, an ErrorResponse and a ReadyForQuery after it; a COPY's end.
    const MESSAGES: &[u8] = b"N\0\0\0\x08EZZEE\0\0\0\x07ZZNZ\0\0\0\x05E\
        C\0\0\0\x0cCOPY 42\0N\0\0\0\x04Z\0\0\0\x05T";

    #[test]
    fn messages_are_split_at_any_chunk_boundary() {
        for size in 1..=MESSAGES.len() {
            let (mut scanner, watch) = (Scanner::default(), Watch::default());
            let mut seen = Vec::new();
            for chunk in MESSAGES.chunks(size) {
                scanner.feed(chunk, &watch).unwrap();
                let status = watch.transaction_status();
                if seen.last() != Some(&status) {
                    seen.push(status);
                }
            }
            assert_eq!(watch.errors(), 1, "{size}");
            assert_eq!((watch.take_copied(), watch.take_copied()), (Some(42), None), "{size}");
            assert_eq!(seen.last(), Some(&TransactionStatus::InTransaction), "{size}");
            if size == 1 {
                assert!(seen.contains(&TransactionStatus::Failed));
            }
        }
    }
}
