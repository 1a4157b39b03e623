//! Reads text files as C does: bytes, lines, and what counts as a space.

/// Whether the byte is a space according to `isspace` in the C locale.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The text without the byte order mark that some editors prepend.
pub(super) fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// The text after leading spaces.
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| is_space(**byte)).count();
    text.get(spaces..).unwrap_or_default()
}

/// The lines of a text, each with its line end.
pub(super) struct TextLines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> TextLines<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: without_bom(text), number: 0 }
    }

    /// Number of the line returned last, from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }
}

impl<'a> Iterator for TextLines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.number += 1;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends_and_count_from_one() {
        let mut lines = TextLines::new(b"\xef\xbb\xbfa\r\n\nb");
        let mut seen = Vec::new();
        while let Some(line) = lines.next() {
            seen.push((lines.number(), line));
        }
        assert_eq!(seen, [(1, &b"a\r\n"[..]), (2, b"\n"), (3, b"b")]);
    }
}
