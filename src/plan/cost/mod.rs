//! Predicts how long each job will take.
//!
//! A prediction comes from the [history](super::history) if the job was measured in an earlier run,
//! scaled by the size of its data; otherwise it is proportional to the size of its tables (`work`).
//! Both are multiplied by the speed of this server so far (`calibration`), measured by every
//! finished job.
//!
//! A model that also knew the cost of comparing keys ordered jobs no better than their sizes, and
//! worse with the durations of a real night (docs/performance.md, "The order of jobs").

mod calibration;
mod work;

use std::collections::HashMap;
use std::time::Duration;

pub use work::CostKind;

use calibration::Calibration;
use work::{CostedWork, TableNumber, Tables};

use super::build::Links;
use super::history::Database;
use super::{Job, JobId, Plan};
use crate::archive::{Compression, Entry, Place};

/// What is known before the first job finishes.
#[derive(Clone, Copy)]
pub struct CostInputs<'a> {
    /// How the archive's data is compressed.
    pub compression: Compression,
    /// Bytes of an entry's data in the archive, by the entry's place.
    pub size: &'a dyn Fn(Place) -> Option<u64>,
    /// Earlier runs with archives of the same database.
    pub history: Option<&'a Database>,
}

/// The source of a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// It was given ([`Costs::scale`]).
    Given,
    /// The job was measured in earlier runs.
    History {
        /// The number of runs in which it was measured.
        runs: u32,
    },
    /// Computed from the size of its tables.
    Model,
}

/// The predictions for a plan's jobs. They change as jobs are measured.
#[derive(Clone, Debug)]
pub struct Costs {
    jobs: Vec<JobCost>,
    /// Bytes of each table's rows as COPY text.
    tables: Vec<f64>,
    /// The table whose rows each job loads.
    loads: HashMap<JobId, TableNumber>,
    statement: f64,
    statements: usize,
    by_model: Calibration,
    by_history: Calibration,
}

#[derive(Clone, Debug)]
struct JobCost {
    work: CostedWork,
    /// Bytes of archived data that the job's cost grows with; 0 if unknown.
    size: u64,
    /// From the history: seconds, and the number of runs.
    past: Option<(f64, u32)>,
    /// The given cost.
    given: Option<Duration>,
    wanted: bool,
}

impl Costs {
    /// Predicts the costs of a plan's jobs.
    #[must_use]
    pub fn new(plan: &Plan, entries: &[Entry], known: CostInputs<'_>) -> Self {
        let links = Links::new(entries);
        let mut tables = Tables::new(entries, &links, known.compression, known.size);
        if let Some(history) = known.history {
            tables.learn(history, known.size);
        }
        let jobs: Vec<JobCost> =
            plan.jobs.iter().map(|job| job_cost(job, entries, &tables, known.history)).collect();
        let loads = jobs.iter().enumerate().filter_map(|(number, job)| {
            let table = *job.work.tables.first()?;
            (job.work.kind == CostKind::Rows).then_some((JobId(number), table))
        });
        let past = known.history.and_then(Database::statement);
        let mut costs = Self {
            loads: loads.collect(),
            tables: tables.into_bytes(),
            jobs,
            statement: past.unwrap_or(STATEMENT),
            statements: plan.prelude.len(),
            by_model: Calibration::default(),
            by_history: Calibration::default(),
        };
        costs.calibrate_by_history();
        costs
    }

    /// Calibrates the model for new jobs with the measurements of known ones.
    fn calibrate_by_history(&mut self) {
        for job in self.jobs.iter().filter(|job| job.wanted) {
            if let Some((past, _)) = job.past {
                let predicted = by_size(&job.work, &self.tables);
                self.by_model.observe(job.work.kind, predicted, past);
            }
        }
    }

    /// The predicted cost of a job; zero if it is not wanted.
    #[must_use]
    pub fn of(&self, id: JobId) -> Duration {
        let job = &self.jobs[id.0];
        if let Some(given) = job.given {
            return given;
        }
        time(self.seconds(job) * self.calibration(job).factor(job.work.kind))
    }

