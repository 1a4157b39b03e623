//! The costs of jobs in earlier runs.
//!
//! A [`CostHistory`] is a file's contents: for each database that archives come from, the jobs of
//! its restores by their identity (kind, schema, name, step) with the seconds they took and the
//! size of the data they took them for. The same data comes back every night, so last night's
//! seconds are the best available prediction.
//!
//! [`file`] reads and writes it. The caller supplies the time.

pub mod file;
mod formats;
mod record;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

pub use file::CostFileError;
pub use formats::{Rate, Rates, RowFormat};
pub use record::{Measured, MeasuredJobs};

use super::Step;
use crate::archive::Entry;

/// The version of the file format that this program writes, and the only one it reads.
const VERSION: u32 = 1;

/// The costs of jobs in earlier runs, for several databases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostHistory {
    databases: BTreeMap<String, Database>,
}

/// Why a text is not a history.
#[derive(Debug, thiserror::Error)]
pub enum CostHistoryError {
    /// It has a different format.
    #[error("not a cost history file")]
    Form(#[source] serde_json::Error),
    /// Another version of this program wrote it.
    #[error("a cost history of version {0}; this program supports version {VERSION}")]
    Version(u32),
}

/// The restores of one database's archives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// Runs that were recorded.
    runs: u32,
    /// The time of the last run, in seconds since 1970.
    at: u64,
    /// Seconds of an entry of the prelude, on average.
    statement: Option<f64>,
    /// The last runs, oldest first.
    nights: Vec<PastRun>,
    jobs: HashMap<JobKey, JobRecord>,
}

/// The duration of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastRun {
    /// When it ended, in seconds since 1970.
    pub at: u64,
    /// Sessions that worked in parallel.
    pub jobs: usize,
    /// The predicted seconds, if there was a prediction.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predicted: Option<f64>,
    /// The measured seconds.
    pub seconds: f64,
}

/// Identifies a job. An entry's dump ID changes with every dump; this does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct JobKey {
    desc: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    schema: Option<String>,
    /// The entry's tag; for a constraint, the table's name and its own.
    name: String,
    step: Step,
}

impl JobKey {
    fn of(entry: &Entry, step: Step) -> Self {
        Self {
            desc: entry.desc.as_str().to_owned(),
            schema: entry.namespace.clone(),
            name: entry.tag.clone(),
            step,
        }
    }
}

/// What is known of a job.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Its seconds: the last run counts half, the one before a quarter, and so on.
    pub seconds: f64,
    /// Bytes of archived data that its cost grows with, in the last run; 0 if unknown.
    pub size: u64,
    /// The number of runs in which it was measured.
    pub runs: u32,
    /// The number of the last of these runs.
    last: u32,
    /// Rows of a table, in the last run.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub rows: u64,
    /// Bytes that were sent for them.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub bytes: u64,
    /// How fast its rows were loaded, by the format in which they were sent.
    #[serde(skip_serializing_if = "Rates::is_empty", default)]
    pub rates: Rates,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl CostHistory {
    /// Reads a file's contents.
    ///
    /// # Errors
    /// When they are not a history, or have a different version.
    pub fn from_json(text: &[u8]) -> Result<Self, CostHistoryError> {
        // The version first: a later one may have any format.
        let Version { version } = serde_json::from_slice(text).map_err(CostHistoryError::Form)?;
        if version != VERSION {
            return Err(CostHistoryError::Version(version));
        }
        let file: File = serde_json::from_slice(text).map_err(CostHistoryError::Form)?;
        let databases = file.databases.into_iter().map(|(name, of)| (name, of.into()));
        Ok(Self { databases: databases.collect() })
    }

    /// A file's contents, with a newline at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let databases = self.databases.iter().map(|(name, of)| (name.clone(), of.into()));
        let file = File { version: VERSION, databases: databases.collect() };
        // Numbers, text and lists can always be serialized.
        serde_json::to_string(&file).unwrap_or_default() + "\n"
    }

    /// The restores of a database's archives, by the name that the archives give it.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.get(name)
    }
}

impl Database {
    /// What is known of a job.
    #[must_use]
    pub fn job(&self, entry: &Entry, step: Step) -> Option<&JobRecord> {
        self.jobs.get(&JobKey::of(entry, step))
    }

    /// Seconds of an entry of the prelude, on average.
    #[must_use]
    pub fn statement(&self) -> Option<f64> {
        self.statement
    }

    /// How many runs were recorded.
    #[must_use]
    pub fn runs(&self) -> u32 {
        self.runs
    }

    /// The last run that was recorded.
    #[must_use]
    pub fn last_night(&self) -> Option<PastRun> {
        self.nights.last().copied()
    }
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// The file's format.
#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    databases: BTreeMap<String, DatabaseFile>,
}

#[derive(Serialize, Deserialize)]
struct DatabaseFile {
    runs: u32,
    at: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    statement: Option<f64>,
    nights: Vec<PastRun>,
    jobs: Vec<JobFile>,
}

#[derive(Serialize, Deserialize)]
struct JobFile {
    #[serde(flatten)]
    key: JobKey,
    #[serde(flatten)]
    record: JobRecord,
}

impl From<DatabaseFile> for Database {
    fn from(file: DatabaseFile) -> Self {
        let DatabaseFile { runs, at, statement, nights, jobs } = file;
        let jobs = jobs.into_iter().map(|job| (job.key, job.record)).collect();
        Self { runs, at, statement, nights, jobs }
    }
}

impl From<&Database> for DatabaseFile {
    fn from(database: &Database) -> Self {
        let Database { runs, at, statement, nights, jobs } = database;
        let mut jobs: Vec<JobFile> = jobs
            .iter()
            .map(|(key, record)| JobFile { key: key.clone(), record: *record })
            .collect();
        // This makes the files of successive runs comparable.
        jobs.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Self { runs: *runs, at: *at, statement: *statement, nights: nights.clone(), jobs }
    }
}

#[cfg(test)]
mod tests;
