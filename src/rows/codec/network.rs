//! `inet` and `cidr`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::BytesMut;

use super::number::integer;
use super::put_bytes;

/// Appends an inet, length first. Without a mask it is a host address.
pub(super) fn inet(text: &[u8], out: &mut BytesMut) -> Option<()> {
    let (address, bits) = address(text)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    put_network(out, address, bits.unwrap_or(most), false)
}

/// Appends a cidr, length first. It must have a mask (without one, the input function guesses from
/// the address class) and no bits to the right of the mask.
pub(super) fn cidr(text: &[u8], out: &mut BytesMut) -> Option<()> {
    let (address, bits) = address(text)?;
    let bits = bits?;
    let host_bits = match address {
        IpAddr::V4(address) => address.to_bits().checked_shl(u32::from(bits)).unwrap_or(0) != 0,
        IpAddr::V6(address) => address.to_bits().checked_shl(u32::from(bits)).unwrap_or(0) != 0,
    };
    put_network(out, address, (!host_bits).then_some(bits)?, true)
}

/// An address and the bits of its mask, at most the address length.
fn address(text: &[u8]) -> Option<(IpAddr, Option<u8>)> {
    let (address, bits) = match text.iter().position(|&byte| byte == b'/') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    // Rust's grammar for addresses is a subset of the server's; neither allows leading zeros.
    let address = std::str::from_utf8(address).ok()?;
    let (address, most) = if address.contains(':') {
        (IpAddr::V6(address.parse::<Ipv6Addr>().ok()?), 128)
    } else {
        (IpAddr::V4(address.parse::<Ipv4Addr>().ok()?), 32)
    };
    let bits = match bits {
        None => None,
        Some(digits) => {
            let plain =
                digits.first()?.is_ascii_digit() && (digits.len() == 1 || digits[0] != b'0');
            let bits: u8 = integer(digits)?;
            Some((plain && bits <= most).then_some(bits)?)
        }
    };
    Some((address, bits))
}

fn put_network(out: &mut BytesMut, address: IpAddr, bits: u8, is_cidr: bool) -> Option<()> {
    // PGSQL_AF_INET is 2 everywhere and PGSQL_AF_INET6 is one more (`utils/inet.h`).
    match address {
        IpAddr::V4(address) => {
            let mut value = [0; 8];
            value[..4].copy_from_slice(&[2, bits, u8::from(is_cidr), 4]);
            value[4..].copy_from_slice(&address.octets());
            put_bytes(out, &value)
        }
        IpAddr::V6(address) => {
            let mut value = [0; 20];
            value[..4].copy_from_slice(&[3, bits, u8::from(is_cidr), 16]);
            value[4..].copy_from_slice(&address.octets());
            put_bytes(out, &value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(codec: fn(&[u8], &mut BytesMut) -> Option<()>, text: &str) -> Option<Vec<u8>> {
        let mut out = BytesMut::new();
        codec(text.as_bytes(), &mut out)?;
        Some(out[4..].to_vec())
    }

    #[test]
    fn inet_without_mask_is_a_host() {
        assert_eq!(value(inet, "10.0.0.1"), Some(vec![2, 32, 0, 4, 10, 0, 0, 1]));
        assert_eq!(value(inet, "10.0.0.1/0"), Some(vec![2, 0, 0, 4, 10, 0, 0, 1]));
        let mut localhost = vec![3, 128, 0, 16];
        localhost.extend([0; 15]);
        localhost.push(1);
        assert_eq!(value(inet, "::1"), Some(localhost));
    }

    #[test]
    fn cidr_requires_mask_and_no_host_bits() {
        assert_eq!(value(cidr, "10.0.0.0/8"), Some(vec![2, 8, 1, 4, 10, 0, 0, 0]));
        assert!(value(cidr, "0.0.0.0/0").is_some() && value(cidr, "::/0").is_some());
        for text in ["10.0.0.0", "10.0.0.1/8", "::1/127", "1.2.3.4/0"] {
            assert_eq!(value(cidr, text), None, "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "10",
            "10.1/16",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/08",
            "1.2.3.4/-0",
            "010.0.0.1",
            "::1/129",
            "1.2.3.4/1/2",
            " ::1",
            "fe80::1%eth0",
        ] {
            assert_eq!(value(inet, text), None, "{text:?}");
        }
    }
}
