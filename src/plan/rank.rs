//! Ranks: the time from the start of a job to the end of the longest chain of jobs behind it.
//!
//! Jobs that a lock keeps from running concurrently are a chain too, in whatever order: the foreign
//! keys of one table are validated one after another. A job before any of them has all of them
//! behind it.

use std::collections::HashMap;

use super::{Job, JobId};
use crate::archive::DumpId;

/// The jobs, each before those that it waits for: in this order, a rank depends only on ranks
/// already computed. Jobs in a cycle come last and are exempt from this.
pub(super) fn ends_first(jobs: &[Job]) -> Vec<usize> {
    let mut behind = vec![0usize; jobs.len()];
    for JobId(earlier) in jobs.iter().flat_map(|job| &job.after) {
        behind[*earlier] += 1;
    }
    let mut order: Vec<usize> = (0..jobs.len()).filter(|number| behind[*number] == 0).collect();
    let mut next = 0;
    while let Some(number) = order.get(next).copied() {
        next += 1;
        for JobId(earlier) in &jobs[number].after {
            behind[*earlier] -= 1;
            if behind[*earlier] == 0 {
                order.push(*earlier);
            }
        }
    }
    let reached: std::collections::HashSet<usize> = order.iter().copied().collect();
    order.extend((0..jobs.len()).filter(|number| !reached.contains(number)));
    order
}

/// Whether ranks count chains that are due to locks only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chains {
    /// Only chains of dependencies: a lower bound for any order.
    Dependencies,
    /// Chains of locks, too: a better estimate of the remaining time.
    AndLocks,
}

/// Gives the jobs their costs and their ranks. The time is proportional to the number of jobs and
/// dependencies.
pub(super) fn rank(
    jobs: &mut [Job],
    ends_first: &[usize],
    chains: Chains,
    cost: impl Fn(JobId) -> u64,
) {
    let mut serial: HashMap<DumpId, u64> = HashMap::new();
    for (number, job) in jobs.iter_mut().enumerate() {
        job.cost = if job.wanted { cost(JobId(number)) } else { 0 };
        job.rank = 0;
        if chains == Chains::AndLocks {
            for table in exclusive(job) {
                let sum = serial.entry(table).or_default();
                *sum = sum.saturating_add(job.cost);
            }
        }
    }
    for &number in ends_first {
        let job = &mut jobs[number];
        // Up to here the rank is the longest chain behind the job.
        job.rank = job.rank.saturating_add(job.cost);
        let group = exclusive(job).filter_map(|table| serial.get(&table)).max();
        let seen = job.rank.max(group.copied().unwrap_or(0));
        let after = std::mem::take(&mut job.after);
        for JobId(earlier) in &after {
            jobs[*earlier].rank = jobs[*earlier].rank.max(seen);
        }
        jobs[number].after = after;
    }
}

/// The tables that a job locks in a mode that conflicts with itself.
pub(super) fn exclusive(job: &Job) -> impl Iterator<Item = DumpId> + '_ {
    let locks = job.locks.iter().filter(|(_, mode)| mode.conflicts_with(*mode));
    locks.map(|(table, _)| *table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::LockMode;
    use crate::plan::tests::job;

    fn jobs(after: &[&[usize]]) -> Vec<Job> {
        let mut jobs: Vec<Job> = (0..after.len()).map(job).collect();
        for (job, after) in jobs.iter_mut().zip(after) {
            job.after = after.iter().copied().map(JobId).collect();
        }
        jobs
    }

    /// Ranks of jobs that cost 1, 10, 100, …
    fn ranked(mut jobs: Vec<Job>, chains: Chains) -> Vec<u64> {
        let order = ends_first(&jobs);
        rank(&mut jobs, &order, chains, |JobId(number)| 10u64.pow(number as u32));
        jobs.iter().map(|job| job.rank).collect()
    }

    fn ranks(after: &[&[usize]]) -> Vec<u64> {
        ranked(jobs(after), Chains::AndLocks)
    }

    #[test]
    fn rank_is_the_longest_chain_from_the_job() {
        // 3 waits for 1 and 2, which wait for 0.
        assert_eq!(ranks(&[&[], &[0], &[0], &[1, 2]]), [1101, 1010, 1100, 1000]);
        // The same from the other end, a dependency given twice.
        assert_eq!(ranks(&[&[1, 2, 2], &[3], &[3], &[]]), [1, 11, 101, 1101]);
    }

    #[test]
    fn jobs_in_a_cycle_keep_their_own_cost() {
        let ranks = ranks(&[&[1], &[0], &[]]);
        assert!(ranks[0] >= 1 && ranks[1] >= 10, "{ranks:?}");
        assert_eq!(ranks[2], 100);
    }

    #[test]
    fn lock_conflicts_add_up_behind_their_predecessor() {
        let mut jobs = jobs(&[&[], &[0], &[0]]);
        for job in &mut jobs[1..] {
            job.locks = vec![(DumpId(7), LockMode::ShareUpdateExclusive)];
        }
        assert_eq!(ranked(jobs.clone(), Chains::AndLocks), [111, 10, 100]);
        assert_eq!(ranked(jobs.clone(), Chains::Dependencies), [101, 10, 100]);
        // Indexes are built in parallel.
        for job in &mut jobs[1..] {
            job.locks = vec![(DumpId(7), LockMode::Share)];
        }
        assert_eq!(ranked(jobs, Chains::AndLocks), [101, 10, 100]);
    }
}
