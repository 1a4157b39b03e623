//! A stream's data on its way to the sessions.
//!
//! The stream's thread calls the [`Feed`], which announces each item that is wanted and then waits
//! until a session takes its bytes. At most [`IN_FLIGHT`] pieces of an item are read ahead.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Crc;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::context::Context;
use super::decode::in_entry;
use crate::archive::stream::{Answer, Item, ItemOf, Piece, Sink};
use crate::archive::{Desc, DumpId, Error, ErrorKind, Format, Toc};
use crate::source::StreamAccess;

/// Pieces of 128 KiB between the stream's thread and a session's decoder.
const IN_FLIGHT: usize = 16;

/// What comes out of a stream.
#[derive(Debug)]
pub(super) enum Arrival {
    /// The data of the entry at this place begins.
    Item { place: usize, item: Item, receiver: Receiver<Piece> },
    /// The stream is over, well or not.
    End(Result<(), Error>),
}

/// Starts to read the stream's data.
pub(super) fn start(stream: StreamAccess, ctx: Arc<Context>) -> Receiver<Arrival> {
    let (sender, receiver) = channel(1);
    let changed: Changed = Arc::default();
    let feed = Feed::new(ctx, sender.clone(), changed.clone());
    stream.run(Box::new(feed), move |result| {
        let result = changed.get().map_or(result, |error| Err(error.again()));
        // When nobody listens the restore is over already.
        let _ = sender.blocking_send(Arrival::End(result));
    });
    receiver
}

/// Why the stream is not the one that an earlier run has read, if so.
type Changed = Arc<OnceLock<Error>>;

struct Feed {
    ctx: Arc<Context>,
    changed: Changed,
    arrivals: Sender<Arrival>,
    /// Places of the entries whose data is wanted.
    entries: HashMap<DumpId, usize>,
    /// Which entry a large object belongs to, where the TOC tells.
    objects: HashMap<u32, usize>,
    /// The entry of all large objects, where there is only one and the TOC does not tell.
    only_objects: Option<usize>,
    current: Option<Sender<Piece>>,
    /// The entry whose data pass by, with their checksum so far; if a journal is kept.
    summed: Option<(usize, Crc)>,
}

impl Feed {
    fn new(ctx: Arc<Context>, arrivals: Sender<Arrival>, changed: Changed) -> Self {
        let wanted = (0..ctx.wants.len()).filter(|place| ctx.wants_archived_data(*place));
        let entries: HashMap<DumpId, usize> =
            wanted.map(|place| (ctx.entry(place).dump_id, place)).collect();
        let blobs: Vec<usize> = entries
            .values()
            .copied()
            .filter(|place| ctx.entry(*place).desc == Desc::Blobs)
            .collect();
        let mut objects = HashMap::new();
        for place in &blobs {
            let expected = ctx.expected_objects(ctx.entry(*place));
            objects.extend(expected.into_iter().map(|oid| (oid, *place)));
        }
        let only_objects = match blobs[..] {
            // Where the TOC tells, others belong to entries that are not wanted.
            [only] if objects.is_empty() => Some(only),
            _ => None,
        };
        Self { ctx, changed, arrivals, entries, objects, only_objects, current: None, summed: None }
    }

    fn place(&self, of: ItemOf) -> Option<usize> {
        match of {
            ItemOf::Entry(id) => self.entries.get(&id).copied(),
            ItemOf::LargeObject(oid) => self.objects.get(&oid).copied().or(self.only_objects),
        }
    }

    fn pass_on(&mut self, piece: Piece) -> Answer {
        match &self.current {
            // A session that has given up on the entry does not keep the others waiting.
            Some(current) if current.blocking_send(piece).is_err() => Answer::Skip,
            Some(_) => Answer::Take,
            None => Answer::Skip,
        }
    }
}

impl Sink for Feed {
    fn toc(&mut self, _: &Toc, _: Format) -> Answer {
        Answer::Take
    }

    fn begin(&mut self, item: &Item) -> Answer {
        let Some(place) = self.place(item.of) else {
            return Answer::Skip;
        };
        let is_whole = matches!(item.of, ItemOf::Entry(_)) && self.ctx.journal().is_some();
        self.summed = is_whole.then(|| (place, Crc::new()));
        if !self.ctx.is_to_load(place) {
            // What an earlier run has loaded is compared, if that one has seen it in a stream.
            let known = self.ctx.sum_before(self.ctx.entry(place)).is_some();
            return if is_whole && known { Answer::Take } else { Answer::Skip };
        }
        let (sender, receiver) = channel(IN_FLIGHT);
        let arrival = Arrival::Item { place, item: item.clone(), receiver };
        if self.arrivals.blocking_send(arrival).is_err() {
            return Answer::Stop;
        }
        self.current = Some(sender);
        Answer::Take
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        if let Some((_, sum)) = &mut self.summed {
            sum.update(&bytes);
        }
        match self.pass_on(Piece::Bytes(bytes)) {
            // Who has given up on the data wants no more of them; the checksum does.
            Answer::Skip if self.summed.is_some() => Answer::Take,
            answer => answer,
        }
    }

    fn end(&mut self) -> Answer {
        if let Some((place, sum)) = self.summed.take() {
            let entry = self.ctx.entry(place);
            match self.ctx.sum_before(entry) {
                Some(before) if before != sum.sum() => {
                    let what = "its data are not those that an earlier run has loaded".to_owned();
                    let error = Error::new(ErrorKind::Damaged(what));
                    let _ = self.changed.set(in_entry(error, entry, &self.ctx.archive));
                    return Answer::Stop;
                }
                Some(_) => return Answer::Take,
                // Before the session hears that all have come.
                None => drop(self.ctx.ledger().sums.insert(entry.dump_id, sum.sum())),
            }
        }
        let answer = self.pass_on(Piece::End);
        self.current = None;
        answer
    }
}
