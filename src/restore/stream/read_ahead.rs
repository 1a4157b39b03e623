//! Buffers a stream before a session reads it: bytes as stored in the archive are kept in memory,
//! so that several tables of a stream can be loaded at once.
//!
//! The stream's thread reserves memory before it passes bytes on, and waits while there is none;
//! that is the back-pressure. All items together hold at most the number of bytes given to
//! [`ReadAhead::new`]. The item currently arriving may hold [`ARRIVING_ITEM_MAY_HOLD`] on top of that once a session
//! reads it: otherwise the session could wait for the stream while the stream waits for memory that
//! only this session would free.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::archive::stream::ItemBytes;

/// Bytes that the arriving item may hold when a session reads it, however full the memory is.
const ARRIVING_ITEM_MAY_HOLD: u64 = 2 << 20;

/// Bytes that an item takes besides its contents: its place in the list and the slots of its first
/// pieces.
const ITEM: u64 = 4 << 10;

/// The read-ahead memory.
pub(crate) struct ReadAhead {
    most: u64,
    state: Mutex<State>,
    /// The stream's thread waits here.
    room: Condvar,
    full: Notify,
}

#[derive(Default)]
struct State {
    held: u64,
    /// The item currently arriving, counted from 1.
    current: u64,
    /// Bytes held by the current item.
    of_current: u64,
    /// Whether a session reads the current item.
    taken: bool,
    /// Whether the stream's thread waits for memory.
    waits: bool,
    /// Items that are being read, which frees memory.
    reading: usize,
}

impl ReadAhead {
    /// Creates a buffer for this many bytes.
    pub(crate) fn new(most: u64) -> Arc<Self> {
        let (state, room, full) = (Mutex::default(), Condvar::new(), Notify::new());
        Arc::new(Self { most, state, room, full })
    }

    /// Whether the stream is blocked for lack of memory.
    pub(crate) fn is_full(&self) -> bool {
        self.state().waits
    }

    /// Whether it will stay blocked until an item is taken or given up: no one frees memory.
    /// Announced items are not considered here.
    pub(crate) fn is_stuck(&self) -> bool {
        let state = self.state();
        state.waits && state.reading == 0
    }

    /// Waits until it is full. May wake up spuriously.
    pub(crate) async fn filled(&self) {
        self.full.notified().await;
    }

    /// Starts an item. Waits for memory for it.
    pub(crate) fn begin(self: &Arc<Self>) -> (ItemSender, ItemReceiver) {
        let item = {
            let mut state = self.state();
            (state.of_current, state.taken) = (0, false);
            state.current += 1;
            state.current
        };
        let begun = self.hold(item, ITEM, || true);
        let (pieces, receiver) = unbounded_channel();
        let reader = ItemReceiver { pieces: receiver, begun, taken: false, current: None };
        (ItemSender { ahead: self.clone(), item, pieces }, reader)
    }

