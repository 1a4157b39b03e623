//! A run is put into the history, and what is old is taken out.

use super::formats::RowFormat;
use super::{CostHistory, Database, JobRecord, Key, Night};
use crate::plan::Step;

/// What the last run counts for, against all before it.
const LAST: f64 = 0.5;

/// Jobs that take less are not remembered: there are very many, and none decides anything.
const LEAST: f64 = 0.01;

/// Runs after which a job is forgotten that is not met any more.
const FORGOTTEN_AFTER: u32 = 30;

/// Runs of which the times are kept.
const NIGHTS: usize = 30;

/// Most jobs that are kept of a database: the most costly ones.
const MOST_JOBS: usize = 20_000;

/// Most databases that are kept: the last ones.
const MOST_DATABASES: usize = 20;

/// A run to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// When it was, in seconds since 1970.
    pub at: u64,
    /// How long it took, if it came to its end.
    pub night: Option<Night>,
    /// Seconds of an entry of the prelude, on average.
    pub statement: Option<f64>,
    /// What its jobs took. Only what succeeded belongs here.
    pub jobs: Vec<Measured>,
}

/// A job that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The kind of its entry.
    pub desc: String,
    /// The schema.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
    /// Which step of it.
    pub step: Step,
    /// Bytes of archived data that it grows with; 0 when that is not known.
    pub size: u64,
    /// Wall time.
    pub seconds: f64,
    /// Rows that the server stored.
    pub rows: u64,
    /// Bytes that were sent.
    pub bytes: u64,
    /// In which format rows were sent, if they were.
    pub format: Option<RowFormat>,
}

impl CostHistory {
    /// Records a run of a database's archive.
    pub fn record(&mut self, database: &str, run: Run) {
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
    fn record(&mut self, run: Run) {
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
        let key = Key { desc, schema, name, step };
        let known = self.jobs.get(&key);
        if known.is_none() && seconds < LEAST {
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
            // What it took before, for as much data as there are now.
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

/// A table that has grown or shrunk by more than this is another table.
const SAME_TABLE: f64 = 10.0;

impl JobRecord {
    /// Seconds that the job takes for so many bytes of archived data. `None` when it was measured
    /// with data of quite another size, which says nothing.
    #[must_use]
    pub fn seconds_for(&self, size: u64) -> Option<f64> {
        let seconds = self.seconds.max(0.0);
        if self.size == 0 || size == 0 {
            return Some(seconds);
        }
        let ratio = size as f64 / self.size as f64;
        (1.0 / SAME_TABLE..=SAME_TABLE).contains(&ratio).then_some(seconds * ratio)
    }

    /// Rows of a table whose data have so many bytes in the archive.
    #[must_use]
    pub fn rows_for(&self, size: u64) -> f64 {
        let ratio = if self.size == 0 || size == 0 { 1.0 } else { size as f64 / self.size as f64 };
        self.rows as f64 * ratio
    }
}
