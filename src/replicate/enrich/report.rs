//! What became of the files.

use std::fmt;
use std::time::Duration;

use super::super::sql_file::FileError;

/// What became of all files, in the order in which they ended.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each file.
    pub files: Vec<FileReport>,
}

impl Report {
    /// Those that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &FileError)> {
        self.files.iter().filter_map(|report| match &report.outcome {
            Outcome::Failed(error) => Some((report.file.as_str(), error)),
            _ => None,
        })
    }
}

/// What became of a file.
#[derive(Debug)]
pub struct FileReport {
    /// The file's name in the folder.
    pub file: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub duration: Duration,
}

/// How a file ended.
#[derive(Debug)]
pub enum Outcome {
    /// All its statements are done.
    Done,
    /// Skipped: a table that it needs is not there.
    MissingTable {
        /// The table, as the file names it.
        table: String,
    },
    /// Skipped: what it would make is there.
    NotNeeded {
        /// The table or view, as the file names it.
        table: String,
    },
    /// Skipped: a file that it depends on was skipped for want of a table, or failed.
    After {
        /// That file.
        file: String,
    },
    /// A statement failed, or no session could be had.
    Failed(FileError),
}

impl Outcome {
    /// Whether files that depend on it can run.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Done | Self::NotNeeded { .. })
    }
}

impl fmt::Display for Outcome {
    /// What there is to say beside the file's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::MissingTable { table } => write!(f, "skipped: there is no table {table}"),
            Self::NotNeeded { table } => write!(f, "not needed: {table} is there"),
            Self::After { file } => write!(f, "skipped: it depends on {file}"),
            Self::Failed(error) => f.write_str(&crate::restore::chain(error)),
        }
    }
}

/// What happens meanwhile.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A file's statements begin.
    Started {
        /// Its name.
        file: &'a str,
    },
    /// A file is over, run or not.
    Ended(&'a FileReport),
}

/// Writes a log line for what happens to a file.
pub fn tell(progress: Progress<'_>) {
    match progress {
        Progress::Started { file } => tracing::info!("{file}: started"),
        Progress::Ended(report) => match &report.outcome {
            outcome @ Outcome::Failed(_) => tracing::error!("{}: {outcome}", report.file),
            outcome @ Outcome::Done => {
                let seconds = report.duration.as_secs_f64();
                tracing::info!("{}: {outcome} in {seconds:.1} s", report.file);
            }
            outcome => tracing::info!("{}: {outcome}", report.file),
        },
    }
}
