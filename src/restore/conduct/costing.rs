//! Measures jobs as they run, and ranks the remaining ones by the measurements.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::archive::Place;
use crate::plan::cost::Costs;
use crate::plan::{JobId, Schedule, Step, WORTH};
use crate::restore::conduct::planning::is_known;
use crate::restore::event::{EntryRef, Event};
use crate::restore::facts::Facts;
use crate::restore::ledger::{FirstStep, Ledger};

/// The shortest interval between two rankings of the jobs.
const RANK_EVERY: Duration = Duration::from_millis(250);

/// Ranking takes at most this part of the time, however many jobs there are.
const RANK_SHARE: u32 = 50;

/// The costs of a plan's jobs, and the start times of the running ones.
#[derive(Debug)]
pub(crate) struct Costing {
    costs: Costs,
    begun: HashMap<JobId, Instant>,
    rank_from: Instant,
    /// Whether to report the remaining time.
    tells: bool,
}

/// Whether the remaining time can be estimated: a stream's sizes are not known in advance.
pub(crate) fn knows_the_rest(facts: &Facts, costs: &Costs) -> bool {
    facts.random.is_some() || is_known(costs)
}

impl Costing {
    pub(crate) fn new(facts: &Facts, costs: Costs) -> Self {
        let tells = knows_the_rest(facts, &costs);
        Self { costs, begun: HashMap::new(), rank_from: Instant::now(), tells }
    }

    /// Reports the remaining time of the run.
    pub(crate) fn tell_rest(&self, ledger: &Ledger, schedule: &Schedule) {
        if self.tells {
            let ran = |id: JobId| self.begun.get(&id).map(Instant::elapsed).unwrap_or_default();
            let left = schedule.left(ledger.server.sessions(), ran);
            ledger.facts.events.send(Event::Remaining { left });
        }
    }

    /// Records that a job has started.
    pub(crate) fn begin(&mut self, job: JobId) {
        self.begun.insert(job, Instant::now());
    }

    /// Records that a job is done. If it succeeded, its time is reported and the others may be
    /// re-ranked.
    pub(crate) fn end(&mut self, ledger: &Ledger, schedule: &mut Schedule, id: JobId) {
        let Some(duration) = self.begun.remove(&id).map(|begun| begun.elapsed()) else {
            return;
        };
        let job = schedule.job(id);
        let Some(done) = done(ledger, job.entry, job.step) else {
            return;
        };
        let helped = match job.step {
            Step::Entire => ledger.helped(ledger.facts.entry(job.entry).dump_id),
            _ => Duration::ZERO,
        };
        // The time that one session would have taken.
        let duration = duration + helped.mul_f64(WORTH);
        self.costs.observe(id, duration);
        if done.rows > 0 {
            self.costs.loaded(id, done.bytes);
        }
        ledger.facts.events.send(Event::Measured {
            entry: EntryRef::from(ledger.facts.entry(job.entry)),
            step: done.step,
            size: self.costs.size(id),
            rows: done.rows,
            bytes: done.bytes,
            format: ledger.format(job.entry),
            duration,
        });
        let now = Instant::now();
        if now >= self.rank_from {
            schedule.rank(|id| self.costs.of(id));
            self.rank_from = Instant::now() + RANK_EVERY.max(now.elapsed() * RANK_SHARE);
        }
    }
}

/// What a successful job did.
struct FinishedStep {
    /// The step that was done last.
    step: Step,
    rows: u64,
    bytes: u64,
}

/// What a step of an entry did; `None` if it failed.
fn done(ledger: &Ledger, place: Place, step: Step) -> Option<FinishedStep> {
    let first = ledger.first_step(place);
    let went_well = matches!(first, Some(FirstStep::Done(_)));
    match step {
        Step::Analyze | Step::AnalyzePartition => Some(FinishedStep { step, rows: 0, bytes: 0 }),
        Step::BuildIndex | Step::AddForeignKey => {
            went_well.then_some(FinishedStep { step, rows: 0, bytes: 0 })
        }
        _ => {
            let (rows, bytes) = ledger.restored(place)?;
            // After a refused first step, the archive's own statement ran.
            let instead = first.is_some() && !went_well;
            Some(FinishedStep { step: if instead { Step::Entire } else { step }, rows, bytes })
        }
    }
}
