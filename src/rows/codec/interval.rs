//! `interval` in the style `postgres`.

use super::date_time::Cursor;
use super::number::unsigned;

/// The stored fields of an interval.
#[derive(Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) microseconds: i64,
    pub(super) days: i32,
    pub(super) months: i32,
}

/// `1 year 2 mons -3 days +04:05:06.789`, with at least one part.
///
/// Besides other styles, refuses `infinity`, which only 17 and later support, and an unsigned part
/// after a negative one: its meaning depends on the session's IntervalStyle, and the output
/// function always writes the sign.
pub(super) fn interval(text: &[u8]) -> Option<Interval> {
    let (mut months, mut days, mut microseconds) = (0i64, 0i64, 0i64);
    let mut parts = text.split(|&byte| byte == b' ');
    // 1 years, 2 months, 3 days, 4 time: in that order, each at most once.
    let mut last = 0;
    let mut after_negative = false;
    while let Some(part) = parts.next() {
        let (signed, negative, digits) = match part.split_first()? {
            (b'-', rest) => (true, true, rest),
            (b'+', rest) => (true, false, rest),
            _ => (false, false, part),
        };
        let place;
        if digits.contains(&b':') {
            place = 4;
            microseconds = time(negative, digits)?;
        } else {
            if digits.is_empty() || digits.len() > 10 {
                return None;
            }
            let value = unsigned(digits)?.cast_signed();
            let value = if negative { -value } else { value };
            place = match parts.next()? {
                b"year" | b"years" => {
                    months = value * 12;
                    1
                }
                b"mon" | b"mons" => {
                    months += value;
                    2
                }
                b"day" | b"days" => {
                    days = value;
                    3
                }
                _ => return None,
            };
        }
        if place <= last || (after_negative && !signed) {
            return None;
        }
        last = place;
        after_negative = negative;
    }
    let interval =
        Interval { microseconds, days: days.try_into().ok()?, months: months.try_into().ok()? };
    // This is infinity in 17 and later (`INTERVAL_NOEND`, `datatype/timestamp.h`). Its negative
    // requires `i64::MIN`, which `time` refuses.
    let endless = interval.microseconds == i64::MAX
        && interval.days == i32::MAX
        && interval.months == i32::MAX;
    (!endless).then_some(interval)
}

/// `04:05:06.789`, with two or more digits for the hours.
fn time(negative: bool, text: &[u8]) -> Option<i64> {
    let hours = text.iter().position(|&byte| byte == b':').filter(|at| (2..=10).contains(at))?;
    let (hours, rest) = text.split_at(hours);
    let hours = unsigned(hours)?.cast_signed();
    let mut cursor = Cursor(rest);
    let (minutes, microseconds) = cursor.minute_and_second()?;
    cursor.end()?;
    // `i64::MIN` is refused: 15 writes it but cannot read it.
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    let total = minutes.checked_mul(60_000_000)?.checked_add(microseconds)?;
    Some(if negative { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(i32, i32, i64)> {
        interval(text.as_bytes()).map(|found| (found.months, found.days, found.microseconds))
    }

    #[test]
    fn every_part_has_its_sign() {
        assert_eq!(parts("1 year 2 mons -3 days +04:05:06.789"), Some((14, -3, 14_706_789_000)));
        assert_eq!(parts("-1 years -2 mons +3 days -00:00:00.000001"), Some((-14, 3, -1)));
        assert_eq!(parts("-1 years +2 mons 3 days"), Some((-10, 3, 0)));
        assert_eq!(parts("00:00:00"), Some((0, 0, 0)));
        assert_eq!(parts("1 day"), Some((0, 1, 0)));
    }

    #[test]
    fn extremes_fit() {
        assert_eq!(parts("2562047788:00:54.775807"), Some((0, 0, i64::MAX)));
        assert_eq!(parts("-2562047788:00:54.775807"), Some((0, 0, -i64::MAX)));
        assert_eq!(parts("-2562047788:00:54.775808"), None);
        assert_eq!(parts("2562047788:00:54.775808"), None);
        assert_eq!(parts("-178956970 years -8 mons"), Some((i32::MIN, 0, 0)));
        assert_eq!(parts("-178956970 years -9 mons"), None);
        assert_eq!(parts("2147483648 days"), None);
    }

    #[test]
    fn values_read_as_infinity_are_refused() {
        let most = "178956970 years 7 mons 2147483647 days 2562047788:00:54.775807";
        assert_eq!(parts(most), None);
        assert_eq!(parts("infinity"), None);
        let least = "-178956970 years -8 mons -2147483648 days -2562047788:00:54.775808";
        assert_eq!(parts(least), None);
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            " ",
            "1",
            "1 day 1 year",
            "1 day 1 day",
            "-1 years 2 mons",
            "-1 days 00:00:01",
            "1 week",
            "P1D",
            "@ 1 day",
            "1-2",
            "1 day ago",
            "1:02:03",
            "01:02",
            "1  day",
            "1 day ",
            "1.5 days",
            "--1 days",
            "00:60:00",
        ] {
            assert_eq!(parts(text), None, "{text:?}");
        }
    }
}
