//! Chooses how many parallel workers the server may use for an index build.
//!
//! A parallel build costs the server more work than one by a single process. That pays off only if
//! processors would otherwise be idle: one for each session without a job, or as many as the server
//! has left, if known. So the number of active server processes stays about the number of jobs,
//! whatever runs.

use std::collections::HashMap;

use crate::restore::event::LaneId;

/// The sessions that have been lent the processors of idle sessions.
#[derive(Debug, Default)]
pub(crate) struct IndexWorkers {
    /// Processors lent, by the number of the building session.
    lent: HashMap<LaneId, usize>,
}

impl IndexWorkers {
    /// Decides which of the sessions about to build an index may use workers, and how many.
    ///
    /// `builds` has those sessions, each with the rank of its job: the longest chain gets all that
    /// is available. `idle` is the number of idle processors.
    pub(crate) fn lend(
        &mut self,
        idle: usize,
        builds: &[(LaneId, u64)],
    ) -> Option<(LaneId, usize)> {
        let spare = idle.saturating_sub(self.lent.values().sum());
        let (lane, _) = builds.iter().filter(|_| spare > 0).max_by_key(|(_, rank)| *rank)?;
        self.lent.insert(*lane, spare);
        Some((*lane, spare))
    }

    /// The session is done with its job.
    pub(crate) fn give_back(&mut self, lane: LaneId) {
        self.lent.remove(&lane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_build_gets_the_idle_sessions_workers() {
        let mut workers = IndexWorkers::default();
        assert_eq!(workers.lend(2, &[(LaneId(0), 1), (LaneId(1), 5)]), Some((LaneId(1), 2)));
        assert_eq!(workers.lend(2, &[(LaneId(3), 9)]), None, "they are lent already");
        workers.give_back(LaneId(1));
        assert_eq!(workers.lend(1, &[(LaneId(1), 0)]), Some((LaneId(1), 1)));
    }

    #[test]
    fn no_build_gets_workers_while_sessions_are_busy() {
        let mut workers = IndexWorkers::default();
        assert_eq!(workers.lend(0, &[(LaneId(0), 1)]), None);
        assert_eq!(workers.lend(3, &[]), None);
        assert_eq!(workers.lend(3, &[(LaneId(0), 1)]), Some((LaneId(0), 3)));
    }
}