    /// The source of that prediction.
    #[must_use]
    pub fn basis(&self, id: JobId) -> Basis {
        match self.jobs[id.0] {
            JobCost { given: Some(_), .. } => Basis::Given,
            JobCost { past: Some((_, runs)), .. } => Basis::History { runs },
            _ => Basis::Model,
        }
    }

    /// The kind of work of a job.
    #[must_use]
    pub fn kind(&self, id: JobId) -> CostKind {
        self.jobs[id.0].work.kind
    }

    /// Bytes of archived data that a job's cost grows with; 0 if unknown.
    #[must_use]
    pub fn size(&self, id: JobId) -> u64 {
        self.jobs[id.0].size
    }

    /// The predicted cost of the wanted jobs: the part based on earlier runs, and the total.
    #[must_use]
    pub fn measured_share(&self) -> (Duration, Duration) {
        let cost = |id: &JobId| self.of(*id);
        let measured = |id: &JobId| matches!(self.basis(*id), Basis::History { .. });
        let all = || (0..self.jobs.len()).map(JobId);
        (all().filter(measured).map(|id| cost(&id)).sum(), all().map(|id| cost(&id)).sum())
    }

    /// The predicted cost of the prelude.
    #[must_use]
    pub fn prelude(&self) -> Duration {
        time(self.statement * self.statements as f64)
    }

    /// Records the measured cost of a job.
    pub fn observe(&mut self, id: JobId, measured: Duration) {
        let job = &self.jobs[id.0];
        let (kind, predicted) = (job.work.kind, self.seconds(job));
        let calibration = match job.past {
            Some(_) => &mut self.by_history,
            None => &mut self.by_model,
        };
        calibration.observe(kind, predicted, measured.as_secs_f64());
    }

    /// Records how many bytes of rows a job loaded. The cost of what is built on them depends on it.
    pub fn loaded(&mut self, id: JobId, bytes: u64) {
        if let Some(table) = self.loads.get(&id) {
            self.tables[*table] = bytes as f64;
        }
    }

    /// Assumes that these jobs take this long together, each its share: to plan for another
    /// machine, or for a measured run.
    pub fn scale(&mut self, jobs: &[JobId], together: Duration) {
        // Without the round trip to the server, which is negligible for long work.
        let statement = time(self.statement);
        let grows = |id: &JobId| self.of(*id).saturating_sub(statement).as_secs_f64();
        let now: f64 = jobs.iter().map(grows).sum();
        if now <= 0.0 {
            return;
        }
        let factor = together.as_secs_f64() / now;
        let given: Vec<Duration> = jobs.iter().map(|id| time(grows(id) * factor)).collect();
        for (id, given) in jobs.iter().zip(given) {
            self.jobs[id.0].given = Some(given);
        }
    }

    /// The cost without calibration.
    fn seconds(&self, job: &JobCost) -> f64 {
        match job.past {
            _ if !job.wanted => 0.0,
            Some((seconds, _)) => seconds,
            None => by_size(&job.work, &self.tables),
        }
    }

    fn calibration(&self, job: &JobCost) -> &Calibration {
        if job.past.is_some() { &self.by_history } else { &self.by_model }
    }
}

/// Seconds of a statement, including the round trip.
const STATEMENT: f64 = 0.002;

/// Bytes of rows a second, whether they are loaded, sorted for an index or checked by a key. These
/// took about the same time for each byte in a night of 2020; on any other machine, the
/// measurements of each kind of work correct it.
const SPEED: f64 = 30e6;

/// The cost of the work in seconds, on a server without measurements.
fn by_size(work: &CostedWork, tables: &[f64]) -> f64 {
    let bytes: f64 = work.tables.iter().map(|table| tables[*table]).sum();
    // ANALYZE reads a sample.
    let share = if work.kind == CostKind::Analyze { 0.1 } else { 1.0 };
    STATEMENT + (bytes * share + work.objects) / SPEED
}

/// Seconds as a duration. A history may contain anything; with less than a century for a job, all
/// sums stay in range.
fn time(seconds: f64) -> Duration {
    const CENTURY: f64 = 100.0 * 365.25 * 86_400.0;
    Duration::try_from_secs_f64(seconds.clamp(0.0, CENTURY)).unwrap_or_default()
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
