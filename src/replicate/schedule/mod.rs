//! When runs start: cron expressions in a time zone, read as the replaced system did.
//!
//! The replaced system has its schedule in a string, which must start runs at the same times here.
//! It passed the string to three Node packages over time: node-cron 2.0.3, cron 1.8.2 from October
//! 2020, and from January 2021 to its last version bull 4, which uses cron-parser 4.9. The last one
//! is the reference. Its sample settings still refer to the page of node-cron, where names are
//! written in full, so these are also accepted. The work is divided:
//!
//! 1. `field` parses the six fields in the grammar of cron-parser and passes plain lists of numbers
//!    to the `cron` crate, whose own grammar numbers the days of the week from Sunday = 1 and has
//!    no five-field form.
//! 2. The `cron` crate walks the calendar, without a time zone.
//! 3. `wall_clock` converts a wall clock time to an instant, also when clocks go forward or back.
//!
//! Two surprising rules of cron-parser are kept: if both the day of the month and the day of the
//! week are restricted, a day that matches either counts (as in cron 1.8.2; in node-cron both had
//! to match); and a field is restricted if it lacks a value, not if it is written without `*`. Not
//! supported, and rejected: `L`, `#`, and fields omitted at the start.
//!
//! A wall clock time that occurs twice starts one run, the first time. So an hourly schedule has no
//! run in the repeated hour.

mod field;
mod wall_clock;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;

use field::{Field, Values};

/// Why an expression is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// A wrong number of fields.
    #[error(
        "expected 5 fields (minute, hour, day of month, month, day of week), or 6 with seconds \
         first, found {0}"
    )]
    FieldCount(usize),
    /// `@` with an unknown shorthand.
    #[error("unknown shorthand \"{0}\"")]
    Shorthand(String),
    /// An invalid part of a field.
    #[error("{field}: \"{part}\" {problem}")]
    Part {
        /// The field's name.
        field: &'static str,
        /// The part between commas.
        part: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The fields contradict each other, as with 30 February.
    #[error("no such day exists: it would never fire")]
    Never,
    /// The calendar library rejects the translated fields.
    #[error("\"{0}\" cannot be used as a schedule")]
    Calendar(String),
}

/// When runs start. `Display` shows the expression as written.
#[derive(Clone, Debug)]
pub struct CronSchedule {
    text: String,
    zone: Tz,
    /// The next time is the earliest of all alternatives. There are two if both day fields are
    /// restricted.
    alternatives: Vec<cron::Schedule>,
}

impl CronSchedule {
    /// Parses a cron expression: five fields, six if it starts with seconds, or a shorthand such as
    /// `@daily`. Its times are wall clock times in `zone`.
    ///
    /// # Errors
    /// [`ScheduleError`], naming the field.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, ScheduleError> {
        let text = text.trim();
        let expanded = if text.starts_with('@') { shorthand(text)? } else { text };
        let mut parts: Vec<&str> = expanded.split_whitespace().collect();
        match parts.len() {
            5 => parts.insert(0, "0"),
            6 => {}
            other => return Err(ScheduleError::FieldCount(other)),
        }
        let values: Vec<Values> = parts
            .iter()
            .zip(Field::ALL)
            .map(|(part, field)| field.parse(part))
            .collect::<Result<_, _>>()?;
        let written: Vec<String> = values.iter().map(Values::for_cron).collect();
        let (day, weekday) = (Field::DAY_OF_MONTH_INDEX, Field::DAY_OF_WEEK_INDEX);
        let alternatives = if values[day].is_restricted() && values[weekday].is_restricted() {
            vec![calendar(&written, Some(weekday))?, calendar(&written, Some(day))?]
        } else {
            vec![calendar(&written, None)?]
        };
        let schedule = Self { text: text.to_owned(), zone, alternatives };
        // Every date recurs within eight years (29 February around 2100). The start is fixed, so
        // that validity does not depend on today.
        if schedule.next_after(Utc.timestamp_opt(0, 0).single().unwrap_or_default()).is_none() {
            return Err(ScheduleError::Never);
        }
        Ok(schedule)
    }

    /// The zone of the wall clock.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first start time after an instant. `None` if there is none before the year 2100, where
    /// the calendar library ends.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.alternatives
            .iter()
            .filter_map(|calendar| wall_clock::next(calendar, self.zone, after))
            .min()
    }

    /// All start times after an instant, in order.
    pub fn upcoming(&self, after: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
    }
}

impl fmt::Display for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The time zone with this name in the IANA database, such as `Europe/Paris`.
#[must_use]
pub fn zone(name: &str) -> Option<Tz> {
    Tz::from_str(name).ok()
}

/// The expansion of a shorthand: those of cron-parser, and those that cron added.
fn shorthand(word: &str) -> Result<&'static str, ScheduleError> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "@yearly" => "0 0 0 1 1 *",
        "@monthly" => "0 0 0 1 * *",
        "@weekly" => "0 0 0 * * 0",
        "@daily" => "0 0 0 * * *",
        "@hourly" => "0 0 * * * *",
        "@minutely" => "0 * * * * *",
        "@secondly" => "* * * * * *",
        "@weekdays" => "0 0 0 * * 1-5",
        "@weekends" => "0 0 0 * * 0,6",
        _ => return Err(ScheduleError::Shorthand(word.to_owned())),
    })
}

/// The calendar of the `cron` crate for these fields, one of them unrestricted.
fn calendar(fields: &[String], open: Option<usize>) -> Result<cron::Schedule, ScheduleError> {
    let fields: Vec<&str> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| if Some(index) == open { "*" } else { field })
        .collect();
    let text = fields.join(" ");
    cron::Schedule::from_str(&text).map_err(|_| ScheduleError::Calendar(text))
}
