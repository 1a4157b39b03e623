//! Which job next: the part of a plan that changes while it is carried out.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use super::lock::{Locks, conflict};
use super::rank::{Chains, ends_first, rank};
use super::{Job, JobId, Plan, micros};
use crate::select::Pass;

/// The state of a plan's jobs.
///
/// The job with the longest chain behind it goes first, equal ones in the order of the plan. Passes
/// do not overlap. Jobs in a circle of dependencies are let go one by one, in order, when nothing
/// else is left: the archive may be restorable all the same, as pg_restore has it.
#[derive(Debug)]
pub struct Schedule {
    jobs: Vec<Job>,
    /// The order in which ranks are computed.
    ends_first: Vec<usize>,
    state: Vec<State>,
    /// Jobs that wait for this one.
    before: Vec<Vec<JobId>>,
    /// Unfinished jobs that a job waits for.
    waits_for: Vec<usize>,
    /// Ready jobs of the current pass that are wanted, best first.
    ready: BTreeSet<(Reverse<u64>, JobId)>,
    /// Jobs that must not start before [`Schedule::open`], because their data has not come yet.
    closed: HashSet<JobId>,
    pass: Pass,
    running: usize,
    unfinished: usize,
    locks: Locks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
}

/// A job is short beside another that takes so many times as long.
const SHORT: u64 = 20;

/// Jobs that wait for a lock and are looked at: the best ones.
const LOOKED_AT: usize = 64;

impl Schedule {
    /// Starts the plan's jobs. Jobs for which `closed` holds must be opened one by one.
    #[must_use]
    pub fn new(plan: &Plan, closed: impl Fn(&Job) -> bool) -> Self {
        let jobs = plan.jobs.clone();
        let mut before = vec![Vec::new(); jobs.len()];
        let mut waits_for = vec![0; jobs.len()];
        for (number, job) in jobs.iter().enumerate() {
            let after: BTreeSet<JobId> = job.after.iter().copied().collect();
            waits_for[number] = after.len();
            for JobId(earlier) in after {
                before[earlier].push(JobId(number));
            }
        }
        let closed = (0..jobs.len()).filter(|n| closed(&jobs[*n])).map(JobId).collect();
        let mut schedule = Self {
            state: vec![State::Waiting; jobs.len()],
            unfinished: jobs.len(),
            ends_first: ends_first(&jobs),
            jobs,
            before,
            waits_for,
            ready: BTreeSet::new(),
            closed,
            pass: Pass::Main,
            running: 0,
            locks: Locks::default(),
        };
        schedule.collect_ready();
        schedule
    }

    /// The next job to start, if one can be started now. It counts as running from here on.
    pub fn take(&mut self) -> Option<JobId> {
        loop {
            if let Some(key) = self.next() {
                self.ready.remove(&key);
                self.start(key.1);
                return Some(key.1);
            }
            if self.running > 0 || self.unfinished == 0 || self.waits_for_data() {
                return None;
            }
            if self.pass < Pass::PostAcl {
                self.pass = if self.pass == Pass::Main { Pass::Acl } else { Pass::PostAcl };
                self.collect_ready();
            } else {
                self.break_circle();
            }
        }
    }

    /// Ranks the jobs anew, by what each is thought to take now. What runs goes on.
    pub fn rank(&mut self, cost: impl Fn(JobId) -> Duration) {
        let is_done = |id: JobId| self.state[id.0] == State::Done;
        let left = |id| if is_done(id) { 0 } else { micros(cost(id)) };
        rank(&mut self.jobs, &self.ends_first, Chains::AndLocks, left);
        let ready = std::mem::take(&mut self.ready);
        self.ready = ready.iter().map(|(_, id)| (Reverse(self.jobs[id.0].rank), *id)).collect();
    }

    /// The best of the ready jobs that may run beside those that run.
    ///
    /// A short job that waits for a lock must not wait for ever longer ones that come after it: a
    /// foreign key is added in no time, but long checks of other keys of both tables keep it out,
    /// and its own check waits for it. So what it could not run beside does not overtake it.
    fn next(&self) -> Option<(Reverse<u64>, JobId)> {
        let mut waiting: Vec<&Job> = Vec::new();
        for key in &self.ready {
            let job = &self.jobs[key.1.0];
            if !self.locks.allow(&job.locks) {
                if waiting.len() < LOOKED_AT {
                    waiting.push(job);
                }
                continue;
            }
            let overtakes = |short: &&Job| {
                short.cost.saturating_mul(SHORT) < job.cost && conflict(&short.locks, &job.locks)
            };
            if !waiting.iter().any(overtakes) {
                return Some(*key);
            }
        }
        None
    }

