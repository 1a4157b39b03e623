//! Tables that idle sessions can help to load.
//!
//! A session that loads a large table offers a [`Share`]. The conductor assigns idle sessions to
//! it, as long as enough data remains for each; the share returns them when the table is finished.
//! What a session is does not matter here.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::archive::ReadCounter;

/// The tables that are being loaded and can use help.
pub(crate) struct Shares<L> {
    open: Mutex<Vec<Arc<Share<L>>>>,
    /// Sessions that have finished helping.
    returned: Mutex<Vec<L>>,
    /// Signals that a table can use help.
    wanted: Arc<Notify>,
}

/// One such table.
pub(crate) struct Share<L> {
    /// Bytes of its data in the archive, if known.
    size: Option<u64>,
    /// Bytes read so far.
    read: ReadCounter,
    /// Bytes that must remain for each active session before another one joins.
    least: u64,
    /// Sessions at work.
    sessions: AtomicU64,
    /// Whether the decoder was ahead of the sessions at the last check.
    ahead: AtomicBool,
    lanes: UnboundedSender<L>,
    wanted: Arc<Notify>,
}

/// Receives the sessions that help with a table.
pub(crate) struct Joining<'a, L> {
    shares: &'a Shares<L>,
    lanes: UnboundedReceiver<L>,
}

impl<L> Default for Shares<L> {
    fn default() -> Self {
        Self { open: Mutex::default(), returned: Mutex::default(), wanted: Arc::default() }
    }
}

impl<L> Shares<L> {
    /// Offers a table that one session has started to load.
    pub(crate) fn open(
        &self,
        size: Option<u64>,
        read: ReadCounter,
        least: u64,
    ) -> (Arc<Share<L>>, Joining<'_, L>) {
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

    /// Assigns a session to the table with the most data left for each session. Returns the session
    /// if no help is wanted.
    pub(crate) fn help(&self, lane: L) -> Option<L> {
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
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The sessions that have finished helping.
    pub(crate) fn take_returned(&self) -> Vec<L> {
        std::mem::take(&mut *locked(&self.returned))
    }

    fn give_back(&self, lane: L) {
        locked(&self.returned).push(lane);
    }
}

impl<L> Share<L> {
    /// Called by a session whenever it takes a piece, with whether the decoder is ahead of all
    /// sessions. If it is not, another session would find nothing to do.
    pub(crate) fn look(&self, ahead: bool) {
        self.ahead.store(ahead, Ordering::Relaxed);
        if self.wants_help() {
            self.wanted.notify_one();
        }
    }

    fn wants_help(&self) -> bool {
        self.ahead.load(Ordering::Relaxed) && self.left() >= self.least && !self.lanes.is_closed()
    }

    /// Bytes that remain for each session. If the size is unknown, as many as were read are assumed
    /// to remain: when much of a table was read, much more is likely to come.
    fn left(&self) -> u64 {
        let read = self.read.get();
        let left = self.size.map_or(read, |size| size.saturating_sub(read));
        left / self.sessions.load(Ordering::Relaxed).max(1)
    }
}

impl<L> Joining<'_, L> {
    /// The next session that comes to help.
    pub(crate) async fn next(&mut self) -> Option<L> {
        self.lanes.recv().await
    }

    /// A session has finished helping.
    pub(crate) fn give_back(&self, lane: L) {
        self.shares.give_back(lane);
    }

    /// Stops accepting sessions. One that has arrived is returned when this is dropped.
    pub(crate) fn close(&mut self) {
        self.lanes.close();
    }
}

impl<L> Drop for Joining<'_, L> {
    fn drop(&mut self) {
        self.lanes.close();
        while let Ok(lane) = self.lanes.try_recv() {
            self.shares.give_back(lane);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Lists of sessions, each changed by a single call: a panic elsewhere cannot corrupt them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_helps_where_each_has_most_left() {
        let shares = Shares::default();
        let (small, _a) = shares.open(Some(100), ReadCounter::default(), 10);
        let (large, mut joining) = shares.open(Some(150), ReadCounter::default(), 10);
        assert!(shares.help(1).is_some(), "no one has checked yet");
        small.look(true);
        large.look(true);
        assert!(shares.help(1).is_none());
        assert_eq!(joining.lanes.try_recv().unwrap(), 1);
        assert!(shares.help(2).is_none());
        assert!(joining.lanes.try_recv().is_err(), "100 is more than the half of 150");
    }

    #[test]
    fn no_session_joins_without_enough_data_ahead() {
        let shares = Shares::default();
        let read = ReadCounter::default();
        let (share, _joining) = shares.open(Some(100), read.clone(), 40);
        share.look(true);
        assert!(shares.help(1).is_none());
        assert!(shares.help(2).is_none(), "50 for each of the two are enough");
        assert!(shares.help(3).is_some(), "33 for each of the three are not");
        let (share, _joining) = shares.open(Some(100), read, 40);
        share.look(false);
        assert!(shares.help(3).is_some());
    }

    #[test]
    fn unknown_size_assumes_as_much_left_as_read() {
        let shares = Shares::default();
        let read = ReadCounter::default();
        let (share, _joining) = shares.open(None, read.clone(), 40);
        share.look(true);
        assert!(shares.help(1).is_some());
        read.add(40);
        assert!(shares.help(1).is_none());
    }

    #[test]
    fn late_session_is_given_back() {
        let shares = Shares::default();
        let (share, joining) = shares.open(Some(100), ReadCounter::default(), 10);
        share.look(true);
        assert!(shares.help(1).is_none());
        drop(joining);
        assert_eq!(shares.take_returned().len(), 1);
        assert!(shares.help(2).is_some(), "the table is finished");
    }
}
