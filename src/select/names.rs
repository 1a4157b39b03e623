//! Names to search for, and which of them were found.

use std::collections::HashMap;
use std::fmt;

/// The kind of object that a name was given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// `-n`.
    Schema,
    /// `-t`.
    Table,
    /// `-I`.
    Index,
    /// `-P`.
    Function,
    /// `-T`.
    Trigger,
}

impl NameKind {
    /// The kind in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Table => "table",
            Self::Index => "index",
            Self::Function => "function",
            Self::Trigger => "trigger",
        }
    }

    /// The option for such names.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Schema => "-n",
            Self::Table => "-t",
            Self::Index => "-I",
            Self::Function => "-P",
            Self::Trigger => "-T",
        }
    }
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name given by the user that no entry has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The kind of object.
    pub kind: NameKind,
    /// The name.
    pub name: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\" not found", self.kind, self.name)
    }
}

/// A list of names that records which were found.
///
/// A name given twice counts as one. (pg_restore considers the second one missing, so
/// `--strict-names -t a -t a` always fails there.)
pub(super) struct Names<'a> {
    met: HashMap<&'a str, bool>,
    given: &'a [String],
}

impl<'a> Names<'a> {
    pub(super) fn new(given: &'a [String]) -> Self {
        Self { met: given.iter().map(|name| (name.as_str(), false)).collect(), given }
    }

    /// Whether no name was given.
    pub(super) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Whether `name` is one of them; from then on it counts as found.
    pub(super) fn meet(&mut self, name: &str) -> bool {
        match self.met.get_mut(name) {
            Some(met) => {
                *met = true;
                true
            }
            None => false,
        }
    }

    /// The names not found, in the order given.
    pub(super) fn missing(&self, kind: NameKind) -> impl Iterator<Item = Missing> {
        self.given
            .iter()
            .filter(|name| self.met.get(name.as_str()) == Some(&false))
            .map(move |name| Missing { kind, name: name.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unmatched_names_are_missing_in_given_order() {
        let given = ["c", "b", "a", "b"].map(str::to_owned);
        let mut names = Names::new(&given);
        assert!(names.meet("b"));
        assert!(!names.meet("B"));
        let missing: Vec<_> =
            names.missing(NameKind::Table).map(|missing| missing.to_string()).collect();
        assert_eq!(missing, ["table \"c\" not found", "table \"a\" not found"]);
    }
}
