//! Converts wall clock times to instants, also when clocks go forward or back.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// The longest time that a zone has ever skipped is one day (Pacific/Apia, 30 December 2011).
const LONGEST_GAP_MINUTES: usize = 2 * 24 * 60;

/// The first time of a calendar after an instant.
pub(super) fn next(
    calendar: &cron::Schedule,
    zone: Tz,
    after: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    // The calendar has no time zone: it gets the wall clock time as if it were UTC.
    let wall = after.with_timezone(&zone).naive_local().and_utc();
    calendar
        .after(&wall)
        .filter_map(|time| instant(zone, time.naive_utc()))
        // In a repeated hour, the calendar's next times map to their first occurrence, which has
        // passed.
        .find(|instant| *instant > after)
}

/// The instant at which the wall clock of a zone shows this time: the first one if it occurs twice,
/// the first minute after it if it never occurs.
fn instant(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    let earliest = |wall: &NaiveDateTime| match zone.from_local_datetime(wall) {
        MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(time, _) => {
            Some(time.with_timezone(&Utc))
        }
        MappedLocalTime::None => None,
    };
    if let Some(instant) = earliest(&wall) {
        return Some(instant);
    }
    // Clocks have moved by whole minutes for as long as schedules have existed.
    let minute = wall.with_second(0)?.with_nanosecond(0)?;
    std::iter::successors(Some(minute), |time| time.checked_add_signed(TimeDelta::minutes(1)))
        .take(LONGEST_GAP_MINUTES)
        .find_map(|time| earliest(&time))
}
