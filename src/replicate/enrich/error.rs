//! Why there is no enrichment. What single files run into is part of the report.

use super::super::sql_file::FileError;
use crate::target;

/// Why there is no enrichment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrichError {
    /// There is no such folder.
    #[error("there is no folder {folder}")]
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
    /// A file cannot be read, or is no script.
    #[error(transparent)]
    File(FileError),
    /// A comment at the top of a file is not understood.
    #[error("{file}, line {line}: {what}")]
    Header {
        /// The file's path.
        file: String,
        /// The line, from 1.
        line: u32,
        /// What is wrong with it.
        what: String,
    },
    /// A file depends on one that is not there.
    #[error("{file} depends on {depends}, which is not in the folder")]
    UnknownDependency {
        /// The file's name.
        file: String,
        /// The name that it gives.
        depends: String,
    },
    /// Files wait for each other.
    #[error("files depend on each other in a circle: {}", .files.join(" → "))]
    Circle {
        /// Their names; the first is also the last.
        files: Vec<String>,
    },
    /// The target cannot be looked at.
    #[error("cannot look at the target before the enrichment")]
    Target(#[source] target::Error),
    /// Somebody asked to stop; what ran is cancelled.
    #[error("stopped during the enrichment")]
    Stopped,
}

impl EnrichError {
    /// Whether time may heal it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Target(source) => source.is_passing(),
            Self::Stopped => true,
            _ => false,
        }
    }
}
