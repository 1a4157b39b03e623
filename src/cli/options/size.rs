//! Sizes in bytes, as options accept them.

use std::fmt;
use std::str::FromStr;

/// The text is not a size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of bytes, or one with a unit: kB, MB, GB or TB")]
pub struct SizeError;

/// A size in bytes, written like a PostgreSQL setting: `512kB`, `8MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// PostgreSQL's units in bytes (`memory_unit_conversion_table` in `guc.c`): each is 1024 times the
/// next smaller one.
const UNITS: [(&str, u64); 5] =
    [("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10), ("B", 1)];

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = match unit.trim_start() {
            "" => 1,
            unit => {
                let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
                known.ok_or(SizeError)?.1
            }
        };
        let number: u64 = number.parse().map_err(|_| SizeError)?;
        number.checked_mul(unit).map(Self).ok_or(SizeError)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, bytes): &&(&str, u64)| self.0.is_multiple_of(*bytes);
        match UNITS.iter().find(fits).filter(|_| self.0 > 0) {
            Some((unit, bytes)) if *bytes > 1 => write!(f, "{}{unit}", self.0 / bytes),
            _ => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_accepts_postgresql_units() {
        let sizes = ["0", "1024", "3B", "512kB", "8MB", " 2 gb", "1TB"];
        let sizes = sizes.map(|text| text.parse::<Size>().map(|size| size.0));
        let bytes = [0, 1024, 3, 512 << 10, 8 << 20, 2 << 30, 1 << 40];
        assert_eq!(sizes, bytes.map(Ok));
        for text in ["", "MB", "-1", "1.5MB", "1 PB", "8M", "99999999TB", "١"] {
            assert_eq!(text.parse::<Size>(), Err(SizeError), "{text:?}");
        }
    }

    #[test]
    fn size_round_trips_through_text() {
        for (size, text) in
            [(0, "0"), (1000, "1000"), (1024, "1kB"), (1536, "1536"), (4 << 20, "4MB")]
        {
            assert_eq!(Size(size).to_string(), text);
            assert_eq!(text.parse(), Ok(Size(size)));
        }
    }
}
