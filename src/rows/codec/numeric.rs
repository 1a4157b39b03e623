//! `numeric`: groups of four decimal digits on both sides of the point.

use bytes::{BufMut, BytesMut};

use super::number::unsigned;

/// The most digits after the point that `NUMERIC_DSCALE_MASK` allows.
const MAX_SCALE: usize = 0x3fff;

/// The most digits before the point that an int16 weight allows.
const MAX_INTEGER_DIGITS: usize = 4 * 0x8000;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;

/// Appends a numeric, length first. Refuses exponents, which the output function never writes.
pub(super) fn numeric(text: &[u8], out: &mut BytesMut) -> Option<()> {
    match text {
        b"NaN" => put_header(out, 0, 0, NAN, 0),
        b"Infinity" => put_header(out, 0, 0, INFINITY, 0),
        b"-Infinity" => put_header(out, 0, 0, NEGATIVE_INFINITY, 0),
        _ => {
            let (sign, digits) =
                text.strip_prefix(b"-").map_or((0, text), |digits| (NEGATIVE, digits));
            finite(sign, digits, out)?;
        }
    }
    Some(())
}

fn put_header(out: &mut BytesMut, groups: u16, weight: i16, sign: u16, scale: u16) {
    out.put_u32(8 + 2 * u32::from(groups));
    out.put_u16(groups);
    out.put_i16(weight);
    out.put_u16(sign);
    out.put_u16(scale);
}

fn finite(sign: u16, digits: &[u8], out: &mut BytesMut) -> Option<()> {
    let (integer, fraction) = match digits.iter().position(|&byte| byte == b'.') {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &[][..]),
    };
    if integer.is_empty()
        || (fraction.is_empty() && integer.len() != digits.len())
        || integer.len() > MAX_INTEGER_DIGITS
        || fraction.len() > MAX_SCALE
    {
        return None;
    }
    let zeros = integer.iter().take_while(|&&byte| byte == b'0').count();
    let integer = &integer[zeros..];
    let start = out.len();
    // Filled in once the groups are known.
    put_header(out, 0, 0, 0, 0);
    let mut groups = Groups { out, count: 0, used: 0 };

    let (first, rest) = integer.split_at(integer.len() % 4);
    let mut weight = i32::try_from(integer.len().div_ceil(4)).ok()? - 1;
    if !first.is_empty() {
        groups.put(unsigned(first)?);
    }
    for group in rest.chunks_exact(4) {
        groups.put(unsigned(group)?);
    }
    for group in fraction.chunks(4) {
        let value = unsigned(group)? * [1, 1000, 100, 10, 1][group.len()];
        if value == 0 && groups.count == 0 {
            weight -= 1;
        } else {
            groups.put(value);
        }
    }

    let used = groups.used;
    out.truncate(start + 12 + 2 * usize::from(used));
    // Zero has no sign (make_result in numeric.c).
    let (weight, sign) = if used == 0 { (0, 0) } else { (i16::try_from(weight).ok()?, sign) };
    let mut header = [0; 12];
    header[..4].copy_from_slice(&(8 + 2 * u32::from(used)).to_be_bytes());
    header[4..6].copy_from_slice(&used.to_be_bytes());
    header[6..8].copy_from_slice(&weight.to_be_bytes());
    header[8..10].copy_from_slice(&sign.to_be_bytes());
    header[10..].copy_from_slice(&u16::try_from(fraction.len()).ok()?.to_be_bytes());
    out[start..start + 12].copy_from_slice(&header);
    Some(())
}

struct Groups<'a> {
    out: &'a mut BytesMut,
    count: u16,
    /// Groups up to the last that is not zero.
    used: u16,
}

impl Groups<'_> {
    fn put(&mut self, value: u64) {
        // At most 32,768 + 4,096 of them, each below 10,000.
        self.out.put_u16(value as u16);
        self.count += 1;
        if value != 0 {
            self.used = self.count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weight, sign, scale and groups.
    fn parts(text: &str) -> Option<(i16, u16, u16, Vec<u16>)> {
        let mut out = BytesMut::new();
        numeric(text.as_bytes(), &mut out)?;
        let words: Vec<u16> =
            out.chunks(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect();
        assert_eq!(usize::from(words[1]), out.len() - 4, "the length");
        assert_eq!(usize::from(words[2]), words.len() - 6, "the number of groups");
        Some((words[3].cast_signed(), words[4], words[5], words[6..].to_vec()))
    }

    #[test]
    fn groups_align_at_the_decimal_point() {
        assert_eq!(parts("12345.6"), Some((1, 0, 1, vec![1, 2345, 6000])));
        assert_eq!(parts("-1234"), Some((0, NEGATIVE, 0, vec![1234])));
        assert_eq!(parts("0.000012"), Some((-2, 0, 6, vec![1200])));
        assert_eq!(parts("0000010000"), Some((1, 0, 0, vec![1])));
        assert_eq!(parts("100000000.5000"), Some((2, 0, 4, vec![1, 0, 0, 5000])));
    }

    #[test]
    fn zero_keeps_its_scale_and_has_no_sign() {
        assert_eq!(parts("-0.000"), Some((0, 0, 3, vec![])));
        assert_eq!(parts("0"), Some((0, 0, 0, vec![])));
    }

    #[test]
    fn limits_match_the_server() {
        let integer = format!("1{}", "0".repeat(MAX_INTEGER_DIGITS - 1));
        assert_eq!(parts(&integer).unwrap().0, i16::MAX);
        assert_eq!(parts(&format!("{integer}0")), None);
        let fraction = format!("0.{}1", "0".repeat(MAX_SCALE - 1));
        assert_eq!(parts(&fraction).unwrap().2, 0x3fff);
        assert_eq!(parts(&format!("{fraction}0")), None);
    }

    #[test]
    fn other_numeric_formats_are_refused() {
        for text in
            ["", "-", ".", "1.", ".5", "1e5", "+1", " 1", "1.2.3", "1-", "nan", "inf", "0x1"]
        {
            assert_eq!(parts(text), None, "{text:?}");
        }
    }
}
