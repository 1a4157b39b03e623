//! Adds a run to the history, and removes old data.

use super::formats::RowFormat;
use super::{CostHistory, Database, JobKey, JobRecord, PastRun};
use crate::plan::Step;

/// The weight of the last run against all earlier ones.
const LAST: f64 = 0.5;

/// Shorter jobs are not recorded: there are very many, and none of them matters.
const MIN_RECORDED_SECONDS: f64 = 0.01;

/// The number of runs after which a job that no longer occurs is forgotten.
const FORGOTTEN_AFTER: u32 = 30;

/// The number of runs whose durations are kept.
const NIGHTS: usize = 30;

/// The most jobs kept for a database: the most costly ones.
const MOST_JOBS: usize = 20_000;

/// The most databases kept: the latest ones.
const MOST_DATABASES: usize = 20;

/// A run to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredJobs {
    /// The time of the run, in seconds since 1970.
    pub at: u64,
    /// How long it took, if it completed.
    pub night: Option<PastRun>,
    /// Seconds of an entry of the prelude, on average.
    pub statement: Option<f64>,
    /// The costs of its jobs, successful ones only.
    pub jobs: Vec<Measured>,
}

/// A measured job.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The kind of its entry.
    pub desc: String,
    /// The schema.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
    /// The step of the entry.
    pub step: Step,
    /// Bytes of archived data that its cost grows with; 0 if unknown.
    pub size: u64,
    /// Wall time.
    pub seconds: f64,
    /// Rows that the server stored.
    pub rows: u64,
    /// Bytes that were sent.
    pub bytes: u64,
    /// The format in which rows were sent, if any were.
    pub format: Option<RowFormat>,
}

impl CostHistory {
    /// Records a run of a database's archive.
    pub fn record(&mut self, database: &str, run: MeasuredJobs) {
        self.databases.entry(database.to_owned()).or_default().record(run);
        while self.databases.len() > MOST_DATABASES {
            let oldest = self.databases.iter().min_by_key(|(_, database)| database.at);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.databases.remove(&oldest);
        }
    }
}

impl Database {
    fn record(&mut self, run: MeasuredJobs) {
        self.runs = self.runs.saturating_add(1);
        self.statement = run.statement.or(self.statement);
        self.at = self.at.max(run.at);
        self.nights.extend(run.night);
        self.nights.drain(..self.nights.len().saturating_sub(NIGHTS));
        for job in run.jobs {
            self.note(job);
        }
        let oldest = self.runs.saturating_sub(FORGOTTEN_AFTER);
        self.jobs.retain(|_, record| record.last >= oldest);
        if self.jobs.len() > MOST_JOBS {
            let mut costs: Vec<f64> = self.jobs.values().map(|record| record.seconds).collect();
            costs.sort_unstable_by(f64::total_cmp);
            let least = costs[costs.len() - MOST_JOBS];
            self.jobs.retain(|_, record| record.seconds > least);
        }
    }

    fn note(&mut self, job: Measured) {
        let Measured { desc, schema, name, step, size, seconds, rows, bytes, format } = job;
        let key = JobKey { desc, schema, name, step };
        let known = self.jobs.get(&key);
        if known.is_none() && seconds < MIN_RECORDED_SECONDS {
            return;
        }
        let mut record = JobRecord {
            seconds,
            size,
            runs: 1,
            last: self.runs,
            rows,
            bytes,
            rates: known.map(|known| known.rates).unwrap_or_default(),
        };
        if let Some(known) = known {
            // What it took before, scaled to the current amount of data.
            let before = known.seconds_for(size).unwrap_or(seconds);
            record.seconds = LAST * seconds + (1.0 - LAST) * before;
            record.runs = known.runs.saturating_add(1);
        }
        if let Some(format) = format {
            record.rates.note(format, rows, bytes, seconds);
        }
        self.jobs.insert(key, record);
    }
}

/// A table that has grown or shrunk by more than this factor is treated as a different table.
const SAME_TABLE: f64 = 10.0;

impl JobRecord {
    /// The seconds that the job takes for this many bytes of archived data. `None` if it was
    /// measured with data of a very different size, which says nothing.
    #[must_use]
    pub fn seconds_for(&self, size: u64) -> Option<f64> {
        let seconds = self.seconds.max(0.0);
        if self.size == 0 || size == 0 {
            return Some(seconds);
        }
        let ratio = size as f64 / self.size as f64;
        (1.0 / SAME_TABLE..=SAME_TABLE).contains(&ratio).then_some(seconds * ratio)
    }

    /// The rows of a table whose data has this many bytes in the archive.
    #[must_use]
    pub fn rows_for(&self, size: u64) -> f64 {
        let ratio = if self.size == 0 || size == 0 { 1.0 } else { size as f64 / self.size as f64 };
        self.rows as f64 * ratio
    }
}
