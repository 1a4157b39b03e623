//! The last part of a line of a filter file: the name of an object.
//!
//! Spaces are squeezed so that a routine's signature reads as the archive spells it. A quoted part
//! may run over several lines. After `read_pattern` and `read_quoted_string` in
//! `src/bin/pg_dump/filter.c`.

use super::text_lines::{TextLines, is_space};

/// A quoted part that does not end.
#[derive(Debug)]
pub(super) struct Unterminated;

/// A position in a line, which can move to the next line.
struct Cursor<'a, 'l> {
    line: &'a [u8],
    lines: &'l mut TextLines<'a>,
}

impl Cursor<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.line.first().copied()
    }

    fn bump(&mut self) {
        self.line = self.line.get(1..).unwrap_or_default();
    }

    fn skip_spaces(&mut self) -> bool {
        let mut skipped = false;
        while self.peek().is_some_and(is_space) {
            self.bump();
            skipped = true;
        }
        skipped
    }
}

/// Reads the name at the start of `line`, which `lines` returned last. Quotes stay part of the
/// name. An empty result means that there is none.
pub(super) fn read<'a>(line: &'a [u8], lines: &mut TextLines<'a>) -> Result<Vec<u8>, Unterminated> {
    let mut cursor = Cursor { line, lines };
    let mut pattern = Vec::new();
    let mut space_allowed = false;
    let mut space_seen = false;
    cursor.skip_spaces();
    while cursor.peek().is_some_and(|byte| byte != b'#') {
        while let Some(byte) = cursor.peek().filter(|byte| !ends_word(*byte)) {
            if space_allowed && space_seen {
                pattern.push(b' ');
                space_allowed = false;
            }
            pattern.push(byte);
            cursor.bump();
        }
        space_allowed = true;
        match cursor.peek() {
            Some(b'"') => {
                if space_seen {
                    pattern.push(b' ');
                }
                read_quoted(&mut cursor, &mut pattern)?;
            }
            Some(b',') => {
                pattern.extend(b", ");
                space_allowed = false;
                cursor.bump();
            }
            Some(byte @ (b'.' | b'(' | b')')) => {
                pattern.push(byte);
                space_allowed = false;
                cursor.bump();
            }
            _ => {}
        }
        space_seen = cursor.skip_spaces();
    }
    Ok(pattern)
}

fn ends_word(byte: u8) -> bool {
    is_space(byte) || b"#,.()\"".contains(&byte)
}

/// Reads a quoted part, quotes included. `\n` is a line feed and `\\` a backslash; any other pair
/// that starts with a backslash is dropped. (pg_restore counts an empty line twice. Nothing useful
/// is lost by counting it once.)
fn read_quoted(cursor: &mut Cursor<'_, '_>, pattern: &mut Vec<u8>) -> Result<(), Unterminated> {
    pattern.push(b'"');
    cursor.bump();
    loop {
        match cursor.peek() {
            // Line ends only; the line feed is added back when the next line is read.
            Some(b'\r' | b'\n') => cursor.bump(),
            None => {
                cursor.line = cursor.lines.next().ok_or(Unterminated)?;
                pattern.push(b'\n');
            }
            Some(b'"') => {
                pattern.push(b'"');
                cursor.bump();
                if cursor.peek() != Some(b'"') {
                    return Ok(());
                }
                pattern.push(b'"');
                cursor.bump();
            }
            Some(b'\\') => {
                cursor.bump();
                match cursor.peek() {
                    Some(b'n') => pattern.push(b'\n'),
                    Some(b'\\') => pattern.push(b'\\'),
                    _ => {}
                }
                cursor.bump();
            }
            Some(byte) => {
                pattern.push(byte);
                cursor.bump();
            }
        }
    }
}
