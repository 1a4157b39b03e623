//! Ready jobs, best first. Those with the same locks form one queue: when one of them cannot get
//! its locks, none can, so a thousand indexes to be attached in one tree are not examined one by
//! one.

use std::cmp::Reverse;
use std::collections::btree_set::{BTreeSet, Iter};
use std::collections::{BinaryHeap, HashMap};
use std::iter::Peekable;
use std::ops::Bound;

use super::super::lock::LockMode;
use super::super::{Job, JobId};
use crate::archive::DumpId;

/// A job's sort key: the higher rank first, then the order of the plan.
pub(super) type ReadyKey = (Reverse<u64>, JobId);

type Queue = BTreeSet<ReadyKey>;

#[derive(Debug, Default)]
pub(super) struct Ready {
    queues: HashMap<Vec<(DumpId, LockMode)>, Queue>,
    /// The first of each queue.
    firsts: BTreeSet<ReadyKey>,
}

impl Ready {
    pub(super) fn insert(&mut self, job: &Job, id: JobId) {
        self.change(job, |queue| queue.insert((Reverse(job.rank), id)));
    }

    pub(super) fn remove(&mut self, job: &Job, id: JobId) {
        self.change(job, |queue| queue.remove(&(Reverse(job.rank), id)));
    }

    fn change(&mut self, job: &Job, change: impl FnOnce(&mut Queue) -> bool) {
        let queue = self.queues.entry(job.locks.clone()).or_default();
        let before = queue.first().copied();
        change(queue);
        let after = queue.first().copied();
        if queue.is_empty() {
            self.queues.remove(&job.locks);
        }
        if before != after {
            if let Some(first) = before {
                self.firsts.remove(&first);
            }
            self.firsts.extend(after);
        }
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = JobId> + '_ {
        self.queues.values().flatten().map(|(_, id)| *id)
    }

    /// Iterates over them, best first.
    pub(super) fn best_first(&self) -> BestFirst<'_> {
        BestFirst { ready: self, firsts: self.firsts.iter().peekable(), behind: BinaryHeap::new() }
    }
}

/// The first job of each queue, and requested ones behind it.
pub(super) struct BestFirst<'a> {
    ready: &'a Ready,
    firsts: Peekable<Iter<'a, ReadyKey>>,
    behind: BinaryHeap<Reverse<ReadyKey>>,
}

impl BestFirst<'_> {
    pub(super) fn next(&mut self) -> Option<ReadyKey> {
        match (self.firsts.peek(), self.behind.peek()) {
            (Some(first), Some(Reverse(behind))) if behind < *first => {
                self.behind.pop().map(|Reverse(key)| key)
            }
            (None, _) => self.behind.pop().map(|Reverse(key)| key),
            _ => self.firsts.next().copied(),
        }
    }

    /// Also considers the job behind this one in its queue.
    pub(super) fn look_behind(&mut self, job: &Job, key: ReadyKey) {
        let queue = self.ready.queues.get(&job.locks);
        let behind = (Bound::Excluded(key), Bound::Unbounded);
        let next = queue.and_then(|queue| queue.range(behind).next());
        self.behind.extend(next.map(|next| Reverse(*next)));
    }
}
