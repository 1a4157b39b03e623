//! Which tables sessions with nothing to do can help to load.
//!
//! A session that loads a large table puts up a [`Share`]. The conductor gives it sessions that
//! find no job, as long as more is left for each than a session is worth; who gets a session
//! gives it back when the table is finished.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::context::Context;
use super::lane::Lane;
use super::options::SplitSize;
use crate::archive::ReadCounter;
use crate::plan::{JobId, Schedule, Workers};

/// Work that is as good as none for a session that could help with a table instead.
const LITTLE: Duration = Duration::from_millis(300);

/// The tables that are being loaded and can use help.
#[derive(Default)]
pub(super) struct Shares {
    open: Mutex<Vec<Arc<Share>>>,
    /// Sessions that are done with helping.
    returned: Mutex<Vec<Lane>>,
    /// A table can use help.
    wanted: Arc<Notify>,
}

/// Whether other sessions may help to load a job's table; `at_once` sessions can work at a time.
///
/// That keeps its rows from being frozen, so it must be likely that others have nothing else to do
/// for a while.
pub(super) fn may_share(
    ctx: &Context,
    schedule: &Schedule,
    job: JobId,
    streamed: bool,
    at_once: usize,
) -> bool {
    if at_once < 2 || ctx.options.split_size.least().is_none() {
        return false;
    }
    if streamed {
        // Whether other rows come meanwhile nobody knows.
        let others = u32::try_from(at_once - 1).unwrap_or(u32::MAX);
        return schedule.at_hand(job) < LITTLE.saturating_mul(others);
    }
    // Asked of large tables only: it takes a look at all jobs.
    ctx.is_large(schedule.job(job).entry) && schedule.gains_from_help(job, at_once)
}

/// One such table.
pub(super) struct Share {
    /// Bytes of its data in the archive, if known.
    size: Option<u64>,
    /// Bytes that are read of them.
    read: ReadCounter,
    /// Bytes that must be left for each session at work, for another one to come.
    least: u64,
    /// Sessions at work.
    sessions: AtomicU64,
    /// Whether more was decoded than the sessions could take, when one last looked.
    ahead: AtomicBool,
    lanes: UnboundedSender<Lane>,
    wanted: Arc<Notify>,
}

/// Where the sessions arrive that help with a table.
pub(super) struct Joining<'a> {
    shares: &'a Shares,
    lanes: UnboundedReceiver<Lane>,
}

impl Context {
    /// The sessions, where server and client share so many processors, if that is known.
    pub(super) fn workers(&self, processors: Option<usize>) -> Workers {
        let sessions = self.sessions();
        match self.options.split_size {
            SplitSize::Auto => Workers::with_processors(sessions, processors),
            SplitSize::Bytes(_) => Workers::new(sessions),
            SplitSize::Never => Workers { together: 1, ..Workers::new(sessions) },
        }
    }
}

impl Shares {
    /// Puts up a table that one session has begun to load.
    pub(super) fn open(
        &self,
        size: Option<u64>,
        read: ReadCounter,
        least: u64,
    ) -> (Arc<Share>, Joining<'_>) {
        let (sender, lanes) = unbounded_channel();
        let share = Arc::new(Share {
            size,
            read,
            least,
            sessions: AtomicU64::new(1),
            ahead: AtomicBool::new(false),
            lanes: sender,
            wanted: self.wanted.clone(),
        });
        locked(&self.open).push(share.clone());
        (share, Joining { shares: self, lanes })
    }

    /// Lets a session help where most is left for each. Gives it back where no help is wanted.
    pub(super) fn help(&self, lane: Lane) -> Option<Lane> {
        let mut open = locked(&self.open);
        open.retain(|share| !share.lanes.is_closed());
        let neediest = open.iter().filter(|share| share.wants_help()).max_by_key(|s| s.left());
        match neediest {
            Some(share) => match share.lanes.send(lane) {
                Ok(()) => {
                    share.sessions.fetch_add(1, Ordering::Relaxed);
                    None
                }
                Err(refused) => Some(refused.0),
            },
            None => Some(lane),
        }
    }

