//! The seam between the two worlds: blocking decoding on a rayon pool, the network on tokio.
//!
//! A decoder fills a bounded channel with pieces and waits when it is full. That is the
//! back-pressure and, with the size of a piece, the memory bound: at most [`IN_FLIGHT`] pieces of
//! 256 KiB and a few buffers for each entry being loaded, whatever the table's size and however
//! many sessions drain the channel.
//!
//! Separate tasks convert rows to binary format, so that several can work while the decoder reads
//! ahead; the channel holds their pending results in row order. The pool has two threads for each
//! session: a session never has more than one decoder, which may block, and the other tasks never
//! block, so a waiting decoder cannot starve anything.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use rayon::ThreadPool;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use crate::archive::encoding::{Decoding, Encoding};
use crate::archive::{ArchiveError, Data, Digest, ErrorKind, HashingReader, LargeObjects, Result};
use crate::rows::{ColumnType, Rows, TextPiece, TextPieces, Transcoder};
use crate::sql::split::{Batches, Ends};

/// Pieces between a decoder and its session.
const IN_FLIGHT: usize = 4;

/// Bytes of a piece of a large object.
const OBJECT_PIECE: usize = 256 * 1024;

/// A longer row is sent as text, in pieces: as binary it would be in memory several times over, for
/// little gain on the server.
const LONGEST_BINARY_ROW: usize = 4 << 20;

/// A piece of an entry's data, on its way to the server.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Rows.
    Rows(RowPiece),
    /// Whole SQL statements.
    Statements(String),
    /// The next large object starts.
    Object(u32),
    /// Bytes of the large object.
    ObjectBytes(Bytes),
}

/// Rows on their way.
#[derive(Debug)]
pub(crate) struct RowPiece {
    /// Number of rows of the table that end before this piece.
    pub(crate) before: u64,
    /// Number of rows that end in this piece.
    pub(crate) rows: u64,
    /// Whether it ends at the end of a row. If not, the next piece must follow in the same session.
    pub(crate) ends: bool,
    content: PieceRows,
}

#[derive(Debug)]
enum PieceRows {
    Ready(Rows),
    /// A task is converting them to binary format.
    Promised(oneshot::Receiver<Rows>),
}

impl RowPiece {
    /// The rows themselves, once they are converted.
    pub(crate) async fn rows(self) -> Result<Rows> {
        match self.content {
            PieceRows::Ready(rows) => Ok(rows),
            PieceRows::Promised(rows) => rows.await.map_err(|_| {
                ArchiveError::malformed("converting its rows to binary format panicked")
            }),
        }
    }
}

/// How to split an entry's data.
#[derive(Clone, Debug)]
pub(crate) enum Splitting {
    /// COPY text, sent in binary format if the columns are given.
    Copy { binary: Option<Vec<ColumnType>> },
    /// SQL: INSERT statements, or old comments on large objects.
    Sql { encoding: Encoding, standard_conforming_strings: bool, ends: Ends },
}

