//! Materialized views whose refresh failed because their queries read, through a function, views
//! that are not populated yet. Once no other work is left they are refreshed again, as long as that
//! makes progress.

use crate::plan::{Job, JobId};
use crate::restore::ledger::Ledger;

/// The jobs that wait to be retried. They count as running, so that their pass does not end.
#[derive(Debug, Default)]
pub(crate) struct PutOff {
    /// With the number of jobs that were done when each was tried.
    jobs: Vec<(JobId, usize)>,
    done: usize,
}

impl PutOff {
    /// A job has ended. Returns true if it is to be retried.
    pub(crate) fn takes(&mut self, ledger: &Ledger, id: JobId, job: &Job) -> bool {
        let again = ledger.take_postponed(job.entry);
        match again {
            true => self.jobs.push((id, self.done)),
            false => self.done += 1,
        }
        again
    }

    /// The job to retry when nothing else runs: in the archive's order, those for which something
    /// has changed first. If nothing has, each gets a last attempt.
    pub(crate) fn next(&mut self, ledger: &Ledger) -> Option<JobId> {
        self.jobs.sort_unstable();
        let hopeful = self.jobs.iter().position(|(_, done)| *done < self.done);
        if !self.jobs.is_empty() {
            ledger.set_last_attempt(hopeful.is_none());
            return Some(self.jobs.remove(hopeful.unwrap_or(0)).0);
        }
        None
    }
}
