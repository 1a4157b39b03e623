//! Patterns of table names: with or without `*`, with or without a schema.

use std::fmt;

/// The schema of a name without one: where the replaced system looked.
const DEFAULT_SCHEMA: &str = "public";

/// Why a text is not a table pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A name is empty.
    #[error("a name is empty")]
    Empty,
    /// More than two parts.
    #[error("more than one \".\" (quote a part that contains one: \"\\\"a.b\\\"\")")]
    Parts,
    /// A quote is not at the start or end of a part.
    #[error("quotes must enclose a whole part")]
    Quote,
}

/// A table name with its schema; either may contain `*`.
///
/// Case matters even without quotes, unlike in SQL, because the settings of the replaced system
/// name tables such as `knowledge-elements` without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePattern {
    schema: Glob,
    table: Glob,
    text: String,
}

impl TablePattern {
    /// Parses `table` or `schema.table`, either part with `*` or in double quotes.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (first, rest) = part(text)?;
        let (schema, table) = match rest {
            None => (Glob::exactly(DEFAULT_SCHEMA), first),
            Some(rest) => match part(rest)? {
                (table, None) => (first, table),
                (_, Some(_)) => return Err(PatternError::Parts),
            },
        };
        Ok(Self { schema, table, text: text.to_owned() })
    }

    /// Whether it matches this table.
    #[must_use]
    pub fn matches(&self, schema: &str, table: &str) -> bool {
        self.schema.matches(schema) && self.table.matches(table)
    }

    /// The one table that it names; `None` if it contains a `*`.
    #[must_use]
    pub fn exact(&self) -> Option<(&str, &str)> {
        match (self.schema.pieces.as_slice(), self.table.pieces.as_slice()) {
            ([schema], [table]) => Some((schema, table)),
            _ => None,
        }
    }
}

impl fmt::Display for TablePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The first part of a name, and what follows the dot after it.
fn part(text: &str) -> Result<(Glob, Option<&str>), PatternError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (part, rest) = match text.split_once('.') {
            None => (text, None),
            Some((part, rest)) => (part, Some(rest)),
        };
        if part.contains('"') {
            return Err(PatternError::Quote);
        }
        return if part.is_empty() {
            Err(PatternError::Empty)
        } else {
            Ok((Glob::new(part), rest))
        };
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let (before, after) = rest.split_once('"').ok_or(PatternError::Quote)?;
        name.push_str(before);
        // A doubled quote stands for one quote.
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => {
                rest = after;
                break;
            }
        }
    }
    if name.is_empty() {
        return Err(PatternError::Empty);
    }
    match rest.strip_prefix('.') {
        Some(rest) => Ok((Glob::exactly(&name), Some(rest))),
        None if rest.is_empty() => Ok((Glob::exactly(&name), None)),
        None => Err(PatternError::Quote),
    }
}

/// The text between stars: one piece if there is no star.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    pieces: Vec<String>,
}

impl Glob {
    pub(super) fn new(text: &str) -> Self {
        Self { pieces: text.split('*').map(str::to_owned).collect() }
    }

    fn exactly(text: &str) -> Self {
        Self { pieces: vec![text.to_owned()] }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|piece| piece == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        // The leftmost match of each piece leaves the most text for the pieces after it.
        for piece in middle {
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> TablePattern {
        TablePattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn name_without_schema_matches_one_table_in_public() {
        let answers = pattern("answers");
        assert!(answers.matches("public", "answers"));
        for (schema, table) in [
            ("public", "element-answers"),
            ("public", "answers-corrected"),
            ("public", "Answers"),
            ("other", "answers"),
        ] {
            assert!(!answers.matches(schema, table), "{schema}.{table}");
        }
        assert_eq!(answers.exact(), Some(("public", "answers")));
    }

    #[test]
    fn star_matches_within_its_part() {
        assert!(pattern("log_*").matches("public", "log_"));
        assert!(pattern("log_*").matches("public", "log_2026.01"));
        assert!(!pattern("log_*").matches("logs", "log_2026"));
        assert!(pattern("*.log_*").matches("logs", "log_2026"));
        assert!(pattern("pgboss.*").matches("pgboss", "job"));
        assert!(!pattern("pgboss.*").matches("pgboss2", "job"));
        assert!(pattern("*-answers").matches("public", "element-answers"));
        assert!(pattern("a*b*c").matches("public", "a-b-b-c"));
        assert!(pattern("a*b*c").matches("public", "abc"));
        assert!(!pattern("a*b*c").matches("public", "acb"));
        // The first and the last piece do not overlap.
        assert!(!pattern("ab*bc").matches("public", "abc"));
        assert_eq!(pattern("a*").exact(), None);
    }

    #[test]
    fn quoted_special_characters_are_literal() {
        assert!(pattern("\"a.b\"").matches("public", "a.b"));
        assert!(pattern("\"a*\"").matches("public", "a*"));
        assert!(!pattern("\"a*\"").matches("public", "ab"));
        assert!(pattern("\"my schema\".\"a\"\"b\"").matches("my schema", "a\"b"));
        assert!(pattern("\"s.t\".x*").matches("s.t", "xyz"));
    }

    #[test]
    fn invalid_names_are_rejected() {
        for (text, error) in [
            ("", PatternError::Empty),
            (".t", PatternError::Empty),
            ("s.", PatternError::Empty),
            ("\"\"", PatternError::Empty),
            ("a.b.c", PatternError::Parts),
            ("\"a", PatternError::Quote),
            ("a\"b", PatternError::Quote),
            ("\"a\"b", PatternError::Quote),
        ] {
            assert_eq!(TablePattern::parse(text), Err(error), "{text}");
        }
    }
}
