//! An archive read as a stream: each data block is seen once, in the archive's order.
//!
//! The walker pushes what it finds into a [`Sink`]: first the TOC, then each block's start, bytes
//! (as stored in the archive) and end. The sink may block, which is the back-pressure, and may
//! refuse: unwanted blocks are skipped. [`StreamItem::data`] turns the bytes of one block back into
//! [`Data`], the same as from a file.

use std::io::{self, BufRead, BufReader, Read};

use bytes::{Buf, Bytes, BytesMut};

use super::budget::Budget;
use super::codec::{Decoder, GzipFraming};
use super::custom::{Awaited, BlockKind, block_data, block_header, chunk_length, read_int};
use super::data::{Data, LargeObject, LargeObjects};
use super::entry::DumpId;
use super::error::{ArchiveError, Result};
use super::header::{Compression, Header};
use super::primitives::Layout;
use super::slice::ReadCounter;
use super::toc::{Container, Toc};

mod members;

pub(crate) use members::{FilesWalk, is_data_file};

/// Bytes collected before they are handed to the sink.
const PIECE: usize = 128 * 1024;

/// Up to this many bytes, a buffer for a whole piece would be wasteful.
const SMALL_PIECE: usize = 4 * 1024;

/// Bytes of the longest Int: a sign and at most 32 bytes (`header.rs`).
const INT: usize = 1 + 32;

/// The reply of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Continue; the bytes are wanted.
    Take,
    /// Continue; the bytes of this item are not wanted.
    Skip,
    /// Stop reading altogether.
    Stop,
}

/// Receives an archive as it streams.
pub trait Sink {
    /// The table of contents, before any data. `Skip` is treated as `Take`.
    fn toc(&mut self, toc: &Toc, format: super::Format) -> Answer;
    /// The data of an item starts.
    fn begin(&mut self, item: &StreamItem) -> Answer;
    /// Some bytes of the item, as stored in the archive.
    fn bytes(&mut self, bytes: Bytes) -> Answer;
    /// The item is complete.
    fn end(&mut self) -> Answer;
    /// The number of bytes after the last item in the table of contents.
    fn behind(&mut self, bytes: u64) {
        let _ = bytes;
    }
}

/// One piece of data in a stream.
#[derive(Clone, Debug)]
pub struct StreamItem {
    /// The entry or large object that the data belongs to.
    pub of: ItemOf,
    /// Bytes of the item, if known in advance: for a member of a tar.
    pub size: Option<u64>,
    form: Form,
}

/// The entry or large object that an item's data belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemOf {
    /// An entry, by its number: all its data.
    Entry(DumpId),
    /// One large object, by its OID. It belongs to the entry of large objects that lists it.
    LargeObject(u32),
}

#[derive(Clone, Debug)]
enum Form {
    Block(BlockKind, Box<Header>),
    File(Compression),
}

impl StreamItem {
    /// Reads an item's bytes as data. `bytes` returns what [`Sink::bytes`] received.
    pub fn data(&self, bytes: impl Read + Send + 'static) -> Data {
        match (&self.form, self.of) {
            (Form::Block(kind, header), _) => {
                block_data(bytes, *kind, header.compression, header.layout)
            }
            (Form::File(compression), ItemOf::Entry(_)) => {
                Data::Rows(Box::new(Decoder::new(*compression, GzipFraming::Gzip, bytes)))
            }
            (Form::File(compression), ItemOf::LargeObject(oid)) => {
                let content = Decoder::large_object_file(*compression, bytes);
                Data::LargeObjects(Box::new(SingleObject { oid, content: Some(Box::new(content)) }))
            }
        }
    }
}

/// What a [`Sink`] sends of one item to a reader on another thread.
#[derive(Debug)]
pub(crate) enum ItemBytes {
    /// Some bytes.
    Bytes(Bytes),
    /// The item is complete.
    End,
}

/// The bytes of one item from a channel, for [`StreamItem::data`].
///
/// `next` waits for a piece and returns `None` when the sender is gone. An item without its end is
/// an error, not the end of its data.
pub(crate) struct ItemReader<F> {
    next: F,
    current: Bytes,
    ended: bool,
    counter: ReadCounter,
}

impl<F: FnMut() -> Option<ItemBytes>> ItemReader<F> {
    pub(crate) fn new(next: F, counter: ReadCounter) -> Self {
        Self { next, current: Bytes::new(), ended: false, counter }
    }
}

impl<F: FnMut() -> Option<ItemBytes>> Read for ItemReader<F> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match (self.next)() {
                Some(ItemBytes::Bytes(bytes)) => self.current = bytes,
                Some(ItemBytes::End) => self.ended = true,
                None => {
                    return Err(ArchiveError::truncated("the stream ends inside this entry").into());
                }
            }
        }
        let length = output.len().min(self.current.len());
        self.current.copy_to_slice(&mut output[..length]);
        self.counter.read(&output[..length]);
        Ok(length)
    }
}

struct SingleObject {
    oid: u32,
    content: Option<Box<dyn Read + Send>>,
}

impl LargeObjects for SingleObject {
    fn next_object(&mut self) -> Result<Option<LargeObject<'_>>> {
        Ok(self.content.take().map(|content| LargeObject { oid: self.oid, content }))
    }
}

/// Why a walk ended early.
pub(crate) enum Halt {
    /// The sink stopped it.
    Stopped,
    /// Data came before the table of contents, which can be anywhere in a hand-made tar.
    TocLate,
    /// The archive is damaged or cannot be read.
    Error(ArchiveError),
}

