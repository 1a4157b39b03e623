//! An archive that comes as a stream: each block of data is seen once, in the archive's order.
//!
//! The walker pushes what it meets into a [`Sink`]: first the TOC, then for each block its
//! beginning, its bytes as they stand in the archive, its end. The sink may block (that is the
//! back-pressure) and may refuse: blocks it does not want are read over. [`Item::data`] turns the
//! bytes of one block back into [`Data`], the same as from a file.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read};

use bytes::{Buf, Bytes, BytesMut};

use super::budget::Budget;
use super::codec::{Decoder, GzipFraming};
use super::custom::{BlockKind, block_data, block_header, chunk_length, read_int};
use super::data::{Data, LargeObject, LargeObjects};
use super::entry::{DataLocation, Desc, DumpId};
use super::error::{Error, Result};
use super::files::{data_name, next_line, split_suffix};
use super::header::{Compression, Header};
use super::primitives::Layout;
use super::slice::ReadCounter;
use super::toc::{Container, Toc};

/// About the bytes of memory for each file or large object that is remembered: what a `BTreeSet` or
/// `HashSet` takes for a small thing.
const REMEMBERED: u64 = 48;

/// Bytes collected before they are handed to the sink.
const PIECE: usize = 128 * 1024;

/// Bytes for which a buffer of a whole piece would be a waste.
const LITTLE: usize = 4 * 1024;

/// Bytes of the longest Int: a sign and at most 32 bytes (`header.rs`).
const INT: usize = 1 + 32;

/// What a sink answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Go on; the bytes are wanted.
    Take,
    /// Go on; the bytes of this item are not wanted.
    Skip,
    /// Stop reading altogether.
    Stop,
}

/// Receives an archive as it streams by.
pub trait Sink {
    /// The table of contents, before any data. `Skip` is taken for `Take`.
    fn toc(&mut self, toc: &Toc, format: super::Format) -> Answer;
    /// The data of an item begins.
    fn begin(&mut self, item: &Item) -> Answer;
    /// Some bytes of the item, as they stand in the archive.
    fn bytes(&mut self, bytes: Bytes) -> Answer;
    /// The item is complete.
    fn end(&mut self) -> Answer;
}

/// One piece of data in a stream.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is the data of.
    pub of: ItemOf,
    /// Bytes of the item, where the archive's format says so beforehand: a member of a tar.
    pub size: Option<u64>,
    form: Form,
}

/// What an item is the data of.
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

impl Item {
    /// Reads an item's bytes as data. `bytes` gives what [`Sink::bytes`] got.
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

/// What a [`Sink`] passes on of one item, to whoever reads it on another thread.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Some bytes.
    Bytes(Bytes),
    /// The item is complete.
    End,
}

/// The bytes of one item as they come over a channel, for [`Item::data`].
///
/// `next` waits for a piece and gives `None` when the other side is gone. An item that stops
/// without its end is an error, not the end of its data.
pub(crate) struct ItemReader<F> {
    next: F,
    current: Bytes,
    ended: bool,
    counter: ReadCounter,
}

impl<F: FnMut() -> Option<Piece>> ItemReader<F> {
    pub(crate) fn new(next: F, counter: ReadCounter) -> Self {
        Self { next, current: Bytes::new(), ended: false, counter }
    }
}

