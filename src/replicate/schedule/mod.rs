//! When runs start: cron expressions as the replaced system read them, in a time zone.
//!
//! The replaced system kept its schedule in a string, which must start the night at the same time
//! here. It gave the string to three packages of Node in turn: node-cron 2.0.3, from October 2020
//! cron 1.8.2, and from January 2021 to its last version bull 4, which reads it with cron-parser 4.9.
//! The last one counts. Its sample of the settings still referred to node-cron's page, where names
//! are written in full, so those are read, too. The work is shared:
//!
//! 1. `field` reads the six fields by cron-parser's grammar and hands the `cron` crate plain lists
//!    of numbers, because that crate's own grammar numbers the days of the week from Sunday = 1 and
//!    has no five-field form.
//! 2. The `cron` crate walks the calendar, on a clock that knows no zone.
//! 3. `wall_clock` makes an instant of a time on the wall, where clocks are put forward and back.
//!
//! Two rules of cron-parser are kept that surprise: when both the day of the month and the day of
//! the week are restricted, a day that fits either one counts (cron 1.8.2 agrees; in node-cron both
//! had to fit); and a field is restricted when a value is missing from it, not when it is written
//! without `*`. Not kept: `L`, `#`, and fields left off at the start, which are refused.
//!
//! A time that the wall clock shows twice starts one run, the first time. So a schedule of every
//! hour has no run in the repeated one.

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
pub enum Error {
    /// Another number of fields.
    #[error(
        "expected 5 fields (minute, hour, day of month, month, day of week), or 6 with seconds \
         first, found {0}"
    )]
    FieldCount(usize),
    /// `@` and a word that is not a shorthand.
    #[error("unknown shorthand \"{0}\"")]
    Shorthand(String),
    /// A part of a field that cannot be read.
    #[error("{field}: \"{part}\" {problem}")]
    Part {
        /// The field's name.
        field: &'static str,
        /// The part between commas.
        part: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The fields contradict each other, as in the 30th of February.
    #[error("there is no such day: it would never fire")]
    Never,
    /// The calendar library does not take what the fields were translated to.
    #[error("\"{0}\" cannot be used as a schedule")]
    Calendar(String),
}

/// When runs start. `Display` gives the expression as it was written.
#[derive(Clone, Debug)]
pub struct Schedule {
    text: String,
    zone: Tz,
    /// Each gives days of its own; the earliest time of all is the next. Two where both day
    /// fields are restricted.
    alternatives: Vec<cron::Schedule>,
}

impl Schedule {
    /// Reads a cron expression: five fields, six with seconds first, or a shorthand such as
    /// `@daily`. Its times are those of a clock on the wall in `zone`.
    ///
    /// # Errors
    /// [`Error`], naming the field.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, Error> {
        let text = text.trim();
        let expanded = if text.starts_with('@') { shorthand(text)? } else { text };
        let mut parts: Vec<&str> = expanded.split_whitespace().collect();
        match parts.len() {
            5 => parts.insert(0, "0"),
            6 => {}
            other => return Err(Error::FieldCount(other)),
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
        // Any date comes back within eight years (29 February around 2100): the start is fixed so
        // that what is accepted does not depend on today.
        if schedule.next_after(Utc.timestamp_opt(0, 0).single().unwrap_or_default()).is_none() {
            return Err(Error::Never);
        }
        Ok(schedule)
    }

    /// The zone of the wall clock.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first time to start after an instant. `None` when there is none before the year 2100,
    /// where the calendar library ends.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.alternatives
            .iter()
            .filter_map(|calendar| wall_clock::next(calendar, self.zone, after))
            .min()
    }

    /// All times to start after an instant, in order.
    pub fn upcoming(&self, after: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The zone of this name in the IANA database, such as `Europe/Paris`.
#[must_use]
pub fn zone(name: &str) -> Option<Tz> {
    Tz::from_str(name).ok()
}

/// What a shorthand stands for: those of cron-parser, and those that cron added.
fn shorthand(word: &str) -> Result<&'static str, Error> {
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
        _ => return Err(Error::Shorthand(word.to_owned())),
    })
}

/// The fields for the `cron` crate, one of them left open.
fn calendar(fields: &[String], open: Option<usize>) -> Result<cron::Schedule, Error> {
    let fields: Vec<&str> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| if Some(index) == open { "*" } else { field })
        .collect();
    let text = fields.join(" ");
    cron::Schedule::from_str(&text).map_err(|_| Error::Calendar(text))
}
