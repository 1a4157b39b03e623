//! Interprets a server's response: its length, its offset, and whether the bytes are the same as
//! before.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, RETRY_AFTER};

/// The longest `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// The meaning of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// All bytes from the start (200).
    Whole,
    /// Bytes from this offset on (206).
    Part {
        /// The offset of the first byte in the file.
        from: u64,
    },
    /// The requested range has no bytes (416).
    Beyond,
    /// A temporary refusal.
    Passing,
    /// Any other response.
    Refused,
}

impl Reply {
    /// Interprets a response. The refusal of a URL that is signed anew each time is temporary: it
    /// may have expired.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, is_renewed: bool) -> Self {
        match status {
            StatusCode::OK => Self::Whole,
            StatusCode::PARTIAL_CONTENT => match ContentRange::of(headers) {
                Some(ContentRange { from: Some(from), .. }) => Self::Part { from },
                // The same request would get the same response; one without a range may succeed.
                _ => Self::Beyond,
            },
            StatusCode::RANGE_NOT_SATISFIABLE => Self::Beyond,
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::GONE
                if is_renewed =>
            {
                Self::Passing
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Self::Passing
            }
            status if status.is_server_error() => Self::Passing,
            _ => Self::Refused,
        }
    }
}

/// The identity of the bytes at a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileIdentity {
    /// Their number.
    pub(super) total: Option<u64>,
    /// Their tag.
    etag: Option<String>,
}

impl FileIdentity {
    /// From the headers of a 200, 206 or 416; `length` is that of the body.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, length: Option<u64>) -> Self {
        let range = ContentRange::of(headers).unwrap_or_default();
        let total = match (status, range) {
            (StatusCode::OK, _) => length,
            (_, ContentRange { total: Some(total), .. }) => Some(total),
            // `bytes 5-9/*`: the server does not know, or the range extends to the end.
            _ => None,
        };
        let etag = headers.get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self { total, etag }
    }

    /// The difference in words, where both are known.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        match (self.total, other.total) {
            (Some(before), Some(now)) if before != now => {
                return Some(format!("it had {before} bytes and has {now}"));
            }
            _ => {}
        }
        let is_other = self.etag.is_some() && other.etag.is_some() && self.etag != other.etag;
        is_other.then(|| "its ETag changed".to_owned())
    }

    /// Adds what was unknown so far.
    pub(super) fn learn(&mut self, other: Self) {
        self.total = self.total.or(other.total);
        self.etag = self.etag.take().or(other.etag);
    }

    /// The tag, if equal tags mean equal bytes, as `If-Range` requires (RFC 9110, section 13.1.5).
    pub(super) fn strong_etag(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/"))
    }
}

/// `bytes 5-9/100`, `bytes 5-9/*` or `bytes */100` (RFC 9110, section 14.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ContentRange {
    from: Option<u64>,
    total: Option<u64>,
}

impl ContentRange {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
        let (unit, text) = text.trim().split_once(' ')?;
        let (range, total) = text.trim().split_once('/')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let total = match total {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let from = match range {
            "*" => None,
            range => Some(range.split_once('-')?.0.parse().ok()?),
        };
        Some(Self { from, total })
    }
}

/// The delay that a server requests: `Retry-After` in seconds or as a date, at most a quarter of an
/// hour.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let time = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            (date.with_timezone(&Utc) - now).to_std().unwrap_or_default()
        }
    };
    Some(time.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
        ContentRange::of(&headers(&[("content-range", text)]))
            .map(|range| (range.from, range.total))
    }

    #[test]
    fn content_range_is_parsed_in_three_forms() {
        assert_eq!(range("bytes 5-9/100"), Some((Some(5), Some(100))));
        assert_eq!(range("bytes 5-9/*"), Some((Some(5), None)));
        assert_eq!(range("bytes */100"), Some((None, Some(100))));
        for wrong in ["", "bytes", "lines 5-9/100", "bytes 5/100", "bytes -9/100", "bytes 5-9/x"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn refusal_is_temporary_if_the_url_is_renewed() {
        let of = |status: u16, renewed| {
            Reply::of(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), renewed)
        };
        for status in [401, 403, 404, 410] {
            assert_eq!(of(status, true), Reply::Passing, "{status}");
            assert_eq!(of(status, false), Reply::Refused, "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(of(status, false), Reply::Passing, "{status}");
        }
        for status in [204, 304, 400, 422] {
            assert_eq!(of(status, true), Reply::Refused, "{status}");
        }
    }

    #[test]
    fn bytes_differ_by_length_or_tag() {
        let of = |total: &str, etag: &str| {
            let headers = headers(&[("content-range", total), ("etag", etag)]);
            FileIdentity::of(StatusCode::PARTIAL_CONTENT, &headers, None)
        };
        let first = of("bytes 5-9/100", "\"a\"");
        assert_eq!(first.total, Some(100));
        assert_eq!(first.difference(&of("bytes 7-9/100", "\"a\"")), None);
        assert_eq!(first.difference(&FileIdentity::default()), None);
        let longer = first.difference(&of("bytes 5-9/101", "\"a\""));
        assert_eq!(longer.as_deref(), Some("it had 100 bytes and has 101"));
        assert!(first.difference(&of("bytes 5-9/100", "\"b\"")).is_some());
        assert_eq!(first.strong_etag(), Some("\"a\""));
        assert_eq!(of("bytes 5-9/100", "W/\"a\"").strong_etag(), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let pause = |text| retry_after(&headers(&[("retry-after", text)]), now);
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("Tue, 14 Nov 2023 22:13:50 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(pause("Tue, 14 Nov 2023 22:13:00 GMT"), Some(Duration::ZERO));
        assert_eq!(pause("86400"), Some(MAX_RETRY_AFTER));
        assert_eq!(pause("soon"), None);
    }
}
