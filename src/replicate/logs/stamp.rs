//! The time at the start of a line, and the host's prefix.
//!
//! Scalingo's prefix is `2020-10-22 05:10:00.123456789 +0200 CEST [background-1] `: a fraction of
//! any length, an offset, the offset's name, the container. Lines without a host's prefix start
//! with the program's own time, in RFC 3339 format.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, Utc};

use super::nocturne::LEVELS;
use crate::replicate::run_report::Moment;

/// A line, split into its parts.
#[derive(Debug, PartialEq)]
pub(super) struct Stamped<'a> {
    /// The time, if the line starts with one.
    pub(super) at: Option<Moment>,
    /// The container, if the prefix names one.
    pub(super) container: Option<&'a str>,
    /// The rest of the line.
    pub(super) rest: &'a str,
}

/// Splits the time and the container off a line.
pub(super) fn split(line: &str) -> Stamped<'_> {
    match time(line) {
        Some((at, rest)) => {
            let rest = rest.trim_start();
            let (container, rest) = container(rest);
            Stamped { at: Some(at), container, rest }
        }
        None => Stamped { at: None, container: None, rest: line },
    }
}

/// `[background-1] rest`, possibly after the name of an offset. Without a container, such a name
/// would be a word of the message.
fn container(text: &str) -> (Option<&str>, &str) {
    let is_zone = |word: &str| {
        // Go, which writes the prefix, uses digits for a zone without a name: `-0300 -03`.
        let named = word.bytes().all(|byte| byte.is_ascii_uppercase());
        let numbered = word.strip_prefix(['+', '-']).is_some_and(is_number);
        (2..=5).contains(&word.len()) && (named && !LEVELS.contains(&word) || numbered)
    };
    let after = match text.split_once(' ') {
        Some((word, rest)) if is_zone(word) => rest.trim_start(),
        _ => text,
    };
    let named = after.strip_prefix('[').and_then(|after| after.split_once(']'));
    match named {
        Some((name, rest)) if is_container(name) => {
            (Some(name), rest.strip_prefix(' ').unwrap_or(rest))
        }
        _ => (None, text),
    }
}

/// Whether a container can have this name: `background-1`, `one-off-1234`, `postdeploy`.
fn is_container(name: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(right)
}

/// The time at the start of a text, and the rest.
pub(super) fn time(text: &str) -> Option<(Moment, &str)> {
    let date = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
    let separator = *text.as_bytes().get(10)?;
    if !matches!(separator, b' ' | b'T') {
        return None;
    }
    let rest = text.get(11..)?;
    let time = NaiveTime::parse_from_str(rest.get(..8)?, "%H:%M:%S").ok()?;
    let (nanos, rest) = fraction(rest.get(8..)?);
    let local = NaiveDateTime::new(date, time.overflowing_add_signed(nanos).0);
    let (offset, rest) = offset(rest);
    let moment = local.and_local_timezone(offset).single()?;
    Some((moment, rest))
}

/// `.123` of any length, to the nanosecond.
fn fraction(text: &str) -> (TimeDelta, &str) {
    let none = TimeDelta::zero();
    let Some(after) = text.strip_prefix(['.', ',']) else { return (none, text) };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = after.split_at(digits);
    let nanos = number.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = nanos.fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    (TimeDelta::nanoseconds(nanos), rest)
}

/// `Z`, ` UTC`, `+0200`, ` +02:00`. Without any of them a time is UTC.
fn offset(text: &str) -> (FixedOffset, &str) {
    let utc = Utc.fix();
    let trimmed = text.trim_start();
    if let Some(rest) = text.strip_prefix('Z').or_else(|| trimmed.strip_prefix("UTC")) {
        return (utc, rest);
    }
    let east = match trimmed.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return (utc, text),
    };
    let digits = &trimmed[1..];
    let parsed = [(2..4, 4), (3..5, 5)].into_iter().find_map(|(minutes, length)| {
        if length == 5 && digits.as_bytes().get(2) != Some(&b':') {
            return None;
        }
        let number = |text: &str| is_number(text).then(|| text.parse::<i32>().ok()).flatten();
        let (hours, minutes) = (number(digits.get(..2)?)?, number(digits.get(minutes)?)?);
        let offset = FixedOffset::east_opt(east * (hours * 3600 + minutes * 60))?;
        Some((offset, digits.get(length..)?))
    });
    parsed.unwrap_or((utc, text))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        chrono::DateTime::parse_from_rfc3339(text).unwrap()
    }

    #[test]
    fn host_prefix_is_split_off() {
        assert_eq!(
            split("2020-10-22 05:10:00.123456789 +0200 CEST [background-1] Start restore"),
            Stamped {
                at: Some(at("2020-10-22T05:10:00.123456789+02:00")),
                container: Some("background-1"),
                rest: "Start restore",
            }
        );
    }

    #[test]
    fn unnamed_offset_has_digits() {
        let stamped = split("2020-10-22 05:10:00.1 -0300 -03 [one-off-12] Start restore");
        assert_eq!(stamped.container, Some("one-off-12"));
        assert_eq!(stamped.rest, "Start restore");
    }

    #[test]
    fn all_fractions_and_offsets_parse() {
        for (text, expected, rest) in [
            ("2020-10-22 05:10:00.1 +0200 CEST x", "2020-10-22T05:10:00.1+02:00", " CEST x"),
            ("2020-10-22 05:10:00 -0330 x", "2020-10-22T05:10:00-03:30", " x"),
            ("2020-10-22T05:10:00.123Z x", "2020-10-22T05:10:00.123Z", " x"),
            ("2020-10-22T05:10:00+02:00 x", "2020-10-22T05:10:00+02:00", " x"),
            ("2020-10-22 05:10:00.1234567891234 UTC x", "2020-10-22T05:10:00.123456789Z", " x"),
            ("2020-10-22 05:10:00 x", "2020-10-22T05:10:00Z", " x"),
            ("2020-10-22 23:59:59.999999999 +0000 UTC", "2020-10-22T23:59:59.999999999Z", " UTC"),
        ] {
            assert_eq!(time(text), Some((at(expected), rest)), "{text}");
        }
    }

    #[test]
    fn word_after_time_is_not_a_container() {
        let stamped = split("2020-10-22T05:10:00Z  INFO [1] done");
        assert_eq!(stamped.container, None);
        assert_eq!(stamped.rest, "INFO [1] done");
    }

    #[test]
    fn text_without_a_time_is_unchanged() {
        for line in [
            "",
            "Start restore",
            "2020-13-22 05:10:00 +0200 x",
            "2020-10-22",
            "2020-10-22 25:10:00 x",
            "2020-10-2é 05:10:00",
            "2020-10-22é05:10:00 x",
            "99999-10-22 05:10:00",
        ] {
            assert_eq!(split(line).at, None, "{line}");
            assert_eq!(split(line).rest, line);
        }
    }

    #[test]
    fn impossible_offset_is_text() {
        assert_eq!(split("2020-10-22 05:10:00 +9900 x").rest, "+9900 x");
        assert_eq!(split("2020-10-22 05:10:00 +0é").rest, "+0é");
    }
}
