//! One field of a cron expression, by node-cron's grammar (`_parseField` in its `src/time.ts`).

use std::collections::BTreeSet;

use super::Error;

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    name: &'static str,
    low: u8,
    high: u8,
    /// Names of the values from `low` on.
    names: &'static [&'static str],
    is_weekday: bool,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

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

    /// Where the day of the month is in [`Field::ALL`].
    pub(super) const DAY_OF_MONTH_INDEX: usize = 3;
    /// Where the day of the week is in [`Field::ALL`].
    pub(super) const DAY_OF_WEEK_INDEX: usize = 5;

    /// Reads values, ranges and steps, separated by commas.
    pub(super) fn parse(self, text: &str) -> Result<Values, Error> {
        let mut found = BTreeSet::new();
        for part in text.split(',') {
            let (first, last, step) = self.part(part).map_err(|problem| Error::Part {
                field: self.name,
                part: part.to_owned(),
                problem,
            })?;
            found.extend((first..=last).step_by(step));
        }
        if self.is_weekday && found.remove(&7) {
            found.insert(0);
        }
        Ok(Values { field: self, found })
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
                // A step without an end goes on to the highest value.
                (first, if step.is_some() { self.high } else { first })
            }
            Some((first, last)) => (self.value(first)?, self.value(last)?),
        };
        if first > last {
            return Err("ends before it begins".to_owned());
        }
        let step = match step {
            None => 1,
            Some(step) => match number(step) {
                Some(step) if step > 0 => step,
                _ => return Err("has no step that is a positive number".to_owned()),
            },
        };
        Ok((first, last, step))
    }

    /// A number or a name.
    fn value(self, text: &str) -> Result<u8, String> {
        if let Some(index) = self.names.iter().position(|name| text.eq_ignore_ascii_case(name)) {
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

    /// `?` stands for `*` in the day fields, in node-cron before version 2.
    fn has_question_mark(self) -> bool {
        self.is_weekday || self.high == 31
    }
}

/// Digits only: no sign, no blank.
fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The values that a field allows.
#[derive(Clone, Debug)]
pub(super) struct Values {
    field: Field,
    /// Days of the week from Sunday = 0 to 6.
    found: BTreeSet<u8>,
}

impl Values {
    /// Whether some value is missing.
    pub(super) fn is_restricted(&self) -> bool {
        let highest = if self.field.is_weekday { 6 } else { self.field.high };
        self.found.len() < usize::from(highest - self.field.low) + 1
    }

    /// The field as the `cron` crate reads it: days of the week from Sunday = 1.
    pub(super) fn for_cron(&self) -> String {
        if !self.is_restricted() {
            return "*".to_owned();
        }
        let shift = u8::from(self.field.is_weekday);
        let numbers: Vec<String> =
            self.found.iter().map(|value| (value + shift).to_string()).collect();
        numbers.join(",")
    }
}
