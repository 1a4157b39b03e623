//! The outcome of each file.

use std::fmt;
use std::time::Duration;

use super::super::sql_file::FileError;

/// The outcome of all files, in the order in which they ended.
#[derive(Debug, Default)]
pub struct Report {
    /// One report per file.
    pub files: Vec<FileReport>,
}

impl Report {
    /// The files that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &FileError)> {
        self.files.iter().filter_map(|report| match &report.outcome {
            FileOutcome::Failed(error) => Some((report.file.as_str(), error)),
            _ => None,
        })
    }
}

/// The outcome of a file.
#[derive(Debug)]
pub struct FileReport {
    /// The file's name in the folder.
    pub file: String,
    /// How it ended.
    pub outcome: FileOutcome,
    /// How long it took.
    pub duration: Duration,
}

/// How a file ended.
#[derive(Debug)]
pub enum FileOutcome {
    /// All its statements succeeded.
    Done,
    /// Skipped: a table that it requires does not exist.
    MissingTable {
        /// The table, as the file names it.
        table: String,
    },
    /// Skipped: the table or view that makes it unnecessary exists.
    NotNeeded {
        /// The table or view, as the file names it.
        table: String,
    },
    /// Skipped: a file that it depends on was skipped because of a missing table, or failed.
    After {
        /// That file.
        file: String,
    },
    /// A statement failed, or no session could be opened.
    Failed(FileError),
}

impl FileOutcome {
    /// Whether files that depend on it can run.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Done | Self::NotNeeded { .. })
    }
}

impl fmt::Display for FileOutcome {
    /// The text that follows the file's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::MissingTable { table } => write!(f, "skipped: table {table} does not exist"),
            Self::NotNeeded { table } => write!(f, "not needed: {table} exists"),
            Self::After { file } => write!(f, "skipped: it depends on {file}"),
            Self::Failed(error) => f.write_str(&crate::error::chain(error)),
        }
    }
}

/// An event of the enrichment.
#[derive(Clone, Copy, Debug)]
pub enum EnrichProgress<'a> {
    /// A file started to run.
    Started {
        /// Its name.
        file: &'a str,
    },
    /// A file ended, run or skipped.
    Ended(&'a FileReport),
}

/// Logs an event.
pub fn tell(progress: EnrichProgress<'_>) {
    match progress {
        EnrichProgress::Started { file } => tracing::info!("{file}: started"),
        EnrichProgress::Ended(report) => match &report.outcome {
            outcome @ FileOutcome::Failed(_) => tracing::error!("{}: {outcome}", report.file),
            outcome @ FileOutcome::Done => {
                let seconds = report.duration.as_secs_f64();
                tracing::info!("{}: {outcome} in {seconds:.1} s", report.file);
            }
            outcome => tracing::info!("{}: {outcome}", report.file),
        },
    }
}
