//! Booleans, integers and floating-point numbers.

/// `t` or `f`.
pub(super) fn boolean(text: &[u8]) -> Option<u8> {
    match text {
        b"t" => Some(1),
        b"f" => Some(0),
        _ => None,
    }
}

/// A decimal integer in the range of its type. Refuses spaces, `+`, underscores and other bases,
/// which some server versions accept.
#[inline]
pub(super) fn integer<T: TryFrom<i128>>(text: &[u8]) -> Option<T> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    // The most digits that never overflow a u64.
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let value = i128::from(unsigned(digits)?);
    T::try_from(if negative { -value } else { value }).ok()
}

/// An OID. Refuses a leading zero: the input function reads that as octal (`uint32in_subr`,
/// numutils.c).
pub(super) fn oid(text: &[u8]) -> Option<u32> {
    let plain = text.len() == 1 || matches!(text.first()?, b'1'..=b'9');
    integer(plain.then_some(text)?)
}

/// At most 19 digits as a number.
#[inline]
pub(super) fn unsigned(digits: &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

/// A double. The server's strtod and Rust both round to the nearest.
pub(super) fn float8(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" => Some(f64::from_bits(0x7ff8_0000_0000_0000)),
        b"Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        _ => {
            let value: f64 = decimal(text)?.parse().ok()?;
            (value.is_finite() && (value != 0.0 || is_zero(text))).then_some(value)
        }
    }
}

/// A single, rounded once (the server uses strtof).
pub(super) fn float4(text: &[u8]) -> Option<f32> {
    match text {
        b"NaN" => Some(f32::from_bits(0x7fc0_0000)),
        b"Infinity" => Some(f32::INFINITY),
        b"-Infinity" => Some(f32::NEG_INFINITY),
        _ => {
            let value: f32 = decimal(text)?.parse().ok()?;
            (value.is_finite() && (value != 0.0 || is_zero(text))).then_some(value)
        }
    }
}

/// The text if it starts like a number: then strtod accepts whatever Rust parses.
fn decimal(text: &[u8]) -> Option<&str> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if !digits.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(text).ok()
}

/// Whether a number is zero as written. For the server, a number that only rounds to zero is out of
/// range.
fn is_zero(text: &[u8]) -> bool {
    text.iter().take_while(|&&byte| byte | 0x20 != b'e').all(|byte| b"-0.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_outside_their_range_are_refused() {
        assert_eq!(integer::<i16>(b"-32768"), Some(i16::MIN));
        assert_eq!(integer::<i16>(b"32768"), None);
        assert_eq!(integer::<i32>(b"2147483647"), Some(i32::MAX));
        assert_eq!(integer::<i32>(b"-2147483649"), None);
        assert_eq!(integer::<i64>(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer::<i64>(b"9223372036854775808"), None);
        assert_eq!(integer::<i32>(b"-0"), Some(0));
    }

    #[test]
    fn oid_with_leading_zero_is_refused() {
        assert_eq!(oid(b"4294967295"), Some(u32::MAX));
        assert_eq!(oid(b"0"), Some(0));
        for text in ["", "-", "-1", "4294967296", "010", "-0"] {
            assert_eq!(oid(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn other_integer_formats_are_refused() {
        for text in ["", "-", "+1", " 1", "1 ", "0x1", "1_0", "1.0", "1e1", "--1", "\u{661}"] {
            assert_eq!(integer::<i64>(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(integer::<i64>(b"00000000000000000001"), None);
    }

    #[test]
    fn floats_rounding_to_zero_or_infinity_are_refused() {
        for text in ["1e-400", "1e400", "-1e400", "0.0000001e-320"] {
            assert_eq!(float8(text.as_bytes()), None, "{text}");
        }
        assert_eq!(float4(b"1e-46"), None);
        assert_eq!(float4(b"1e39"), None);
        assert_eq!(float8(b"0e5"), Some(0.0));
        assert!(float8(b"-0").is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
        assert_eq!(float8(b"5e-324"), Some(f64::from_bits(1)));
    }

    #[test]
    fn other_float_formats_are_refused() {
        for text in ["", "-", "nan", "inf", "+1", " 1", "1 ", "0x1p3", ".5", "-.5", "1e", "-NaN"] {
            assert_eq!(float8(text.as_bytes()), None, "{text:?}");
            assert_eq!(float4(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn single_precision_is_rounded_once() {
        // So close to the midpoint of two singles that rounding through a double would pick the
        // wrong one.
        assert_eq!(float4(b"1.00000005960464480"), Some(1.000_000_1));
        assert_eq!(float4(b"1.0000000596046447"), Some(1.0));
    }
}
