//! Dates and times in ISO style.
//!
//! Accepted: years of four to seven digits with or without ` BC`, two digits for other fields, at
//! most six after the point, numeric zones. Values that the input functions carry over, such as
//! `24:00:00` in a timestamp or a second 60, are left to them.

use super::number::unsigned;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The dates that `IS_VALID_DATE` accepts, in days since 2000-01-01 (`datatype/timestamp.h`).
const DATES: std::ops::Range<i64> = -2_451_545..2_145_031_949;

/// What `IS_VALID_TIMESTAMP` accepts, in microseconds since 2000-01-01 (`datatype/timestamp.h`).
const TIMESTAMPS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// Days since 2000-01-01.
pub(super) fn date(text: &[u8]) -> Option<i32> {
    match text {
        b"infinity" => return Some(i32::MAX),
        b"-infinity" => return Some(i32::MIN),
        _ => {}
    }
    let (text, bc) = era(text);
    let mut cursor = Cursor(text);
    let days = cursor.date(bc)?;
    cursor.end()?;
    DATES.contains(&days).then_some(days)?.try_into().ok()
}

/// Microseconds since midnight.
pub(super) fn time(text: &[u8]) -> Option<i64> {
    let mut cursor = Cursor(text);
    let time = cursor.time_of_day()?;
    cursor.end()?;
    Some(time)
}

/// Microseconds since midnight, and seconds west of Greenwich.
pub(super) fn timetz(text: &[u8]) -> Option<(i64, i32)> {
    let mut cursor = Cursor(text);
    let time = cursor.time_of_day()?;
    let east = cursor.zone()?;
    cursor.end()?;
    Some((time, i32::try_from(-east).ok()?))
}

/// Microseconds since 2000-01-01.
#[inline]
pub(super) fn timestamp(text: &[u8]) -> Option<i64> {
    if let Some(endless) = endless(text) {
        return Some(endless);
    }
    let (text, bc) = era(text);
    let mut cursor = Cursor(text);
    let timestamp = cursor.timestamp(bc)?;
    cursor.end()?;
    TIMESTAMPS.contains(&timestamp).then_some(timestamp)
}

/// Microseconds since 2000-01-01 UTC. The text must have a zone: without one, the session's would
/// apply.
#[inline]
pub(super) fn timestamptz(text: &[u8]) -> Option<i64> {
    if let Some(endless) = endless(text) {
        return Some(endless);
    }
    let (text, bc) = era(text);
    let mut cursor = Cursor(text);
    let local = cursor.timestamp(bc)?;
    let east = cursor.zone()?;
    cursor.end()?;
    let timestamp = local.checked_sub(east * SECOND)?;
    TIMESTAMPS.contains(&timestamp).then_some(timestamp)
}

fn endless(text: &[u8]) -> Option<i64> {
    match text {
        b"infinity" => Some(i64::MAX),
        b"-infinity" => Some(i64::MIN),
        _ => None,
    }
}

/// The text without ` BC`, and whether it had it.
fn era(text: &[u8]) -> (&[u8], bool) {
    match text.strip_suffix(b" BC") {
        Some(text) => (text, true),
        None => (text, false),
    }
}

