//! The options that exclude a whole class of entries, by their user-visible names.

use std::fmt;

/// An option of pg_restore that excludes or requires a class of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flag {
    /// `-a`.
    DataOnly,
    /// `-s`.
    SchemaOnly,
    /// `--statistics-only`.
    StatisticsOnly,
    /// `--statistics`.
    Statistics,
    /// `--no-data`.
    NoData,
    /// `--no-schema`.
    NoSchema,
    /// `--no-statistics`.
    NoStatistics,
    /// `-x`.
    NoAcl,
    /// `--no-comments`.
    NoComments,
    /// `--no-policies`.
    NoPolicies,
    /// `--no-publications`.
    NoPublications,
    /// `--no-security-labels`.
    NoSecurityLabels,
    /// `--no-subscriptions`.
    NoSubscriptions,
}

impl Flag {
    /// The option as messages spell it, short form first where there is one.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataOnly => "-a/--data-only",
            Self::SchemaOnly => "-s/--schema-only",
            Self::StatisticsOnly => "--statistics-only",
            Self::Statistics => "--statistics",
            Self::NoData => "--no-data",
            Self::NoSchema => "--no-schema",
            Self::NoStatistics => "--no-statistics",
            Self::NoAcl => "-x/--no-privileges",
            Self::NoComments => "--no-comments",
            Self::NoPolicies => "--no-policies",
            Self::NoPublications => "--no-publications",
            Self::NoSecurityLabels => "--no-security-labels",
            Self::NoSubscriptions => "--no-subscriptions",
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
