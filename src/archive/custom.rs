//! Custom format: data blocks after the TOC.
//!
//! A block is one byte (1 rows, 3 large objects), the entry's dump ID as an Int, then chunks: an
//! Int length and that many bytes, until a length of 0. The chunks of rows form one compressed
//! stream. In a block of large objects, each object is its OID and such a series of chunks, until
//! an OID of 0. See `src/bin/pg_dump/pg_backup_custom.c`.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufReader, Read, Seek};

use super::codec::{Decoder, GzipFraming};
use super::data::{Data, Form, LargeObject, LargeObjects};
use super::entry::{DataLocation, Desc, DumpId, Entry};
use super::error::{ArchiveError, Result};
use super::header::{Compression, Header};
use super::primitives::{Layout, int};
use super::slice::{Counted, FileSlice, ReadCounter};
use super::toc::Toc;

/// Bytes read from the file at a time.
const BUFFER: usize = 128 * 1024;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Rows, or other text that belongs to an entry.
    Rows,
    /// Large objects.
    LargeObjects,
}

/// The start of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub(super) kind: BlockKind,
    pub(super) dump_id: DumpId,
}

/// The blocks that a walk over an archive has not reached yet.
///
/// Nothing after the last of them is read, as in pg_restore (`_PrintTocData`). Such bytes need not
/// be damage: when pg_dump's output is appended to a file, the second table of contents that it
/// writes at the end (`_CloseArchive`) does not replace the first, but follows the data.
pub(super) struct Awaited<'a> {
    toc: &'a Toc,
    left: HashSet<DumpId>,
    seen: HashSet<DumpId>,
}

impl<'a> Awaited<'a> {
    pub(super) fn new(toc: &'a Toc) -> Self {
        let with_data = toc.entries.iter().filter(|entry| entry.data != DataLocation::None);
        let left = with_data.map(|entry| entry.dump_id).collect();
        Self { toc, left, seen: HashSet::new() }
    }

    /// Whether all blocks have been seen.
    pub(super) fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// Records the start of a block. The table of contents must list it: pg_dump writes no other,
    /// and remembering the blocks seen must not take more memory than the table of contents.
    pub(super) fn came(&mut self, block: BlockHeader) -> Result<()> {
        let id = block.dump_id;
        let entry = self.toc.get(id).ok_or_else(|| {
            let what = "which is not in the table of contents";
            ArchiveError::malformed(format!("data block for entry {id}, {what}"))
        })?;
        block.is_of(entry)?;
        if !self.seen.insert(id) {
            return Err(ArchiveError::malformed(format!("entry {id} has two data blocks")));
        }
        self.left.remove(&id);
        Ok(())
    }
}

impl BlockHeader {
    /// Checks that the block's kind matches the entry.
    fn is_of(&self, entry: &Entry) -> Result<()> {
        let kind = match entry.desc {
            Desc::Blobs => BlockKind::LargeObjects,
            _ => BlockKind::Rows,
        };
        if self.kind == kind {
            return Ok(());
        }
        let what = match self.kind {
            BlockKind::Rows => "rows or statements",
            BlockKind::LargeObjects => "large objects",
        };
        Err(ArchiveError::malformed(format!("the data block of {} contains {what}", entry.label())))
    }
}

/// Reads the start of a block; `None` at the end of the archive.
pub(super) fn block_header(reader: &mut impl Read, layout: Layout) -> Result<Option<BlockHeader>> {
    let mut kind = [0];
    loop {
        match reader.read(&mut kind) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ArchiveError::from_io(error)),
        }
    }
    let kind = match kind[0] {
        1 => BlockKind::Rows,
        3 => BlockKind::LargeObjects,
        other => return Err(ArchiveError::malformed(format!("unknown data block type ({other})"))),
    };
    let dump_id = DumpId(read_int(reader, layout).map_err(ArchiveError::from_io)?);
    Ok(Some(BlockHeader { kind, dump_id }))
}

/// Reads one Int.
pub(super) fn read_int(reader: &mut impl Read, layout: Layout) -> io::Result<i32> {
    // `Layout` sizes are at most 32.
    let mut bytes = [0; 33];
    let bytes = &mut bytes[..=usize::from(layout.int_size.min(32))];
    reader.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::truncated("in a data block").into(),
        _ => error,
    })?;
    match int(layout)(bytes) {
        Ok((_, value)) => Ok(value),
        Err(_) => Err(ArchiveError::malformed("integer out of range in a data block").into()),
    }
}

/// Reads the length of a chunk; 0 ends a series.
pub(super) fn chunk_length(reader: &mut impl Read, layout: Layout) -> io::Result<u64> {
    let length = read_int(reader, layout)?;
    u64::try_from(length)
        .map_err(|_| ArchiveError::malformed(format!("invalid chunk length {length}")).into())
}

