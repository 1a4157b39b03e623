//! How incremental tables are copied.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use super::reader::VariableReader;
use super::table;
use super::table_modes::{self, KeyColumns};

/// How incremental tables are copied.
#[derive(Clone, Debug)]
pub struct Incremental {
    /// Their keys.
    pub keys: KeyColumns,
    /// How many connections read from the source in parallel.
    pub jobs: NonZeroUsize,
    /// Approximate number of rows per transaction; `None` copies all new rows of a table in one.
    pub range_rows: Option<NonZeroU64>,
    /// How far below the highest key to stop, in keys.
    pub lag: u64,
    /// Whether to add columns that only the source has.
    pub add_columns: bool,
    /// Whether to check earlier runs for missing rows.
    pub check_gaps: bool,
    /// Whether to copy the rows that they missed.
    pub fill_gaps: bool,
    /// How long to wait for open transactions of the source; `None` does not wait.
    pub late_commits_timeout: Option<Duration>,
    /// Whether a source that is behind the target is a warning instead of an error.
    pub allow_behind: bool,
    /// Timeout of one statement on the source; `None` is no limit.
    pub statement_timeout: Option<Duration>,
}

pub(super) fn read(reader: &mut VariableReader<'_>) -> Incremental {
    let jobs = reader.number(&table::INCREMENTAL_JOBS).unwrap_or_default();
    let timeout = reader.number(&table::INCREMENTAL_STATEMENT_TIMEOUT_MS).unwrap_or_default();
    let late_commits =
        reader.number(&table::INCREMENTAL_LATE_COMMITS_TIMEOUT_MS).unwrap_or_default();
    Incremental {
        keys: table_modes::read_keys(reader),
        jobs: usize::try_from(jobs).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN),
        range_rows: reader.number(&table::INCREMENTAL_RANGE_ROWS).and_then(NonZeroU64::new),
        lag: reader.number(&table::INCREMENTAL_LAG).unwrap_or_default(),
        add_columns: reader.flag(&table::INCREMENTAL_ADD_COLUMNS),
        check_gaps: reader.flag(&table::INCREMENTAL_CHECK_GAPS),
        fill_gaps: reader.flag(&table::INCREMENTAL_FILL_GAPS),
        late_commits_timeout: Some(late_commits)
            .filter(|millis| *millis > 0)
            .map(Duration::from_millis),
        allow_behind: reader.flag(&table::INCREMENTAL_ALLOW_BEHIND),
        statement_timeout: Some(timeout).filter(|millis| *millis > 0).map(Duration::from_millis),
    }
}
