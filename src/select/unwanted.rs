//! Why an entry is not restored, in words for reports.

use std::fmt;

use super::flag::Flag;
use super::leave_out::Leave;
use super::names::NameKind;
use super::options::SelectOptions;

/// Why an entry is not restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwanted {
    /// An option excludes its class of entries.
    Excluded(Flag),
    /// It concerns the whole database, which only `-C` restores.
    NeedsCreate,
    /// Its section was not selected.
    Section,
    /// A list file was given and does not name it.
    NotListed,
    /// Schemas were selected with `-n`, and it is in none or in another.
    NotInSchemas,
    /// Its schema is excluded.
    SchemaExcluded,
    /// Objects were selected by name, and it is not one of them.
    NotSelected(Selectors),
    /// It concerns another object (a comment, privileges) that is not restored.
    ParentUnwanted,
    /// An excluded table, or an entry excluded by name.
    LeftOut(Leave),
    /// It belongs to, refers to or depends on this table, which is excluded in that way.
    WithTable(String, Leave),
    /// The target already has it.
    Present,
    /// It has neither SQL nor data.
    Empty,
    /// A marker of very old archives, without meaning today.
    Obsolete,
}

impl fmt::Display for Unwanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Excluded(flag) => write!(f, "excluded by {flag}"),
            Self::NeedsCreate => f.write_str("restored only with -C/--create"),
            Self::Section => f.write_str("not in a section chosen by --section"),
            Self::NotListed => f.write_str("not in the list file"),
            Self::NotInSchemas => f.write_str("not in a schema chosen by -n"),
            Self::SchemaExcluded => f.write_str("in a schema excluded by -N"),
            Self::NotSelected(selectors) => write!(f, "not selected by {selectors}"),
            Self::ParentUnwanted => f.write_str("its object is not restored"),
            Self::LeftOut(Leave::Kept) => f.write_str("the target keeps this table"),
            Self::LeftOut(_) => f.write_str("excluded"),
            Self::WithTable(table, Leave::Absent) => {
                write!(f, "depends on {table}, which is not restored")
            }
            Self::WithTable(table, Leave::Kept) => {
                write!(f, "belongs to {table}, which the target keeps")
            }
            Self::WithTable(table, Leave::WithoutRows) => {
                write!(f, "depends on {table}, which is restored without rows")
            }
            Self::WithTable(table, Leave::WithoutForeignKeys) => {
                write!(f, "is a foreign key from or to {table}, whose new rows are copied")
            }
            Self::Present => f.write_str("it already exists in the target"),
            Self::Empty => f.write_str("nothing to restore"),
            Self::Obsolete => f.write_str("obsolete"),
        }
    }
}

/// Which of the options that select objects by name were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selectors {
    /// `-t`.
    pub tables: bool,
    /// `-I`.
    pub indexes: bool,
    /// `-P`.
    pub functions: bool,
    /// `-T`.
    pub triggers: bool,
}

impl Selectors {
    /// Those given in `options`.
    #[must_use]
    pub fn of(options: &SelectOptions) -> Self {
        Self {
            tables: !options.tables.is_empty(),
            indexes: !options.indexes.is_empty(),
            functions: !options.functions.is_empty(),
            triggers: !options.triggers.is_empty(),
        }
    }
}

impl fmt::Display for Selectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = [
            (self.tables, NameKind::Table),
            (self.indexes, NameKind::Index),
            (self.functions, NameKind::Function),
            (self.triggers, NameKind::Trigger),
        ];
        let mut separator = "";
        for (_, kind) in given.iter().filter(|(given, _)| *given) {
            write!(f, "{separator}{}", kind.option())?;
            separator = ", ";
        }
        Ok(())
    }
}
