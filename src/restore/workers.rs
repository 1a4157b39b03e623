//! How many parallel workers the server may use for an index build.
//!
//! A parallel build costs the server more work than one by a single process. That pays only where
//! processors would rest otherwise: as many as sessions have no job, or as the server has left, if
//! that is known. So the processes of the server that work are about as many as there are jobs,
//! whatever runs.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::context::Context;

/// Who has been lent the processors of sessions that rest.
#[derive(Debug, Default)]
pub(super) struct Workers {
    /// By the number of the session that builds.
    lent: HashMap<usize, usize>,
}

impl Workers {
    /// Says which of the sessions that are about to build an index may use workers, and how many.
    ///
    /// `builds` has those sessions, each with the rank of its job: the longest chain gets all that
    /// is to be had. As many processors are `idle`.
    pub(super) fn lend(&mut self, idle: usize, builds: &[(usize, u64)]) -> Option<(usize, usize)> {
        let spare = idle.saturating_sub(self.lent.values().sum());
        let (lane, _) = builds.iter().filter(|_| spare > 0).max_by_key(|(_, rank)| *rank)?;
        self.lent.insert(*lane, spare);
        Some((*lane, spare))
    }

    /// The session is done with its job.
    pub(super) fn give_back(&mut self, lane: usize) {
        self.lent.remove(&lane);
    }
}

impl Context {
    /// Whether workers are given out: one session leaves them to the server, and somebody may
    /// have said how many there shall be.
    pub(super) fn shares_workers(&self) -> bool {
        self.options.jobs > 1 && self.workers_are_ours.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_build_gets_what_the_others_leave() {
        let mut workers = Workers::default();
        assert_eq!(workers.lend(2, &[(0, 1), (1, 5)]), Some((1, 2)));
        assert_eq!(workers.lend(2, &[(3, 9)]), None, "they are lent already");
        workers.give_back(1);
        assert_eq!(workers.lend(1, &[(1, 0)]), Some((1, 1)));
    }

    #[test]
    fn nobody_gets_a_worker_while_all_sessions_have_jobs() {
        let mut workers = Workers::default();
        assert_eq!(workers.lend(0, &[(0, 1)]), None);
        assert_eq!(workers.lend(3, &[]), None);
        assert_eq!(workers.lend(3, &[(0, 1)]), Some((0, 3)));
    }
}
