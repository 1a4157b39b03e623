//! The settings of a copy: what, from where to where, and how.

use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use crate::server::Target;
use crate::sql::ident::qualified;

/// A table that grows by its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IncrementalTable {
    /// The schema, on both sides.
    pub schema: String,
    /// The name, on both sides.
    pub name: String,
    /// The column whose values ascend from row to row.
    pub key: String,
}

impl IncrementalTable {
    /// The name in SQL.
    #[must_use]
    pub fn sql(&self) -> String {
        qualified(Some(&self.schema), &self.name)
    }
}

/// `schema.name`, quoted where SQL needs it.
impl fmt::Display for IncrementalTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.sql())
    }
}

/// Retries after a lost connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often a table is retried.
    pub times: usize,
    /// The wait before the first retry; it doubles with each retry.
    pub min: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self { times: 5, min: Duration::from_secs(1), max: Duration::from_secs(60) }
    }
}

/// The settings of a copy: what, from where to where, and how.
#[derive(Clone, Debug)]
pub struct CopySettings {
    /// The source, which is only read.
    pub source: Target,
    /// The target.
    pub target: Target,
    /// The tables, in the order in which they are started.
    pub tables: Vec<IncrementalTable>,
    /// How many ranges are read in parallel, of all tables together.
    pub jobs: NonZeroUsize,
    /// Approximate number of rows per range of a large table. `None`: each table is one
    /// transaction, however large. Only tables with an indexed integer key in the source are split.
    pub range_rows: Option<NonZeroU64>,
    /// How far below the highest key of the source to stop, in keys. More than 0 needs an integer
    /// key.
    pub lag: u64,
    /// Whether to add nullable columns that only the source has to the target. Existing rows get
    /// NULL.
    pub add_columns: bool,
    /// Whether to count, on both sides, the rows that earlier runs should have copied. Reads the
    /// key of the whole table.
    pub check_gaps: bool,
    /// Whether to copy missing rows.
    pub fill_gaps: bool,
    /// How long to wait for transactions of the source that may commit lower keys than the highest
    /// one. `None` does not wait, and copies up to the highest key of the snapshot.
    pub late_commits_timeout: Option<Duration>,
    /// Whether a source whose highest key is below the target's is a warning instead of an error.
    pub allow_behind: bool,
    /// Timeout of reading one range, enforced by the source. `None` is no limit.
    pub statement_timeout: Option<Duration>,
    /// How long to wait for a lock on either side, for example for another copy of the same table.
    /// `None` is no limit.
    pub lock_timeout: Option<Duration>,
    /// Retries after a lost connection.
    pub retries: Retries,
}

impl CopySettings {
    /// Settings with the defaults: two ranges in parallel, ranges of five million rows, no lag.
    #[must_use]
    pub fn new(source: Target, target: Target, tables: Vec<IncrementalTable>) -> Self {
        Self {
            source,
            target,
            tables,
            jobs: NonZeroUsize::MIN.saturating_add(1),
            range_rows: NonZeroU64::new(5_000_000),
            lag: 0,
            add_columns: false,
            check_gaps: false,
            fill_gaps: false,
            late_commits_timeout: Some(Duration::from_secs(300)),
            allow_behind: false,
            statement_timeout: Some(Duration::from_secs(6 * 3600)),
            lock_timeout: Some(Duration::from_secs(300)),
            retries: Retries::default(),
        }
    }
}
