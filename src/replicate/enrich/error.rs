//! Why the enrichment could not run. Errors of single files are part of the report.

use super::super::sql_file::FileError;
use crate::server::{self, Retry};

/// Why the enrichment could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrichError {
    /// The folder does not exist.
    #[error("the folder {folder} does not exist")]
    NoFolder {
        /// Its path.
        folder: String,
    },
    /// The folder cannot be read.
    #[error("cannot read the folder {folder}")]
    Folder {
        /// Its path.
        folder: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be read, or is not an SQL script.
    #[error(transparent)]
    File(FileError),
    /// A comment at the top of a file is invalid.
    #[error("{file}, line {line}: {what}")]
    Header {
        /// The file's path.
        file: String,
        /// The line, from 1.
        line: u32,
        /// What is wrong with it.
        what: String,
    },
    /// A file depends on one that does not exist.
    #[error("{file} depends on {depends}, which is not in the folder")]
    UnknownDependency {
        /// The file's name.
        file: String,
        /// The name that it gives.
        depends: String,
    },
    /// Files depend on each other in a cycle.
    #[error("files depend on each other in a cycle: {}", .files.join(" → "))]
    Circle {
        /// Their names; the first is also the last.
        files: Vec<String>,
    },
    /// The target cannot be inspected.
    #[error("cannot inspect the target before the enrichment")]
    Target(#[source] server::SessionError),
    /// The run was asked to stop; running statements are cancelled.
    #[error("stopped during the enrichment")]
    Stopped,
}

impl EnrichError {
    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Target(source) => source.retry(),
            Self::Stopped => Retry::LaterAttempt,
            _ => Retry::Never,
        }
    }
}
