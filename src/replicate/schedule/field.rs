//! One field of a cron expression, in the grammar of cron-parser (`_parseField` in its
//! `lib/expression.js`), plus the full names of months and days from node-cron.

use std::collections::BTreeSet;

use super::ScheduleError;

/// The definition of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    name: &'static str,
    low: u8,
    high: u8,
    /// Names of the values from `low` on; the first three letters also match.
    names: &'static [&'static str],
    is_weekday: bool,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

const fn field(name: &'static str, low: u8, high: u8) -> Field {
    Field { name, low, high, names: &[], is_weekday: false }
}

impl Field {
    /// The fields in the order of an expression.
    pub(super) const ALL: [Self; 6] = [
        field("second", 0, 59),
        field("minute", 0, 59),
        field("hour", 0, 23),
        field("day of month", 1, 31),
        Self { names: &MONTHS, ..field("month", 1, 12) },
        // 0 and 7 are both Sunday.
        Self { names: &WEEKDAYS, is_weekday: true, ..field("day of week", 0, 7) },
    ];

    /// The index of the day of the month in [`Field::ALL`].
    pub(super) const DAY_OF_MONTH_INDEX: usize = 3;
    /// The index of the day of the week in [`Field::ALL`].
    pub(super) const DAY_OF_WEEK_INDEX: usize = 5;

    /// Parses values, ranges and steps, separated by commas.
    pub(super) fn parse(self, text: &str) -> Result<Values, ScheduleError> {
        let mut found = BTreeSet::new();
        for part in text.split(',') {
            let (first, last, step) = self.part(part).map_err(|problem| ScheduleError::Part {
                field: self.name,
                part: part.to_owned(),
                problem,
            })?;
            found.extend((first..=last).step_by(step));
        }
        // cron-parser adds Sunday to a range that ends with 7, so `1-7` is every value; `0-6` is
        // not, although it is every day.
        let lowest = if self.is_weekday { 1 } else { self.low };
        let is_restricted = !(lowest..=self.high).all(|value| found.contains(&value));
        if self.is_weekday && found.remove(&7) {
            found.insert(0);
        }
        Ok(Values { field: self, found, is_restricted })
    }

    /// First value, last value, step.
    fn part(self, text: &str) -> Result<(u8, u8, usize), String> {
        let (range, step) = match text.split_once('/') {
            None => (text, None),
            Some((range, step)) => (range, Some(step)),
        };
        let (first, last) = match range.split_once('-') {
            None if range == "*" || (range == "?" && self.has_question_mark()) => {
                (self.low, self.high)
            }
            None => {
                let first = self.value(range)?;
                // A step without an end continues to the highest value.
                (first, if step.is_some() { self.high } else { first })
            }
            Some((first, last)) => (self.value(first)?, self.value(last)?),
        };
        if first > last {
            // cron-parser rejects it; node-cron 2 swapped the ends, others wrap around.
            let high = if self.is_weekday { 6 } else { self.high };
            return Err(format!(
                "ends before it starts; write {last}-{first}, or {first}-{high},{}-{last}",
                self.low
            ));
        }
        let step = match step {
            None => 1,
            Some(step) => match number(step) {
                Some(step) if step > 0 => step,
                _ => return Err("needs a positive number as step".to_owned()),
            },
        };
        Ok((first, last, step))
    }

    /// A number or a name.
    fn value(self, text: &str) -> Result<u8, String> {
        let is_text = |name: &str| text.eq_ignore_ascii_case(name);
        let is_named = |name: &&str| is_text(name) || name.get(..3).is_some_and(is_text);
        if let Some(index) = self.names.iter().position(is_named) {
            return Ok(self.low + u8::try_from(index).unwrap_or(u8::MAX));
        }
        number(text)
            .and_then(|number| u8::try_from(number).ok())
            .filter(|number| (self.low..=self.high).contains(number))
            .ok_or_else(|| {
                let named = match (self.names.first(), self.names.last()) {
                    (Some(first), Some(last)) => format!(", or {first} to {last}"),
                    _ => String::new(),
                };
                format!("is not from {} to {}{named}", self.low, self.high)
            })
    }

    /// `?` stands for `*` in the day fields.
    fn has_question_mark(self) -> bool {
        self.is_weekday || self.high == 31
    }
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The values that a field allows.
#[derive(Clone, Debug)]
pub(super) struct Values {
    field: Field,
    /// Days of the week from Sunday = 0 to 6.
    found: BTreeSet<u8>,
    /// Whether some value is missing; 0 and 7 count as two values.
    is_restricted: bool,
}

impl Values {
    /// Whether this field restricts days, so that a day must match this or the other day field.
    pub(super) fn is_restricted(&self) -> bool {
        self.is_restricted
    }

    /// The field for the `cron` crate, which numbers days of the week from Sunday = 1.
    pub(super) fn for_cron(&self) -> String {
        if !self.is_restricted {
            return "*".to_owned();
        }
        let shift = u8::from(self.field.is_weekday);
        let numbers: Vec<String> =
            self.found.iter().map(|value| (value + shift).to_string()).collect();
        numbers.join(",")
    }
}
