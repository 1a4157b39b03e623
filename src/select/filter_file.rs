//! Filter files (`--filter`): names to include or exclude, one to a line.
//!
//! `include|exclude KIND NAME`, where `#` begins a comment. The kinds, and those that pg_restore
//! accepts, are those of `get_object_type` in `src/bin/pg_dump/filter.c` and `read_restore_filters`
//! in `pg_restore.c`. See `filter_pattern` for how a name is read.

use std::fmt;

use super::filter_pattern;
use super::options::SelectOptions;
use super::text_lines::{TextLines, is_space, trim_start};

/// A filter file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterFile {
    /// What it asks for, in order.
    pub items: Vec<FilterItem>,
}

/// One line of a filter file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterItem {
    /// The number of the line it starts on, from 1.
    pub line: usize,
    /// The kind of name.
    pub target: FilterTarget,
    /// The name, with its quotes if it has any. pg_restore compares it including these, and only
    /// routines have quotes in their names in the archive. Without quotes such a name matches, spaces
    /// and capitals included.
    pub name: String,
}

/// The kind of a name in a filter file: the command-line option that the line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterTarget {
    /// `include function`, as `-P`.
    Function,
    /// `include index`, as `-I`.
    Index,
    /// `include schema`, as `-n`.
    Schema,
    /// `include table`, as `-t`.
    Table,
    /// `include trigger`, as `-T`.
    Trigger,
    /// `exclude schema`, as `-N`.
    ExcludeSchema,
}

/// An error in a filter file, with its line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct FilterError {
    /// The number of the line, from 1.
    pub line: usize,
    /// The error.
    pub kind: FilterErrorKind,
}

/// An error in a line of a filter file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterErrorKind {
    /// The line does not start with a known command.
    #[error("unknown command \"{0}\" (expected \"include\" or \"exclude\")")]
    UnknownCommand(String),
    /// Nothing follows the command.
    #[error("missing object type")]
    MissingKind,
    /// No such kind.
    #[error("unknown object type \"{0}\"")]
    UnknownKind(String),
    /// No name follows the kind.
    #[error("missing {0} name")]
    MissingName(String),
    /// A quoted name is not closed before the end of the file.
    #[error("unterminated quoted name")]
    UnterminatedQuote,
    /// The name is not UTF-8.
    #[error("the name is not valid UTF-8")]
    NotUtf8,
    /// The kind exists, but not for this command in a restore.
    #[error("{command} \"{kind}\" works only in pg_dump, not in a restore")]
    NotForRestore {
        /// `include` or `exclude`.
        command: String,
        /// The kind as the file spells it.
        kind: String,
    },
}

/// The kinds of the format. Those missing in [`FilterTarget`] are for pg_dump only.
const KINDS: [&str; 11] = [
    "table_data",
    "table_data_and_children",
    "database",
    "extension",
    "foreign_data",
    "function",
    "index",
    "schema",
    "table",
    "table_and_children",
    "trigger",
];

impl FilterTarget {
    fn of(command: FilterCommand, kind: &str) -> Option<Self> {
        match (command, kind) {
            (FilterCommand::Include, "function") => Some(Self::Function),
            (FilterCommand::Include, "index") => Some(Self::Index),
            (FilterCommand::Include, "schema") => Some(Self::Schema),
            (FilterCommand::Include, "table") => Some(Self::Table),
            (FilterCommand::Include, "trigger") => Some(Self::Trigger),
            (FilterCommand::Exclude, "schema") => Some(Self::ExcludeSchema),
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
enum FilterCommand {
    Include,
    Exclude,
}

impl fmt::Display for FilterCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Include => "include",
            Self::Exclude => "exclude",
        })
    }
}

impl FilterFile {
    /// Reads the text of a filter file.
    ///
    /// # Errors
    /// On the first line that cannot be parsed. (pg_restore reads a line whose name is a comment as
    /// one with an empty name, which matches nothing; here it is an error.)
    pub fn parse(text: &[u8]) -> Result<Self, FilterError> {
        let mut file = Self::default();
        let mut lines = TextLines::new(text);
        while let Some(line) = lines.next() {
            let number = lines.number();
            let line = trim_start(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let (target, name) =
                read_item(line, &mut lines).map_err(|kind| FilterError { line: number, kind })?;
            file.items.push(FilterItem { line: number, target, name });
        }
        Ok(file)
    }

    /// Adds what the file asks for to the options.
    pub fn apply(&self, options: &mut SelectOptions) {
        for item in &self.items {
            let names = match item.target {
                FilterTarget::Function => &mut options.functions,
                FilterTarget::Index => &mut options.indexes,
                FilterTarget::Schema => &mut options.schemas,
                FilterTarget::Table => &mut options.tables,
                FilterTarget::Trigger => &mut options.triggers,
                FilterTarget::ExcludeSchema => &mut options.exclude_schemas,
            };
            names.push(item.name.clone());
        }
    }
}

fn read_item<'a>(
    line: &'a [u8],
    lines: &mut TextLines<'a>,
) -> Result<(FilterTarget, String), FilterErrorKind> {
    let (word, rest) = split_word(line);
    let command = if word.eq_ignore_ascii_case(b"include") {
        FilterCommand::Include
    } else if word.eq_ignore_ascii_case(b"exclude") {
        FilterCommand::Exclude
    } else {
        return Err(FilterErrorKind::UnknownCommand(lossy(word)));
    };
    let (word, rest) = split_word(trim_start(rest));
    if word.is_empty() {
        return Err(FilterErrorKind::MissingKind);
    }
    let kind = KINDS
        .into_iter()
        .find(|kind| word.eq_ignore_ascii_case(kind.as_bytes()))
        .ok_or_else(|| FilterErrorKind::UnknownKind(lossy(word)))?;
    let name = filter_pattern::read(rest, lines)
        .map_err(|filter_pattern::Unterminated| FilterErrorKind::UnterminatedQuote)?;
    if name.is_empty() {
        return Err(FilterErrorKind::MissingName(kind.to_owned()));
    }
    let target = FilterTarget::of(command, kind).ok_or_else(|| FilterErrorKind::NotForRestore {
        command: command.to_string(),
        kind: kind.to_owned(),
    })?;
    let name = String::from_utf8(name).map_err(|_| FilterErrorKind::NotUtf8)?;
    Ok((target, name))
}

/// The bytes up to a space, and what follows.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| is_space(*byte)).unwrap_or(text.len()))
}

fn lossy(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

#[cfg(test)]
mod tests;
