//! Simulates sessions that help with a table's rows: idle sessions join.

use std::collections::HashSet;
use std::time::Duration;

use super::cost::{CostKind, Costs};
use super::simulate::{Dispatcher, Simulation, run};
use super::{JobId, Plan, Schedule};

/// The worth of a helping session relative to the first. They share one reader of the archive, and
/// the table; others have measured 3.5 times the speed with four sessions.
pub(crate) const WORTH: f64 = 0.75;

/// Sessions that one reader of an archive can feed.
pub(crate) const MAX_SESSIONS_PER_TABLE: usize = 4;

/// The work for each session from which another one joins.
const MIN_WORK_PER_SESSION: Duration = Duration::from_millis(300);

/// The sessions that run a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// All of them, at least 1.
    pub count: usize,
    /// Those that can work at the same time while a table is being read.
    pub together: usize,
}

impl Workers {
    /// This many sessions, on a server with enough processors for them.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self::with_processors(count, None)
    }

    /// This many sessions, with the processors that server and client share, if known. Reading and
    /// decoding a table keeps one of them busy.
    #[must_use]
    pub fn with_processors(count: usize, processors: Option<usize>) -> Self {
        Self { count: count.max(1), together: at_once(count, processors, 1).max(1) }
    }

    /// The sessions that can load one table together.
    fn for_a_table(self) -> usize {
        self.together.min(MAX_SESSIONS_PER_TABLE)
    }
}

/// How many of the sessions can work at the same time, besides this many threads of this program,
/// if the server is known to share its processors.
pub(crate) fn at_once(sessions: usize, processors: Option<usize>, beside: usize) -> usize {
    processors.map_or(sessions, |count| sessions.min(count.saturating_sub(beside)))
}

/// The speed of this many sessions, relative to one.
pub(super) fn speed(sessions: usize) -> f64 {
    1.0 + WORTH * sessions.saturating_sub(1) as f64
}

/// The least time a job takes, if all sessions that can help with it do.
#[must_use]
pub fn at_least(costs: &Costs, id: JobId, workers: Workers) -> Duration {
    match costs.kind(id) {
        CostKind::Rows => costs.of(id).div_f64(speed(workers.for_a_table())),
        _ => costs.of(id),
    }
}

/// Runs a ranked plan's jobs as a restore does: idle workers help with the rows of large tables.
#[must_use]
pub fn simulate_with_help(plan: &Plan, workers: Workers, costs: &Costs) -> Simulation {
    let schedule = Schedule::new(plan, |_| false);
    let mut helping = Helping { schedule, workers, costs, shared: HashSet::new() };
    run(&mut helping, workers.count, |id| costs.of(id))
}

struct Helping<'a> {
    schedule: Schedule,
    workers: Workers,
    costs: &'a Costs,
    /// The running jobs that others may help with, as decided when they start.
    shared: HashSet<JobId>,
}

impl Dispatcher for Helping<'_> {
    fn take(&mut self) -> Option<JobId> {
        let id = self.schedule.take()?;
        let large =
            self.costs.kind(id) == CostKind::Rows && self.costs.of(id) > MIN_WORK_PER_SESSION;
        let together = self.workers.together;
        if large && together > 1 && self.schedule.gains_from_help(id, together) {
            self.shared.insert(id);
        }
        Some(id)
    }

    fn finish(&mut self, id: JobId) {
        self.schedule.finish(id);
    }

    fn wants_help(&self, id: JobId, left: Duration, workers: usize) -> bool {
        let each = left / u32::try_from(workers + 1).unwrap_or(u32::MAX);
        workers < self.workers.for_a_table()
            && each >= MIN_WORK_PER_SESSION
            && self.shared.contains(&id)
    }
}