    /// Waits for memory, on the stream's thread, as long as the bytes are wanted.
    fn hold(self: &Arc<Self>, item: u64, bytes: u64, wanted: impl Fn() -> bool) -> Held {
        let mut state = self.state();
        // A piece larger than the whole buffer goes through alone.
        while state.held > 0
            && state.held + bytes > self.most
            && !(state.taken && state.of_current + bytes <= ARRIVING_ITEM_MAY_HOLD)
            && wanted()
        {
            state.waits = true;
            self.full.notify_one();
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waits = false;
        state.held += bytes;
        state.of_current += bytes;
        Held { ahead: self.clone(), item, bytes }
    }

    /// Called after a change that may have freed memory.
    fn changed(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        // If it was not enough, the stream's thread sets this again.
        state.waits = false;
        self.room.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Sums that are changed atomically: a panic elsewhere cannot corrupt them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes in memory, until this is dropped.
struct Held {
    ahead: Arc<ReadAhead>,
    item: u64,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ahead.changed(|state| {
            state.held = state.held.saturating_sub(self.bytes);
            if state.current == self.item {
                state.of_current = state.of_current.saturating_sub(self.bytes);
            }
        });
    }
}

/// The sending end of an item, for the stream's thread.
pub(crate) struct ItemSender {
    ahead: Arc<ReadAhead>,
    item: u64,
    pieces: UnboundedSender<(ItemBytes, Option<Held>)>,
}

impl ItemSender {
    /// Passes a piece on. Waits for memory. Returns false when the receiver is gone.
    pub(crate) fn send(&self, piece: ItemBytes) -> bool {
        let held = match &piece {
            ItemBytes::Bytes(bytes) => {
                let wanted = || !self.pieces.is_closed();
                Some(self.ahead.hold(self.item, bytes.len() as u64, wanted))
            }
            ItemBytes::End => None,
        };
        self.pieces.send((piece, held)).is_ok()
    }
}

/// The receiving end of an item.
pub(crate) struct ItemReceiver {
    pieces: UnboundedReceiver<(ItemBytes, Option<Held>)>,
    /// Memory for the item itself.
    begun: Held,
    /// Whether a session reads it.
    taken: bool,
    /// Memory for the piece that was given out last.
    current: Option<Held>,
}

impl std::fmt::Debug for ItemReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl ItemReceiver {
    /// A session starts to read: the item may arrive now, however full the memory is.
    pub(crate) fn take(&mut self) {
        let Held { ahead, item, .. } = &self.begun;
        ahead.changed(|state| {
            state.taken |= state.current == *item;
            state.reading += usize::from(!self.taken);
        });
        self.taken = true;
    }

    /// Waits for the next piece. `None` if the stream ends before the item does.
    pub(crate) fn next(&mut self) -> Option<ItemBytes> {
        self.current = None;
        let (piece, held) = self.pieces.blocking_recv()?;
        self.current = held;
        Some(piece)
    }
}

impl Drop for ItemReceiver {
    fn drop(&mut self) {
        // A sender waiting to send a piece notices this, and the held memory is released right
        // after.
        self.pieces.close();
        self.begun.ahead.changed(|state| state.reading -= usize::from(self.taken));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use bytes::Bytes;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn piece(bytes: u64) -> ItemBytes {
        ItemBytes::Bytes(Bytes::from(vec![0; usize::try_from(bytes).unwrap()]))
    }

    fn wait_until_full(ahead: &ReadAhead) {
        while !ahead.is_full() {
            thread::yield_now();
        }
    }

    #[test]
    fn several_items_are_buffered_until_full() {
        let ahead = ReadAhead::new(3 * MIB);
        let (first, mut one) = ahead.begin();
        assert!(first.send(piece(MIB)) && first.send(ItemBytes::End));
        let (second, two) = ahead.begin();
        assert!(second.send(piece(MIB)));
        assert!(!ahead.is_full());
        let (sent, was_sent) = channel();
        let thread = thread::spawn(move || {
            sent.send(second.send(piece(2 * MIB - ITEM))).unwrap();
            second
        });
        wait_until_full(&ahead);
        assert!(was_sent.try_recv().is_err());
        assert!(matches!(one.next(), Some(ItemBytes::Bytes(_))));
        assert!(matches!(one.next(), Some(ItemBytes::End)));
        drop(one);
        assert!(was_sent.recv().unwrap());
        drop((thread.join().unwrap(), two));
        assert_eq!(ahead.state().held, 0);
    }

    #[test]
    fn item_being_read_enters_a_full_buffer() {
        let ahead = ReadAhead::new(4 * MIB);
        let (first, _kept) = ahead.begin();
        assert!(first.send(piece(3 * MIB)));
        let (second, mut two) = ahead.begin();
        let thread = thread::spawn(move || {
            (0..20).for_each(|_| assert!(second.send(piece(MIB))));
            assert!(second.send(ItemBytes::End));
        });
        wait_until_full(&ahead);
        assert!(ahead.is_stuck());
        two.take();
        for _ in 0..19 {
            wait_until_full(&ahead);
            assert!(!ahead.is_stuck(), "it is being read");
            assert!(ahead.state().held <= 4 * MIB + ARRIVING_ITEM_MAY_HOLD);
            assert!(matches!(two.next(), Some(ItemBytes::Bytes(_))));
        }
        assert!(matches!(two.next(), Some(ItemBytes::Bytes(_))));
        assert!(matches!(two.next(), Some(ItemBytes::End)));
        thread.join().unwrap();
        assert!(ahead.state().held <= 3 * MIB + 2 * ITEM);
        assert_eq!(ahead.state().reading, 1);
        drop(two);
        assert_eq!(ahead.state().reading, 0);
    }

    #[test]
    fn unwanted_item_does_not_wait_for_space() {
        let ahead = ReadAhead::new(2 * MIB);
        let (first, _kept) = ahead.begin();
        assert!(first.send(piece(2 * MIB - 2 * ITEM)));
        let (second, two) = ahead.begin();
        let thread = thread::spawn(move || second.send(piece(MIB)));
        wait_until_full(&ahead);
        drop(two);
        assert!(!thread.join().unwrap());
        assert_eq!(ahead.state().held, 2 * MIB - ITEM);
    }

    #[test]
    fn abandoned_data_frees_space_and_stops_the_writer() {
        let ahead = ReadAhead::new(MIB);
        let (writer, reader) = ahead.begin();
        assert!(writer.send(piece(MIB - ITEM)));
        let thread = thread::spawn(move || (writer.send(piece(MIB)), writer.send(ItemBytes::End)));
        wait_until_full(&ahead);
        drop(reader);
        assert_eq!(thread.join().unwrap(), (false, false));
        assert_eq!(ahead.state().held, 0);
    }

    #[test]
    fn chunk_larger_than_the_buffer_passes() {
        let ahead = ReadAhead::new(0);
        let (writer, mut reader) = ahead.begin();
        reader.take();
        reader.take();
        assert_eq!(ahead.state().reading, 1);
        let thread = thread::spawn(move || {
            assert!(
                writer.send(piece(MIB)) && writer.send(piece(MIB)) && writer.send(ItemBytes::End)
            );
        });
        while !matches!(reader.next(), Some(ItemBytes::End)) {}
        thread.join().unwrap();
        drop(reader);
        assert_eq!(ahead.state().held, 0);
    }
}
