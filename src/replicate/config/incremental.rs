//! How incremental tables are copied.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use super::reader::Reader;
use super::table;
use super::tables::{self, KeyColumns};

/// How incremental tables are copied.
#[derive(Clone, Debug)]
pub struct Incremental {
    /// Their keys.
    pub keys: KeyColumns,
    /// How many connections read from the source side by side.
    pub jobs: NonZeroUsize,
    /// About how many rows are one transaction; None is all that is new in a table.
    pub range_rows: Option<NonZeroU64>,
    /// How far below the highest key to stop, in keys.
    pub lag: u64,
    /// Whether columns that only the source has are added.
    pub add_columns: bool,
    /// Whether earlier runs are checked.
    pub check_gaps: bool,
    /// Whether rows that they missed are copied.
    pub fill_gaps: bool,
    /// How long open transactions of the source are waited for; None does not wait.
    pub late_commits_timeout: Option<Duration>,
    /// Whether a source that is behind the target is only a warning.
    pub allow_behind: bool,
    /// How long the source may take for one statement; None is without end.
    pub statement_timeout: Option<Duration>,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Incremental {
    let jobs = reader.number(&table::INCREMENTAL_JOBS).unwrap_or_default();
    let timeout = reader.number(&table::INCREMENTAL_STATEMENT_TIMEOUT_MS).unwrap_or_default();
    let late_commits =
        reader.number(&table::INCREMENTAL_LATE_COMMITS_TIMEOUT_MS).unwrap_or_default();
    Incremental {
        keys: tables::read_keys(reader),
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
