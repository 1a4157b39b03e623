//! Human-readable numbers with units.
//!
//! One rule per quantity, so that bars, log lines and the summary agree. Byte units are decimal:
//! 1 MB is 10^6 bytes, as for disks and networks. A rounded number never reaches the next unit:
//! there is no `60s`, no `1000.0 kB`.

use std::time::Duration;

/// A count of rows, entries and the like, with thousands separators: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// Bytes in the unit that keeps the number short: `0 B`, `12.3 kB`, `1.0 TB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    if number < 1000 {
        return format!("{number} B");
    }
    // Integer tenths of the unit: a float would lose the last digits.
    let mut size: u128 = 1000;
    for unit in ["kB", "MB", "GB", "TB", "PB"] {
        let tenths = (u128::from(number) * 10 + size / 2) / size;
        if tenths < 10_000 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        size *= 1000;
    }
    let tenths = (u128::from(number) * 10 + size / 2) / size;
    format!("{}.{} EB", tenths / 10, tenths % 10)
}

/// Bytes in MB with one decimal and thousands separators, without a unit, for columns: `1,234.5`.
#[must_use]
pub fn megabytes(number: u64) -> String {
    let tenths = (u128::from(number) + 50_000) / 100_000;
    format!("{}.{}", grouped(&(tenths / 10).to_string()), tenths % 10)
}

/// Wall time: `240 ms`, `3.4 s`, `2min 5s`, `1h 27min 42s`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let millis = rounded(time, 1_000_000);
    if millis < 1000 {
        return format!("{millis} ms");
    }
    let tenths = rounded(time, 100_000_000);
    if tenths < 600 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    clock(rounded(time, 1_000_000_000))
}

/// Wall time of a running clock, in whole seconds: `3s`, `2min 5s`, `1h 27min 42s`.
#[must_use]
pub fn running(time: Duration) -> String {
    clock(u128::from(time.as_secs()))
}

/// Bytes per second: `52.1 MB/s`. `None` if no time has passed.
#[must_use]
pub fn byte_rate(number: u64, time: Duration) -> Option<String> {
    per_second(number, time).map(|rate| format!("{}/s", bytes(rate)))
}

/// Rows per second: `12,345 rows/s`. `None` if no time has passed.
#[must_use]
pub fn row_rate(number: u64, time: Duration) -> Option<String> {
    per_second(number, time).map(|rate| format!("{} rows/s", count(rate)))
}

/// The first of these names, and how many more there are: `a, b and 3 more`.
#[must_use]
pub fn first_of(names: &[impl AsRef<str>], most: usize) -> String {
    let first: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    match names.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// A number and its noun: `1 entry`, `2 entries`.
#[must_use]
pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `number` per second, rounded. `None` if no time has passed.
#[must_use]
pub fn per_second(number: u64, time: Duration) -> Option<u64> {
    let nanos = time.as_nanos();
    if nanos == 0 {
        return None;
    }
    let rate = (u128::from(number) * 1_000_000_000 + nanos / 2) / nanos;
    Some(u64::try_from(rate).unwrap_or(u64::MAX))
}

fn rounded(time: Duration, unit: u128) -> u128 {
    (time.as_nanos() + unit / 2) / unit
}

fn clock(seconds: u128) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}min {seconds}s"),
        _ => format!("{hours}h {minutes}min {seconds}s"),
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_thousands_separators() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn bytes_use_the_shortest_unit() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (12_345_678, "12.3 MB"),
            (29_100_000_000, "29.1 GB"),
            (5_000_000_000_000, "5.0 TB"),
            (999_949_999_999_999_999, "999.9 PB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(number), text, "{number}");
        }
    }

    #[test]
    fn megabytes_always_have_one_decimal() {
        for (number, text) in [
            (0, "0.0"),
            (49_999, "0.0"),
            (50_000, "0.1"),
            (999_950_000, "1,000.0"),
            (u64::MAX, "18,446,744,073,709.6"),
        ] {
            assert_eq!(megabytes(number), text, "{number}");
        }
    }

    #[test]
    fn duration_never_shows_sixty_seconds() {
        for (seconds, text) in [
            (0.0, "0 ms"),
            (0.2404, "240 ms"),
            (0.9994, "999 ms"),
            (0.9996, "1.0 s"),
            (3.44, "3.4 s"),
            (59.94, "59.9 s"),
            (59.96, "1min 0s"),
            (119.6, "2min 0s"),
            (125.0, "2min 5s"),
            (3599.4, "59min 59s"),
            (3599.9, "1h 0min 0s"),
            (5262.0, "1h 27min 42s"),
            (360_000.0, "100h 0min 0s"),
        ] {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), text, "{seconds}");
        }
        assert_eq!(duration(Duration::MAX), "5124095576030431h 0min 16s");
    }

    #[test]
    fn running_time_is_truncated_not_rounded() {
        assert_eq!(running(Duration::from_millis(59_999)), "59s");
        assert_eq!(running(Duration::from_secs(60)), "1min 0s");
    }

    #[test]
    fn rates_are_exact_at_the_edges() {
        assert_eq!(byte_rate(0, Duration::from_secs(1)).unwrap(), "0 B/s");
        assert_eq!(byte_rate(104_200_000, Duration::from_secs(2)).unwrap(), "52.1 MB/s");
        assert_eq!(byte_rate(u64::MAX, Duration::from_nanos(1)).unwrap(), "18.4 EB/s");
        assert_eq!(row_rate(24_690, Duration::from_secs(2)).unwrap(), "12,345 rows/s");
        assert_eq!(byte_rate(1, Duration::ZERO), None);
    }

    #[test]
    fn nouns_agree_with_their_number() {
        assert_eq!(plural(0, "entry", "entries"), "0 entries");
        assert_eq!(plural(1, "entry", "entries"), "1 entry");
        assert_eq!(plural(1200, "entry", "entries"), "1,200 entries");
    }
}
