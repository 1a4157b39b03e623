//! How text that was split ended, well or not.

/// How text that was split ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Statements found.
    pub statements: u64,
    /// Line feeds after the last statement, or in all when there was none.
    pub line_feeds: u64,
}

impl Ending {
    /// Whether the text ends as pg_dump ends INSERT data: two blank lines after the last
    /// statement's own line (`dumpTableData_insert` in `pg_dump.c`).
    ///
    /// Nothing else in INSERT data tells that it is whole: a file cut behind any statement is
    /// valid SQL.
    #[must_use]
    pub fn has_final_blank_lines(&self) -> bool {
        self.line_feeds == if self.statements == 0 { 2 } else { 3 }
    }
}

/// Why text that was split is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Something follows the last semicolon.
    #[error("the data ends inside a statement (after {statements} complete ones)")]
    InsideStatement {
        /// Statements before it.
        statements: u64,
    },
    /// pg_dump's two blank lines at the end are not there.
    #[error("the data ends after {statements} statements without pg_dump's final blank lines")]
    NoFinalBlankLines {
        /// Statements found.
        statements: u64,
    },
    /// A statement is longer than PostgreSQL can take.
    #[error("statement {number} is longer than {limit} bytes")]
    TooLong {
        /// Which one, from 1.
        number: u64,
        /// The limit in bytes.
        limit: usize,
    },
}
