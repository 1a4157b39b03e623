//! The options that select entries, and which of them conflict.
//!
//! Conflicts with options that do not select entries (`-a` with `-c`, `-C` with `-1`) are handled
//! by the command line.

use std::fmt;
use std::str::FromStr;

use super::flag::Flag;
use crate::archive::Section;

/// What the user asked for. The default selects everything that pg_restore restores by default: all
/// but the database itself.
///
/// An empty list of names or sections selects everything. Names are compared byte by byte with
/// those in the archive: no patterns, no case folding, no quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectOptions {
    /// `-a`: rows, large objects and sequence values, nothing else.
    pub data_only: bool,
    /// `-s`: definitions, nothing else.
    pub schema_only: bool,
    /// `--statistics-only`: planner statistics, nothing else.
    pub statistics_only: bool,
    /// `--statistics`: the default; conflicts with the options that would exclude them.
    pub statistics: bool,
    /// `--no-data`.
    pub no_data: bool,
    /// `--no-schema`.
    pub no_schema: bool,
    /// `--no-statistics`.
    pub no_statistics: bool,
    /// `--section`: only entries of these sections.
    pub sections: Vec<RestoreSection>,
    /// `-n`: only objects in these schemas.
    pub schemas: Vec<String>,
    /// `-N`: no objects in these schemas.
    pub exclude_schemas: Vec<String>,
    /// `-t`: only relations with these names (tables, views, sequences and their data).
    pub tables: Vec<String>,
    /// `-I`: only indexes with these names.
    pub indexes: Vec<String>,
    /// `-P`: only routines with these signatures, `name(type, type)`.
    pub functions: Vec<String>,
    /// `-T`: only triggers with these names, stored in the archive as `table trigger`.
    pub triggers: Vec<String>,
    /// `-C`: also the database and its properties.
    pub create_db: bool,
    /// `-x`: no privileges.
    pub no_acl: bool,
    /// `--no-comments`.
    pub no_comments: bool,
    /// `--no-policies`: no row security, nor comments on policies.
    pub no_policies: bool,
    /// `--no-publications`.
    pub no_publications: bool,
    /// `--no-security-labels`.
    pub no_security_labels: bool,
    /// `--no-subscriptions`.
    pub no_subscriptions: bool,
    /// `--strict-names`: a name that matches nothing is an error.
    pub strict_names: bool,
}

impl SelectOptions {
    /// Checks that the options do not conflict.
    ///
    /// # Errors
    /// The first two options that do, in the order in which pg_restore checks (`main` in
    /// `src/bin/pg_dump/pg_restore.c`).
    pub fn check(&self) -> Result<(), UsageError> {
        let conflicts = [
            (self.schema_only && self.data_only, Flag::SchemaOnly, Flag::DataOnly),
            (self.schema_only && self.statistics_only, Flag::SchemaOnly, Flag::StatisticsOnly),
            (self.data_only && self.statistics_only, Flag::DataOnly, Flag::StatisticsOnly),
            (self.data_only && self.no_data, Flag::DataOnly, Flag::NoData),
            (self.schema_only && self.no_schema, Flag::SchemaOnly, Flag::NoSchema),
            (self.statistics_only && self.no_statistics, Flag::StatisticsOnly, Flag::NoStatistics),
            (self.statistics && self.no_statistics, Flag::Statistics, Flag::NoStatistics),
            (self.data_only && self.statistics, Flag::DataOnly, Flag::Statistics),
            (self.schema_only && self.statistics, Flag::SchemaOnly, Flag::Statistics),
        ];
        match conflicts.into_iter().find(|(both, ..)| *both) {
            Some((_, first, second)) => Err(UsageError { first, second }),
            None => Ok(()),
        }
    }

    /// Whether definitions are selected (`dumpSchema`).
    #[must_use]
    pub fn dump_schema(&self) -> bool {
        self.without_schema().is_none()
    }

    /// Whether data is selected (`dumpData`).
    #[must_use]
    pub fn dump_data(&self) -> bool {
        self.without_data().is_none()
    }

    /// The option that excludes definitions, if any.
    pub(super) fn without_schema(&self) -> Option<Flag> {
        first_given(&[
            (self.no_schema, Flag::NoSchema),
            (self.data_only, Flag::DataOnly),
            (self.statistics_only, Flag::StatisticsOnly),
        ])
    }

    /// The option that excludes data, if any.
    pub(super) fn without_data(&self) -> Option<Flag> {
        first_given(&[
            (self.no_data, Flag::NoData),
            (self.schema_only, Flag::SchemaOnly),
            (self.statistics_only, Flag::StatisticsOnly),
        ])
    }

    /// The option that excludes statistics, if any.
    pub(super) fn without_statistics(&self) -> Option<Flag> {
        first_given(&[
            (self.no_statistics, Flag::NoStatistics),
            (self.schema_only, Flag::SchemaOnly),
            (self.data_only, Flag::DataOnly),
        ])
    }

    /// Whether objects are selected by kind and name (`selTypes`).
    pub(super) fn selects_types(&self) -> bool {
        !(self.tables.is_empty()
            && self.indexes.is_empty()
            && self.functions.is_empty()
            && self.triggers.is_empty())
    }

