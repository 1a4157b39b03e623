//! The plan of a restore (`nocturne plan`): as text, as JSON, as a Graphviz graph and as a page
//! with a chart.
//!
//! [`PlanReport`] contains the data in the form of the JSON; the other forms are written from it.

mod dot;
mod html;
mod text;

use std::collections::HashSet;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::archive::Entry;
use crate::plan::cost::{Basis, Costs};
use crate::plan::forecast::{Forecast, lower_bound};
use crate::plan::history::{Database, PastRun};
use crate::plan::{JobId, Plan, Step, Workers, at_least, simulate_pg_restore, simulate_with_help};
use crate::restore::event::EntryRef;

/// Numbers of workers for which orders are compared.
const COMPARED: [usize; 6] = [2, 4, 8, 16, 32, 64];

/// A plan and its predictions.
#[derive(Clone, Debug, Serialize)]
pub struct PlanReport {
    /// The archive's name as given by the user.
    pub archive: String,
    /// The dumped database.
    pub database: String,
    /// The number of sessions that the predictions assume.
    pub workers: usize,
    /// Entries that one session restores before the first job.
    pub prelude_entries: usize,
    /// Their total time.
    #[serde(serialize_with = "seconds")]
    pub prelude_seconds: Duration,
    /// The predicted wall time, by simulation.
    #[serde(serialize_with = "seconds")]
    pub wall_seconds: Duration,
    /// The shortest possible wall time, in any order, with this number of sessions.
    #[serde(serialize_with = "seconds")]
    pub lower_bound_seconds: Duration,
    /// The total time of all jobs.
    #[serde(serialize_with = "seconds")]
    pub total_seconds: Duration,
    /// The shortest possible time of the critical path, if other sessions help with rows.
    #[serde(serialize_with = "seconds")]
    pub critical_seconds: Duration,
    /// The part of the total that was measured in earlier runs.
    #[serde(serialize_with = "seconds")]
    pub known_seconds: Duration,
    /// Earlier runs with archives of this database.
    pub runs: u32,
    /// The last of them that finished.
    pub last_run: Option<PastRun>,
    /// Times of kinds of entries that were given instead of predicted.
    pub given: Vec<Given>,
    /// The jobs, the most expensive first.
    pub jobs: Vec<PlannedJob>,
    /// The longest chain of jobs, in order, by number: each waits for the previous one, or for a
    /// lock that it holds.
    pub critical_path: Vec<usize>,
    /// A comparison of orders for the same work, if requested.
    pub comparison: Option<Vec<Compared>>,
}

/// A job and when it would run.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedJob {
    /// Its number in the plan.
    pub job: usize,
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryRef,
    /// The step of the entry.
    pub step: Step,
    /// Its predicted time.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
    /// Its shortest possible time, if as many sessions as possible help with its rows.
    #[serde(serialize_with = "seconds")]
    pub least_seconds: Duration,
    /// The source of the prediction.
    pub basis: &'static str,
    /// The number of earlier runs that measured it.
    pub runs: u32,
    /// Bytes of archived data that its cost grows with; 0 if unknown.
    pub size: u64,
    /// The session that would run it, from 0.
    pub worker: usize,
    /// When it would start, relative to the start of the restore.
    #[serde(serialize_with = "seconds")]
    pub start_seconds: Duration,
    /// When it would end: earlier than its cost suggests if other sessions help.
    #[serde(serialize_with = "seconds")]
    pub end_seconds: Duration,
    /// Whether it is on the critical path.
    pub critical: bool,
    /// The jobs that it waits for.
    pub after: Vec<usize>,
    /// Why it waits for jobs that its entry does not depend on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A time given for all entries of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Given {
    /// The kind, `FK CONSTRAINT`.
    pub kind: String,
    /// The total time of its entries.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
}

/// Wall times of the same work in several orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Sessions.
    pub workers: usize,
    /// In pg_restore's order, by its rules for parallel items.
    #[serde(serialize_with = "seconds")]
    pub pg_restore_seconds: Duration,
    /// In nocturne's order.
    #[serde(serialize_with = "seconds")]
    pub nocturne_seconds: Duration,
    /// The shortest possible time in any order.
    #[serde(serialize_with = "seconds")]
    pub lower_bound_seconds: Duration,
}

/// The input of a report.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The archive's name as given by the user.
    pub archive: &'a str,
    /// The dumped database.
    pub database: &'a str,
    /// Its entries.
    pub entries: &'a [Entry],
    /// Earlier runs with archives of this database.
    pub history: Option<&'a Database>,
    /// Sessions.
    pub workers: Workers,
    /// Whether to compare orders.
    pub compare: bool,
}

