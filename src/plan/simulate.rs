//! Simulates a schedule in virtual time: what it would do with a number of workers if its jobs took
//! their predicted costs.
//!
//! Workers do not slow each other down here. On a server with fewer cores than workers they would,
//! so the figure is what the *order and the locks* allow.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::{JobId, Plan, Schedule, help};

/// Hands out jobs.
pub trait Dispatcher {
    /// The next job to start now, if there is one. From then on it is running.
    fn take(&mut self) -> Option<JobId>;
    /// A running job is done.
    fn finish(&mut self, job: JobId);
    /// Whether one more worker can join those that do a job. `left` is the remaining time for one
    /// worker.
    fn wants_help(&self, job: JobId, left: Duration, workers: usize) -> bool {
        let _ = (job, left, workers);
        false
    }
}

impl Dispatcher for Schedule {
    fn take(&mut self) -> Option<JobId> {
        Schedule::take(self)
    }

    fn finish(&mut self, job: JobId) {
        Schedule::finish(self, job);
    }
}

/// A job that was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The job.
    pub job: JobId,
    /// The worker that did it, from 0.
    pub worker: usize,
    /// Its start, from the start of the simulation.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
}

/// A timeline of jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulation {
    /// In the order in which jobs ended.
    pub spans: Vec<Span>,
}

impl Simulation {
    /// When the last job ended.
    #[must_use]
    pub fn makespan(&self) -> Duration {
        self.spans.iter().map(|span| span.end).max().unwrap_or_default()
    }
}

/// Runs a plan's jobs, each on one worker. Their ranks must be set ([`Plan::rank`]), but need not
/// come from the same costs.
#[must_use]
pub fn simulate(plan: &Plan, workers: usize, cost: impl Fn(JobId) -> Duration) -> Simulation {
    run(&mut Schedule::new(plan, |_| false), workers, cost)
}

/// A running job.
struct Running {
    span: Span,
    /// Workers that came to help.
    helpers: Vec<usize>,
    /// The current remaining time for one worker.
    left: Duration,
}

impl Running {
    fn speed(&self) -> f64 {
        help::speed(1 + self.helpers.len())
    }

    /// The time to its end if nothing changes.
    fn rest(&self) -> Duration {
        if self.helpers.is_empty() { self.left } else { self.left.div_f64(self.speed()) }
    }

    fn pass(&mut self, time: Duration) {
        let done = if self.helpers.is_empty() { time } else { time.mul_f64(self.speed()) };
        self.left = self.left.saturating_sub(done);
    }
}

/// Runs the jobs of a dispatcher until it has no more.
#[must_use]
pub fn run(
    dispatcher: &mut impl Dispatcher,
    workers: usize,
    cost: impl Fn(JobId) -> Duration,
) -> Simulation {
    let mut now = Duration::ZERO;
    let mut idle: BinaryHeap<Reverse<usize>> = (0..workers.max(1)).map(Reverse).collect();
    let mut running: Vec<Running> = Vec::new();
    let mut spans = Vec::new();
    loop {
        while !idle.is_empty()
            && let Some(job) = dispatcher.take()
            && let Some(Reverse(worker)) = idle.pop()
        {
            let span = Span { job, worker, start: now, end: now };
            running.push(Running { span, helpers: Vec::new(), left: cost(job) });
        }
        while !idle.is_empty()
            && let Some(job) = neediest(&mut running, dispatcher)
            && let Some(Reverse(worker)) = idle.pop()
        {
            job.helpers.push(worker);
        }
        // Of jobs that end at the same time, the first worker's.
        let next = running.iter().enumerate().min_by_key(|(_, job)| (job.rest(), job.span.worker));
        let Some((at, rest)) = next.map(|(at, job)| (at, job.rest())) else {
            return Simulation { spans };
        };
        now = now.saturating_add(rest);
        running.iter_mut().for_each(|job| job.pass(rest));
        let Running { span, helpers, .. } = running.swap_remove(at);
        dispatcher.finish(span.job);
        idle.extend(helpers.into_iter().chain([span.worker]).map(Reverse));
        spans.push(Span { end: now, ..span });
    }
}

