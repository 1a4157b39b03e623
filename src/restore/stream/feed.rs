//! A stream's data on its way to the sessions.
//!
//! The stream's thread calls the [`Feed`], which announces each wanted item and keeps its bytes
//! until a session takes them, as far as memory allows ([`crate::restore::stream::read_ahead`]).

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::archive::stream::{Answer, ItemBytes, ItemOf, Sink, StreamItem};
use crate::archive::{ArchiveError, Desc, Digest, DumpId, ErrorKind, Format, Place, Toc};
use crate::restore::event::Event;
use crate::restore::facts::Facts;
use crate::restore::journal::state::KeptJournal;
use crate::restore::stream::read_ahead::{ItemReceiver, ItemSender, ReadAhead};
use crate::source::{StreamAccess, bytes_behind};

/// An arrival from a stream.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// The data of the entry at this place starts.
    Item { place: Place, item: StreamItem, reader: ItemReceiver },
    /// The stream has ended, successfully or not.
    End(Result<(), ArchiveError>),
}

/// A stream whose data is being read.
pub(crate) struct StreamedData {
    pub(crate) arrivals: Receiver<Arrival>,
    pub(crate) ahead: Arc<ReadAhead>,
}

impl StreamedData {
    /// The next arrival; `None` when read-ahead memory is full.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        let gone =
            || Arrival::End(Err(ArchiveError::truncated("the stream reader stopped unexpectedly")));
        tokio::select! {
            arrival = self.arrivals.recv() => Some(arrival.unwrap_or_else(gone)),
            () = self.ahead.filled() => None,
        }
    }
}

/// Starts reading the stream's data.
pub(crate) fn start(stream: StreamAccess, facts: Arc<Facts>, journal: KeptJournal) -> StreamedData {
    let (sender, arrivals) = channel(1);
    let changed: Changed = Arc::default();
    let ahead = ReadAhead::new(facts.options.read_ahead);
    let feed = Feed::new(facts, journal, sender.clone(), ahead.clone(), changed.clone());
    stream.run(Box::new(feed), move |result| {
        let result = changed.get().map_or(result, |error| Err(error.again()));
        // If there is no receiver, the restore is already over.
        let _ = sender.blocking_send(Arrival::End(result));
    });
    StreamedData { arrivals, ahead }
}

/// Why the stream is not the one an earlier run read, if it differs.
type Changed = Arc<OnceLock<ArchiveError>>;

struct Feed {
    facts: Arc<Facts>,
    journal: KeptJournal,
    changed: Changed,
    arrivals: Sender<Arrival>,
    ahead: Arc<ReadAhead>,
    /// Places of the entries whose data is wanted.
    entries: HashMap<DumpId, Place>,
    /// The entry of each large object, if the TOC records it.
    objects: HashMap<u32, Place>,
    /// The entry of all large objects, if there is only one and the TOC does not list its objects.
    only_objects: Option<Place>,
    current: Option<ItemSender>,
    /// Data that an earlier run loaded and that is now passing by again: its entry, its digest at
    /// that time, and the hash of what has arrived so far.
    compared: Option<(Place, Digest, Sha256)>,
}

impl Feed {
    fn new(
        facts: Arc<Facts>,
        journal: KeptJournal,
        arrivals: Sender<Arrival>,
        ahead: Arc<ReadAhead>,
        changed: Changed,
    ) -> Self {
        let wanted = facts.toc.places().filter(|place| facts.wants_archived_data(*place));
        let entries: HashMap<DumpId, Place> =
            wanted.map(|place| (facts.entry(place).dump_id, place)).collect();
        let blobs: Vec<Place> = entries
            .values()
            .copied()
            .filter(|place| facts.entry(*place).desc == Desc::Blobs)
            .collect();
        let mut objects = HashMap::new();
        for place in &blobs {
            let expected = facts.expected_objects(facts.entry(*place));
            objects.extend(expected.into_iter().map(|oid| (oid, *place)));
        }
        let only_objects = match blobs[..] {
            // If the TOC lists them, the other objects belong to entries that are not wanted.
            [only] if objects.is_empty() => Some(only),
            _ => None,
        };
        Self {
            facts,
            journal,
            changed,
            arrivals,
            ahead,
            entries,
            objects,
            only_objects,
            current: None,
            compared: None,
        }
    }

    fn place(&self, of: ItemOf) -> Option<Place> {
        match of {
            ItemOf::Entry(id) => self.entries.get(&id).copied(),
            ItemOf::LargeObject(oid) => self.objects.get(&oid).copied().or(self.only_objects),
        }
    }

    fn pass_on(&mut self, piece: ItemBytes) -> Answer {
        match &self.current {
            Some(current) if current.send(piece) => Answer::Take,
            // A session that has given up on the entry must not block the others.
            Some(_) | None => {
                self.current = None;
                Answer::Skip
            }
        }
    }
}

impl Sink for Feed {
    fn toc(&mut self, _: &Toc, _: Format) -> Answer {
        Answer::Take
    }

    fn begin(&mut self, item: &StreamItem) -> Answer {
        // It may hold the memory that is waited for here.
        self.current = None;
        let Some(place) = self.place(item.of) else {
            return Answer::Skip;
        };
        if !self.journal.is_to_load(&self.facts, place) {
            let is_whole = matches!(item.of, ItemOf::Entry(_));
            let then = self
                .journal
                .digest_to_compare(&self.facts, self.facts.entry(place))
                .filter(|_| is_whole);
            self.compared = then.map(|then| (place, then, Sha256::new()));
            return if self.compared.is_some() { Answer::Take } else { Answer::Skip };
        }
        let (writer, reader) = self.ahead.begin();
        let arrival = Arrival::Item { place, item: item.clone(), reader };
        if self.arrivals.blocking_send(arrival).is_err() {
            return Answer::Stop;
        }
        self.current = Some(writer);
        Answer::Take
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        match &mut self.compared {
            Some((_, _, hash)) => {
                hash.update(&bytes);
                Answer::Take
            }
            None => self.pass_on(ItemBytes::Bytes(bytes)),
        }
    }

    fn end(&mut self) -> Answer {
        if let Some((place, then, hash)) = self.compared.take() {
            let now = Digest::from(hash);
            if now == then {
                return Answer::Take;
            }
            let what = format!(
                "its data has changed since an earlier run loaded it (SHA-256 was {}, is now {})",
                then.short(),
                now.short()
            );
            let error = ArchiveError::new(ErrorKind::Changed(what));
            let entry = self.facts.entry(place);
            let _ = self.changed.set(self.facts.in_entry(error, entry));
            return Answer::Stop;
        }
        let answer = self.pass_on(ItemBytes::End);
        self.current = None;
        answer
    }

    fn behind(&mut self, bytes: u64) {
        self.facts.events.send(Event::Warning { message: bytes_behind(bytes) });
    }
}
