//! Arrays of one dimension.

use bytes::{BufMut, BytesMut};
use memchr::memchr2;

use super::{encode, length};
use crate::rows::columns::ColumnType;

/// Appends an array, length first. The text must be in the form of `array_out`: no spaces outside
/// quotes, no bounds, no nested braces.
pub(super) fn array(
    oid: u32,
    kind: &ColumnType,
    text: &[u8],
    out: &mut BytesMut,
    scratch: &mut BytesMut,
) -> Option<()> {
    let inside = text.strip_prefix(b"{")?.strip_suffix(b"}")?;
    let start = out.len();
    // Filled in once the elements are known.
    out.put_u32(0);
    out.put_i32(i32::from(!inside.is_empty()));
    out.put_i32(0);
    out.put_u32(oid);
    if !inside.is_empty() {
        let count_at = out.len();
        out.put_u32(0);
        // The lower bound.
        out.put_i32(1);
        let found = elements(kind, inside, out, scratch)?;
        out[start + 8..start + 12].copy_from_slice(&u32::from(found.nulls).to_be_bytes());
        out[count_at..count_at + 4].copy_from_slice(&length(found.count)?.to_be_bytes());
    }
    let length = length(out.len() - start - 4)?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Some(())
}

struct FoundDimension {
    count: usize,
    nulls: bool,
}

/// The elements between the braces; at least one.
fn elements(
    kind: &ColumnType,
    mut rest: &[u8],
    out: &mut BytesMut,
    scratch: &mut BytesMut,
) -> Option<FoundDimension> {
    let mut found = FoundDimension { count: 0, nulls: false };
    loop {
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            scratch.clear();
            rest = unquote(quoted, scratch)?;
            put_element(kind, scratch, out)?;
        } else {
            let end = rest.iter().position(|&byte| byte == b',').unwrap_or(rest.len());
            let (element, after) = rest.split_at(end);
            rest = after;
            if element.eq_ignore_ascii_case(b"null") {
                found.nulls = true;
                out.put_i32(-1);
            } else if element.is_empty() || !element.iter().all(|&byte| is_plain(byte)) {
                return None;
            } else {
                put_element(kind, element, out)?;
            }
        }
        found.count += 1;
        match rest {
            [] => return Some(found),
            [b',', after @ ..] => rest = after,
            _ => return None,
        }
    }
}

fn put_element(kind: &ColumnType, text: &[u8], out: &mut BytesMut) -> Option<()> {
    // Arrays do not nest, so there is nothing more to unescape.
    match kind {
        ColumnType::Array { .. } => None,
        _ => encode(kind, text, out, &mut BytesMut::new()),
    }
}

/// Bytes that `array_out` leaves unquoted: neither white space (per `array_isspace` and
/// `scanner_isspace`) nor syntax.
fn is_plain(byte: u8) -> bool {
    !matches!(byte, b' ' | b'\t'..=b'\r' | b'"' | b'\\' | b'{' | b'}')
}

/// Appends a quoted element, starting after its opening quote; returns the text after the closing
/// one.
fn unquote<'a>(mut text: &'a [u8], out: &mut BytesMut) -> Option<&'a [u8]> {
    loop {
        let at = memchr2(b'"', b'\\', text)?;
        out.extend_from_slice(&text[..at]);
        if text[at] == b'"' {
            return Some(&text[at + 1..]);
        }
        out.put_u8(*text.get(at + 1)?);
        text = &text[at + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The elements, `None` for NULL.
    fn parts(kind: ColumnType, text: &str) -> Option<Vec<Option<Vec<u8>>>> {
        let mut out = BytesMut::new();
        array(25, &kind, text.as_bytes(), &mut out, &mut BytesMut::new())?;
        let mut words =
            out[..].chunks_exact(4).map(|word| i32::from_be_bytes(word.try_into().unwrap()));
        assert_eq!(words.next(), Some(out.len() as i32 - 4));
        let (dimensions, nulls) = (words.next()?, words.next()?);
        assert_eq!(words.next(), Some(25));
        let mut elements = Vec::new();
        if dimensions == 1 {
            let count = words.next()?;
            assert_eq!(words.next(), Some(1));
            let mut rest = &out[24..];
            for _ in 0..count {
                let (length, after) = rest.split_first_chunk::<4>()?;
                let length = i32::from_be_bytes(*length);
                let (element, after) = after.split_at(length.max(0) as usize);
                elements.push((length >= 0).then(|| element.to_vec()));
                rest = after;
            }
            assert!(rest.is_empty());
        }
        assert_eq!(nulls == 1, elements.contains(&None));
        Some(elements)
    }

    fn texts(elements: &[Option<&str>]) -> Option<Vec<Option<Vec<u8>>>> {
        Some(elements.iter().map(|text| text.map(|text| text.as_bytes().to_vec())).collect())
    }

    use ColumnType::{Int2, Text};

    #[test]
    fn null_is_the_unquoted_word() {
        assert_eq!(
            parts(Text, r#"{a,NULL,"NULL","","b,c"}"#),
            texts(&[Some("a"), None, Some("NULL"), Some(""), Some("b,c")])
        );
        assert_eq!(parts(Int2, "{1,null}"), texts(&[Some("\0\x01"), None]));
    }

    #[test]
    fn quotes_and_backslashes_are_unescaped() {
        assert_eq!(parts(Text, r#"{"a\"b\\c{} d"}"#), texts(&[Some(r#"a"b\c{} d"#)]));
    }

    #[test]
    fn empty_array_has_no_dimension() {
        assert_eq!(parts(Text, "{}"), Some(vec![]));
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "{",
            "}",
            "a",
            "{a",
            "{a,}",
            "{,a}",
            "{,}",
            "{{a},{b}}",
            "[0:1]={a,b}",
            "{a, b}",
            "{ a}",
            "{a }",
            "{\"a\"b}",
            "{a\"b\"}",
            "{\"a}",
            "{\"a\\\"}",
            "{a\\b}",
            "{a}}",
            " {a}",
            "{ }",
        ] {
            assert_eq!(parts(Text, text), None, "{text:?}");
        }
        assert_eq!(parts(Int2, "{1,x}"), None);
    }
}
