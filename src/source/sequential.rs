//! A stream read in its own order by one reader, for output that is sequential anyway, such as a
//! script.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;

use super::StreamAccess;
use crate::archive::stream::{Answer, ItemBytes, ItemOf, ItemReader, Sink, StreamItem};
use crate::archive::{ArchiveError, Data, DumpId, Entry, Format, ReadCounter, Result, Toc};

/// Pieces of 128 KiB between the stream's thread and the reader.
const IN_FLIGHT: usize = 8;

/// The data of a stream's entries, in the order of the stream.
pub struct Sequential {
    messages: Receiver<Message>,
}

enum Message {
    Item(StreamItem, Receiver<ItemBytes>),
    Done(Result<()>),
}

impl Sequential {
    /// Starts reading the data of the `wanted` entries. `objects` is whether any of them holds
    /// large objects, which are separate items in a tar.
    #[must_use]
    pub fn new(stream: StreamAccess, wanted: HashSet<DumpId>, objects: bool) -> Self {
        let (sender, messages) = sync_channel(1);
        let done = sender.clone();
        let sink = Forward { messages: sender, wanted, objects, current: None };
        stream.run(Box::new(sink), move |result| {
            // If the receiver is gone, there is no one to notify.
            let _ = done.send(Message::Done(result));
        });
        Self { messages }
    }

    /// The data of this entry, which must be the next wanted one in the stream.
    ///
    /// # Errors
    /// When the stream is damaged, or has its data in another order.
    pub fn open(&mut self, entry: &Entry) -> Result<Data> {
        match self.messages.recv() {
            Ok(Message::Item(item, pieces)) if item.of == ItemOf::Entry(entry.dump_id) => {
                Ok(item.data(ItemReader::new(move || pieces.recv().ok(), ReadCounter::default())))
            }
            Ok(Message::Item(..)) => {
                let what = "the stream is not in the script's order: unpack it to a file first";
                Err(ArchiveError::missing(what).in_entry(entry))
            }
            Ok(Message::Done(Err(error))) => Err(error),
            Ok(Message::Done(Ok(()))) | Err(_) => {
                Err(ArchiveError::missing("the archive has no data for it").in_entry(entry))
            }
        }
    }

    /// The data of the next wanted entry, or `None` after the last.
    ///
    /// # Errors
    /// When the stream is damaged.
    pub fn next_item(&mut self) -> Result<Option<(ItemOf, Data)>> {
        match self.messages.recv() {
            Ok(Message::Item(item, pieces)) => {
                let reader = ItemReader::new(move || pieces.recv().ok(), ReadCounter::default());
                Ok(Some((item.of, item.data(reader))))
            }
            Ok(Message::Done(result)) => result.map(|()| None),
            Err(_) => Err(ArchiveError::truncated("the stream reader stopped unexpectedly")),
        }
    }

    /// Reads the rest of the stream, to verify that it is intact.
    ///
    /// # Errors
    /// When it is not.
    pub fn finish(mut self) -> Result<()> {
        // Unwanted data is skipped: dropping its receiver signals that.
        while self.next_item()?.is_some() {}
        Ok(())
    }
}

struct Forward {
    messages: SyncSender<Message>,
    wanted: HashSet<DumpId>,
    objects: bool,
    current: Option<SyncSender<ItemBytes>>,
}

impl Forward {
    fn pass_on(&mut self, piece: ItemBytes) -> Answer {
        match &self.current {
            Some(current) if current.send(piece).is_ok() => Answer::Take,
            _ => Answer::Skip,
        }
    }
}

impl Sink for Forward {
    fn toc(&mut self, _: &Toc, _: Format) -> Answer {
        Answer::Take
    }

    fn begin(&mut self, item: &StreamItem) -> Answer {
        let wanted = match item.of {
            ItemOf::Entry(id) => self.wanted.contains(&id),
            ItemOf::LargeObject(_) => self.objects,
        };
        if !wanted {
            return Answer::Skip;
        }
        let (sender, receiver) = sync_channel(IN_FLIGHT);
        if self.messages.send(Message::Item(item.clone(), receiver)).is_err() {
            return Answer::Stop;
        }
        self.current = Some(sender);
        Answer::Take
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        self.pass_on(ItemBytes::Bytes(bytes))
    }

    fn end(&mut self) -> Answer {
        let answer = self.pass_on(ItemBytes::End);
        self.current = None;
        answer
    }
}
