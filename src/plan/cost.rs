//! How long a job may take, in bytes of archived rows that could be loaded in the same time.
//!
//! A guess, good enough to see which chain of jobs is the longest. What a job really costs depends
//! on types and on the machine; only measuring tells.

use super::{Job, JobId, Step};
use crate::archive::Desc;

/// Tenths of the time that loading the rows of the job's largest table takes.
pub(super) fn weight(desc: &Desc, step: Step) -> u64 {
    match (step, desc) {
        (Step::UseIndex | Step::AddForeignKey | Step::AddNotValid, _) => 0,
        (Step::Analyze | Step::AnalyzePartition, _) => 0,
        (Step::Validate, _) | (_, Desc::FkConstraint) => 4,
        (_, Desc::TableData | Desc::Blobs) => 10,
        (_, Desc::Index) => 5,
        (_, Desc::Constraint) => 4,
        _ => 0,
    }
}

/// Ranks the jobs: each its own cost and that of the longest chain behind it.
pub(super) fn rank(jobs: &mut [Job], weight: impl Fn(&Job) -> u64) {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); jobs.len()];
    let mut behind = vec![0usize; jobs.len()];
    for (number, job) in jobs.iter().enumerate() {
        for JobId(earlier) in &job.after {
            before[number].push(*earlier);
            behind[*earlier] += 1;
        }
    }
    let cost = |job: &Job| {
        if job.wanted { (job.size / 10).saturating_mul(weight(job)) } else { 0 }
    };
    let mut longest = vec![0u64; jobs.len()];
    // From the ends of the chains to their starts. Jobs in a circle are never reached and keep
    // their own cost.
    let mut ends: Vec<usize> = (0..jobs.len()).filter(|number| behind[*number] == 0).collect();
    while let Some(number) = ends.pop() {
        let rank = cost(&jobs[number]).saturating_add(longest[number]);
        for &earlier in &before[number] {
            longest[earlier] = longest[earlier].max(rank);
            behind[earlier] -= 1;
            if behind[earlier] == 0 {
                ends.push(earlier);
            }
        }
    }
    for (job, longest) in jobs.iter_mut().zip(longest) {
        job.rank = cost(job).saturating_add(longest);
    }
}
