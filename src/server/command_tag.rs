//! The row count in a command tag.
//!
//! The driver returns the count of a `COPY … FROM STDIN` but discards that of a `COPY … TO STDOUT`;
//! the stream below the driver has seen it.

/// Tags are shorter: `COPY` and at most twenty digits.
const LONGEST_TAG: usize = 32;

/// Collects the body of one CommandComplete.
#[derive(Debug, Default)]
pub(super) struct CommandTag {
    body: [u8; LONGEST_TAG],
    filled: usize,
}

impl CommandTag {
    /// A message starts.
    pub(super) fn begin(&mut self) {
        self.filled = 0;
    }

    /// A part of its body.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let taken = (LONGEST_TAG - self.filled).min(bytes.len());
        self.body[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
    }

    /// The rows, if the command was a COPY (PostgreSQL documentation, section "Message Formats",
    /// `CommandComplete`).
    pub(super) fn copied(&self) -> Option<u64> {
        let text = self.body[..self.filled].strip_suffix(&[0])?;
        std::str::from_utf8(text).ok()?.strip_prefix("COPY ")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(body: &[u8]) -> Option<u64> {
        let mut tag = CommandTag::default();
        tag.feed(b"of the message before");
        tag.begin();
        body.chunks(2).for_each(|chunk| tag.feed(chunk));
        tag.copied()
    }

    #[test]
    fn only_copy_tag_has_a_row_count() {
        assert_eq!(copied(b"COPY 18446744073709551615\0"), Some(u64::MAX));
        assert_eq!(copied(b"COPY 0\0"), Some(0));
        assert_eq!(copied(b"SELECT 5\0"), None);
        assert_eq!(copied(b"COPY 5"), None);
        assert_eq!(copied(b"COPY 55555555555555555555555555555555555555\0"), None);
        assert_eq!(copied(b""), None);
    }
}
