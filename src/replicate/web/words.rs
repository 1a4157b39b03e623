//! Formats times and durations for the page.

use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;

use crate::report::units::plural;

/// `Mon 2 Mar, 05:10`, or with the year if it is not the current one.
pub(super) fn moment(time: DateTime<Utc>, zone: Tz, now: DateTime<Utc>) -> String {
    let (time, now) = (time.with_timezone(&zone), now.with_timezone(&zone));
    let format = if time.year() == now.year() { "%a %-d %b, %H:%M" } else { "%-d %b %Y, %H:%M" };
    time.format(format).to_string()
}

/// A duration in its largest unit: `3 hours`.
pub(super) fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        0 => "less than a minute".to_owned(),
        1..=119 => plural(minutes, "minute", "minutes"),
        120..=2879 => plural(minutes / 60, "hour", "hours"),
        _ => plural(minutes / 1440, "day", "days"),
    }
}

/// A time relative to now: `in 3 hours`, `3 hours ago`.
pub(super) fn distance(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (time - now).to_std() {
        Ok(ahead) => format!("in {}", span(ahead)),
        Err(_) => format!("{} ago", span((now - time).to_std().unwrap_or_default())),
    }
}
