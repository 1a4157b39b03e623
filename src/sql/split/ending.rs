//! How the split text ended, completely or not.

/// How the split text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Statements found.
    pub statements: u64,
    /// Line feeds after the last statement, or in total if there was none.
    pub line_feeds: u64,
}

impl Ending {
    /// Whether the text ends as pg_dump ends INSERT data: two blank lines after the last
    /// statement's own line (`dumpTableData_insert` in `pg_dump.c`).
    ///
    /// Nothing else shows that INSERT data is complete: a file cut after any statement is valid
    /// SQL.
    #[must_use]
    pub fn has_final_blank_lines(&self) -> bool {
        self.line_feeds == if self.statements == 0 { 2 } else { 3 }
    }
}

/// Why the split text is incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Something follows the last semicolon.
    #[error("the data ends inside a statement (after {statements} complete ones)")]
    InsideStatement {
        /// Statements before it.
        statements: u64,
    },
    /// pg_dump's two final blank lines are missing.
    #[error("the data ends after {statements} statements without pg_dump's final blank lines")]
    NoFinalBlankLines {
        /// Statements found.
        statements: u64,
    },
    /// A statement is longer than PostgreSQL accepts.
    #[error("statement {number} is longer than {limit} bytes")]
    TooLong {
        /// Its number, from 1.
        number: u64,
        /// The limit in bytes.
        limit: usize,
    },
}
