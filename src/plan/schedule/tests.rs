//! The order of small plans, and rules that hold for any plan.

use proptest::prelude::*;

use super::*;
use crate::archive::{DumpId, Place};
use crate::plan::{LockMode, Step, tests};

fn job(entry: usize, pass: Pass) -> Job {
    Job { pass, ..tests::job(entry) }
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
fn longer_chains_go_first_and_passes_never_overlap() {
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
fn ready_jobs_follow_their_new_ranks() {
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
fn exclusive_job_waits_for_sharers_of_its_table() {
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
fn wanted_job_waits_through_an_unwanted_one() {
    let mut jobs = vec![job(0, Pass::Main), job(1, Pass::Main), job(2, Pass::Main)];
    jobs[1].after = vec![JobId(2)];
    jobs[1].wanted = false;
    jobs[0].after = vec![JobId(1)];
    assert_eq!(run(&Plan { prelude: vec![], jobs }, 2), [2, 0]);
}

#[test]
fn help_gains_when_other_sessions_have_no_work() {
    // The first has another job behind it, which no one can do meanwhile.
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
fn help_gains_when_the_following_chain_dominates() {
    // Other work for all sessions, and a long chain behind it.
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
fn long_jobs_never_overtake_short_lock_waiter() {
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
fn closed_job_starts_only_after_its_data_arrives() {
    let mut jobs = vec![job(0, Pass::Main), job(1, Pass::Main), job(2, Pass::Acl)];
    jobs[1].after = vec![JobId(0)];
    let plan = Plan { prelude: vec![], jobs };
    let mut schedule = Schedule::new(&plan, |job| job.entry == Place(0));
    assert_eq!(schedule.take(), None);
    assert_eq!(schedule.closed(), [JobId(0)]);
    assert!(!schedule.take_this(JobId(1)), "it waits for the closed one");
    assert!(schedule.take_this(JobId(0)));
    schedule.finish(JobId(0));
    assert_eq!(schedule.take(), Some(JobId(1)));

    let mut schedule = Schedule::new(&plan, |job| job.entry == Place(0));
    schedule.open(JobId(0));
    assert_eq!(schedule.take(), Some(JobId(0)));
}

proptest! {
    /// Every job runs once, whatever the dependencies, cycles included; the rules hold as far as
    /// possible.
    #[test]
    fn every_wanted_job_runs_once_without_lock_conflicts(
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
                Job { step: Step::Entire, wanted, after, locks, rank: size, ..job(entry, pass) }
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
    fn acyclic_jobs_follow_their_dependencies(
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

#[test]
fn time_left_is_longest_chain_or_work_share() {
    let mut plan = Plan { prelude: vec![], jobs: (0..4).map(tests::job).collect() };
    plan.jobs[1].after = vec![JobId(0)];
    let seconds = |seconds| Duration::from_secs(seconds);
    let mut schedule = Schedule::new(&plan, |_| false);
    schedule.rank(|id| seconds([4, 2, 1, 1][id.0]));
    let not_running = |_| Duration::ZERO;
    assert_eq!(schedule.left(1, not_running), seconds(8));
    assert_eq!(schedule.left(8, not_running), seconds(6), "the chain");
    let first = schedule.take().unwrap();
    assert_eq!(first, JobId(0));
    assert_eq!(schedule.left(8, |_| seconds(3)), seconds(3));
    // It was to take 4 s.
    assert_eq!(schedule.left(8, |_| seconds(16)), seconds(4));
    schedule.finish(first);
    schedule.rank(|id| seconds([4, 2, 1, 1][id.0]));
    assert_eq!(schedule.left(1, not_running), seconds(4));
}
