//! Tokens that expire.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The lifetime of a token that does not state it: Scalingo documents one hour.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// How long before it expires a token is renewed.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// A token, and how long to use it.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    /// By this machine's clock.
    renew: Instant,
}

impl Token {
    /// A token received at this time.
    pub(super) fn new(text: String, now: Instant) -> Self {
        let lifetime = lifetime(&text, Utc::now()).unwrap_or(LIFETIME);
        let margin = MARGIN.min(lifetime / 2);
        // A longer lifetime makes no difference, but could overflow the clock.
        let used = (lifetime - margin).min(24 * LIFETIME);
        Self { secret: text.into(), renew: now + used }
    }

    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now < self.renew
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.secret.expose_secret() == other.secret.expose_secret()
    }
}

/// The claims of a JSON Web Token (RFC 7519, section 4.1) that are about time, in seconds since
/// 1970.
#[derive(Deserialize)]
struct Claims {
    exp: i64,
    #[serde(default)]
    iat: Option<i64>,
}

/// The lifetime that a token states. If it states its issue time, the two clocks need not agree.
fn lifetime(token: &str, now: DateTime<Utc>) -> Option<Duration> {
    let payload = token.split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&base64_url(payload)?).ok()?;
    let from = claims.iat.unwrap_or(now.timestamp());
    Some(Duration::from_secs(u64::try_from(claims.exp.checked_sub(from)?).unwrap_or(0)))
}

/// Decodes base64 with the alphabet for URLs and without padding (RFC 4648, section 5), as the
/// parts of a JSON Web Token are written.
fn base64_url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_url_alphabet_is_decoded() {
        assert_eq!(base64_url("").as_deref(), Some(&b""[..]));
        assert_eq!(base64_url("Zg").as_deref(), Some(&b"f"[..]));
        assert_eq!(base64_url("Zm9vYmFy").as_deref(), Some(&b"foobar"[..]));
        assert_eq!(base64_url("-_-_").as_deref(), Some(&[0xfb, 0xff, 0xbf][..]));
        assert_eq!(base64_url("+/=="), None);
    }

    #[test]
    fn lifetime_is_read_from_the_token() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        // {"iss":"auth","iat":1600000000,"exp":1600003600}
        let dated = "e30.eyJpc3MiOiJhdXRoIiwiaWF0IjoxNjAwMDAwMDAwLCJleHAiOjE2MDAwMDM2MDB9.sig";
        assert_eq!(lifetime(dated, now), Some(Duration::from_secs(3600)));
        // {"exp":1700000060}
        assert_eq!(
            lifetime("e30.eyJleHAiOjE3MDAwMDAwNjB9.sig", now),
            Some(Duration::from_secs(60))
        );
        // {"exp":1}
        assert_eq!(lifetime("e30.eyJleHAiOjF9.sig", now), Some(Duration::ZERO));
        for opaque in ["", "tk-us-abc", "a.b.c", "e30.e30.e30"] {
            assert_eq!(lifetime(opaque, now), None, "{opaque}");
        }
    }

    #[test]
    fn token_is_renewed_before_it_expires() {
        let now = Instant::now();
        let token = Token::new("opaque".to_owned(), now);
        let second = Duration::from_secs(1);
        assert!(token.is_fresh(now + LIFETIME - MARGIN - second));
        assert!(!token.is_fresh(now + LIFETIME - MARGIN));
        // {"iat":1600000000,"exp":1600000060}
        let short = "e30.eyJpYXQiOjE2MDAwMDAwMDAsImV4cCI6MTYwMDAwMDA2MH0.sig".to_owned();
        let short = Token::new(short, now);
        assert!(short.is_fresh(now + 29 * second) && !short.is_fresh(now + 30 * second));
    }
}
