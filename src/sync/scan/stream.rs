//! The tables of a stream, handed to the lanes as they come.
//!
//! A lane gets an item when it asks for one, so no more items are under way than there are lanes,
//! and of each only a few pieces wait: a slow lane makes the stream wait. A table that may be
//! unchanged is collected up to a limit, so that its digest is known before its rows are read.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::{Scan, ScanJob};
use crate::archive::stream::{Answer, ItemBytes, ItemOf, ItemReader, Sink, StreamItem};
use crate::archive::{self, ArchiveError, Data, DumpId, Format, ReadCounter, Toc};
use crate::source::StreamAccess;

/// Pieces of 128 KiB between the stream's thread and a lane's.
const WAITING: usize = 16;

/// Bytes of an item, as stored, that are collected.
const COLLECTED: usize = 8 << 20;

/// A table's data as it arrives.
pub(super) struct Item {
    /// The table, and how to read it.
    pub(super) job: ScanJob,
    item: StreamItem,
    pieces: Pieces,
}

/// Bytes of an item: those collected, then those still to come.
struct Pieces {
    collected: VecDeque<ItemBytes>,
    coming: Receiver<ItemBytes>,
}

impl Iterator for Pieces {
    type Item = ItemBytes;

    fn next(&mut self) -> Option<ItemBytes> {
        self.collected.pop_front().or_else(|| self.coming.recv().ok())
    }
}

impl Item {
    /// Collects the item, if it is small enough. Returns what was collected if that is all. Waits
    /// for the stream.
    pub(super) fn collect(&mut self) -> Option<Vec<Bytes>> {
        let (mut all, mut size) = (Vec::new(), 0);
        while size <= COLLECTED {
            let piece = self.pieces.coming.recv().ok()?;
            let has_ended = matches!(piece, ItemBytes::End);
            if let ItemBytes::Bytes(bytes) = &piece {
                size += bytes.len();
                all.push(bytes.clone());
            }
            self.pieces.collected.push_back(piece);
            if has_ended {
                return Some(all);
            }
        }
        None
    }

    /// The data, decompressed.
    pub(super) fn data(self, counter: ReadCounter) -> Data {
        let mut pieces = self.pieces;
        self.item.data(ItemReader::new(move || pieces.next(), counter))
    }

    /// The data as it is stored.
    pub(super) fn stored(self, counter: ReadCounter) -> Data {
        let mut pieces = self.pieces;
        Data::Rows(Box::new(ItemReader::new(move || pieces.next(), counter)))
    }
}

/// Starts to read a stream. The second receiver gets the outcome.
pub(super) fn start(
    access: StreamAccess,
    scan: &Scan,
    jobs: Vec<ScanJob>,
) -> (mpsc::Receiver<Item>, oneshot::Receiver<archive::Result<()>>) {
    let (items, receiver) = mpsc::channel(1);
    let (ended, outcome) = oneshot::channel();
    let (missing_out, missing_in) = sync_channel(1);
    let jobs = jobs.into_iter().map(|job| (scan.toc.at(scan.tables[job.table].data).dump_id, job));
    let sink = Forward { items, jobs: jobs.collect(), current: None, missing: missing_out };
    access.run(Box::new(sink), move |result| {
        let complete = match missing_in.try_recv() {
            Ok(0) => Ok(()),
            _ => Err(ArchiveError::truncated("the stream ends before all the data it lists")),
        };
        // If no one receives any more, the sync has failed already.
        let _ = ended.send(result.and(complete));
    });
    (receiver, outcome)
}

struct Forward {
    items: mpsc::Sender<Item>,
    /// The tables that are still to come.
    jobs: HashMap<DumpId, ScanJob>,
    current: Option<SyncSender<ItemBytes>>,
    /// Receives the number of tables that did not come.
    missing: SyncSender<usize>,
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.missing.try_send(self.jobs.len());
    }
}

impl Sink for Forward {
    fn toc(&mut self, _: &Toc, _: Format) -> Answer {
        Answer::Take
    }

    fn begin(&mut self, item: &StreamItem) -> Answer {
        let job = match item.of {
            ItemOf::Entry(id) => self.jobs.remove(&id),
            ItemOf::LargeObject(_) => None,
        };
        let Some(job) = job else { return Answer::Skip };
        let (current, coming) = sync_channel(WAITING);
        let pieces = Pieces { collected: VecDeque::new(), coming };
        self.current = Some(current);
        match self.items.blocking_send(Item { job, item: item.clone(), pieces }) {
            Ok(()) => Answer::Take,
            Err(_) => Answer::Stop,
        }
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        match &self.current {
            Some(current) if current.send(ItemBytes::Bytes(bytes)).is_ok() => Answer::Take,
            // The lane has failed.
            _ => Answer::Stop,
        }
    }

    fn end(&mut self) -> Answer {
        if let Some(current) = self.current.take() {
            // The lane needs no end if it has failed.
            let _ = current.send(ItemBytes::End);
        }
        Answer::Take
    }
}
