//! What a plan comes to: its critical path, the least time it can take, and the time it will take.

use std::time::Duration;

use super::cost::Costs;
use super::help::{at_least, simulate_with_help};
use super::simulate::Simulation;
use super::{JobId, Plan};

/// A plan with its predictions, for a number of workers.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// What the prelude takes, before the first job.
    pub prelude: Duration,
    /// When which job is thought to run, counted from the end of the prelude.
    pub simulation: Simulation,
    /// The longest chain of jobs, in order.
    pub critical_path: Vec<JobId>,
    /// What that chain takes, each of its jobs by one session.
    pub critical_seconds: Duration,
    /// What the longest chain takes at least, if other sessions help with rows wherever they can.
    pub longest_chain: Duration,
    /// What all jobs take together.
    pub total: Duration,
    /// Workers.
    pub workers: usize,
}

impl Forecast {
    /// Ranks the plan's jobs by these costs and carries them out in virtual time.
    #[must_use]
    pub fn new(plan: &mut Plan, costs: &Costs, workers: usize) -> Self {
        let workers = workers.max(1);
        let longest_chain = shortest(plan, costs, workers);
        plan.rank(|id| costs.of(id));
        Self {
            prelude: costs.prelude(),
            simulation: simulate_with_help(plan, workers, costs),
            critical_path: critical_path(plan),
            critical_seconds: longest_chain_of(plan),
            longest_chain,
            total: total(plan, |id| costs.of(id)),
            workers,
        }
    }

    /// The predicted wall time.
    #[must_use]
    pub fn wall(&self) -> Duration {
        self.prelude + self.simulation.makespan()
    }

    /// No order of the jobs takes less: the larger of the work's share for each worker and the
    /// longest chain, behind the prelude.
    #[must_use]
    pub fn lower_bound(&self) -> Duration {
        self.prelude + bound(self.total, self.workers, self.longest_chain)
    }
}

/// No order of a plan's jobs takes less with so many sessions, though they help each other with rows.
#[must_use]
pub fn lower_bound(plan: &Plan, costs: &Costs, workers: usize) -> Duration {
    bound(total(plan, |id| costs.of(id)), workers, shortest(plan, costs, workers))
}

/// What the longest chain takes at least with so many sessions.
fn shortest(plan: &Plan, costs: &Costs, workers: usize) -> Duration {
    let mut plan = plan.clone();
    plan.rank(|id| at_least(costs, id, workers));
    longest_chain_of(&plan)
}

/// What the longest chain of a ranked plan takes.
pub(super) fn longest_chain_of(plan: &Plan) -> Duration {
    Duration::from_micros(plan.jobs.iter().map(|job| job.rank).max().unwrap_or(0))
}

pub(super) fn bound(total: Duration, workers: usize, longest_chain: Duration) -> Duration {
    let workers = u32::try_from(workers.max(1)).unwrap_or(u32::MAX);
    (total / workers).max(longest_chain)
}

pub(super) fn total(plan: &Plan, cost: impl Fn(JobId) -> Duration) -> Duration {
    wanted(plan).map(cost).sum()
}

fn wanted(plan: &Plan) -> impl Iterator<Item = JobId> + '_ {
    (0..plan.jobs.len()).map(JobId).filter(|id| plan.jobs[id.0].wanted)
}

/// The longest chain of a ranked plan: its first job has the highest rank, and each next one the
/// highest among those that wait. Jobs that are not wanted are passed through.
fn critical_path(plan: &Plan) -> Vec<JobId> {
    let mut behind: Vec<Vec<JobId>> = vec![Vec::new(); plan.jobs.len()];
    for (number, job) in plan.jobs.iter().enumerate() {
        for JobId(earlier) in &job.after {
            behind[*earlier].push(JobId(number));
        }
    }
    // Of equal ones the first.
    let highest = |jobs: &mut dyn Iterator<Item = JobId>| {
        jobs.max_by_key(|id| (plan.jobs[id.0].rank, std::cmp::Reverse(*id)))
    };
    let mut path: Vec<JobId> = Vec::new();
    let mut next = highest(&mut (0..plan.jobs.len()).map(JobId));
    while let Some(id) = next {
        path.push(id);
        // A circle would never end; ranks fall along a chain.
        let lower = |other: &JobId| plan.jobs[other.0].rank < plan.jobs[id.0].rank;
        next = highest(&mut behind[id.0].iter().copied().filter(lower));
    }
    path.retain(|id| plan.jobs[id.0].wanted);
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::job;

    fn plan() -> Plan {
        let mut jobs: Vec<_> = (0..5).map(job).collect();
        jobs[1].after = vec![JobId(0)];
        jobs[2].after = vec![JobId(0)];
        jobs[3].after = vec![JobId(1), JobId(2)];
        let mut plan = Plan { prelude: vec![], jobs };
        plan.rank(cost);
        plan
    }

    fn cost(id: JobId) -> Duration {
        Duration::from_secs([1, 5, 2, 3, 8][id.0])
    }

    #[test]
    fn the_critical_path_is_the_longest_chain() {
        let plan = plan();
        assert_eq!(critical_path(&plan), [JobId(0), JobId(1), JobId(3)]);
        assert_eq!(longest_chain_of(&plan), Duration::from_secs(9));
        assert_eq!(critical_path(&Plan::default()), []);
    }

    #[test]
    fn the_lower_bound_is_the_chain_s_or_the_work_s() {
        for (workers, bound) in [(1, 19.0), (2, 9.5), (3, 9.0), (64, 9.0)] {
            let plan = plan();
            let found = super::bound(total(&plan, cost), workers, longest_chain_of(&plan));
            let found = found.as_secs_f64();
            assert!((found - bound).abs() < 1e-9, "{workers}: {found}");
        }
    }

    #[test]
    fn what_is_not_wanted_is_not_on_the_path() {
        let mut plan = plan();
        plan.jobs[1].wanted = false;
        plan.rank(|id| if id.0 == 1 { Duration::ZERO } else { cost(id) });
        plan.jobs[4].wanted = false;
        plan.rank(cost);
        assert_eq!(critical_path(&plan), [JobId(0), JobId(2), JobId(3)]);
    }
}