impl From<ArchiveError> for Halt {
    fn from(error: ArchiveError) -> Self {
        Self::Error(error)
    }
}

/// Walks over a custom archive.
pub(crate) fn walk_custom(
    reader: impl Read,
    budget: &mut Budget,
    sink: &mut dyn Sink,
) -> Result<(), Halt> {
    let (toc, rest) = Toc::read(reader, Container::Custom, budget)?;
    let mut reader = BufReader::with_capacity(PIECE, rest);
    if sink.toc(&toc, super::Format::Custom) == Answer::Stop {
        return Err(Halt::Stopped);
    }
    let header = Box::new(toc.header.clone());
    let layout = header.layout;
    let mut awaited = Awaited::new(&toc);
    while !awaited.is_over()
        && let Some(block) = block_header(&mut reader, layout)?
    {
        awaited.came(block)?;
        let form = Form::Block(block.kind, header.clone());
        let item = StreamItem { of: ItemOf::Entry(block.dump_id), size: None, form };
        let mut forward = Forward::begin(sink, &item)?;
        match block.kind {
            BlockKind::Rows => forward_chunks(&mut reader, layout, &mut forward)?,
            BlockKind::LargeObjects => loop {
                let oid = read_int(&mut reader, layout).map_err(ArchiveError::from_io)?;
                forward.int(oid.into(), layout)?;
                if oid == 0 {
                    break;
                }
                forward_chunks(&mut reader, layout, &mut forward)?;
            },
        }
        forward.end()?;
    }
    match io::copy(&mut reader, &mut io::sink()).map_err(ArchiveError::from_io)? {
        0 => {}
        bytes => sink.behind(bytes),
    }
    Ok(())
}

fn forward_chunks(
    reader: &mut impl BufRead,
    layout: Layout,
    forward: &mut Forward<'_>,
) -> Result<(), Halt> {
    loop {
        let length = chunk_length(reader, layout).map_err(ArchiveError::from_io)?;
        forward.int(length as i64, layout)?;
        if length == 0 {
            return Ok(());
        }
        let copied = forward.copy(&mut reader.by_ref().take(length))?;
        if copied < length {
            return Err(ArchiveError::truncated("in a data chunk").into());
        }
    }
}

/// Collects the bytes of one item into pieces for the sink.
struct Forward<'a> {
    sink: &'a mut dyn Sink,
    wanted: bool,
    buffer: BytesMut,
}

impl<'a> Forward<'a> {
    fn begin(sink: &'a mut dyn Sink, item: &StreamItem) -> Result<Self, Halt> {
        let wanted = match sink.begin(item) {
            Answer::Take => true,
            Answer::Skip => false,
            Answer::Stop => return Err(Halt::Stopped),
        };
        Ok(Self { sink, wanted, buffer: BytesMut::new() })
    }

    /// Writes an Int in the format of the archive.
    fn int(&mut self, value: i64, layout: Layout) -> Result<(), Halt> {
        if !self.wanted {
            return Ok(());
        }
        let magnitude = value.unsigned_abs().to_le_bytes();
        let size = usize::from(layout.int_size);
        self.make_room(1 + size);
        self.buffer.extend_from_slice(&[u8::from(value < 0)]);
        for place in 0..size {
            self.buffer.extend_from_slice(&[magnitude.get(place).copied().unwrap_or(0)]);
        }
        self.flush(PIECE)
    }

    /// Forwards all of `reader`. Returns the number of bytes.
    fn copy(&mut self, reader: &mut impl BufRead) -> Result<u64, Halt> {
        let mut copied = 0;
        loop {
            let piece = reader.fill_buf().map_err(ArchiveError::from_io)?;
            let length = piece.len().min(PIECE - self.buffer.len());
            if length == 0 {
                return Ok(copied);
            }
            copied += length as u64;
            if self.wanted {
                self.make_room(length);
                self.buffer.extend_from_slice(&piece[..length]);
            }
            reader.consume(length);
            self.flush(PIECE)?;
        }
    }

    /// Reserves space for this many bytes: beyond a small amount, exactly one whole piece, because
    /// pieces may be kept for a while and a buffer that grows by itself can be half empty.
    fn make_room(&mut self, bytes: usize) {
        let length = self.buffer.len();
        if length + bytes > self.buffer.capacity() && length + bytes > SMALL_PIECE {
            self.buffer.reserve(PIECE + INT - length);
        }
    }

    /// Sends the collected bytes to the sink if there are at least `least`.
    fn flush(&mut self, least: usize) -> Result<(), Halt> {
        if self.buffer.len() < least || self.buffer.is_empty() {
            return Ok(());
        }
        let piece = if self.buffer.len() < self.buffer.capacity() / 2 {
            let piece = Bytes::copy_from_slice(&self.buffer);
            self.buffer.clear();
            piece
        } else {
            self.buffer.split().freeze()
        };
        match self.sink.bytes(piece) {
            Answer::Take => {}
            Answer::Skip => self.wanted = false,
            Answer::Stop => return Err(Halt::Stopped),
        }
        Ok(())
    }

    fn end(mut self) -> Result<(), Halt> {
        self.flush(1)?;
        if self.wanted && self.sink.end() == Answer::Stop {
            return Err(Halt::Stopped);
        }
        Ok(())
    }
}
