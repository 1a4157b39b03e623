//! Sessions that help with a table's rows, simulated: who has nothing else to do joins.

use std::collections::HashSet;
use std::time::Duration;

use super::cost::{Costs, Kind};
use super::simulate::{Dispatcher, Simulation, run};
use super::{JobId, Plan, Schedule};

/// What a session that helps is worth, against the first. They share one reader of the archive, and
/// the table; others have measured 3.5 times the speed with four sessions.
pub(crate) const WORTH: f64 = 0.75;

/// Sessions that one reader of an archive can feed.
const MOST: usize = 4;

/// Work for each session from which another one joins.
const LEAST: Duration = Duration::from_millis(300);

/// The speed of so many sessions, against one.
pub(super) fn speed(sessions: usize) -> f64 {
    1.0 + WORTH * sessions.saturating_sub(1) as f64
}

/// What a job takes at least with so many sessions.
pub(super) fn at_least(costs: &Costs, id: JobId, sessions: usize) -> Duration {
    match costs.kind(id) {
        Kind::Rows => costs.of(id).div_f64(speed(sessions.min(MOST))),
        _ => costs.of(id),
    }
}

/// Carries out a ranked plan's jobs as a restore does: workers with nothing to do help with the rows
/// of large tables.
#[must_use]
pub fn simulate_with_help(plan: &Plan, workers: usize, costs: &Costs) -> Simulation {
    let schedule = Schedule::new(plan, |_| false);
    let mut helping = Helping { schedule, workers, costs, shared: HashSet::new() };
    run(&mut helping, workers, |id| costs.of(id))
}

struct Helping<'a> {
    schedule: Schedule,
    workers: usize,
    costs: &'a Costs,
    /// The running jobs that others may help with, which is decided when they begin.
    shared: HashSet<JobId>,
}

impl Dispatcher for Helping<'_> {
    fn take(&mut self) -> Option<JobId> {
        let id = self.schedule.take()?;
        let large = self.costs.kind(id) == Kind::Rows && self.costs.of(id) > LEAST;
        if large && self.schedule.gains_from_help(id, self.workers) {
            self.shared.insert(id);
        }
        Some(id)
    }

    fn finish(&mut self, id: JobId) {
        self.schedule.finish(id);
    }

    fn wants_help(&self, id: JobId, left: Duration, workers: usize) -> bool {
        let each = left / u32::try_from(workers + 1).unwrap_or(u32::MAX);
        workers < MOST && each >= LEAST && self.shared.contains(&id)
    }
}
