//! Ranks: what is left from the start of a job to the end of the longest chain of jobs behind it.

use super::{Job, JobId};

/// The jobs, each before those that it waits for: in this order a rank needs only ranks that are
/// known. Jobs in a circle come last and do without.
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

/// Gives the jobs their ranks: each its own cost and that of the longest chain behind it. Takes
/// time in proportion to jobs and dependencies.
pub(super) fn rank(jobs: &mut [Job], ends_first: &[usize], cost: impl Fn(JobId) -> u64) {
    for job in &mut *jobs {
        job.rank = 0;
    }
    for &number in ends_first {
        let job = &mut jobs[number];
        let own = if job.wanted { cost(JobId(number)) } else { 0 };
        // Until here the rank is the longest chain behind the job.
        job.rank = job.rank.saturating_add(own);
        let (rank, after) = (job.rank, std::mem::take(&mut job.after));
        for JobId(earlier) in &after {
            jobs[*earlier].rank = jobs[*earlier].rank.max(rank);
        }
        jobs[number].after = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::job;

    /// Ranks of jobs that cost 1, 10, 100, …
    fn ranks(after: &[&[usize]]) -> Vec<u64> {
        let mut jobs: Vec<Job> = (0..after.len()).map(job).collect();
        for (job, after) in jobs.iter_mut().zip(after) {
            job.after = after.iter().copied().map(JobId).collect();
        }
        let order = ends_first(&jobs);
        rank(&mut jobs, &order, |JobId(number)| 10u64.pow(number as u32));
        jobs.iter().map(|job| job.rank).collect()
    }

    #[test]
    fn a_rank_is_the_longest_chain_from_the_job_on() {
        // 3 waits for 1 and 2, which wait for 0.
        assert_eq!(ranks(&[&[], &[0], &[0], &[1, 2]]), [1101, 1010, 1100, 1000]);
        // The same from the other end, a dependency given twice.
        assert_eq!(ranks(&[&[1, 2, 2], &[3], &[3], &[]]), [1, 11, 101, 1101]);
    }

    #[test]
    fn jobs_in_a_circle_keep_at_least_their_own_cost() {
        let ranks = ranks(&[&[1], &[0], &[]]);
        assert!(ranks[0] >= 1 && ranks[1] >= 10, "{ranks:?}");
        assert_eq!(ranks[2], 100);
    }
}
