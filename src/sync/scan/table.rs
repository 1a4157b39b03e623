//! One table, on a thread that may block: its data in the archive is read, and matched with the rows
//! of the database.

use std::io::Read;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::mpsc;

use crate::archive::{self, ArchiveError, Data, Digest, ReadCounter};
use crate::rows::{RowHasher, RowSet, RowSetKey, Tagger, TextPieces, refuse_nul};
use crate::sync::reason::Reason;
use crate::sync::scan::live::{LiveRows, Silence};
use crate::sync::scan::matcher::{Matcher, TooManyGone, Verdict};
use crate::sync::tables::Tid;

/// The longest row that is compared, in bytes. The rows of the database are read as whole rows, too.
const LONGEST_ROW: usize = 64 << 20;

/// Bytes of a piece of staged rows.
const PIECE: usize = 256 << 10;

/// Bytes read at a time where they are only hashed.
const BUFFER: usize = 128 << 10;

/// Up to this many new rows, a table is always patched, however small it is.
const ALWAYS: u64 = 5_000;

/// Why reading ended early.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The archive is damaged, or cannot be read.
    Archive(ArchiveError),
    /// A session ended, and reports why.
    Silence,
    /// The table is not worth a patch.
    GivenUp(Reason),
}

impl From<ArchiveError> for Stopped {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

impl From<Silence> for Stopped {
    fn from(_: Silence) -> Self {
        Self::Silence
    }
}

impl From<TooManyGone> for Stopped {
    fn from(_: TooManyGone) -> Self {
        Self::GivenUp(Reason::TooManyChanges)
    }
}

/// The most changes for which a table is patched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// The share of the rows, in percent.
    pub(super) percent: u32,
    /// Rows that the table had, as far as known.
    pub(super) rows: u64,
}

impl Limit {
    /// Whether `new` of `seen` rows are too many.
    fn is_exceeded(self, new: u64, seen: u64) -> bool {
        let share = self.rows.max(seen) / 100 * u64::from(self.percent);
        new > share + ALWAYS
    }
}

/// The result of matching.
pub(super) struct Matched {
    pub(super) old: RowSet,
    pub(super) new: RowSet,
    pub(super) gone: Vec<Tid>,
    /// Rows staged.
    pub(super) staged: u64,
    /// The ordinals of staged rows that the table has already.
    pub(super) withdrawn: Vec<u64>,
}

/// The digest of data that is read as it is stored, to its end.
pub(super) fn digest(data: Data, counter: &ReadCounter) -> archive::Result<Option<Digest>> {
    let Data::Rows(mut reader) = data else {
        return Err(ArchiveError::malformed("large objects where rows are expected"));
    };
    let mut buffer = vec![0; BUFFER];
    while reader.read(&mut buffer).map_err(ArchiveError::from_io)? > 0 {}
    Ok(counter.sha256())
}

/// Finds the archive's rows that the database lacks, which go to `staged`, and those of the database
/// that the archive lacks.
pub(super) fn match_rows(
    data: Data,
    key: &RowSetKey,
    old: LiveRows,
    staged: &mpsc::Sender<Bytes>,
    limit: Option<Limit>,
) -> Result<Matched, Stopped> {
    let mut pieces = TextPieces::new(rows(data)?, LONGEST_ROW);
    let mut tagger = Tagger::new(key);
    let mut table = OldRows { rows: old, matcher: Matcher::new(), has_ended: false };
    let mut stage = StagedText { staged, text: BytesMut::new(), rows: 0 };
    let mut bytes = 0;
    while let Some(piece) = pieces.next_chunk()? {
        refuse_nul(&piece.text, bytes)?;
        bytes += piece.text.len() as u64;
        if !piece.begins || !piece.ends {
            return Err(Stopped::GivenUp(Reason::WideRow));
        }
        for line in lines(&piece.text) {
            while table.matcher.wants_old() {
                table.read_on()?;
            }
            if table.matcher.new_row(tagger.row(line)) == Verdict::New {
                stage.add(line)?;
            }
        }
        if let Some(limit) = limit
            && limit.is_exceeded(table.matcher.changed(), tagger.set().rows)
        {
            return Err(Stopped::GivenUp(Reason::TooMuchChanged(limit.percent)));
        }
    }
    while table.read_on()? {}
    let staged = stage.finish()?;
    let (old, result) = (table.rows.set(), table.matcher.finish());
    let (gone, withdrawn) = (result.gone, result.withdrawn);
    Ok(Matched { old, new: tagger.set(), gone, staged, withdrawn })
}

/// The rows of the database on their way into the matcher.
struct OldRows {
    rows: LiveRows,
    matcher: Matcher,
    has_ended: bool,
}

impl OldRows {
    /// Returns false after the last ones.
    fn read_on(&mut self) -> Result<bool, Stopped> {
        if self.has_ended {
            return Ok(false);
        }
        let Some(batch) = self.rows.next_batch()? else {
            self.has_ended = true;
            self.matcher.old_ended();
            return Ok(false);
        };
        for (tag, tid) in batch {
            self.matcher.old_row(tag, tid)?;
        }
        Ok(true)
    }
}

/// Stages all rows of the archive.
pub(super) fn all_rows(
    data: Data,
    key: &RowSetKey,
    staged: &mpsc::Sender<Bytes>,
) -> Result<RowSet, Stopped> {
    let mut pieces = TextPieces::new(rows(data)?, PIECE);
    let (mut hasher, mut bytes) = (RowHasher::new(key), 0);
    while let Some(piece) = pieces.next_chunk()? {
        refuse_nul(&piece.text, bytes)?;
        bytes += piece.text.len() as u64;
        hasher.push(&piece.text);
        staged.blocking_send(piece.text).map_err(|_| Stopped::Silence)?;
    }
    Ok(hasher.finish())
}

fn rows(data: Data) -> archive::Result<Box<dyn Read + Send>> {
    match data {
        Data::Rows(reader) => Ok(reader),
        Data::LargeObjects(_) => {
            Err(ArchiveError::malformed("large objects where rows are expected"))
        }
    }
}

/// The rows of a text that ends with a row, without their newlines.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Rows on their way to the staging table.
struct StagedText<'a> {
    staged: &'a mpsc::Sender<Bytes>,
    text: BytesMut,
    rows: u64,
}

impl StagedText<'_> {
    fn add(&mut self, line: &[u8]) -> Result<(), Stopped> {
        self.text.extend_from_slice(line);
        self.text.put_slice(format!("\t{}\n", self.rows).as_bytes());
        self.rows += 1;
        if self.text.len() >= PIECE { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), Stopped> {
        self.staged.blocking_send(self.text.split().freeze()).map_err(|_| Stopped::Silence)
    }

    /// The number of rows.
    fn finish(mut self) -> Result<u64, Stopped> {
        if !self.text.is_empty() {
            self.send()?;
        }
        Ok(self.rows)
    }
}
