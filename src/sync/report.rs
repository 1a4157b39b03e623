//! The result of a sync.

use crate::restore::Ended;
use crate::restore::event::Answer;
use crate::sync::reason::Reason;

/// What a sync did, or would do.
#[derive(Clone, Debug, Default)]
pub struct SyncReport {
    /// The tables with data, in the archive's order. Empty after a restore of everything.
    pub tables: Vec<TableReport>,
    /// Sequences that were set.
    pub sequences: usize,
    /// Materialized views that were refreshed.
    pub views: usize,
    /// Materialized views that are not in the archive and could not be refreshed, as in SQL.
    pub stale: Vec<String>,
    /// Why everything was restored, or would be; empty if it was not.
    pub full: Vec<Reason>,
    /// The outcome of a restore of everything; `None` without one.
    pub restored: Option<Ended>,
}

/// What was done with a table's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct TableReport {
    /// The schema.
    pub schema: String,
    /// The name.
    pub name: String,
    /// What was done.
    pub answer: Answer,
    /// Rows inserted.
    pub rows_in: u64,
    /// Rows deleted.
    pub rows_out: u64,
    /// Why this, if it is not the least work.
    pub reason: Option<Reason>,
}

impl TableReport {
    /// Whether any rows were changed.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.rows_in + self.rows_out > 0
    }
}