    /// Waits until a table can use help.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The sessions that are done with helping.
    pub(super) fn take_returned(&self) -> Vec<Lane> {
        std::mem::take(&mut *locked(&self.returned))
    }

    /// A session is done with helping.
    pub(super) fn give_back(&self, lane: Lane) {
        locked(&self.returned).push(lane);
    }
}

impl Share {
    /// A session tells, whenever it takes something, whether the decoder is ahead of them all. If
    /// it is not, another session would find nothing to do.
    pub(super) fn look(&self, ahead: bool) {
        self.ahead.store(ahead, Ordering::Relaxed);
        if self.wants_help() {
            self.wanted.notify_one();
        }
    }

    fn wants_help(&self) -> bool {
        self.ahead.load(Ordering::Relaxed) && self.left() >= self.least && !self.lanes.is_closed()
    }

    /// Bytes that are left for each session. Where the size is not known, as many as were read are
    /// supposed to be left: who has read much of a table is likely to read much more.
    fn left(&self) -> u64 {
        let read = self.read.get();
        let left = self.size.map_or(read, |size| size.saturating_sub(read));
        left / self.sessions.load(Ordering::Relaxed).max(1)
    }
}

impl Joining<'_> {
    /// The next session that comes to help.
    pub(super) async fn next(&mut self) -> Option<Lane> {
        self.lanes.recv().await
    }

    /// Wants no more sessions. One that has come is given back when this is dropped.
    pub(super) fn close(&mut self) {
        self.lanes.close();
    }
}

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        self.lanes.close();
        while let Ok(lane) = self.lanes.try_recv() {
            self.shares.give_back(lane);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Lists of sessions, changed by one call each: a panic elsewhere does not make them wrong.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ConnectOptions, Target};

    fn lane(number: usize) -> Lane {
        let options = ConnectOptions { dbname: Some("x".into()), ..ConnectOptions::default() };
        Lane::new(number, Target::resolve(&options, &|_| None).unwrap())
    }

    #[test]
    fn a_session_helps_where_most_is_left_for_each() {
        let shares = Shares::default();
        let (small, _a) = shares.open(Some(100), ReadCounter::default(), 10);
        let (large, mut joining) = shares.open(Some(150), ReadCounter::default(), 10);
        assert!(shares.help(lane(1)).is_some(), "nobody has looked yet");
        small.look(true);
        large.look(true);
        assert!(shares.help(lane(1)).is_none());
        assert_eq!(joining.lanes.try_recv().unwrap().number, 1);
        assert!(shares.help(lane(2)).is_none());
        assert!(joining.lanes.try_recv().is_err(), "100 is more than the half of 150");
    }

    #[test]
    fn no_session_comes_where_too_little_is_left_or_the_decoder_is_not_ahead() {
        let shares = Shares::default();
        let read = ReadCounter::default();
        let (share, _joining) = shares.open(Some(100), read.clone(), 40);
        share.look(true);
        assert!(shares.help(lane(1)).is_none());
        assert!(shares.help(lane(2)).is_none(), "50 for each of the two are enough");
        assert!(shares.help(lane(3)).is_some(), "33 for each of the three are not");
        let (share, _joining) = shares.open(Some(100), read, 40);
        share.look(false);
        assert!(shares.help(lane(3)).is_some());
    }

    #[test]
    fn of_an_unknown_size_as_much_is_left_as_was_read() {
        let shares = Shares::default();
        let read = ReadCounter::default();
        let (share, _joining) = shares.open(None, read.clone(), 40);
        share.look(true);
        assert!(shares.help(lane(1)).is_some());
        read.add(40);
        assert!(shares.help(lane(1)).is_none());
    }

    #[test]
    fn a_session_that_comes_too_late_is_given_back() {
        let shares = Shares::default();
        let (share, joining) = shares.open(Some(100), ReadCounter::default(), 10);
        share.look(true);
        assert!(shares.help(lane(1)).is_none());
        drop(joining);
        assert_eq!(shares.take_returned().len(), 1);
        assert!(shares.help(lane(2)).is_some(), "the table is finished");
    }
}