impl PlanReport {
    /// Ranks the plan by cost, simulates it, and reports the result.
    #[must_use]
    pub fn new(subject: Subject<'_>, plan: &mut Plan, costs: &Costs, given: Vec<Given>) -> Self {
        let forecast = Forecast::new(plan, costs, subject.workers);
        let critical: HashSet<JobId> = forecast.critical_path.jobs.iter().copied().collect();
        let mut jobs: Vec<PlannedJob> = forecast
            .simulation
            .spans
            .iter()
            .map(|span| {
                let job = &plan.jobs[span.job.0];
                let (basis, runs) = match costs.basis(span.job) {
                    Basis::Given => ("given", 0),
                    Basis::History { runs } => ("history", runs),
                    Basis::Model => ("model", 0),
                };
                PlannedJob {
                    job: span.job.0,
                    entry: EntryRef::from(&subject.entries[job.entry]),
                    step: job.step,
                    seconds: costs.of(span.job),
                    least_seconds: at_least(costs, span.job, subject.workers),
                    basis,
                    runs,
                    size: costs.size(span.job),
                    worker: span.worker,
                    start_seconds: forecast.prelude + span.start,
                    end_seconds: forecast.prelude + span.end,
                    critical: critical.contains(&span.job),
                    after: wanted_before(plan, span.job),
                    why: job.why.clone(),
                }
            })
            .collect();
        jobs.sort_by_key(|job| (std::cmp::Reverse(job.seconds), job.job));
        let (known, total) = costs.measured_share();
        Self {
            archive: subject.archive.to_owned(),
            database: subject.database.to_owned(),
            workers: forecast.workers.count,
            prelude_entries: plan.prelude.len(),
            prelude_seconds: forecast.prelude,
            wall_seconds: forecast.wall(),
            lower_bound_seconds: forecast.lower_bound(),
            total_seconds: total,
            critical_seconds: forecast.critical_path.time,
            known_seconds: known,
            runs: subject.history.map_or(0, Database::runs),
            last_run: subject.history.and_then(Database::last_night),
            given,
            jobs,
            critical_path: forecast.critical_path.jobs.iter().map(|id| id.0).collect(),
            comparison: subject.compare.then(|| compare(&subject, plan, costs)),
        }
    }

    /// The report as indented JSON, with a newline at the end.
    ///
    /// # Errors
    /// If serialization fails, which it does not.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// The jobs of the critical path, in order.
    fn chain(&self) -> Vec<&PlannedJob> {
        let by_number: std::collections::HashMap<usize, &PlannedJob> =
            self.jobs.iter().map(|job| (job.job, job)).collect();
        self.critical_path.iter().filter_map(|number| by_number.get(number).copied()).collect()
    }
}

impl PlannedJob {
    /// `INDEX public.users_email`, plus the step if the job does not restore the entire entry.
    fn label(&self) -> String {
        let (desc, step) = match self.step {
            Step::Entire => (self.entry.desc.as_str(), ""),
            Step::BuildIndex => (self.entry.desc.as_str(), ": its index"),
            Step::UseIndex => (self.entry.desc.as_str(), ": from its index"),
            Step::AddForeignKey | Step::AddNotValid => (self.entry.desc.as_str(), ": not valid"),
            Step::Validate => (self.entry.desc.as_str(), ": validated"),
            Step::Analyze | Step::AnalyzePartition => ("ANALYZE", ""),
        };
        let entry = EntryRef { desc: desc.to_owned(), ..self.entry.clone() };
        super::wording::label(&entry) + step
    }

    /// The source of its cost, as text.
    fn source(&self) -> String {
        match self.runs {
            0 => self.basis.to_owned(),
            runs => super::units::plural(u64::from(runs), "run", "runs"),
        }
    }
}

/// The selected jobs that a job waits for, directly or through unselected ones.
fn wanted_before(plan: &Plan, id: JobId) -> Vec<usize> {
    let mut before = Vec::new();
    let mut seen = HashSet::new();
    let mut ahead = plan.jobs[id.0].after.clone();
    while let Some(earlier) = ahead.pop() {
        if !seen.insert(earlier) {
            continue;
        }
        if plan.jobs[earlier.0].wanted {
            before.push(earlier.0);
        } else {
            ahead.extend(&plan.jobs[earlier.0].after);
        }
    }
    before.sort_unstable();
    before
}

fn compare(subject: &Subject<'_>, plan: &Plan, costs: &Costs) -> Vec<Compared> {
    let prelude = costs.prelude();
    COMPARED
        .into_iter()
        .map(|count| {
            let workers = Workers::new(count);
            let theirs = simulate_pg_restore(plan, subject.entries, count, |id| costs.of(id));
            Compared {
                workers: count,
                pg_restore_seconds: prelude + theirs.makespan(),
                nocturne_seconds: prelude + simulate_with_help(plan, workers, costs).makespan(),
                lower_bound_seconds: prelude + lower_bound(plan, costs, workers),
            }
        })
        .collect()
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[cfg(test)]
mod tests;
