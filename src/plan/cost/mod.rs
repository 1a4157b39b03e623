//! How long each job will take.
//!
//! A prediction comes from the [history](super::history) if the job was measured in an earlier run,
//! scaled by the size of its data; else from a model of what the job does (`work`, `key`, `table`
//! read the entry, `model` has the figures). Both are multiplied by what this server has shown so
//! far (`calibration`): every finished job tells how fast it is. A model that knows only bytes would
//! not see that an index on text costs ten times one on a number.

mod calibration;
mod key;
mod model;
mod table;
mod work;

use std::collections::HashMap;
use std::time::Duration;

pub use work::Kind;

use calibration::Calibration;
use work::{Table, TableNumber, Tables, Work};

use super::build::Links;
use super::history::Database;
use super::{Job, JobId, Plan};
use crate::archive::{Compression, Entry};

/// What is known before the first job is done.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// How the archive's data are compressed.
    pub compression: Compression,
    /// Bytes of an entry's data in the archive, by the entry's place.
    pub size: &'a dyn Fn(usize) -> Option<u64>,
    /// Earlier runs with archives of the same database.
    pub history: Option<&'a Database>,
}

/// Where a prediction comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// It was given ([`Costs::scale`]).
    Given,
    /// The job was measured in so many earlier runs.
    History {
        /// Runs that it was measured in.
        runs: u32,
    },
    /// From what the job does.
    Model,
}

/// The predictions for a plan's jobs. They change as jobs are measured.
#[derive(Clone, Debug)]
pub struct Costs {
    jobs: Vec<JobCost>,
    tables: Vec<Table>,
    /// The table whose rows each job loads.
    loads: HashMap<JobId, TableNumber>,
    statement: f64,
    statements: usize,
    by_model: Calibration,
    by_history: Calibration,
}

#[derive(Clone, Debug)]
struct JobCost {
    work: Work,
    /// Bytes of archived data that the job grows with; 0 when that is not known.
    size: u64,
    /// What the history says: seconds, and in how many runs.
    past: Option<(f64, u32)>,
    /// What it is said to take.
    given: Option<Duration>,
    wanted: bool,
}

impl Costs {
    /// Predicts what the jobs of a plan will take.
    #[must_use]
    pub fn new(plan: &Plan, entries: &[Entry], known: Known<'_>) -> Self {
        let links = Links::new(entries);
        let mut tables = Tables::new(entries, &links, known.compression, known.size);
        if let Some(history) = known.history {
            tables.learn(history, known.size);
        }
        let jobs: Vec<JobCost> =
            plan.jobs.iter().map(|job| job_cost(job, entries, &tables, known.history)).collect();
        let loads = jobs.iter().enumerate().filter_map(|(number, job)| match job.work {
            Work::Rows(table) => Some((JobId(number), table)),
            _ => None,
        });
        let past = known.history.and_then(Database::statement);
        let mut costs = Self {
            loads: loads.collect(),
            tables: tables.into_all(),
            jobs,
            statement: past.unwrap_or_else(|| model::seconds(&Work::Statement, &[])),
            statements: plan.prelude.len(),
            by_model: Calibration::default(),
            by_history: Calibration::default(),
        };
        costs.calibrate_by_history();
        costs
    }

    /// What was measured of old jobs tells the model what new ones cost.
    fn calibrate_by_history(&mut self) {
        for job in self.jobs.iter().filter(|job| job.wanted) {
            if let Some((past, _)) = job.past {
                let predicted = model::seconds(&job.work, &self.tables);
                self.by_model.observe(job.work.kind(), predicted, past);
            }
        }
    }

    /// What a job will take. Nothing, if it is not wanted.
    #[must_use]
    pub fn of(&self, id: JobId) -> Duration {
        let job = &self.jobs[id.0];
        if let Some(given) = job.given {
            return given;
        }
        let seconds = self.seconds(job) * self.calibration(job).factor(job.work.kind());
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
    }

