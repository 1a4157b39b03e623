//! Characters that stand for bytes.

use std::borrow::Cow;

/// The escape of the byte 0.
const ESCAPES: u32 = 0x0010_FF00;

/// The first byte of every escape in UTF-8.
const ESCAPE_START: u8 = 0xf4;

/// Whether `text` has characters that would be read as escapes.
pub(super) fn has_escapes(text: &str) -> bool {
    memchr::memchr(ESCAPE_START, text.as_bytes()).is_some()
        && text.chars().any(|character| escaped(character).is_some())
}

/// The byte this character stands for, if it is an escape.
pub(super) fn escaped(character: char) -> Option<u8> {
    u32::from(character).checked_sub(ESCAPES).and_then(|byte| u8::try_from(byte).ok())
}

/// Appends the escapes of bytes.
pub(super) fn escape(text: &mut String, bytes: &[u8]) {
    text.extend(bytes.iter().filter_map(|byte| char::from_u32(ESCAPES + u32::from(*byte))));
}

/// Appends valid UTF-8. A character that would be read as an escape is itself escaped.
pub(super) fn push_valid(text: &mut String, valid: &str) {
    if !has_escapes(valid) {
        return text.push_str(valid);
    }
    let mut buffer = [0; 4];
    for character in valid.chars() {
        match escaped(character) {
            Some(_) => escape(text, character.encode_utf8(&mut buffer).as_bytes()),
            None => text.push(character),
        }
    }
}

/// Text for display: an escape is shown as `\xE9`.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !has_escapes(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match escaped(character) {
            Some(byte) => shown.push_str(&format!("\\x{byte:02X}")),
            None => shown.push(character),
        }
    }
    Cow::Owned(shown)
}