    /// Starts exactly this job, whose data has come. Returns whether it can be started now.
    pub fn take_this(&mut self, id: JobId) -> bool {
        let job = &self.jobs[id.0];
        let free = self.state[id.0] == State::Waiting
            && self.waits_for[id.0] == 0
            && self.locks.allow(&job.locks);
        if free {
            self.closed.remove(&id);
            self.ready.remove(&(Reverse(job.rank), id));
            self.start(id);
        }
        free
    }

    /// Whether a job that was not started waits for no other.
    #[must_use]
    pub fn is_free(&self, id: JobId) -> bool {
        self.state[id.0] == State::Waiting && self.waits_for[id.0] == 0
    }

    /// Marks a job as done that was not started here.
    pub fn abandon(&mut self, id: JobId) {
        if self.state[id.0] == State::Waiting {
            self.closed.remove(&id);
            self.ready.remove(&(Reverse(self.jobs[id.0].rank), id));
            self.complete(id);
        }
    }

    /// Lets a closed job start like any other: its data is not going to come.
    pub fn open(&mut self, id: JobId) {
        if self.closed.remove(&id) {
            self.make_ready(id);
        }
    }

    /// Whether it is worth that other sessions help with a job: `sessions` in all, with the one that
    /// does it.
    ///
    /// Either they have little else to do meanwhile, so that it would be done at least a quarter
    /// sooner. Or the chain that begins with it decides when all is over: it is longer by a quarter
    /// than each session's share of the work, and the job itself is no small part of it.
    #[must_use]
    pub fn gains_from_help(&self, id: JobId, sessions: usize) -> bool {
        let mut waits_for_it = vec![false; self.jobs.len()];
        let mut found = vec![id];
        while let Some(id) = found.pop() {
            if !std::mem::replace(&mut waits_for_it[id.0], true) {
                found.extend_from_slice(&self.before[id.0]);
            }
        }
        let (mut all, mut beside) = (0, 0);
        for (number, job) in self.jobs.iter().enumerate() {
            if job.wanted && self.state[number] != State::Done {
                all += u128::from(job.cost);
                beside += if waits_for_it[number] { 0 } else { u128::from(job.cost) };
            }
        }
        let job = &self.jobs[id.0];
        let (alone, sessions) = (u128::from(job.cost), sessions as u128);
        let chain = u128::from(job.rank);
        // With help: all of it divided by all.
        let idle = 4 * (alone + beside) <= 3 * sessions * alone;
        let critical = 4 * chain * sessions > 5 * all && 8 * alone >= chain;
        idle || (sessions > 1 && critical)
    }

    /// The jobs that still wait for their data.
    #[must_use]
    pub fn closed(&self) -> Vec<JobId> {
        let mut closed: Vec<JobId> = self.closed.iter().copied().collect();
        closed.sort_unstable();
        closed
    }

    /// Marks a running job as done, well or not; those that waited for it may become ready.
    pub fn finish(&mut self, id: JobId) {
        debug_assert_eq!(self.state[id.0], State::Running);
        self.running -= 1;
        self.locks.release(&self.jobs[id.0].locks);
        self.complete(id);
    }