/// Starts decoding on the pool. `open` locates the data and may block. If a digest is `expected`,
/// the data must have it.
pub(crate) fn decode(
    pool: &ThreadPool,
    kind: Splitting,
    expected: Option<Digest>,
    open: impl FnOnce() -> Result<Data> + Send + 'static,
) -> Receiver<Result<Piece>> {
    let (sender, receiver) = channel(IN_FLIGHT);
    pool.spawn(move || {
        // A panic must not look like the end of the data, which is what a closed channel means.
        let result = catch_unwind(AssertUnwindSafe(|| decode_into(&sender, &kind, expected, open)));
        let result =
            result.unwrap_or_else(|_| Err(ArchiveError::malformed("its decoder panicked")));
        if let Err(error) = result {
            // No receiver: the session has failed and reported that.
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}

fn decode_into(
    sender: &Sender<Result<Piece>>,
    kind: &Splitting,
    expected: Option<Digest>,
    open: impl FnOnce() -> Result<Data>,
) -> Result<()> {
    match (open()?, expected) {
        (Data::LargeObjects(objects), expected) => send_objects(objects, expected, sender),
        (Data::Rows(reader), None) => send_text(reader, kind, sender),
        (Data::Rows(reader), Some(expected)) => {
            let mut hashing = HashingReader::new(reader);
            send_text(&mut hashing, kind, sender)?;
            compare(hashing.finish(), expected)
        }
    }
}

/// Sends a piece. Returns false when the receiver is gone.
fn send(sender: &Sender<Result<Piece>>, piece: Piece) -> bool {
    sender.blocking_send(Ok(piece)).is_ok()
}

fn compare(found: Digest, expected: Digest) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(ArchiveError::new(ErrorKind::Damaged(
        "its contents do not match the digest file".to_owned(),
    )))
}

fn send_text(reader: impl Read, kind: &Splitting, sender: &Sender<Result<Piece>>) -> Result<()> {
    match kind {
        Splitting::Copy { binary } => send_rows(reader, binary.as_deref(), sender),
        Splitting::Sql { encoding, standard_conforming_strings, ends } => {
            send_statements(reader, encoding, *standard_conforming_strings, *ends, sender)
        }
    }
}

/// Sends a table's rows. They are binary if the columns are given, until a chunk has no binary
/// form: its column is likely to be full of such values. A single row that is too long is sent as
/// text in between.
fn send_rows(
    reader: impl Read,
    columns: Option<&[ColumnType]>,
    sender: &Sender<Result<Piece>>,
) -> Result<()> {
    let transcoder = columns.map(|columns| Transcoder::new(columns.to_vec()));
    let refused = Arc::new(AtomicBool::new(false));
    let mut chunks = TextPieces::new(reader, columns.map_or(0, |_| LONGEST_BINARY_ROW));
    while let Some(chunk) = chunks.next_chunk()? {
        let TextPiece { before, rows, begins, ends, .. } = chunk;
        let content = match &transcoder {
            Some(transcoder) if begins && ends && !refused.load(Ordering::Relaxed) => {
                transcode(chunk, transcoder.clone(), refused.clone())
            }
            _ => PieceRows::Ready(Rows::Text(chunk.text)),
        };
        if !send(sender, Piece::Rows(RowPiece { before, rows, ends, content })) {
            break;
        }
    }
    Ok(())
}

/// Starts converting a chunk to binary format, in the pool this runs in.
fn transcode(chunk: TextPiece, mut transcoder: Transcoder, refused: Arc<AtomicBool>) -> PieceRows {
    let (promise, promised) = oneshot::channel();
    rayon::spawn(move || {
        // A panic drops the promise, which is an error of the entry.
        let rows = catch_unwind(AssertUnwindSafe(move || chunk.transcode(&mut transcoder)));
        if let Ok(rows) = rows {
            if matches!(rows, Rows::Text(_)) {
                refused.store(true, Ordering::Relaxed);
            }
            // If there is no receiver, the session has failed and reported that.
            let _ = promise.send(rows);
        }
    });
    PieceRows::Promised(promised)
}

fn send_statements(
    reader: impl Read,
    encoding: &Encoding,
    standard_conforming_strings: bool,
    ends: Ends,
    sender: &Sender<Result<Piece>>,
) -> Result<()> {
    let mut reader = Decoding::new(reader, encoding.clone());
    for batch in Batches::new(&mut reader, standard_conforming_strings, ends) {
        let batch = batch.map_err(ArchiveError::from_statements)?;
        let sql = String::from_utf8_lossy(batch.sql()).into_owned();
        if !send(sender, Piece::Statements(sql)) {
            return Ok(());
        }
    }
    // Read to the very end, past what the splitter needs: digests cover all the data.
    io::copy(&mut reader, &mut io::sink()).map_err(ArchiveError::from_io)?;
    Ok(())
}

fn send_objects(
    mut objects: Box<dyn LargeObjects + Send>,
    expected: Option<Digest>,
    sender: &Sender<Result<Piece>>,
) -> Result<()> {
    let mut digests = Vec::new();
    while let Some(mut object) = objects.next_object()? {
        if !send(sender, Piece::Object(object.oid)) {
            break;
        }
        match expected {
            None => send_object(&mut object.content, sender)?,
            Some(_) => {
                let mut hashing = HashingReader::new(&mut object.content);
                send_object(&mut hashing, sender)?;
                digests.push((object.oid, hashing.finish()));
            }
        }
    }
    match expected {
        Some(expected) => compare(Digest::of_large_objects(digests), expected),
        None => Ok(()),
    }
}

fn send_object(content: &mut impl Read, sender: &Sender<Result<Piece>>) -> Result<()> {
    loop {
        let mut piece = BytesMut::zeroed(OBJECT_PIECE);
        let read = fill(content, &mut piece).map_err(ArchiveError::from_io)?;
        piece.truncate(read);
        if read == 0 || !send(sender, Piece::ObjectBytes(piece.freeze())) {
            return Ok(());
        }
    }
}

/// Reads until the buffer is full or the input ends.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panicking_decoder_is_not_taken_as_finished() {
        struct Panics;
        impl Read for Panics {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("a mistake")
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let open = || Ok(Data::Rows(Box::new(Panics) as Box<dyn Read + Send>));
        let mut receiver = decode(&pool, Splitting::Copy { binary: None }, None, open);
        assert!(receiver.blocking_recv().unwrap().is_err());
        assert!(receiver.blocking_recv().is_none());
    }
}
