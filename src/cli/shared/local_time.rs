//! Archive times as pg_restore prints them: local, with a time zone abbreviation.
//!
//! An archive stores pg_dump's local time and whether summer time was in force, but not the zone.
//! Like pg_restore, this module interprets it in the zone of the running process (`ReadHead` in
//! `src/bin/pg_dump/pg_backup_archiver.c`: `mktime`, again without the flag if that fails).

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{OffsetComponents, Tz};

use crate::archive::LocalTime;

const FORMAT: &str = "%Y-%m-%d %H:%M:%S %Z";

/// Step and range, in seconds, of glibc's search for a time with the given flag
/// (`__mktime_internal` in `time/mktime.c`).
const STEP: i64 = 601_200;
const FURTHEST: i64 = 268_828_200;

/// Formats an archive's time.
pub(crate) fn of(time: &LocalTime) -> String {
    let LocalTime { year, month, day, hour, minute, second, .. } = *time;
    let part = |number: i32| u32::try_from(number).ok();
    let date = || NaiveDate::from_ymd_opt(year, part(month)?, part(day)?);
    let written = || date()?.and_hms_opt(part(hour)?, part(minute)?, part(second)?);
    match (written(), zone()) {
        (Some(written), Some(zone)) => {
            resolved(zone, written, time.is_dst).format(FORMAT).to_string()
        }
        (Some(written), None) => match Local.from_local_datetime(&written).earliest() {
            Some(time) => with_offset(&time),
            None => time.to_string(),
        },
        (None, _) => time.to_string(),
    }
}

/// The current time.
pub(crate) fn now() -> String {
    match zone() {
        Some(zone) => Utc::now().with_timezone(&zone).format(FORMAT).to_string(),
        None => with_offset(&Local::now()),
    }
}

/// Formats a time with its offset, for zones without a known name.
fn with_offset(time: &DateTime<Local>) -> String {
    if time.offset().fix().local_minus_utc() == 0 {
        time.with_timezone(&Utc).format(FORMAT).to_string()
    } else {
        time.format(FORMAT).to_string()
    }
}

/// This process's time zone, if it has a name.
fn zone() -> Option<Tz> {
    match std::env::var("TZ") {
        Ok(name) => {
            let name = name.trim_start_matches(':').trim_start_matches("/usr/share/zoneinfo/");
            if name.is_empty() { Some(Tz::UTC) } else { name.parse().ok() }
        }
        Err(_) => iana_time_zone::get_timezone().ok()?.parse().ok(),
    }
}

/// The result of `mktime` for a local time and a flag.
fn resolved(zone: Tz, written: NaiveDateTime, is_dst: i32) -> DateTime<Tz> {
    let fits = |offset: &<Tz as TimeZone>::Offset| {
        is_dst < 0 || (is_dst > 0) != offset.dst_offset().is_zero()
    };
    let there = zone.from_local_datetime(&written);
    let found = [there.earliest(), there.latest()].into_iter().flatten();
    if let Some(time) = found.into_iter().find(|time| fits(time.offset())) {
        return time;
    }
    let shift = |seconds: i64| written.checked_add_signed(TimeDelta::seconds(seconds));
    let offset_near = |seconds: i64| Some(zone.offset_from_utc_datetime(&shift(seconds)?));
    let steps = (STEP..FURTHEST).step_by(usize::try_from(STEP).unwrap_or(1));
    let near = steps.flat_map(|delta| [-delta, delta]).filter_map(offset_near).find(fits);
    let before = || offset_near(-STEP / 7);
    match near.or_else(|| there.earliest().map(|time| *time.offset())).or_else(before) {
        Some(offset) => zone.from_utc_datetime(&(written - offset.fix())),
        None => zone.from_utc_datetime(&written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_respects_the_dst_flag() {
        // Results of glibc 2.36.
        for (zone, written, is_dst, expected) in [
            ("Europe/Paris", (7, 1, 12, 0), 1, "2026-07-01 12:00:00 CEST"),
            ("Europe/Paris", (1, 1, 12, 0), 0, "2026-01-01 12:00:00 CET"),
            ("Europe/Paris", (1, 1, 12, 0), 1, "2026-01-01 11:00:00 CET"),
            ("Europe/Paris", (7, 1, 12, 0), 0, "2026-07-01 13:00:00 CEST"),
            ("Europe/Paris", (10, 25, 2, 30), 1, "2026-10-25 02:30:00 CEST"),
            ("Europe/Paris", (10, 25, 2, 30), 0, "2026-10-25 02:30:00 CET"),
            ("UTC", (7, 1, 12, 0), 1, "2026-07-01 12:00:00 UTC"),
            ("Asia/Tokyo", (7, 1, 12, 0), 1, "2026-07-01 12:00:00 JST"),
            ("America/New_York", (7, 1, 12, 0), 1, "2026-07-01 12:00:00 EDT"),
        ] {
            let (month, day, hour, minute) = written;
            let date = NaiveDate::from_ymd_opt(2026, month, day).unwrap();
            let time = date.and_hms_opt(hour, minute, 0).unwrap();
            let resolved = resolved(zone.parse().unwrap(), time, is_dst);
            assert_eq!(resolved.format(FORMAT).to_string(), expected, "{zone} {written:?}");
        }
    }
}