/// Reads from the front of a text.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl Cursor<'_> {
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    #[inline]
    pub(super) fn byte(&mut self, wanted: u8) -> Option<()> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        (first == wanted).then_some(())
    }

    /// Two digits, as a number below `limit`.
    #[inline]
    pub(super) fn two(&mut self, limit: i64) -> Option<i64> {
        let (digits, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        let value = unsigned(digits)?.cast_signed();
        (value < limit).then_some(value)
    }

    /// An optional point and one to six digits, as microseconds.
    #[inline]
    pub(super) fn fraction(&mut self) -> Option<i64> {
        let Some(rest) = self.0.strip_prefix(b".") else { return Some(0) };
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let unit = [0, 100_000, 10_000, 1_000, 100, 10, 1].get(count).filter(|&&unit| unit > 0)?;
        let (digits, rest) = rest.split_at(count);
        self.0 = rest;
        Some(unsigned(digits)?.cast_signed() * unit)
    }

    /// `1999-01-08` as days since 2000-01-01; checked only against the calendar.
    #[inline]
    fn date(&mut self, bc: bool) -> Option<i64> {
        let count = match self.0.get(4)? {
            b'-' => 4,
            _ => self.0.iter().take(8).position(|&byte| byte == b'-').filter(|&at| at > 4)?,
        };
        let (digits, rest) = self.0.split_at(count);
        let written = unsigned(digits)?.cast_signed();
        self.0 = rest;
        self.byte(b'-')?;
        let month = self.two(13)?;
        self.byte(b'-')?;
        let day = self.two(32)?;
        if written == 0 || month == 0 || day == 0 {
            return None;
        }
        // There is no year 0: 1 BC precedes 1.
        let year = if bc { 1 - written } else { written };
        (day <= days_of_month(year, month)).then(|| days(year, month, day))
    }

    /// `04:05:06.789` as microseconds.
    #[inline]
    fn time(&mut self) -> Option<i64> {
        let hour = self.two(24)?;
        let (minute, second) = self.minute_and_second()?;
        Some((hour * 3600 + minute * 60) * SECOND + second)
    }

    /// As [`Cursor::time`], plus `24:00:00`.
    fn time_of_day(&mut self) -> Option<i64> {
        match self.0.strip_prefix(b"24:00:00") {
            Some(rest) => {
                self.0 = rest;
                Some(DAY)
            }
            None => self.time(),
        }
    }

    /// `:05:06.789` as minutes and microseconds.
    #[inline]
    pub(super) fn minute_and_second(&mut self) -> Option<(i64, i64)> {
        self.byte(b':')?;
        let minute = self.two(60)?;
        self.byte(b':')?;
        let second = self.two(60)?;
        Some((minute, second * SECOND + self.fraction()?))
    }

    #[inline]
    fn timestamp(&mut self, bc: bool) -> Option<i64> {
        let days = self.date(bc)?;
        self.byte(b' ')?;
        let time = self.time()?;
        days.checked_mul(DAY)?.checked_add(time)
    }

    /// `+05`, `-03:30`, `+00:19:32`: seconds east of Greenwich, less than 16 hours
    /// (`MAX_TZDISP_HOUR`, `datatype/timestamp.h`).
    #[inline]
    fn zone(&mut self) -> Option<i64> {
        let negative = match self.0.first()? {
            b'+' => false,
            b'-' => true,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let mut seconds = self.two(16)? * 3600;
        for unit in [60, 1] {
            if self.0.first() != Some(&b':') {
                break;
            }
            self.byte(b':')?;
            seconds += self.two(60)? * unit;
        }
        Some(if negative { -seconds } else { seconds })
    }
}

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 2000-01-01 to a date of the Gregorian calendar, extended to earlier times. Years start
/// in March here, so that the leap day is the last of the year.
#[inline]
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    // Shifted by 400,000 years to avoid negative division; a multiple of 400 changes nothing else.
    let shifted = (year + 400_000).cast_unsigned();
    let leap_days = (shifted / 4 - shifted / 100 + shifted / 400).cast_signed();
    // 400 years have 146,097 days; from 0000-03-01 to 2000-01-01 are 730,425 days.
    year * 365 + leap_days - 400_000 / 400 * 97 + (month * 153 + 2) / 5 + day - 1 - 730_425
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_numbers_are_consecutive_over_four_centuries() {
        let mut expected = days(-4713, 1, 1);
        for year in -4713..2800 {
            for month in 1..=12 {
                assert_eq!(days(year, month, 1), expected, "{year}-{month}");
                expected += days_of_month(year, month);
            }
        }
        assert_eq!(date(b"2000-01-01"), Some(0));
        assert_eq!(date(b"1970-01-01"), Some(-10_957));
        assert_eq!(date(b"4714-11-24 BC"), Some(-2_451_545));
        assert_eq!(date(b"4714-11-23 BC"), None);
        assert_eq!(date(b"5874897-12-31"), Some(2_145_031_948));
        assert_eq!(date(b"5874898-01-01"), None);
    }

    #[test]
    fn dates_outside_the_calendar_are_refused() {
        for text in [
            "",
            "2001-02-29",
            "1900-02-29",
            "2000-13-01",
            "2000-00-01",
            "2000-01-00",
            "2000-04-31",
            "0000-01-01",
            "0000-01-01 BC",
            "999-01-01",
            "2000-1-1",
            "20000101",
            "2000-01-01 AD",
            "2000-01-01BC",
            "12345678-01-01",
            "-2000-01-01",
            "epoch",
            "Infinity",
        ] {
            assert_eq!(date(text.as_bytes()), None, "{text:?}");
        }
        assert!(date(b"0001-02-29 BC").is_some(), "1 BC is a leap year");
        assert!(date(b"2000-02-29").is_some());
    }

    #[test]
    fn timestamps_outside_their_range_are_refused() {
        assert_eq!(timestamp(b"2000-01-01 00:00:00.000001"), Some(1));
        assert_eq!(timestamp(b"1999-12-31 23:59:59.9"), Some(-100_000));
        assert_eq!(timestamp(b"294276-12-31 23:59:59.999999"), Some(TIMESTAMPS.end - 1));
        assert_eq!(timestamp(b"294277-01-01 00:00:00"), None);
        assert_eq!(timestamp(b"4714-11-24 00:00:00 BC"), Some(TIMESTAMPS.start));
        assert_eq!(timestamp(b"4714-11-23 23:59:59 BC"), None);
        assert_eq!(timestamp(b"infinity"), Some(i64::MAX));
        assert_eq!(timestamptz(b"4714-11-24 01:00:00+02 BC"), None);
        assert_eq!(timestamptz(b"2000-01-01 00:00:00-00:00:01"), Some(SECOND));
    }

    #[test]
    fn other_time_formats_are_refused() {
        for text in [
            "2000-01-01",
            "2000-01-01T00:00:00",
            "2000-01-01 24:00:00",
            "2000-01-01 00:00:60",
            "2000-01-01 00:00",
            "2000-01-01 00:00:00.",
            "2000-01-01 00:00:00.1234567",
            "2000-01-01 00:00:00+00",
            "2000-01-01 00:00:00 ",
        ] {
            assert_eq!(timestamp(text.as_bytes()), None, "{text:?}");
        }
        for text in ["", "Z", "+16", "+1", "+01:", "+01:60", "+0100", " UTC", "+01:00:00:00"] {
            let text = format!("2000-01-01 00:00:00{text}");
            assert_eq!(timestamptz(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(time(b"24:00:00"), Some(DAY));
        assert_eq!(time(b"24:00:00.000001"), None);
        assert_eq!(timetz(b"24:00:00-15:59:59"), Some((DAY, 57_599)));
    }
}
