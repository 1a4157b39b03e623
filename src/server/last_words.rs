//! The last message of a server before it ends a session.
//!
//! When the server ends a session in the middle of a COPY, the driver fails to write and discards
//! the server's message; the stream below the driver has seen it.

use super::error::ServerError;

/// Longer messages are not kept: a FATAL is a sentence or two.
const LONGEST_MESSAGE: usize = 8 * 1024;

/// Collects one ErrorResponse or NoticeResponse.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    body: Vec<u8>,
}

impl LastWords {
    /// A message starts.
    pub(super) fn begin(&mut self) {
        self.body.clear();
    }

    /// A part of its body.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let room = LONGEST_MESSAGE.saturating_sub(self.body.len()).min(bytes.len());
        self.body.extend_from_slice(&bytes[..room]);
    }

    /// The message, if the session ends with it: a FATAL or PANIC, or the warning sent in a crash
    /// or an immediate shutdown (`quickdie` in `src/backend/tcop/postgres.c`).
    pub(super) fn end(&self) -> Option<ServerError> {
        let mut error = ServerError::default();
        // Each field is a code and a zero-terminated string (PostgreSQL documentation, "Error and
        // Notice Message Fields").
        for field in self.body.split(|byte| *byte == 0) {
            let Some((code, text)) = field.split_first() else { continue };
            let text = String::from_utf8_lossy(text).into_owned();
            match code {
                b'V' => error.severity = text,
                b'C' => error.sqlstate = text,
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                b'W' => error.context = Some(text),
                _ => {}
            }
        }
        let dying = matches!(error.sqlstate.as_str(), "57P01" | "57P02");
        let last = match error.severity.as_str() {
            "FATAL" | "PANIC" => true,
            "WARNING" => dying,
            _ => false,
        };
        last.then_some(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(severity: &str, sqlstate: &str) -> Option<ServerError> {
        let mut words = LastWords::default();
        words.begin();
        let body = format!("SX\0V{severity}\0C{sqlstate}\0Mterminating connection\0\0");
        body.as_bytes().chunks(3).for_each(|chunk| words.feed(chunk));
        words.end()
    }

    #[test]
    fn only_session_ending_messages_are_kept() {
        let error = last("FATAL", "57P01").unwrap();
        assert_eq!(error.sqlstate, "57P01");
        assert_eq!(error.to_string(), "FATAL: terminating connection");
        assert!(last("WARNING", "57P02").is_some());
        assert_eq!(last("WARNING", "01000"), None);
        assert_eq!(last("ERROR", "23505"), None);
    }

    #[test]
    fn endless_message_is_cut() {
        let mut words = LastWords::default();
        words.begin();
        (0..100).for_each(|_| words.feed(&[b'x'; 1000]));
        assert_eq!(words.body.len(), LONGEST_MESSAGE);
        assert_eq!(words.end(), None);
    }
}
