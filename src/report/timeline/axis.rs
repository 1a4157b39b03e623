//! The ticks of the time axis, and their labels.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, SubsecRound, TimeDelta, Timelike};

/// Human-friendly distances between ticks, in milliseconds.
const STEPS: [u64; 24] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    2 * 60_000,
    5 * 60_000,
    10 * 60_000,
    15 * 60_000,
    30 * 60_000,
    60 * 60_000,
    2 * 60 * 60_000,
    6 * 60 * 60_000,
];

const DAY: u64 = 24 * 60 * 60_000;

/// A tick: its place and its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) at: Duration,
    pub(super) text: String,
}

/// At most `most` ticks over `length`: times of day if the start is known, otherwise elapsed times.
pub(super) fn ticks(
    length: Duration,
    origin: Option<DateTime<FixedOffset>>,
    most: u64,
) -> Vec<Tick> {
    let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    if length == 0 {
        return Vec::new();
    }
    let step = step(length, most.max(1));
    let first = match origin {
        // The first round time of day after the start.
        Some(origin) => (step - since_midnight(origin) % step) % step,
        None => 0,
    };
    (0..=most)
        .map(|number| first.saturating_add(number.saturating_mul(step)))
        .take_while(|at| *at <= length)
        .map(|at| Tick {
            at: Duration::from_millis(at),
            text: match origin {
                Some(origin) => time_of_day(origin, at, step),
                None => elapsed(at, step),
            },
        })
        .collect()
}

fn step(length: u64, most: u64) -> u64 {
    let least = length / most + 1;
    STEPS.into_iter().find(|step| *step >= least).unwrap_or_else(|| least.div_ceil(DAY) * DAY)
}

fn since_midnight(time: DateTime<FixedOffset>) -> u64 {
    u64::from(time.num_seconds_from_midnight()) * 1000
        + u64::from(time.nanosecond() / 1_000_000).min(999)
}

fn time_of_day(origin: DateTime<FixedOffset>, at: u64, step: u64) -> String {
    let after = i64::try_from(at).ok().and_then(TimeDelta::try_milliseconds);
    // Times come from logs, so a sum may be out of range.
    let Some(time) = after.and_then(|after| origin.checked_add_signed(after)) else {
        return String::new();
    };
    let pattern = match step {
        ..1000 => "%H:%M:%S%.3f",
        1000..60_000 => "%H:%M:%S",
        60_000..DAY => "%H:%M",
        _ => "%d %b",
    };
    // Without rounding, a start with a fraction would show 05:09:59 for 05:10.
    time.round_subsecs(3).format(pattern).to_string()
}

fn elapsed(at: u64, step: u64) -> String {
    let (seconds, millis) = (at / 1000, at % 1000);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match step {
        ..1000 if at == 0 => "0 s".to_owned(),
        ..10 => format!("{seconds}.{millis:03} s"),
        10..100 => format!("{seconds}.{:02} s", millis / 10),
        100..1000 => format!("{seconds}.{} s", millis / 100),
        1000..60_000 if hours == 0 => format!("{minutes}:{rest:02}"),
        1000..60_000 => format!("{hours}:{minutes:02}:{rest:02}"),
        _ => format!("{hours}h{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(seconds: f64, origin: Option<&str>, most: u64) -> Vec<String> {
        let origin = origin.map(|text| DateTime::parse_from_rfc3339(text).unwrap());
        ticks(Duration::from_secs_f64(seconds), origin, most)
            .into_iter()
            .map(|tick| tick.text)
            .collect()
    }

    #[test]
    fn ticks_are_few_and_at_round_times() {
        assert_eq!(texts(1.6, None, 4), ["0 s", "0.5 s", "1.0 s", "1.5 s"]);
        assert_eq!(texts(95.0, None, 4), ["0:00", "0:30", "1:00", "1:30"]);
        assert_eq!(texts(8.0 * 3600.0, None, 5), ["0h00", "2h00", "4h00", "6h00", "8h00"]);
    }

    #[test]
    fn ticks_with_a_start_are_times_of_day() {
        assert_eq!(
            texts(4.0 * 3600.0, Some("2020-10-22T05:10:00.123+02:00"), 6),
            ["06:00", "07:00", "08:00", "09:00"]
        );
        assert_eq!(
            texts(60.0, Some("2020-10-22T23:59:30+02:00"), 4),
            ["23:59:30", "00:00:00", "00:00:30"]
        );
    }

    #[test]
    fn zero_length_has_no_tick_and_others_few() {
        assert_eq!(texts(0.0, None, 10), [""; 0]);
        for length in [1, 999, 86_400_000, u64::MAX / 2_000_000] {
            let ticks = ticks(Duration::from_millis(length), None, 10);
            assert!((1..=11).contains(&ticks.len()), "{length}: {}", ticks.len());
        }
    }
}