/// A series of chunks as one byte stream.
struct Chunks<R> {
    reader: R,
    layout: Layout,
    /// Bytes left in the current chunk.
    left: u64,
    /// Whether the final length 0 was read.
    ended: bool,
}

impl<R: Read> Chunks<R> {
    fn new(reader: R, layout: Layout) -> Self {
        Self { reader, layout, left: 0, ended: false }
    }
}

impl<R: Read> Read for Chunks<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        if self.left == 0 && !self.ended {
            self.left = chunk_length(&mut self.reader, self.layout)?;
            self.ended = self.left == 0;
        }
        if self.ended {
            return Ok(0);
        }
        let wanted = output.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.reader.read(&mut output[..wanted])?;
        if read == 0 {
            return Err(ArchiveError::truncated("in a data chunk").into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// The data of the block whose header was just read from `reader`.
pub(super) fn block_data(
    reader: impl Read + Send + 'static,
    kind: BlockKind,
    compression: Compression,
    layout: Layout,
) -> Data {
    let chunks = Chunks::new(reader, layout);
    match kind {
        BlockKind::Rows => {
            Data::Rows(Box::new(Decoder::new(compression, GzipFraming::Zlib, chunks)))
        }
        BlockKind::LargeObjects => Data::LargeObjects(Box::new(BlockObjects {
            // The first OID is read in place of a chunk length.
            chunks: Chunks { ended: true, ..chunks },
            compression,
        })),
    }
}

struct BlockObjects<R> {
    chunks: Chunks<R>,
    compression: Compression,
}

impl<R: Read + Send> LargeObjects for BlockObjects<R> {
    fn next_object(&mut self) -> Result<Option<LargeObject<'_>>> {
        io::copy(&mut self.chunks, &mut io::sink()).map_err(ArchiveError::from_io)?;
        // OIDs above 2^31 are written as negative Ints.
        let oid = read_int(&mut self.chunks.reader, self.chunks.layout)
            .map_err(ArchiveError::from_io)?
            .cast_unsigned();
        if oid == 0 {
            return Ok(None);
        }
        self.chunks.ended = false;
        let content = Decoder::new(self.compression, GzipFraming::Zlib, &mut self.chunks);
        Ok(Some(LargeObject { oid, content: Box::new(content) }))
    }
}

/// A custom archive in a seekable file.
#[derive(Debug)]
pub(crate) struct CustomFile {
    slice: FileSlice,
    header: Header,
    blocks: HashMap<DumpId, Block>,
    /// Stray bytes between the table of contents and the first block.
    gap: u64,
    /// Bytes after the last block, if the blocks were walked.
    behind: u64,
    /// The last block, if the blocks were not walked: its size includes everything after it.
    last: Option<DumpId>,
    /// Why the walk over the blocks stopped; the blocks after that point are unknown.
    stopped: Option<ArchiveError>,
}

/// The position of a block, from the start of the archive.
#[derive(Clone, Copy, Debug)]
struct Block {
    offset: u64,
    len: u64,
}

impl CustomFile {
    /// Finds the blocks: from the offsets in the TOC if they are set, otherwise by walking all
    /// blocks once. `data_start` is the offset of the first block.
    pub(crate) fn new(slice: FileSlice, toc: &Toc, data_start: u64) -> Self {
        let complete = toc.entries.iter().all(|entry| entry.data != DataLocation::OffsetNotSet);
        let mut blocks = HashMap::new();
        let walked = if complete {
            blocks = set_offsets(&slice, toc);
            Ok(if blocks.is_empty() { data_start } else { slice.len() })
        } else {
            scan(&slice, toc, data_start, &mut blocks)
        };
        let offset = |(_, block): &(&DumpId, &Block)| block.offset;
        let last = blocks.iter().max_by_key(offset).map(|(id, _)| *id).filter(|_| complete);
        let first = blocks.values().map(|block| block.offset).min();
        let (gap, behind, stopped) = match walked {
            Ok(end) => {
                let gap = first.map_or(0, |first| first.saturating_sub(data_start));
                (gap, slice.len().saturating_sub(end), None)
            }
            Err(error) => (0, 0, Some(error)),
        };
        Self { slice, header: toc.header.clone(), blocks, gap, behind, last, stopped }
    }

    /// A fault in the archive outside its blocks, if any. It does not prevent reading the blocks
    /// that were found.
    pub(crate) fn fault(&self) -> Option<ArchiveError> {
        match (&self.stopped, self.gap) {
            (Some(error), _) => Some(error.again()),
            (None, 0) => None,
            (None, gap) => {
                let what = format!("{gap} stray bytes after the table of contents");
                Some(ArchiveError::malformed(what))
            }
        }
    }

    /// Bytes after the last block, which belong to no entry. If the table of contents has the
    /// offsets, the size of the last block includes them instead ([`CustomFile::is_last`]).
    pub(crate) fn behind(&self) -> u64 {
        self.behind
    }

    /// Whether the entry's size may include bytes after the last block.
    pub(crate) fn is_last(&self, entry: &Entry) -> bool {
        self.last == Some(entry.dump_id)
    }

    /// Size of the entry's block in the archive, up to the start of the next.
    pub(crate) fn size(&self, entry: &Entry) -> Option<u64> {
        self.blocks.get(&entry.dump_id).map(|block| block.len)
    }

    /// Opens the block of an entry.
    pub(crate) fn open(&self, entry: &Entry, form: Form, counter: ReadCounter) -> Result<Data> {
        let block = self.block(entry)?;
        // Counted above the buffer, so that a fully read block counts its exact size.
        let reader = BufReader::with_capacity(BUFFER, self.slice.from(block.offset));
        let mut reader = Counted { reader, counter: counter.count_only() };
        let header = self.header(entry, block, &mut reader)?;
        let reader = Counted { counter, ..reader };
        let compression = match form {
            Form::Inflated => self.header.compression,
            Form::AsItStands => Compression::None,
        };
        Ok(block_data(reader, header.kind, compression, self.header.layout))
    }

    /// Checks that the block of an entry starts where it should. Reads only its header.
    pub(crate) fn check(&self, entry: &Entry) -> Result<()> {
        let block = self.block(entry)?;
        self.header(entry, block, &mut self.slice.from(block.offset)).map(drop)
    }

    fn block(&self, entry: &Entry) -> Result<Block> {
        self.blocks.get(&entry.dump_id).copied().ok_or_else(|| match &self.stopped {
            Some(error) => error.again(),
            None => ArchiveError::missing("its data block is missing from the archive"),
        })
    }

    fn header(&self, entry: &Entry, block: Block, reader: &mut impl Read) -> Result<BlockHeader> {
        let header = block_header(reader, self.header.layout).and_then(|header| {
            header.ok_or_else(|| ArchiveError::truncated("the archive ends before its data block"))
        });
        let header = header.map_err(|error| error.at(block.offset))?;
        if header.dump_id != entry.dump_id {
            let what = format!("found the data block of entry {} instead", header.dump_id);
            return Err(ArchiveError::malformed(what).at(block.offset));
        }
        header.is_of(entry).map_err(|error| error.at(block.offset))?;
        Ok(header)
    }
}

/// Blocks from the offsets in the TOC; each extends to the next.
fn set_offsets(slice: &FileSlice, toc: &Toc) -> HashMap<DumpId, Block> {
    let mut offsets: Vec<(u64, DumpId)> = toc
        .entries
        .iter()
        .filter_map(|entry| match entry.data {
            DataLocation::Offset(offset) => Some((offset, entry.dump_id)),
            _ => None,
        })
        .collect();
    offsets.sort_unstable();
    let ends = offsets.iter().skip(1).map(|(offset, _)| *offset).chain([slice.len()]);
    offsets
        .iter()
        .zip(ends)
        .map(|((offset, id), end)| {
            (*id, Block { offset: *offset, len: end.saturating_sub(*offset) })
        })
        .collect()
}

/// Walks the blocks, reading only their framing, and returns where the last one ends. Blocks found
/// before an error are kept.
fn scan(
    slice: &FileSlice,
    toc: &Toc,
    data_start: u64,
    blocks: &mut HashMap<DumpId, Block>,
) -> Result<u64> {
    let mut reader = BufReader::with_capacity(BUFFER, slice.from(data_start));
    let mut offset = data_start;
    let mut awaited = Awaited::new(toc);
    let layout = toc.header.layout;
    let place = |error: ArchiveError, offset| error.at(offset);
    while !awaited.is_over()
        && let Some(header) =
            block_header(&mut reader, layout).map_err(|error| place(error, offset))?
    {
        awaited.came(header).map_err(|error| place(error, offset))?;
        let skipped = match header.kind {
            BlockKind::Rows => skip_chunks(&mut reader, layout),
            BlockKind::LargeObjects => skip_objects(&mut reader, layout),
        };
        skipped.map_err(|error| place(ArchiveError::from_io(error), offset))?;
        let end = data_start + reader.stream_position().map_err(ArchiveError::from_io)?;
        if end > slice.len() {
            return Err(ArchiveError::truncated("in a data block").at(offset));
        }
        blocks.insert(header.dump_id, Block { offset, len: end - offset });
        offset = end;
    }
    Ok(offset)
}

fn skip_chunks(reader: &mut BufReader<FileSlice>, layout: Layout) -> io::Result<()> {
    loop {
        let length = chunk_length(reader, layout)?;
        if length == 0 {
            return Ok(());
        }
        reader.seek_relative(i64::try_from(length).unwrap_or(i64::MAX))?;
    }
}

fn skip_objects(reader: &mut BufReader<FileSlice>, layout: Layout) -> io::Result<()> {
    while read_int(reader, layout)? != 0 {
        skip_chunks(reader, layout)?;
    }
    Ok(())
}