    /// Whether only some objects are selected, so that comments and privileges follow their
    /// objects.
    pub(super) fn is_selective(&self) -> bool {
        !self.schemas.is_empty() || !self.exclude_schemas.is_empty() || self.selects_types()
    }

    /// Whether entries of this section are selected.
    pub(super) fn takes_section(&self, section: Section) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|taken| taken.section() == section)
    }
}

fn first_given(flags: &[(bool, Flag)]) -> Option<Flag> {
    flags.iter().find_map(|(given, flag)| given.then_some(*flag))
}

/// A section that can be selected with `--section`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestoreSection {
    /// `pre-data`.
    PreData,
    /// `data`.
    Data,
    /// `post-data`.
    PostData,
}

impl RestoreSection {
    /// All of them, in the order of a restore.
    pub const ALL: [Self; 3] = [Self::PreData, Self::Data, Self::PostData];

    /// The section's name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreData => "pre-data",
            Self::Data => "data",
            Self::PostData => "post-data",
        }
    }

    /// The section as stored in entries.
    #[must_use]
    pub fn section(self) -> Section {
        match self {
            Self::PreData => Section::PreData,
            Self::Data => Section::Data,
            Self::PostData => Section::PostData,
        }
    }
}

impl fmt::Display for RestoreSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RestoreSection {
    type Err = UnknownSection;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|section| section.as_str() == text)
            .ok_or_else(|| UnknownSection(text.to_owned()))
    }
}

/// The text does not name a section.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown section \"{0}\" (expected pre-data, data or post-data)")]
pub struct UnknownSection(pub String);

/// Two options that cannot be used together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{first} cannot be used together with {second}")]
pub struct UsageError {
    /// One of them.
    pub first: Flag,
    /// The other.
    pub second: Flag,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets what a flag sets.
    fn with(mut options: SelectOptions, flag: Flag) -> SelectOptions {
        *match flag {
            Flag::DataOnly => &mut options.data_only,
            Flag::SchemaOnly => &mut options.schema_only,
            Flag::StatisticsOnly => &mut options.statistics_only,
            Flag::Statistics => &mut options.statistics,
            Flag::NoData => &mut options.no_data,
            Flag::NoSchema => &mut options.no_schema,
            Flag::NoStatistics => &mut options.no_statistics,
            other => unreachable!("{other} takes part in no conflict"),
        } = true;
        options
    }

    const MODES: [Flag; 7] = [
        Flag::DataOnly,
        Flag::SchemaOnly,
        Flag::StatisticsOnly,
        Flag::Statistics,
        Flag::NoData,
        Flag::NoSchema,
        Flag::NoStatistics,
    ];

    #[test]
    fn pairs_rejected_by_pg_restore_are_rejected() {
        use Flag::*;
        let rejected = [
            (DataOnly, SchemaOnly),
            (SchemaOnly, StatisticsOnly),
            (DataOnly, StatisticsOnly),
            (DataOnly, NoData),
            (SchemaOnly, NoSchema),
            (StatisticsOnly, NoStatistics),
            (Statistics, NoStatistics),
            (DataOnly, Statistics),
            (SchemaOnly, Statistics),
        ];
        for a in MODES {
            for b in MODES {
                let options = with(with(SelectOptions::default(), a), b);
                let expected = rejected.contains(&(a, b)) || rejected.contains(&(b, a));
                let error = options.check().err();
                assert_eq!(error.is_some(), expected, "{a} with {b}");
                if let Some(UsageError { first, second }) = error {
                    assert!((first, second) == (a, b) || (first, second) == (b, a));
                }
            }
        }
    }

    #[test]
    fn conflict_names_both_options() {
        let options = with(with(SelectOptions::default(), Flag::DataOnly), Flag::NoData);
        let message = options.check().unwrap_err().to_string();
        assert_eq!(message, "-a/--data-only cannot be used together with --no-data");
    }

    #[test]
    fn each_mode_excludes_what_it_documents() {
        // What remains of (schema, data, statistics).
        for (flag, left) in [
            (Flag::DataOnly, (false, true, false)),
            (Flag::SchemaOnly, (true, false, false)),
            (Flag::StatisticsOnly, (false, false, true)),
            (Flag::Statistics, (true, true, true)),
            (Flag::NoData, (true, false, true)),
            (Flag::NoSchema, (false, true, true)),
            (Flag::NoStatistics, (true, true, false)),
        ] {
            let options = with(SelectOptions::default(), flag);
            let found = (
                options.dump_schema(),
                options.dump_data(),
                options.without_statistics().is_none(),
            );
            assert_eq!(found, left, "{flag}");
        }
    }

    #[test]
    fn sections_are_parsed_by_exact_name() {
        for section in RestoreSection::ALL {
            assert_eq!(section.as_str().parse(), Ok(section));
        }
        let error = "Pre-Data".parse::<RestoreSection>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown section \"Pre-Data\" (expected pre-data, data or post-data)"
        );
    }
}