/// The job with the most remaining time among those that can use help.
fn neediest<'a>(
    running: &'a mut [Running],
    dispatcher: &impl Dispatcher,
) -> Option<&'a mut Running> {
    running
        .iter_mut()
        .filter(|job| dispatcher.wants_help(job.span.job, job.left, 1 + job.helpers.len()))
        .max_by_key(|job| job.left)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;

    use super::*;
    use crate::archive::DumpId;
    use crate::plan::forecast::{bound, by_dependencies, longest_chain_of, total};
    use crate::plan::{Job, LockMode, tests};

    fn seconds(plan: &Plan, workers: usize, costs: &[u64]) -> u64 {
        let cost = |id: JobId| Duration::from_secs(costs[id.0]);
        let mut plan = plan.clone();
        plan.rank(cost);
        simulate(&plan, workers, cost).makespan().as_secs()
    }

    fn plan(count: usize) -> Plan {
        Plan { prelude: vec![], jobs: (0..count).map(tests::job).collect() }
    }

    #[test]
    fn independent_jobs_are_spread_over_the_workers() {
        let plan = plan(4);
        assert_eq!(seconds(&plan, 1, &[3, 1, 1, 1]), 6);
        assert_eq!(seconds(&plan, 2, &[3, 1, 1, 1]), 3);
        assert_eq!(seconds(&plan, 9, &[3, 1, 1, 1]), 3);
        assert_eq!(seconds(&Plan::default(), 2, &[]), 0);
    }

    #[test]
    fn longest_chain_goes_first_despite_short_first_job() {
        let mut plan = plan(4);
        plan.jobs[3].after = vec![JobId(2)];
        // By size of the jobs alone, the chain 2, 3 would begin last: 5 and then 1 + 5.
        assert_eq!(seconds(&plan, 2, &[4, 4, 1, 7]), 8);
    }

    #[test]
    fn lock_separates_jobs_with_any_number_of_workers() {
        let mut plan = plan(2);
        for job in &mut plan.jobs {
            job.locks = vec![(DumpId(1), LockMode::AccessExclusive)];
        }
        assert_eq!(seconds(&plan, 8, &[2, 3]), 5);
    }

    #[test]
    fn worker_runs_one_job_and_all_jobs_finish() {
        let plan = plan(20);
        let simulation = simulate(&plan, 3, |id| Duration::from_secs(id.0 as u64 % 5));
        assert_eq!(simulation.spans.len(), 20);
        for (number, a) in simulation.spans.iter().enumerate() {
            for b in &simulation.spans[number + 1..] {
                assert!(a.worker != b.worker || a.end <= b.start || b.end <= a.start);
            }
        }
    }

    /// A restore's shape: tables with indexes on them, and keys between the tables.
    fn restores() -> impl Strategy<Value = (Plan, Vec<u64>)> {
        let table = (1u64..2000, prop::collection::vec(1u64..1500, 0..5));
        let key = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1u64..800);
        (prop::collection::vec(table, 6..25), prop::collection::vec(key, 0..12)).prop_map(
            |(tables, keys)| {
                let (mut jobs, mut costs): (Vec<Job>, _) = (vec![], vec![]);
                let mut add = |after: Vec<JobId>, locks, cost| {
                    jobs.push(Job { after, locks, ..tests::job(jobs.len()) });
                    costs.push(cost);
                    JobId(jobs.len() - 1)
                };
                let mut done = vec![];
                for (number, (rows, indexes)) in tables.into_iter().enumerate() {
                    let data = add(vec![], vec![], rows);
                    let lock = vec![(DumpId(number as i32), LockMode::Share)];
                    let built: Vec<JobId> = indexes
                        .into_iter()
                        .map(|index| add(vec![data], lock.clone(), index))
                        .collect();
                    done.push([vec![data], built].concat());
                }
                for (child, parent, cost) in keys {
                    let (child, parent) = (child.index(done.len()), parent.index(done.len()));
                    let locks = vec![
                        (DumpId(child as i32), LockMode::ShareUpdateExclusive),
                        (DumpId(parent as i32), LockMode::RowShare),
                    ];
                    add([&done[child][..], &done[parent]].concat(), locks, cost);
                }
                (Plan { prelude: vec![], jobs }, costs)
            },
        )
    }

    proptest! {
        /// Any greedy schedule ends within twice the bound without locks (Graham). Ours is far
        /// nearer: see the average below.
        #[test]
        fn end_is_between_lower_bound_and_grahams_bound(
            (mut plan, costs) in restores(),
            workers in 1usize..17,
        ) {
            let cost = |id: JobId| Duration::from_secs(costs[id.0]);
            plan.rank(cost);
            for job in &mut plan.jobs {
                job.locks.clear();
            }
            let took = simulate(&plan, workers, cost).makespan();
            let (total, chain) = (total(&plan, cost), longest_chain_of(&by_dependencies(&plan, cost)));
            let graham = total / workers as u32 + chain;
            prop_assert!(took >= bound(total, workers, chain));
            prop_assert!(took <= graham);
        }
    }

    #[test]
    fn random_restores_average_near_the_lower_bound() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for (workers, most) in [(2, 1.01), (4, 1.03), (8, 1.05), (16, 1.05)] {
            let (mut took, mut least) = (0.0, 0.0);
            for _ in 0..60 {
                let (mut plan, costs) = restores().new_tree(&mut runner).unwrap().current();
                let cost = |id: JobId| Duration::from_secs(costs[id.0]);
                plan.rank(cost);
                took += simulate(&plan, workers, cost).makespan().as_secs_f64();
                let chain = longest_chain_of(&by_dependencies(&plan, cost));
                least += bound(total(&plan, cost), workers, chain).as_secs_f64();
            }
            let ratio = took / least;
            println!("{workers} workers: {ratio:.3} of the lower bound");
            assert!((1.0..most).contains(&ratio), "{workers} workers: {ratio}");
        }
    }
}
