//! Measures jobs as they run, and ranks the remaining ones by the measurements.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::plan::cost::Costs;
use crate::plan::{JobId, Schedule, Step, WORTH};
use crate::restore::conduct::planning::is_known;
use crate::restore::context::{Context, FirstStep};
use crate::restore::event::{EntryRef, Event};

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
pub(crate) fn knows_the_rest(ctx: &Context, costs: &Costs) -> bool {
    ctx.random.is_some() || is_known(costs)
}

impl Costing {
    pub(crate) fn new(ctx: &Context, costs: Costs) -> Self {
        let tells = knows_the_rest(ctx, &costs);
        Self { costs, begun: HashMap::new(), rank_from: Instant::now(), tells }
    }

    /// Reports the remaining time of the run.
    pub(crate) fn tell_rest(&self, ctx: &Context, schedule: &Schedule) {
        if self.tells {
            let ran = |id: JobId| self.begun.get(&id).map(Instant::elapsed).unwrap_or_default();
            let left = schedule.left(ctx.sessions(), ran);
            ctx.events.send(Event::Remaining { left });
        }
    }

    /// Records that a job has started.
    pub(crate) fn begin(&mut self, job: JobId) {
        self.begun.insert(job, Instant::now());
    }

    /// Records that a job is done. If it succeeded, its time is reported and the others may be
    /// re-ranked.
    pub(crate) fn end(&mut self, ctx: &Context, schedule: &mut Schedule, id: JobId) {
        let Some(duration) = self.begun.remove(&id).map(|begun| begun.elapsed()) else {
            return;
        };
        let job = schedule.job(id);
        let Some(done) = ctx.done(job.entry, job.step) else {
            return;
        };
        let helped = ctx.ledger().helped.get(&ctx.entry(job.entry).dump_id).copied();
        let helped = helped.filter(|_| job.step == Step::Entire).unwrap_or_default();
        // The time that one session would have taken.
        let duration = duration + helped.mul_f64(WORTH);
        self.costs.observe(id, duration);
        if done.rows > 0 {
            self.costs.loaded(id, done.rows, done.bytes);
        }
        ctx.events.send(Event::Measured {
            entry: EntryRef::from(ctx.entry(job.entry)),
            step: done.step,
            size: self.costs.size(id),
            rows: done.rows,
            bytes: done.bytes,
            format: ctx.ledger().formats.get(&job.entry).copied(),
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
struct Done {
    /// The step that was done last.
    step: Step,
    rows: u64,
    bytes: u64,
}

impl Context {
    /// What a step of an entry did; `None` if it failed.
    fn done(&self, place: usize, step: Step) -> Option<Done> {
        let ledger = self.ledger();
        let first = ledger.first_steps.get(&place);
        let went_well = matches!(first, Some(FirstStep::Done(_)));
        match step {
            Step::Analyze | Step::AnalyzePartition => Some(Done { step, rows: 0, bytes: 0 }),
            Step::BuildIndex | Step::AddForeignKey => {
                went_well.then_some(Done { step, rows: 0, bytes: 0 })
            }
            _ => {
                let (rows, bytes) = *ledger.restored.get(&place)?;
                // After a refused first step, the archive's own statement ran.
                let instead = first.is_some() && !went_well;
                Some(Done { step: if instead { Step::Entire } else { step }, rows, bytes })
            }
        }
    }
}
