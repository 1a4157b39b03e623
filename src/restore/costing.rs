//! Measures jobs while they are carried out, and ranks what is left by what was measured.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::context::Context;
use super::event::{EntryRef, Event};
use super::planning::is_known;
use super::steps::FirstStep;
use crate::plan::cost::Costs;
use crate::plan::{JobId, Schedule, Step, WORTH};

/// How often jobs are ranked anew at most.
const RANK_EVERY: Duration = Duration::from_millis(250);

/// Ranking takes at most this part of the time, however many jobs there are.
const RANK_SHARE: u32 = 50;

/// The costs of a plan's jobs, and when those began that run.
#[derive(Debug)]
pub(super) struct Costing {
    costs: Costs,
    begun: HashMap<JobId, Instant>,
    rank_from: Instant,
    /// Whether to report what is left.
    tells: bool,
}

/// Whether it can be said what is left of the run: of a stream no sizes are known beforehand.
pub(super) fn knows_the_rest(ctx: &Context, costs: &Costs) -> bool {
    ctx.random.is_some() || is_known(costs)
}

impl Costing {
    pub(super) fn new(ctx: &Context, costs: Costs) -> Self {
        let tells = knows_the_rest(ctx, &costs);
        Self { costs, begun: HashMap::new(), rank_from: Instant::now(), tells }
    }

    /// Reports what is left of the run.
    pub(super) fn tell_rest(&self, ctx: &Context, schedule: &Schedule) {
        if self.tells {
            let ran = |id: JobId| self.begun.get(&id).map(Instant::elapsed).unwrap_or_default();
            let left = schedule.left(ctx.sessions(), ran);
            ctx.events.send(Event::Remaining { left });
        }
    }

    /// A job begins.
    pub(super) fn begin(&mut self, job: JobId) {
        self.begun.insert(job, Instant::now());
    }

    /// A job is done. If it went well, its time is told, and others may be ranked anew.
    pub(super) fn end(&mut self, ctx: &Context, schedule: &mut Schedule, id: JobId) {
        let Some(duration) = self.begun.remove(&id).map(|begun| begun.elapsed()) else {
            return;
        };
        let job = schedule.job(id);
        let Some(done) = ctx.done(job.entry, job.step) else {
            return;
        };
        let helped = ctx.ledger().helped.get(&ctx.entry(job.entry).dump_id).copied();
        let helped = helped.filter(|_| job.step == Step::Entire).unwrap_or_default();
        // What one session would have taken.
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

/// What a job did that went well.
struct Done {
    /// The step that was done at last.
    step: Step,
    rows: u64,
    bytes: u64,
}

impl Context {
    /// What a step of an entry did; `None` if it did not go well.
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
                // After a first step that was refused, the archive's own statement ran.
                let instead = first.is_some() && !went_well;
                Some(Done { step: if instead { Step::Entire } else { step }, rows, bytes })
            }
        }
    }
}
