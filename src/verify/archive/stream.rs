//! Verifies a streamed archive: the reading thread hands each item to a pool thread and continues
//! with the next item while that one decodes.
//!
//! A pool thread takes the next item only when it has finished the previous one, so there are never
//! more items in flight than threads to decode them, and the waiting pieces are bounded: the
//! reading thread blocks, not the pool.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rayon::ThreadPool;

use super::examine::Reading;
use super::expected::Expected;
use super::{Collector, Message, VerifyOptions};
use crate::archive::stream::{Answer, ItemBytes, ItemOf, ItemReader, Sink, StreamItem};
use crate::archive::{DumpId, Entry, Format, ReadCounter, Toc};
use crate::source::StreamAccess;

/// Pieces of an item that may wait for its decoder.
const WAITING: usize = 16;

/// An item on its way to a decoder.
struct VerifyJob {
    entry: DumpId,
    item: StreamItem,
    pieces: Receiver<ItemBytes>,
}

/// Reads all of the stream.
pub(super) fn read(
    access: StreamAccess,
    toc: &Arc<Toc>,
    options: &VerifyOptions,
    expected: &Arc<Expected>,
    reading: &Reading,
    pool: &ThreadPool,
    collector: &mut Collector<'_>,
) {
    let (messages, inbox) = channel();
    // A job is handed over only when a thread requests it.
    let (jobs, queue) = sync_channel(0);
    let queue = Arc::new(Mutex::new(queue));
    let dispatch = Dispatch {
        toc: toc.clone(),
        options: options.clone(),
        expected: expected.clone(),
        jobs,
        current: None,
        messages: messages.clone(),
    };
    pool.in_place_scope(|scope| {
        for _ in 0..pool.current_num_threads() {
            let (queue, messages) = (queue.clone(), messages.clone());
            scope.spawn(move |_| decode(&queue, &messages, toc, reading));
        }
        // The stream's thread then notices when all pool threads are gone.
        drop(queue);
        access.run(Box::new(dispatch), move |result| {
            // The receiver may be gone.
            let _ = messages.send(Message::Over(result));
        });
        collector.gather(&inbox);
    });
}

/// A pool thread: decodes one item after another.
fn decode(
    queue: &Mutex<Receiver<VerifyJob>>,
    messages: &Sender<Message>,
    toc: &Toc,
    reading: &Reading,
) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(VerifyJob { entry: id, item, pieces }) = job else {
            return;
        };
        let Some(entry) = toc.get(id) else {
            continue;
        };
        let counter = ReadCounter::default();
        let reader = ItemReader::new(move || pieces.recv().ok(), counter.clone());
        let findings = reading.examine(entry, Ok(item.data(reader)), &counter);
        if messages.send(Message::Found(id, findings)).is_err() {
            return;
        }
    }
}

/// Hands the items of a stream to the decoders.
struct Dispatch {
    toc: Arc<Toc>,
    options: VerifyOptions,
    expected: Arc<Expected>,
    jobs: SyncSender<VerifyJob>,
    /// Receives the pieces of the current item.
    current: Option<SyncSender<ItemBytes>>,
    messages: Sender<Message>,
}

impl Dispatch {
    /// The entry of an item, or the fault if there is none.
    fn owner(&self, of: ItemOf) -> Result<&Entry, String> {
        let id = match of {
            ItemOf::Entry(id) => id,
            ItemOf::LargeObject(oid) => self
                .expected
                .owner(oid)
                .ok_or_else(|| format!("large object {oid} does not belong to any entry"))?,
        };
        match self.toc.get(id) {
            Some(entry) if entry.declares_data() => Ok(entry),
            Some(entry) => Err(format!(
                "the archive contains data for entry {id} {}, which should have none",
                entry.label()
            )),
            None => Err(format!("the archive contains data for an unlisted entry ({id})")),
        }
    }
}

impl Sink for Dispatch {
    fn toc(&mut self, _: &Toc, _: Format) -> Answer {
        Answer::Take
    }

    fn begin(&mut self, item: &StreamItem) -> Answer {
        let entry = match self.owner(item.of) {
            Ok(entry) if self.options.wants(entry.dump_id) => entry.dump_id,
            Ok(_) => return Answer::Skip,
            Err(what) => {
                // The receiver may be gone: the next job notices.
                let _ = self.messages.send(Message::Stray(what));
                return Answer::Skip;
            }
        };
        let (current, pieces) = sync_channel(WAITING);
        self.current = Some(current);
        match self.jobs.send(VerifyJob { entry, item: item.clone(), pieces }) {
            Ok(()) => Answer::Take,
            Err(_) => Answer::Stop,
        }
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        let sent = self.current.as_ref().map(|current| current.send(ItemBytes::Bytes(bytes)));
        // A decoder that found damage does not need the rest.
        if matches!(sent, Some(Ok(()))) { Answer::Take } else { Answer::Skip }
    }

    fn end(&mut self) -> Answer {
        if let Some(current) = self.current.take() {
            // A decoder that found damage has already exited.
            let _ = current.send(ItemBytes::End);
        }
        Answer::Take
    }

    fn behind(&mut self, bytes: u64) {
        let _ = self.messages.send(Message::Behind(bytes));
    }
}