impl<F: FnMut() -> Option<Piece>> Read for ItemReader<F> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match (self.next)() {
                Some(Piece::Bytes(bytes)) => self.current = bytes,
                Some(Piece::End) => self.ended = true,
                None => return Err(Error::truncated("the stream stops in this entry").into()),
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
    /// The sink wanted no more.
    Stopped,
    /// Data came before the table of contents, which a tar made by hand may have anywhere.
    TocLate,
    /// The archive is damaged or cannot be read.
    Error(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
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
    let mut seen = HashSet::new();
    while let Some(block) = block_header(&mut reader, layout)? {
        block.is_listed(&toc)?;
        if !seen.insert(block.dump_id) {
            let what = format!("entry {} has two blocks of data", block.dump_id);
            return Err(Error::malformed(what).into());
        }
        let form = Form::Block(block.kind, header.clone());
        let item = Item { of: ItemOf::Entry(block.dump_id), size: None, form };
        let mut forward = Forward::begin(sink, &item)?;
        match block.kind {
            BlockKind::Rows => forward_chunks(&mut reader, layout, &mut forward)?,
            BlockKind::LargeObjects => loop {
                let oid = read_int(&mut reader, layout).map_err(Error::from_io)?;
                forward.int(oid.into(), layout)?;
                if oid == 0 {
                    break;
                }
                forward_chunks(&mut reader, layout, &mut forward)?;
            },
        }
        forward.end()?;
    }
    Ok(())
}

fn forward_chunks(
    reader: &mut impl BufRead,
    layout: Layout,
    forward: &mut Forward<'_>,
) -> Result<(), Halt> {
    loop {
        let length = chunk_length(reader, layout).map_err(Error::from_io)?;
        forward.int(length as i64, layout)?;
        if length == 0 {
            return Ok(());
        }
        let copied = forward.copy(&mut reader.by_ref().take(length))?;
        if copied < length {
            return Err(Error::truncated("in a chunk of data").into());
        }
    }
}

/// Whether a member of a tar is one of an archive's data files, by its name.
pub(crate) fn is_data_file(name: &str) -> bool {
    let (stem, _) = split_suffix(name);
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match stem.strip_suffix(".dat") {
        Some(stem) => number(stem.strip_prefix("blob_").unwrap_or(stem)),
        None => stem.starts_with("blobs") && stem.ends_with(".toc"),
    }
}

/// The walk over the files of a directory or tar archive, member by member.
pub(crate) struct FilesWalk {
    known: Option<Known>,
    /// Large objects that the lists name, and those that came by.
    listed: BTreeSet<u32>,
    seen: HashSet<String>,
}

struct Known {
    /// Which entry a file belongs to, by the name that the TOC gives.
    files: HashMap<String, DumpId>,
    /// The lists of large objects.
    lists: Vec<String>,
}

impl FilesWalk {
    /// Starts a walk. `known` is the TOC when it was read beforehand.
    pub(crate) fn new(known: Option<&Toc>) -> Self {
        let known = known.map(Known::new);
        Self { known, listed: BTreeSet::new(), seen: HashSet::new() }
    }

    /// Takes one member: its name (without directories), its size in bytes and its contents.
    pub(crate) fn member(
        &mut self,
        name: &str,
        size: u64,
        reader: impl Read,
        budget: &mut Budget,
        sink: &mut dyn Sink,
    ) -> Result<(), Halt> {
        let named = |halt| match halt {
            Halt::Error(error) => Halt::Error(error.in_file(name)),
            other => other,
        };
        self.dispatch(name, size, reader, budget, sink).map_err(named)
    }

    fn dispatch(
        &mut self,
        name: &str,
        size: u64,
        reader: impl Read,
        budget: &mut Budget,
        sink: &mut dyn Sink,
    ) -> Result<(), Halt> {
        if name == "toc.dat" {
            if self.known.is_none() {
                let (toc, _) = Toc::read(reader, Container::Files, budget)?;
                self.known = Some(Known::new(&toc));
                if sink.toc(&toc, super::Format::Tar) == Answer::Stop {
                    return Err(Halt::Stopped);
                }
            }
            return Ok(());
        }
        if !is_data_file(name) {
            return Ok(());
        }
        let Some(known) = &self.known else {
            return Err(Halt::TocLate);
        };
        let (stem, compression) = split_suffix(name);
        budget.spend(REMEMBERED + stem.len() as u64)?;
        if !self.seen.insert(stem.to_owned()) {
            return Err(Error::malformed("the tar holds two files of this name").into());
        }
        if stem.ends_with(".toc") {
            return self.list(compression, reader, budget);
        }
        let of = match stem.strip_prefix("blob_").and_then(|stem| stem.strip_suffix(".dat")) {
            Some(oid) => match oid.parse() {
                Ok(oid) => ItemOf::LargeObject(oid),
                Err(_) => return Err(Error::malformed("no OID in the file's name").into()),
            },
            None => match known.files.get(stem) {
                Some(id) => ItemOf::Entry(*id),
                None => return Ok(()),
            },
        };
        let item = Item { of, size: Some(size), form: Form::File(compression) };
        let mut forward = Forward::begin(sink, &item)?;
        forward.copy(&mut BufReader::with_capacity(PIECE, reader))?;
        forward.end()
    }

