//! Forecasts a plan: its critical path, the least time it can take, and the time it will take.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use super::cost::Costs;
use super::help::{Workers, at_least, simulate_with_help};
use super::rank::{Chains, ends_first, exclusive, rank};
use super::simulate::Simulation;
use super::{JobId, Plan, micros};
use crate::archive::DumpId;

/// The predictions for a plan with a number of workers.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The duration of the prelude, before the first job.
    pub prelude: Duration,
    /// The predicted schedule of the jobs, from the end of the prelude.
    pub simulation: Simulation,
    /// The longest chain of jobs, in order.
    pub critical_path: Chain,
    /// The total cost of all jobs.
    pub total: Duration,
    /// Workers.
    pub workers: Workers,
}

/// Jobs that must run one after another: each waits for the one before it, or for one of its locks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// In order.
    pub jobs: Vec<JobId>,
    /// The least time they take, if other sessions help with rows wherever they can.
    pub time: Duration,
}

impl Forecast {
    /// Ranks the plan's jobs by these costs and runs them in virtual time.
    #[must_use]
    pub fn new(plan: &mut Plan, costs: &Costs, workers: Workers) -> Self {
        plan.rank(|id| costs.of(id));
        Self {
            prelude: costs.prelude(),
            simulation: simulate_with_help(plan, workers, costs),
            critical_path: longest(plan, costs, workers),
            total: total(plan, |id| costs.of(id)),
            workers,
        }
    }

    /// The predicted wall time.
    #[must_use]
    pub fn wall(&self) -> Duration {
        self.prelude + self.simulation.makespan()
    }

    /// A lower bound for any order of the jobs: the larger of the work's share for each worker and
    /// the critical path, after the prelude.
    #[must_use]
    pub fn lower_bound(&self) -> Duration {
        self.prelude + bound(self.total, self.workers.count, self.critical_path.time)
    }
}

/// A lower bound for any order of a plan's jobs with this many sessions, even if they help each
/// other with rows.
#[must_use]
pub fn lower_bound(plan: &Plan, costs: &Costs, workers: Workers) -> Duration {
    let chain = longest(plan, costs, workers).time;
    bound(total(plan, |id| costs.of(id)), workers.count, chain)
}

/// The longest chain of dependencies, or of one table's locks.
fn longest(plan: &Plan, costs: &Costs, workers: Workers) -> Chain {
    let cost = |id| at_least(costs, id, workers);
    let chains = by_dependencies(plan, cost);
    let time = longest_chain_of(&chains);
    let queue = longest_queue(plan, cost);
    if queue.time > time { queue } else { Chain { jobs: critical_path(&chains), time } }
}

/// The longest queue of jobs that a lock of one table serializes, from when the first of them can
/// start, with what comes before it. Jobs that can start early are left out if that gives a higher
/// bound.
fn longest_queue(plan: &Plan, cost: impl Fn(JobId) -> Duration) -> Chain {
    let mut begins = vec![Duration::ZERO; plan.jobs.len()];
    let mut queues: HashMap<DumpId, Vec<JobId>> = HashMap::new();
    let own = |id: JobId| if plan.jobs[id.0].wanted { cost(id) } else { Duration::ZERO };
    for &number in ends_first(&plan.jobs).iter().rev() {
        let job = &plan.jobs[number];
        let after = job.after.iter().map(|id| begins[id.0] + own(*id));
        begins[number] = after.max().unwrap_or_default();
        for table in exclusive(job).filter(|_| job.wanted) {
            queues.entry(table).or_default().push(JobId(number));
        }
    }
    // For each queue: its largest bound, and the jobs that give it.
    let length = |mut queue: Vec<JobId>| {
        queue.sort_unstable_by_key(|id| (Reverse(begins[id.0]), Reverse(*id)));
        let mut sum = Duration::ZERO;
        let ends = queue.iter().enumerate().map(|(at, id)| {
            sum += own(*id);
            (begins[id.0] + sum, at + 1)
        });
        let (time, count) = ends.max_by_key(|(time, count)| (*time, Reverse(*count)))?;
        queue.truncate(count);
        Some((time, queue))
    };
    let longest = queues
        .into_values()
        .filter_map(length)
        .max_by_key(|(time, queue)| (*time, Reverse(queue.last().copied())));
    let Some((time, mut jobs)) = longest else { return Chain::default() };
    // Backwards from the first job of the queue: what it waited for last.
    let end = |id: &JobId| begins[id.0] + own(*id);
    let before = |id: JobId| plan.jobs[id.0].after.iter().copied().max_by_key(end);
    while let Some(first) = jobs.last().copied().filter(|id| !begins[id.0].is_zero())
        && let Some(earlier) = before(first)
        // A cycle would never end.
        && begins[earlier.0] < begins[first.0]
    {
        jobs.push(earlier);
    }
    jobs.retain(|id| plan.jobs[id.0].wanted);
    jobs.reverse();
    Chain { jobs, time }
}

