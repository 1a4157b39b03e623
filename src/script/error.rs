//! Why a script could not be written.

use crate::archive;
use crate::statements::StatementError;

/// Why a script could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The output cannot be written.
    #[error("cannot write the script")]
    Output(#[source] std::io::Error),
    /// The archive is damaged or cannot be read.
    #[error(transparent)]
    Archive(#[from] archive::ArchiveError),
    /// An entry cannot become SQL.
    #[error("cannot write {label} as SQL")]
    Statement {
        /// The entry.
        label: String,
        /// Why.
        source: StatementError,
    },
    /// A database name that psql cannot connect to.
    #[error("the database name contains a newline or carriage return: {0:?}")]
    DatabaseName(String),
}
