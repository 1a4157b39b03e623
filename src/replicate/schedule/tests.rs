//! Schedules compared with known times and with croner, and over clock changes.

use chrono::{Datelike, NaiveDateTime, Timelike, Weekday};
use croner::parser::CronParser;
use proptest::prelude::*;

use super::*;

fn utc(text: &str) -> DateTime<Utc> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap().and_utc()
}

fn schedule(text: &str) -> CronSchedule {
    CronSchedule::parse(text, Tz::UTC).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn paris(text: &str) -> CronSchedule {
    CronSchedule::parse(text, Tz::Europe__Paris).unwrap()
}

/// The next times in the schedule's time zone, with the offset.
fn upcoming(schedule: &CronSchedule, after: &str, count: usize) -> Vec<String> {
    let local = |time: DateTime<Utc>| time.with_timezone(&schedule.zone());
    schedule
        .upcoming(utc(after))
        .take(count)
        .map(|time| local(time).format("%a %m-%d %H:%M:%S %z").to_string())
        .collect()
}

#[test]
fn five_fields_start_at_second_zero() {
    let daily = schedule("10 5 * * *");
    assert_eq!(daily.next_after(utc("2026-03-01 05:09:59")), Some(utc("2026-03-01 05:10:00")));
    assert_eq!(daily.next_after(utc("2026-03-01 05:10:00")), Some(utc("2026-03-02 05:10:00")));
}

#[test]
fn six_fields_start_with_seconds() {
    let times = upcoming(&schedule("30 10 5 * * *"), "2026-03-01 05:10:30", 1);
    assert_eq!(times, ["Mon 03-02 05:10:30 +0000"]);
}

#[test]
fn weekdays_start_at_sunday_zero_or_seven() {
    for (text, weekdays) in [
        ("10 5 * * 0", vec![Weekday::Sun]),
        ("10 5 * * 7", vec![Weekday::Sun]),
        ("10 5 * * 1", vec![Weekday::Mon]),
        ("10 5 * * 6", vec![Weekday::Sat]),
        ("10 5 * * sun", vec![Weekday::Sun]),
        ("10 5 * * MON", vec![Weekday::Mon]),
        ("10 5 * * 5-7", vec![Weekday::Fri, Weekday::Sat, Weekday::Sun]),
        ("10 5 * * Mon-Wed", vec![Weekday::Mon, Weekday::Tue, Weekday::Wed]),
        ("10 5 * * tue,4,SAT", vec![Weekday::Tue, Weekday::Thu, Weekday::Sat]),
        ("10 5 * * 1-5/2", vec![Weekday::Mon, Weekday::Wed, Weekday::Fri]),
        ("10 5 * * */3", vec![Weekday::Wed, Weekday::Sat, Weekday::Sun]),
        ("10 5 * * 5/1", vec![Weekday::Fri, Weekday::Sat, Weekday::Sun]),
    ] {
        // 2 March 2026 is a Monday.
        let found: Vec<Weekday> = schedule(text)
            .upcoming(utc("2026-03-02 00:00:00"))
            .take_while(|time| *time < utc("2026-03-09 00:00:00"))
            .map(|time| time.weekday())
            .collect();
        assert_eq!(found, weekdays, "{text}");
    }
}

#[test]
fn day_matching_either_restricted_field_counts() {
    let either = schedule("0 4 13 * fri");
    let days: Vec<u32> =
        either.upcoming(utc("2026-03-01 00:00:00")).take(6).map(|time| time.day()).collect();
    // Fridays are 6, 13, 20, 27 March and 3, 10, 17 April; 13 April is a Monday.
    assert_eq!(days, [6, 13, 20, 27, 3, 10]);
    let april = either.upcoming(utc("2026-04-10 12:00:00")).next().unwrap();
    assert_eq!(april, utc("2026-04-13 04:00:00"));
}

#[test]
fn day_field_with_every_value_is_not_restricted() {
    for text in ["0 4 1-31 * fri", "0 4 * * fri", "0 4 ? * fri"] {
        let days = upcoming(&schedule(text), "2026-03-01 00:00:00", 2);
        assert_eq!(days, ["Fri 03-06 04:00:00 +0000", "Fri 03-13 04:00:00 +0000"], "{text}");
    }
    for text in ["0 4 13 * 0-7", "0 4 13 * 1-7", "0 4 13 * *"] {
        let days = upcoming(&schedule(text), "2026-03-01 00:00:00", 2);
        assert_eq!(days, ["Fri 03-13 04:00:00 +0000", "Mon 04-13 04:00:00 +0000"], "{text}");
    }
}

#[test]
fn weekdays_zero_to_six_match_every_day() {
    for text in ["0 4 13 * 0-6", "0 4 13 * sun-sat", "0 4 13 * Sunday-Saturday"] {
        let days = upcoming(&schedule(text), "2026-03-01 00:00:00", 2);
        assert_eq!(days, ["Sun 03-01 04:00:00 +0000", "Mon 03-02 04:00:00 +0000"], "{text}");
    }
}

#[test]
fn full_names_equal_short_names() {
    for (full, short) in [
        ("0 4 * * monday", "0 4 * * 1"),
        ("0 4 * * Monday-FRIDAY", "0 4 * * 1-5"),
        ("0 4 * * sunday,Thursday/2", "0 4 * * 0,4/2"),
        ("0 4 1 January *", "0 4 1 1 *"),
        ("0 4 1 may,September-december/3 *", "0 4 1 5,9-12/3 *"),
        ("0 4 1 feb-August tuesday", "0 4 1 2-8 2"),
    ] {
        let times = |text| upcoming(&schedule(text), "2026-03-01 00:00:00", 20);
        assert_eq!(times(full), times(short), "{full}");
    }
}

#[test]
fn steps_lists_ranges_and_names_work_everywhere() {
    let times = upcoming(&schedule("*/20 4-6/2 1,15 jan-mar,Dec *"), "2026-03-15 04:30:00", 4);
    assert_eq!(
        times,
        [
            "Sun 03-15 04:40:00 +0000",
            "Sun 03-15 06:00:00 +0000",
            "Sun 03-15 06:20:00 +0000",
            "Sun 03-15 06:40:00 +0000"
        ]
    );
    // A step without an end continues to the highest value.
    let times = upcoming(&schedule("50/5 4 * * *"), "2026-03-15 04:30:00", 3);
    assert_eq!(times[1], "Sun 03-15 04:55:00 +0000");
    assert_eq!(times[2], "Mon 03-16 04:50:00 +0000");
}

#[test]
fn shorthands_match_the_replaced_system() {
    let times = upcoming(&schedule("@weekly"), "2026-03-04 00:00:00", 1);
    assert_eq!(times, ["Sun 03-08 00:00:00 +0000"]);
    let times = upcoming(&schedule("@weekdays"), "2026-03-06 00:00:00", 1);
    assert_eq!(times, ["Mon 03-09 00:00:00 +0000"]);
}

#[test]
fn leap_days_are_found_across_the_century() {
    let leap = schedule("0 4 29 2 *");
    assert_eq!(leap.next_after(utc("2026-01-01 00:00:00")), Some(utc("2028-02-29 04:00:00")));
}

#[test]
fn invalid_schedules_are_rejected_by_field() {
    let problem = |text| CronSchedule::parse(text, Tz::UTC).unwrap_err().to_string();
    assert_eq!(problem("10 5 * *"), ScheduleError::FieldCount(4).to_string());
    assert_eq!(problem("0 10 5 * * * 2026"), ScheduleError::FieldCount(7).to_string());
    assert_eq!(problem(""), ScheduleError::FieldCount(0).to_string());
    assert_eq!(problem("60 5 * * *"), "minute: \"60\" is not from 0 to 59");
    assert_eq!(problem("* 24 * * *"), "hour: \"24\" is not from 0 to 23");
    assert_eq!(problem("* * 0 * *"), "day of month: \"0\" is not from 1 to 31");
    assert_eq!(
        problem("* * * foo *"),
        "month: \"foo\" is not from 1 to 12, or january to december"
    );
    assert_eq!(
        problem("* * * * mond"),
        "day of week: \"mond\" is not from 0 to 7, or sunday to saturday"
    );
    assert_eq!(
        problem("* 9-5 * * *"),
        "hour: \"9-5\" ends before it starts; write 5-9, or 9-23,0-5"
    );
    assert_eq!(
        problem("* * * * Friday-mon"),
        "day of week: \"Friday-mon\" ends before it starts; write 1-5, or 5-6,0-1"
    );
    assert_eq!(problem("*/0 * * * *"), "minute: \"*/0\" needs a positive number as step");
    assert_eq!(problem("*/ * * * *"), "minute: \"*/\" needs a positive number as step");
    assert_eq!(problem("1, * * * *"), "minute: \"\" is not from 0 to 59");
    assert_eq!(problem("+5 * * * *"), "minute: \"+5\" is not from 0 to 59");
    assert_eq!(problem("0 4 L * *"), "day of month: \"L\" is not from 1 to 31");
    assert_eq!(
        problem("0 4 * * 5#2"),
        "day of week: \"5#2\" is not from 0 to 7, or sunday to saturday"
    );
    assert_eq!(problem("? 4 * * *"), "minute: \"?\" is not from 0 to 59");
    assert_eq!(problem("@nightly"), "unknown shorthand \"@nightly\"");
    assert_eq!(problem("0 4 30 2 *"), ScheduleError::Never.to_string());
    assert_eq!(problem("0 4 31 apr,jun *"), ScheduleError::Never.to_string());
}

#[test]
fn skipped_time_becomes_the_first_minute_after_it() {
    // Europe/Paris goes from 02:00 +0100 to 03:00 +0200 on 29 March 2026.
    let times = upcoming(&paris("30 2 * * *"), "2026-03-28 00:00:00", 3);
    assert_eq!(
        times,
        ["Sat 03-28 02:30:00 +0100", "Sun 03-29 03:00:00 +0200", "Mon 03-30 02:30:00 +0200"]
    );
    // Several of them become one.
    let times = upcoming(&paris("*/15 2 * * *"), "2026-03-28 01:40:00", 3);
    assert_eq!(
        times,
        ["Sat 03-28 02:45:00 +0100", "Sun 03-29 03:00:00 +0200", "Mon 03-30 02:00:00 +0200"]
    );
    let times = upcoming(&paris("15 30 2 * * *"), "2026-03-29 00:00:00", 1);
    assert_eq!(times, ["Sun 03-29 03:00:00 +0200"]);
}

#[test]
fn repeated_time_counts_once() {
    // Europe/Paris goes from 03:00 +0200 to 02:00 +0100 on 25 October 2026.
    let times = upcoming(&paris("30 2 * * *"), "2026-10-24 00:00:00", 3);
    assert_eq!(
        times,
        ["Sat 10-24 02:30:00 +0200", "Sun 10-25 02:30:00 +0200", "Mon 10-26 02:30:00 +0100"]
    );
    // Asked during the second of the two hours, after the first 02:30.
    let times = upcoming(&paris("30 2 * * *"), "2026-10-25 01:10:00", 1);
    assert_eq!(times, ["Mon 10-26 02:30:00 +0100"]);
}

#[test]
fn skipped_day_is_handled() {
    // Pacific/Apia had no 30 December 2011.
    let apia = CronSchedule::parse("0 4 30 12 *", Tz::Pacific__Apia).unwrap();
    let times: Vec<_> = apia.upcoming(utc("2011-12-01 00:00:00")).take(2).collect();
    assert_eq!(times[0], utc("2011-12-30 10:00:00"));
    assert_eq!(times[1], utc("2012-12-29 14:00:00"));
}

#[test]
fn schedule_displays_as_written() {
    assert_eq!(schedule(" 10 5 * * * ").to_string(), "10 5 * * *");
    assert_eq!(zone("Europe/Paris"), Some(Tz::Europe__Paris));
    assert_eq!(zone("Paris"), None);
}

/// A field in which at least one value is missing, or `*`: croner counts `1-31` as a restriction,
/// cron-parser does not.
fn field(low: u8, high: u8) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => (low..=high).prop_map(|value| value.to_string()),
        2 => (low..high, 1..=high)
            .prop_map(move |(first, step)| format!("{}-{}/{step}", first, high - 1)),
        1 => (2..=high).prop_map(|step| format!("*/{step}")),
        2 => (low..high).prop_map(move |first| format!("{}-{}", first.max(low + 1), high)),
    ];
    prop_oneof![
        2 => Just("*".to_owned()),
        3 => part.clone(),
        1 => (low..=high, low..=high).prop_map(|(one, other)| format!("{one},{other}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)).prop_map(
        |(minute, hour, day, month, week)| format!("{minute} {hour} {day} {month} {week}"),
    )
}

/// The next times according to croner, another parser of the same notation.
fn oracle(text: &str, zone: Tz, after: DateTime<Utc>, count: usize) -> Vec<DateTime<Utc>> {
    let cron = CronParser::new().parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    cron.iter_after(after.with_timezone(&zone))
        .take(count)
        .map(|time| time.with_timezone(&Utc))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn croner_agrees_on_times(
        text in expression(),
        start in 1_600_000_000_i64..2_000_000_000,
    ) {
        let Ok(schedule) = CronSchedule::parse(&text, Tz::UTC) else {
            // Only days that do not exist, such as 31 February.
            prop_assert_eq!(CronSchedule::parse(&text, Tz::UTC).unwrap_err(), ScheduleError::Never);
            return Ok(());
        };
        let after = Utc.timestamp_opt(start, 0).unwrap();
        let ours: Vec<_> = schedule.upcoming(after).take(5).collect();
        prop_assert_eq!(ours, oracle(&text, Tz::UTC, after, 5), "{}", text);
    }

    #[test]
    fn croner_agrees_over_clock_changes(
        minute in 0..60_u32,
        hour in 0..24_u32,
        start in 1_600_000_000_i64..2_000_000_000,
        zone in prop::sample::select(vec![
            Tz::Europe__Paris,
            Tz::America__New_York,
            Tz::Australia__Lord_Howe,
            Tz::America__Santiago,
        ]),
    ) {
        let text = format!("{minute} {hour} * * *");
        let after = Utc.timestamp_opt(start, 0).unwrap();
        let ours: Vec<_> = CronSchedule::parse(&text, zone).unwrap().upcoming(after).take(370).collect();
        prop_assert_eq!(ours, oracle(&text, zone, after, 370), "{} {}", text, zone);
    }

    #[test]
    fn times_ascend_and_match_the_wall_clock(
        text in expression(),
        start in 1_600_000_000_i64..2_000_000_000,
    ) {
        let Ok(schedule) = CronSchedule::parse(&text, Tz::Europe__Paris) else { return Ok(()) };
        let mut last = Utc.timestamp_opt(start, 0).unwrap();
        for time in schedule.upcoming(last).take(20) {
            prop_assert!(time > last);
            prop_assert_eq!(time.second(), 0);
            last = time;
        }
    }
}