/// The plan with ranks that count chains of dependencies only, so that they are lower bounds.
pub(super) fn by_dependencies(plan: &Plan, cost: impl Fn(JobId) -> Duration) -> Plan {
    let mut plan = plan.clone();
    let order = ends_first(&plan.jobs);
    rank(&mut plan.jobs, &order, Chains::Dependencies, |id| micros(cost(id)));
    plan
}

/// The duration of the longest chain of a plan ranked by dependencies.
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

/// The longest chain of a plan ranked by dependencies: its first job has the highest rank, and each
/// next one the highest among those that wait for it. Unwanted jobs are passed through.
fn critical_path(plan: &Plan) -> Vec<JobId> {
    let mut behind: Vec<Vec<JobId>> = vec![Vec::new(); plan.jobs.len()];
    for (number, job) in plan.jobs.iter().enumerate() {
        for JobId(earlier) in &job.after {
            behind[*earlier].push(JobId(number));
        }
    }
    // The first of equal ones.
    let highest = |jobs: &mut dyn Iterator<Item = JobId>| {
        jobs.max_by_key(|id| (plan.jobs[id.0].rank, Reverse(*id)))
    };
    let mut path: Vec<JobId> = Vec::new();
    let mut next = highest(&mut (0..plan.jobs.len()).map(JobId));
    while let Some(id) = next {
        path.push(id);
        // A cycle would never end; ranks fall along a chain.
        let lower = |other: &JobId| plan.jobs[other.0].rank < plan.jobs[id.0].rank;
        next = highest(&mut behind[id.0].iter().copied().filter(lower));
    }
    path.retain(|id| plan.jobs[id.0].wanted);
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::job;

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
    fn critical_path_is_the_longest_chain() {
        let plan = plan();
        assert_eq!(critical_path(&plan), [JobId(0), JobId(1), JobId(3)]);
        assert_eq!(longest_chain_of(&plan), Duration::from_secs(9));
        assert_eq!(critical_path(&Plan::default()), []);
    }

    #[test]
    fn lower_bound_is_the_chain_or_the_work() {
        for (workers, bound) in [(1, 19.0), (2, 9.5), (3, 9.0), (64, 9.0)] {
            let plan = plan();
            let found = super::bound(total(&plan, cost), workers, longest_chain_of(&plan));
            let found = found.as_secs_f64();
            assert!((found - bound).abs() < 1e-9, "{workers}: {found}");
        }
    }

    #[test]
    fn jobs_with_conflicting_locks_take_their_sum() {
        use crate::plan::LockMode::{Share, ShareUpdateExclusive};
        let mut plan = plan();
        for (number, mode) in [(1, ShareUpdateExclusive), (2, ShareUpdateExclusive), (3, Share)] {
            plan.jobs[number].locks = vec![(DumpId(7), mode)];
        }
        let queue = |jobs: &[usize], seconds| {
            let jobs = jobs.iter().copied().map(JobId).collect();
            Chain { jobs, time: Duration::from_secs(seconds) }
        };
        assert_eq!(longest_queue(&plan, cost), queue(&[0, 1, 2], 1 + 5 + 2));
        plan.jobs[1].wanted = false;
        assert_eq!(longest_queue(&plan, cost), queue(&[0, 2], 1 + 2));
        // A job that could be done before does not delay the others.
        plan.jobs[4].locks = vec![(DumpId(7), ShareUpdateExclusive)];
        plan.jobs[2].after = vec![JobId(3)];
        plan.jobs[3].after = vec![JobId(0)];
        plan.jobs[0].after = vec![];
        let second = |_| Duration::from_secs(1);
        assert_eq!(longest_queue(&plan, second), queue(&[0, 3, 2], 3));
    }

    #[test]
    fn unwanted_jobs_are_not_on_the_path() {
        let mut plan = plan();
        plan.jobs[1].wanted = false;
        plan.rank(|id| if id.0 == 1 { Duration::ZERO } else { cost(id) });
        plan.jobs[4].wanted = false;
        plan.rank(cost);
        assert_eq!(critical_path(&plan), [JobId(0), JobId(2), JobId(3)]);
    }
}
