//! Values that are bytes: `bytea`, `uuid`, MAC addresses, `"char"`.

use bytes::{BufMut, BytesMut};
use memchr::memchr;

use super::length;

/// The value of each hexadecimal digit; 0xff for other bytes.
const HEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u8;
        table[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
};

#[inline]
fn hex(pair: [u8; 2]) -> Option<u8> {
    let [high, low] = pair.map(|digit| HEX[usize::from(digit)]);
    ((high | low) < 16).then_some(high << 4 | low)
}

/// Appends a bytea, length first.
pub(super) fn bytea(text: &[u8], out: &mut BytesMut) -> Option<()> {
    let start = out.len();
    out.put_u32(0);
    match text.strip_prefix(b"\\x") {
        Some(digits) => hex_form(digits, out)?,
        None => escape_form(text, out)?,
    }
    let length = length(out.len() - start - 4)?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Some(())
}

/// Pairs of digits without spaces between them.
fn hex_form(digits: &[u8], out: &mut BytesMut) -> Option<()> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let start = out.len();
    out.resize(start + pairs.len(), 0);
    let mut wrong = 0;
    for (byte, pair) in out[start..].iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| HEX[usize::from(digit)]);
        wrong |= high | low;
        *byte = high << 4 | (low & 15);
    }
    (wrong < 16).then_some(())
}

/// `\\`, `\ooo`, and printable ASCII as itself. Other bytes would depend on the encoding and are
/// written as `\ooo` (`byteaout`, bytea.c).
fn escape_form(mut text: &[u8], out: &mut BytesMut) -> Option<()> {
    loop {
        let plain = memchr(b'\\', text).unwrap_or(text.len());
        let (run, rest) = text.split_at(plain);
        if !run.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return None;
        }
        out.extend_from_slice(run);
        text = match rest {
            [] => return Some(()),
            [_, b'\\', after @ ..] => {
                out.put_u8(b'\\');
                after
            }
            &[_, a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ref after @ ..] => {
                out.put_u8((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            _ => return None,
        };
    }
}

/// `a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11`.
#[inline]
pub(super) fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let mut wrong = 0;
    let bytes = places.map(|at| {
        let [high, low] = [text[at], text[at + 1]].map(|digit| HEX[usize::from(digit)]);
        wrong |= high | low;
        high << 4 | (low & 15)
    });
    (wrong < 16).then_some(bytes)
}

/// `08:00:2b:01:02:03` and so on, for 6 or 8 bytes.
pub(super) fn mac_address<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut parts = text.split(|&byte| byte == b':');
    for byte in &mut bytes {
        *byte = hex(parts.next()?.try_into().ok()?)?;
    }
    parts.next().is_none().then_some(bytes)
}

/// One ASCII character, or none for the byte zero.
pub(super) fn char(text: &[u8]) -> Option<u8> {
    match text {
        [] => Some(0),
        &[byte] if (1..128).contains(&byte) => Some(byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<Vec<u8>> {
        let mut out = BytesMut::new();
        bytea(text.as_bytes(), &mut out)?;
        assert_eq!(&out[..4], (out.len() as u32 - 4).to_be_bytes());
        Some(out[4..].to_vec())
    }

    #[test]
    fn bytea_has_two_forms() {
        assert_eq!(value("\\x00fFa9"), Some(vec![0, 255, 0xa9]));
        assert_eq!(value("\\x"), Some(vec![]));
        assert_eq!(value(""), Some(vec![]));
        assert_eq!(value("a\\\\b\\000\\377 "), Some(b"a\\b\0\xff ".to_vec()));
    }

    #[test]
    fn invalid_bytea_is_refused() {
        for text in ["\\x0", "\\x0g", "\\x00 00", "\\400", "\\00", "\\", "a\\x00", "é", "\t"] {
            assert_eq!(value(text), None, "{text:?}");
        }
    }

    #[test]
    fn uuid_requires_dashes_in_place() {
        let text = "a0eebc99-9c0b-4ef8-BB6D-6bb9bd380a11";
        assert_eq!(uuid(text.as_bytes()).unwrap()[..5], [0xa0, 0xee, 0xbc, 0x99, 0x9c]);
        for text in [
            "",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g",
            "a0eebc9-99c0b-4ef8-bb6d-6bb9bd380a11",
        ] {
            assert_eq!(uuid(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn mac_address_requires_pairs_between_colons() {
        assert_eq!(mac_address(b"08:00:2b:01:02:ff"), Some([8, 0, 0x2b, 1, 2, 255]));
        for text in ["08:00:2b:01:02", "08:00:2b:01:02:03:04", "8:0:2b:1:2:3", "08-00-2b-01-02-03"]
        {
            assert_eq!(mac_address::<6>(text.as_bytes()), None, "{text:?}");
        }
    }
}