    /// Reads a list of large objects, to know later whether all came by.
    fn list(
        &mut self,
        compression: Compression,
        reader: impl Read,
        budget: &mut Budget,
    ) -> Result<(), Halt> {
        let mut list = BufReader::new(Decoder::new(compression, GzipFraming::Gzip, reader));
        while let Some((oid, _)) = next_line(&mut list)? {
            if self.listed.insert(oid) {
                budget.spend(REMEMBERED)?;
            }
        }
        Ok(())
    }

    /// Ends the walk: whether the TOC was there, the lists of large objects, and each object that
    /// they name.
    pub(crate) fn finish(self) -> Result<(), Halt> {
        let Some(known) = &self.known else {
            return Err(Error::missing("the file toc.dat is missing from the archive").into());
        };
        if let Some(list) = known.lists.iter().find(|list| !self.seen.contains(*list)) {
            return Err(
                Error::missing(format!("the file {list} is missing from the archive")).into()
            );
        }
        let missing =
            self.listed.iter().find(|oid| !self.seen.contains(&format!("blob_{oid}.dat")));
        match missing {
            Some(oid) => {
                Err(Error::missing(format!("large object {oid} is listed but missing")).into())
            }
            None => Ok(()),
        }
    }
}

impl Known {
    fn new(toc: &Toc) -> Self {
        let files = toc
            .entries
            .iter()
            .filter(|entry| entry.desc != Desc::Blobs)
            .filter_map(|entry| match &entry.data {
                DataLocation::File(name) => Some((name.clone(), entry.dump_id)),
                _ => None,
            })
            .collect();
        let version = toc.header.version;
        let lists = toc
            .entries
            .iter()
            .filter(|entry| entry.desc == Desc::Blobs)
            .filter_map(|entry| data_name(entry, version).map(Cow::into_owned))
            .collect();
        Self { files, lists }
    }
}

/// Collects the bytes of one item into pieces for the sink.
struct Forward<'a> {
    sink: &'a mut dyn Sink,
    wanted: bool,
    buffer: BytesMut,
}

impl<'a> Forward<'a> {
    fn begin(sink: &'a mut dyn Sink, item: &Item) -> Result<Self, Halt> {
        let wanted = match sink.begin(item) {
            Answer::Take => true,
            Answer::Skip => false,
            Answer::Stop => return Err(Halt::Stopped),
        };
        Ok(Self { sink, wanted, buffer: BytesMut::new() })
    }

    /// Writes an Int as the archive has it.
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

    /// Passes on all of `reader`. Returns the number of bytes.
    fn copy(&mut self, reader: &mut impl BufRead) -> Result<u64, Halt> {
        let mut copied = 0;
        loop {
            let piece = reader.fill_buf().map_err(Error::from_io)?;
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

    /// Makes room for so many bytes. Beyond a little at once for a whole piece and no more, because
    /// pieces may be kept for a while: a buffer that grows by itself may be twice what is in it.
    fn make_room(&mut self, bytes: usize) {
        let length = self.buffer.len();
        if length + bytes > self.buffer.capacity() && length + bytes > LITTLE {
            self.buffer.reserve(PIECE + INT - length);
        }
    }

    /// Hands what is collected to the sink when there is at least `least`.
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

#[cfg(test)]
mod tests {
    use super::super::error::ErrorKind;
    use super::*;

    #[test]
    fn a_list_of_large_objects_that_takes_more_memory_than_a_stream_may_is_refused() {
        let lines: String = (1..=3_000_000).map(|oid| format!("{oid} x\n")).collect();
        let mut budget = Budget::of_stream(ReadCounter::default());
        let list = FilesWalk::new(None).list(Compression::None, lines.as_bytes(), &mut budget);
        let Err(Halt::Error(error)) = list else { panic!("it is taken") };
        assert!(matches!(error.kind(), ErrorKind::Limit(_)), "{error}");
    }
}
