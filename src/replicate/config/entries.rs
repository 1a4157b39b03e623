//! Settings for archive entries other than tables: `RESTORE_EXCLUDE` and `RESTORE_TOLERATE`.

use std::fmt;

use super::pattern::Glob;
use super::reader::{VariableReader, Wrong};
use super::table;
use super::variable::Variable;
use crate::archive::Entry;
use crate::restore::Tolerance;

/// The kind and name of entries, with `*` for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPattern {
    glob: Glob,
    text: String,
}

impl EntryPattern {
    /// Whether it matches this entry.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        self.glob.matches(&entry.label())
    }
}

impl fmt::Display for EntryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Reads `RESTORE_EXCLUDE`.
pub(super) fn exclude(reader: &mut VariableReader<'_>) -> Vec<EntryPattern> {
    let pattern = |text: &str| match text.trim() {
        "" => Err("empty pattern".to_owned()),
        text => Ok(EntryPattern { glob: Glob::new(text), text: text.to_owned() }),
    };
    list(reader, &table::RESTORE_EXCLUDE, pattern)
}

/// Reads `RESTORE_TOLERATE`.
pub(super) fn tolerate(reader: &mut VariableReader<'_>) -> Vec<Tolerance> {
    let tolerance =
        |text: &str| text.parse().map_err(|error| format!("\"{}\": {error}", text.escape_debug()));
    list(reader, &table::RESTORE_TOLERATE, tolerance)
}

/// The parsed elements of a JSON array of strings.
fn list<T>(
    reader: &mut VariableReader<'_>,
    variable: &'static Variable,
    element: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let parse = |text: &str| {
        let texts: Vec<String> = serde_json::from_str(text).map_err(|error| {
            Wrong::Because(format!("expected a JSON array of strings: {error}"))
        })?;
        let elements: Result<Vec<T>, String> = texts.iter().map(|text| element(text)).collect();
        elements.map_err(Wrong::Because)
    };
    reader.read(variable, parse).unwrap_or_default()
}