    /// Whether every job is done.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    /// The jobs that have not been started.
    pub fn not_started(&self) -> impl Iterator<Item = JobId> + '_ {
        (0..self.jobs.len()).map(JobId).filter(|id| self.state[id.0] == State::Waiting)
    }

    /// A job.
    #[must_use]
    pub fn job(&self, id: JobId) -> &Job {
        &self.jobs[id.0]
    }

    fn waits_for_data(&self) -> bool {
        self.closed.iter().any(|id| self.jobs[id.0].pass == self.pass)
    }

    fn start(&mut self, id: JobId) {
        self.state[id.0] = State::Running;
        self.running += 1;
        self.locks.take(&self.jobs[id.0].locks);
    }

    fn complete(&mut self, id: JobId) {
        // A worklist, not recursion: chains of unwanted entries can be long.
        let mut done = vec![id];
        while let Some(id) = done.pop() {
            self.state[id.0] = State::Done;
            self.unfinished -= 1;
            for JobId(later) in std::mem::take(&mut self.before[id.0]) {
                self.waits_for[later] -= 1;
                if self.settle(JobId(later)) {
                    done.push(JobId(later));
                }
            }
        }
    }

    /// Puts a job that waits for nothing where it belongs. Returns whether it is done already,
    /// because there is nothing to do.
    fn settle(&mut self, id: JobId) -> bool {
        let job = &self.jobs[id.0];
        if self.state[id.0] != State::Waiting || self.waits_for[id.0] > 0 || job.pass > self.pass {
            return false;
        }
        if !job.wanted {
            self.closed.remove(&id);
            return true;
        }
        self.make_ready(id);
        false
    }

    fn make_ready(&mut self, id: JobId) {
        let job = &self.jobs[id.0];
        let startable = self.state[id.0] == State::Waiting
            && self.waits_for[id.0] == 0
            && job.pass <= self.pass
            && !self.closed.contains(&id);
        if startable {
            self.ready.insert((Reverse(job.rank), id));
        }
    }

    /// Looks at all jobs, at the start of a pass.
    fn collect_ready(&mut self) {
        for number in 0..self.jobs.len() {
            if self.state[number] == State::Waiting && self.settle(JobId(number)) {
                self.complete(JobId(number));
            }
        }
    }

    /// Lets the first job of those that wait for each other go.
    fn break_circle(&mut self) {
        let first = self.not_started().next();
        if let Some(id) = first {
            for earlier in &mut self.before {
                earlier.retain(|later| *later != id);
            }
            self.waits_for[id.0] = 0;
            if self.settle(id) {
                self.complete(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::archive::DumpId;
    use crate::plan::{LockMode, Step, testing};

    fn job(entry: usize, pass: Pass) -> Job {
        Job { pass, ..testing::job(entry) }
    }

    /// Runs a schedule with `lanes` sessions that finish in the order they started, and returns
    /// the order of starts.
    fn run(plan: &Plan, lanes: usize) -> Vec<usize> {
        let mut schedule = Schedule::new(plan, |_| false);
        let (mut started, mut running) = (Vec::new(), std::collections::VecDeque::new());
        loop {
            while running.len() < lanes
                && let Some(id) = schedule.take()
            {
                started.push(id.0);
                running.push_back(id);
            }
            match running.pop_front() {
                Some(id) => schedule.finish(id),
                None => break,
            }
        }
        assert!(schedule.is_finished());
        started
    }

    #[test]
    fn jobs_with_longer_chains_go_first_and_passes_do_not_overlap() {
        let mut jobs =
            vec![job(0, Pass::PostAcl), job(1, Pass::Acl), job(2, Pass::Main), job(3, Pass::Main)];
        jobs[3].rank = 10;
        let plan = Plan { prelude: vec![], jobs };
        assert_eq!(run(&plan, 1), [3, 2, 1, 0]);
        let mut schedule = Schedule::new(&plan, |_| false);
        assert_eq!(schedule.take(), Some(JobId(3)));
        schedule.finish(JobId(3));
        assert_eq!(schedule.take(), Some(JobId(2)));
        assert_eq!(schedule.take(), None, "the ACL waits for the main pass to end");
    }

    #[test]
    fn jobs_that_are_ready_follow_their_new_ranks() {
        let mut jobs = vec![job(0, Pass::Main), job(1, Pass::Main), job(2, Pass::Main)];
        jobs[2].after = vec![JobId(1)];
        (jobs[0].rank, jobs[1].rank) = (9, 1);
        let mut schedule = Schedule::new(&Plan { prelude: vec![], jobs }, |_| false);
        let seconds = [3, 1, 4];
        schedule.rank(|id| Duration::from_secs(seconds[id.0]));
        assert_eq!(schedule.job(JobId(1)).rank, 5_000_000);
        assert_eq!(schedule.take(), Some(JobId(1)));
        schedule.finish(JobId(1));
        assert_eq!(schedule.take(), Some(JobId(2)));
        assert_eq!(schedule.take(), Some(JobId(0)));
    }

    #[test]
    fn an_exclusive_job_waits_for_those_that_share_its_table() {
        let mut jobs = vec![job(0, Pass::Main), job(1, Pass::Main), job(2, Pass::Main)];
        jobs[0].locks = vec![(DumpId(7), LockMode::Share)];
        jobs[1].locks = vec![(DumpId(7), LockMode::AccessExclusive)];
        jobs[2].locks = vec![(DumpId(7), LockMode::Share)];
        let mut schedule = Schedule::new(&Plan { prelude: vec![], jobs }, |_| false);
        assert_eq!(schedule.take(), Some(JobId(0)));
        assert_eq!(schedule.take(), Some(JobId(2)), "two that share may run together");
        assert_eq!(schedule.take(), None);
        schedule.finish(JobId(0));
        assert_eq!(schedule.take(), None);
        schedule.finish(JobId(2));
        assert_eq!(schedule.take(), Some(JobId(1)));
    }

    #[test]
    fn a_wanted_job_waits_for_another_through_an_unwanted_one() {
        let mut jobs = vec![job(0, Pass::Main), job(1, Pass::Main), job(2, Pass::Main)];
        jobs[1].after = vec![JobId(2)];
        jobs[1].wanted = false;
        jobs[0].after = vec![JobId(1)];
        assert_eq!(run(&Plan { prelude: vec![], jobs }, 2), [2, 0]);
    }

    #[test]
    fn help_gains_what_the_others_have_no_other_work_for() {
        // The first has another behind it, which none can do meanwhile.
        let gains = |costs: [u64; 3], sessions| {
            let mut jobs = vec![job(0, Pass::Main), job(1, Pass::Main), job(2, Pass::Main)];
            jobs[1].after = vec![JobId(0)];
            for (job, cost) in jobs.iter_mut().zip(costs) {
                job.cost = cost;
            }
            let mut schedule = Schedule::new(&Plan { prelude: vec![], jobs }, |_| false);
            schedule.take();
            schedule.gains_from_help(JobId(0), sessions)
        };
        assert!(gains([100, 500, 0], 2));
        assert!(gains([100, 0, 50], 2), "150 by two is three quarters of 100");
        assert!(!gains([100, 0, 51], 2));
        assert!(gains([100, 0, 51], 3));
        assert!(!gains([100, 0, 0], 1));
    }

    #[test]
    fn help_gains_where_the_chain_that_follows_decides() {
        // Work for all sessions beside it, and a long chain behind it.
        let gains = |chain, beside| {
            let mut jobs = vec![job(0, Pass::Main), job(1, Pass::Main), job(2, Pass::Main)];
            jobs[1].after = vec![JobId(0)];
            let mut schedule = Schedule::new(&Plan { prelude: vec![], jobs }, |_| false);
            let seconds = [100, chain, beside];
            schedule.rank(|id| Duration::from_secs(seconds[id.0]));
            schedule.take();
            schedule.gains_from_help(JobId(0), 4)
        };
        assert!(gains(500, 1000), "600 is more than a quarter of 1600, by more than a quarter");
        assert!(!gains(500, 1400), "600 of 2000 is not much more");
        assert!(!gains(900, 1000), "the job is a small part of the chain");
    }

    #[test]
    fn long_jobs_do_not_overtake_a_short_one_that_waits_for_a_lock() {
        use LockMode::{ShareRowExclusive, ShareUpdateExclusive};
        // 0 checks a key of table 1. 1 adds a key between 1 and 2, and 3 checks it; 2 checks
        // another key of table 2.
        let mut jobs: Vec<Job> = (0..4).map(|n| job(n, Pass::Main)).collect();
        jobs[0].locks = vec![(DumpId(1), ShareUpdateExclusive)];
        jobs[1].locks = vec![(DumpId(1), ShareRowExclusive), (DumpId(2), ShareRowExclusive)];
        jobs[2].locks = vec![(DumpId(2), ShareUpdateExclusive)];
        jobs[3].after = vec![JobId(1)];
        let mut schedule = Schedule::new(&Plan { prelude: vec![], jobs }, |_| false);
        let seconds = [600, 0, 100, 500];
        schedule.rank(|id| Duration::from_secs(seconds[id.0]));
        assert_eq!(schedule.take(), Some(JobId(0)));
        assert_eq!(schedule.take(), None, "the check of table 2 would keep the key out");
        schedule.finish(JobId(0));
        assert_eq!(schedule.take(), Some(JobId(1)));
    }

    #[test]
    fn a_closed_job_starts_only_when_its_data_has_come() {
        let mut jobs = vec![job(0, Pass::Main), job(1, Pass::Main), job(2, Pass::Acl)];
        jobs[1].after = vec![JobId(0)];
        let plan = Plan { prelude: vec![], jobs };
        let mut schedule = Schedule::new(&plan, |job| job.entry == 0);
        assert_eq!(schedule.take(), None);
        assert_eq!(schedule.closed(), [JobId(0)]);
        assert!(!schedule.take_this(JobId(1)), "it waits for the closed one");
        assert!(schedule.take_this(JobId(0)));
        schedule.finish(JobId(0));
        assert_eq!(schedule.take(), Some(JobId(1)));

        let mut schedule = Schedule::new(&plan, |job| job.entry == 0);
        schedule.open(JobId(0));
        assert_eq!(schedule.take(), Some(JobId(0)));
    }

    proptest! {
        /// Every job runs once, whatever the dependencies, circles included; what can be kept of
        /// the rules is kept.
        #[test]
        fn every_wanted_job_runs_once_and_no_lock_is_held_twice(
            shape in proptest::collection::vec(
                (any::<bool>(), 0u8..3, proptest::collection::vec(0usize..30, 0..3), 0i32..4, any::<bool>(), 0u64..5),
                0..30,
            ),
            lanes in 1usize..5,
        ) {
            let count = shape.len();
            let jobs: Vec<Job> = shape
                .into_iter()
                .enumerate()
                .map(|(entry, (wanted, pass, after, table, exclusive, size))| {
                    let pass = [Pass::Main, Pass::Acl, Pass::PostAcl][usize::from(pass)];
                    let after = after.into_iter().filter(|n| *n < count && *n != entry).map(JobId).collect();
                    let mode = if exclusive { LockMode::AccessExclusive } else { LockMode::Share };
                    let locks = vec![(DumpId(table), mode)];
                    Job { entry, step: Step::Entire, wanted, pass, after, locks, rank: size, ..job(entry, pass) }
                })
                .collect();
            let plan = Plan { prelude: vec![], jobs };
            let mut schedule = Schedule::new(&plan, |_| false);
            let mut running: Vec<JobId> = vec![];
            let mut started = vec![];
            loop {
                while running.len() < lanes && let Some(id) = schedule.take() {
                    let job = schedule.job(id).clone();
                    prop_assert!(job.wanted);
                    for other in &running {
                        let other = schedule.job(*other);
                        let conflict = job.locks.iter().any(|(table, mode)| {
                            other.locks.iter().any(|(t, m)| t == table && mode.conflicts_with(*m))
                        });
                        prop_assert!(!conflict);
                    }
                    started.push(id);
                    running.push(id);
                }
                if running.is_empty() { break; }
                schedule.finish(running.remove(0));
            }
            prop_assert!(schedule.is_finished());
            let mut once: Vec<usize> = started.iter().map(|id| id.0).collect();
            once.sort_unstable();
            let wanted: Vec<usize> = (0..count).filter(|n| plan.jobs[*n].wanted).collect();
            prop_assert_eq!(once, wanted);
        }

        #[test]
        fn without_circles_every_job_comes_after_those_it_depends_on(
            shape in proptest::collection::vec(
                (any::<bool>(), proptest::collection::vec(any::<prop::sample::Index>(), 0..4), 0u64..5),
                1..40,
            ),
            lanes in 1usize..5,
        ) {
            let jobs: Vec<Job> = shape
                .iter()
                .enumerate()
                .map(|(entry, (wanted, after, size))| {
                    let after = if entry == 0 { vec![] } else {
                        after.iter().map(|index| JobId(index.index(entry))).collect()
                    };
                    Job { wanted: *wanted, after, rank: *size, ..job(entry, Pass::Main) }
                })
                .collect();
            let plan = Plan { prelude: vec![], jobs };
            let mut schedule = Schedule::new(&plan, |_| false);
            let mut done = HashSet::new();
            let mut running: Vec<JobId> = vec![];
            loop {
                while running.len() < lanes && let Some(id) = schedule.take() {
                    for earlier in &plan.jobs[id.0].after {
                        prop_assert!(!plan.jobs[earlier.0].wanted || done.contains(earlier));
                    }
                    running.push(id);
                }
                if running.is_empty() { break; }
                let id = running.remove(0);
                schedule.finish(id);
                done.insert(id);
            }
        }
    }
}
