//! Chooses the next job: the part of a plan that changes while it runs.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use super::forecast::bound;
use super::lock::{Locks, conflict};
use super::rank::{Chains, ends_first, rank};
use super::{Job, JobId, Plan, micros};
use crate::select::Pass;

mod ready;

use ready::Ready;

/// The state of a plan's jobs.
///
/// The job with the longest chain behind it goes first, equal ones in the order of the plan. Passes
/// do not overlap. Jobs in a dependency cycle are released one by one, in order, when nothing else
/// is left: like pg_restore, assume that the archive may be restorable nevertheless.
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
    /// Wanted jobs of the current pass that are ready.
    ready: Ready,
    /// Jobs that must not start before [`Schedule::open`], because their data has not arrived yet.
    closed: HashSet<JobId>,
    pass: Pass,
    /// Ranks are random, and stay so.
    shuffled: bool,
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

/// A job is short compared with another that takes this many times as long.
const SHORT: u64 = 20;

/// How many of the best jobs that wait for a lock are considered.
const LOOKED_AT: usize = 64;

impl Schedule {
    /// Creates the schedule of a plan. Jobs for which `closed` holds must be opened one by one.
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
            ready: Ready::default(),
            closed,
            pass: Pass::Main,
            shuffled: false,
            running: 0,
            locks: Locks::default(),
        };
        schedule.collect_ready();
        schedule
    }

    /// The next job to start, if one can be started now. From then on it counts as running.
    pub fn take(&mut self) -> Option<JobId> {
        loop {
            if let Some(id) = self.next() {
                self.ready.remove(&self.jobs[id.0], id);
                self.start(id);
                return Some(id);
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

    /// Ranks the jobs again, by their current predicted costs. Running jobs are not affected.
    pub fn rank(&mut self, cost: impl Fn(JobId) -> Duration) {
        if self.shuffled {
            return;
        }
        let is_done = |id: JobId| self.state[id.0] == State::Done;
        let left = |id| if is_done(id) { 0 } else { micros(cost(id)) };
        rank(&mut self.jobs, &self.ends_first, Chains::AndLocks, left);
        self.sort_ready();
    }

    /// Ranks the jobs at random: a test of whether dependencies and locks suffice for any order.
    pub fn shuffle(&mut self, seed: u64) {
        let mut state = seed;
        for job in &mut self.jobs {
            // The step of the generator SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            job.rank = mixed ^ (mixed >> 31);
        }
        self.shuffled = true;
        self.sort_ready();
    }

    fn sort_ready(&mut self) {
        for id in std::mem::take(&mut self.ready).all() {
            self.ready.insert(&self.jobs[id.0], id);
        }
    }

    /// The best ready job that may run along with the running ones.
    ///
    /// A short job that waits for a lock must not be starved by long ones that come after it: a
    /// foreign key is added in no time, but long checks of other keys of both tables keep it out,
    /// and its own check waits for it. So jobs with conflicting locks do not overtake it.
    fn next(&self) -> Option<JobId> {
        let mut waiting: Vec<&Job> = Vec::new();
        let mut ready = self.ready.best_first();
        while let Some(key) = ready.next() {
            let job = &self.jobs[key.1.0];
            if !self.locks.allow(&job.locks) {
                if waiting.len() < LOOKED_AT {
                    waiting.push(job);
                    ready.look_behind(job, key);
                }
                continue;
            }
            let overtakes = |short: &&Job| {
                short.cost.saturating_mul(SHORT) < job.cost && conflict(&short.locks, &job.locks)
            };
            if !waiting.iter().any(overtakes) {
                return Some(key.1);
            }
            ready.look_behind(job, key);
        }
        None
    }

    /// Whether another job can be started now.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.next().is_some()
    }

    /// Starts exactly this job, whose data has arrived. Returns whether it can be started now.
    pub fn take_this(&mut self, id: JobId) -> bool {
        let job = &self.jobs[id.0];
        let free = self.is_free(id) && self.locks.allow(&job.locks);
        if free {
            self.closed.remove(&id);
            self.ready.remove(job, id);
            self.start(id);
        }
        free
    }

    /// Whether a job has yet to be started.
    #[must_use]
    pub fn is_to_start(&self, id: JobId) -> bool {
        self.state[id.0] == State::Waiting
    }

    /// Whether a job that was not started waits for no other job.
    #[must_use]
    pub fn is_free(&self, id: JobId) -> bool {
        self.is_to_start(id) && self.waits_for[id.0] == 0
    }

    /// Marks a job that was not started here as done.
    pub fn abandon(&mut self, id: JobId) {
        if self.is_to_start(id) {
            self.closed.remove(&id);
            self.ready.remove(&self.jobs[id.0], id);
            self.complete(id);
        }
    }

    /// Lets a closed job start like any other: its data has arrived, or never will.
    pub fn open(&mut self, id: JobId) {
        if self.closed.remove(&id) {
            self.make_ready(id);
        }
    }

    /// Whether it is worth having other sessions help with a job: `sessions` in all, including the
    /// one that runs it.
    ///
    /// Either they have little else to do meanwhile, so that it would be done at least a quarter
    /// sooner. Or the chain that starts with it determines the end of the restore: it is longer by
    /// a quarter than each session's share of the work, and the job itself is a large part of it.
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
        // With help, all the work is divided among all sessions.
        let idle = 4 * (alone + beside) <= 3 * sessions * alone;
        let critical = 4 * chain * sessions > 5 * all && 8 * alone >= chain;
        idle || (sessions > 1 && critical)
    }

    /// The work that the others have meanwhile: the jobs that run or could be started, without this
    /// one.
    #[must_use]
    pub fn at_hand(&self, id: JobId) -> Duration {
        let ready = self.ready.all();
        let running = (0..self.jobs.len()).map(JobId).filter(|j| self.state[j.0] == State::Running);
        let costs = ready.chain(running).filter(|other| *other != id).map(|j| self.jobs[j.0].cost);
        Duration::from_micros(costs.fold(0, u64::saturating_add))
    }

    /// The wall time to the end of all jobs with this many sessions, by the costs of the last
    /// [`Schedule::rank`]: each session's share of the remaining work, or the longest chain.
    ///
    /// `ran` is how long a running job has run. One that takes longer than its cost is assumed to
    /// need an eighth of that time more.
    #[must_use]
    pub fn left(&self, sessions: usize, ran: impl Fn(JobId) -> Duration) -> Duration {
        let (mut total, mut chain) = (0u64, 0u64);
        for (number, job) in self.jobs.iter().enumerate() {
            let left = match self.state[number] {
                State::Done => continue,
                State::Waiting => job.cost,
                State::Running => {
                    let ran = micros(ran(JobId(number)));
                    job.cost.saturating_sub(ran).max(ran / 8)
                }
            };
            total = total.saturating_add(left);
            let behind = job.rank.saturating_sub(job.cost);
            chain = chain.max(behind.saturating_add(left));
        }
        bound(Duration::from_micros(total), sessions, Duration::from_micros(chain))
    }

    /// The jobs that still wait for their data.
    #[must_use]
    pub fn closed(&self) -> Vec<JobId> {
        let mut closed: Vec<JobId> = self.closed.iter().copied().collect();
        closed.sort_unstable();
        closed
    }

    /// Marks a running job as done, successfully or not; those that waited for it may become ready.
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
        (0..self.jobs.len()).map(JobId).filter(|id| self.is_to_start(*id))
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

    /// Files a job that waits for nothing. Returns whether it is already done, because there is
    /// nothing to do.
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
            self.ready.insert(job, id);
        }
    }

    /// Collects the ready jobs at the start of a pass.
    fn collect_ready(&mut self) {
        for number in 0..self.jobs.len() {
            if self.state[number] == State::Waiting && self.settle(JobId(number)) {
                self.complete(JobId(number));
            }
        }
    }

    /// Releases the first of the jobs that wait for each other.
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
mod tests;