    /// Where that comes from.
    #[must_use]
    pub fn basis(&self, id: JobId) -> Basis {
        match self.jobs[id.0] {
            JobCost { given: Some(_), .. } => Basis::Given,
            JobCost { past: Some((_, runs)), .. } => Basis::History { runs },
            _ => Basis::Model,
        }
    }

    /// What kind of work a job is.
    #[must_use]
    pub fn kind(&self, id: JobId) -> Kind {
        self.jobs[id.0].work.kind()
    }

    /// Bytes of archived data that a job grows with; 0 when that is not known.
    #[must_use]
    pub fn size(&self, id: JobId) -> u64 {
        self.jobs[id.0].size
    }

    /// Of all that the wanted jobs will take, what rests on earlier runs; and all of it.
    #[must_use]
    pub fn measured_share(&self) -> (Duration, Duration) {
        let cost = |id: &JobId| self.of(*id);
        let measured = |id: &JobId| matches!(self.basis(*id), Basis::History { .. });
        let all = || (0..self.jobs.len()).map(JobId);
        (all().filter(measured).map(|id| cost(&id)).sum(), all().map(|id| cost(&id)).sum())
    }

    /// What the prelude will take.
    #[must_use]
    pub fn prelude(&self) -> Duration {
        Duration::try_from_secs_f64(self.statement * self.statements as f64).unwrap_or_default()
    }

    /// Takes note of what a job took.
    pub fn observe(&mut self, id: JobId, measured: Duration) {
        let job = &self.jobs[id.0];
        let (kind, predicted) = (job.work.kind(), self.seconds(job));
        let calibration = match job.past {
            Some(_) => &mut self.by_history,
            None => &mut self.by_model,
        };
        calibration.observe(kind, predicted, measured.as_secs_f64());
    }

    /// Takes note of how many rows a job has loaded. What is built on them depends on it.
    pub fn loaded(&mut self, id: JobId, rows: u64, bytes: u64) {
        if let Some(table) = self.loads.get(&id) {
            let table = &mut self.tables[*table];
            (table.rows, table.bytes) = (rows as f64, bytes as f64);
        }
    }

    /// Makes these jobs take so long together, each its share: what a plan would be like on another
    /// machine, or on a night that was measured.
    pub fn scale(&mut self, jobs: &[JobId], together: Duration) {
        // Without the way to the server, which is nothing to work that takes long.
        let statement = Duration::try_from_secs_f64(self.statement).unwrap_or_default();
        let grows = |id: &JobId| self.of(*id).saturating_sub(statement).as_secs_f64();
        let now: f64 = jobs.iter().map(grows).sum();
        if now <= 0.0 {
            return;
        }
        let factor = together.as_secs_f64() / now;
        let given: Vec<_> = jobs
            .iter()
            .map(|id| Duration::try_from_secs_f64(grows(id) * factor).map_or(statement, |t| t))
            .collect();
        for (id, given) in jobs.iter().zip(given) {
            self.jobs[id.0].given = Some(given);
        }
    }

    /// Without calibration.
    fn seconds(&self, job: &JobCost) -> f64 {
        match job.past {
            _ if !job.wanted => 0.0,
            Some((seconds, _)) => seconds,
            None => model::seconds(&job.work, &self.tables),
        }
    }

    fn calibration(&self, job: &JobCost) -> &Calibration {
        if job.past.is_some() { &self.by_history } else { &self.by_model }
    }
}

fn job_cost(
    job: &Job,
    entries: &[Entry],
    tables: &Tables<'_>,
    history: Option<&Database>,
) -> JobCost {
    let work = tables.work(job);
    let past = history.and_then(|history| {
        let record = history.job(&entries[job.entry], job.step)?;
        Some((record.seconds_for(job.size)?, record.runs))
    });
    JobCost { work, size: job.size, past, given: None, wanted: job.wanted }
}

#[cfg(test)]
mod tests;
