//! The kind of work that a bar represents: its colour and its word in the legend.

use serde::Serialize;

use crate::archive::Desc;

/// A kind of work. Bars of one kind have one colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkKind {
    /// Rows and large objects.
    Data,
    /// Indexes.
    Index,
    /// Primary keys, unique and other constraints of one table.
    Constraint,
    /// Foreign keys.
    ForeignKey,
    /// Rows of materialized views.
    View,
    /// Planner statistics, `ANALYZE`; no archive has such entries.
    Statistics,
    /// Every other entry of an archive: definitions, sequences, comments, privileges.
    Definition,
    /// Finding and downloading a backup.
    Intake,
    /// Dropping existing objects.
    Clean,
    /// The warehouse's own indexes and views.
    Enrichment,
    /// Rows copied incrementally.
    Increment,
    /// Any other step.
    Step,
}

impl WorkKind {
    /// All kinds, in the order of the legend.
    pub const ALL: [Self; 12] = [
        Self::Data,
        Self::Index,
        Self::Constraint,
        Self::ForeignKey,
        Self::View,
        Self::Statistics,
        Self::Definition,
        Self::Intake,
        Self::Clean,
        Self::Enrichment,
        Self::Increment,
        Self::Step,
    ];

    /// The kind of an archive's entry.
    #[must_use]
    pub fn of(desc: &Desc) -> Self {
        match desc {
            Desc::TableData | Desc::Blobs => Self::Data,
            Desc::Index | Desc::IndexAttach => Self::Index,
            Desc::Constraint | Desc::CheckConstraint => Self::Constraint,
            Desc::FkConstraint => Self::ForeignKey,
            Desc::MaterializedViewData => Self::View,
            Desc::Other(text) if text == "ANALYZE" => Self::Statistics,
            _ => Self::Definition,
        }
    }

    /// Its word in the legend.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Index => "index",
            Self::Constraint => "constraint",
            Self::ForeignKey => "foreign key",
            Self::View => "materialized view",
            Self::Statistics => "statistics",
            Self::Definition => "definition",
            Self::Intake => "backup",
            Self::Clean => "drop",
            Self::Enrichment => "enrichment",
            Self::Increment => "increment",
            Self::Step => "step",
        }
    }

    /// The CSS class for the kind's colour.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Data => "k-data",
            Self::Index => "k-index",
            Self::Constraint => "k-constraint",
            Self::ForeignKey => "k-foreign-key",
            Self::View => "k-view",
            Self::Statistics => "k-statistics",
            Self::Definition => "k-definition",
            Self::Intake => "k-intake",
            Self::Clean => "k-clean",
            Self::Enrichment => "k-enrichment",
            Self::Increment => "k-increment",
            Self::Step => "k-step",
        }
    }
}
