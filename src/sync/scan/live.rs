//! The rows of a table in the database, read with their places.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::rows::{RowSet, RowSetKey, RowTag, Tagger};
use crate::server::{self, Session};
use crate::sql::ident::literal;
use crate::sync::tables::{SyncTable, Tid};

/// Chunks between the session and the thread that matches: about 256 KiB each.
pub(super) const IN_FLIGHT: usize = 4;

/// A part of the table.
pub(super) enum Chunk {
    /// Whole rows as COPY text, each with its `ctid` before its values.
    Rows(Bytes),
    /// There are no more.
    End,
}

/// The session stopped sending, for a reason that it reports itself.
#[derive(Debug)]
pub(super) struct Silence;

/// The rows as they arrive.
pub(super) struct LiveRows {
    chunks: mpsc::Receiver<Chunk>,
    tagger: Tagger,
}

impl LiveRows {
    pub(super) fn new(chunks: mpsc::Receiver<Chunk>, key: &RowSetKey) -> Self {
        Self { chunks, tagger: Tagger::new(key) }
    }

    /// The rows so far.
    pub(super) fn set(&self) -> RowSet {
        self.tagger.set()
    }

    /// Waits for the next rows; `None` after the last ones.
    pub(super) fn next_batch(&mut self) -> Result<Option<Vec<(RowTag, Tid)>>, Silence> {
        match self.chunks.blocking_recv() {
            Some(Chunk::Rows(text)) => {
                let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                let row = |line| {
                    let (tid, values) = placed(line).ok_or(Silence)?;
                    Ok((self.tagger.row(values), tid))
                };
                lines.map(row).collect::<Result<_, _>>().map(Some)
            }
            Some(Chunk::End) => Ok(None),
            None => Err(Silence),
        }
    }
}

/// The place of a row, and its values: `(0,1)\tvalues`.
fn placed(line: &[u8]) -> Option<(Tid, &[u8])> {
    let tab = memchr::memchr(b'\t', line)?;
    let (tid, values) = line.split_at(tab);
    let tid = std::str::from_utf8(tid).ok()?.strip_prefix('(')?.strip_suffix(')')?;
    let (block, offset) = tid.split_once(',')?;
    Some((Tid { block: block.parse().ok()?, offset: offset.parse().ok()? }, &values[1..]))
}

/// Reads a table in a time zone (`None` is UTC). Stops without an error when the receiver does; the
/// session is unusable then.
///
/// # Errors
/// When the server refuses, or the connection is gone.
pub(super) async fn read(
    session: &Session,
    table: &SyncTable,
    zone: Option<&str>,
    chunks: mpsc::Sender<Chunk>,
) -> server::Result<()> {
    session.execute(&format!("SET timezone = {}", literal(zone.unwrap_or("UTC")))).await?;
    let (columns, name) = (table.column_list(), table.sql());
    let sql = format!("COPY (SELECT ctid, {columns} FROM ONLY {name}) TO STDOUT");
    let mut copy = session.copy_out(&sql).await?;
    let mut rows = 0;
    while let Some(chunk) = copy.next().await? {
        rows += memchr::memchr_iter(b'\n', &chunk).count() as u64;
        if chunks.send(Chunk::Rows(chunk)).await.is_err() {
            return Ok(());
        }
    }
    if copy.rows() != Some(rows) {
        let what = format!("the server reports {:?} rows, but {rows} lines arrived", copy.rows());
        return Err(server::SessionError::Protocol(what, None));
    }
    // If no one receives any more, the end does not matter.
    let _ = chunks.send(Chunk::End).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_cut_from_the_values() {
        let tid = Tid { block: 12, offset: 3 };
        assert_eq!(placed(b"(12,3)\ta\tb"), Some((tid, &b"a\tb"[..])));
        assert_eq!(placed(b"(12,3)\t"), Some((tid, &b""[..])));
        for other in [&b"(12,3)"[..], b"12,3\ta", b"(x,3)\ta", b"(1,70000)\ta", b""] {
            assert_eq!(placed(other), None);
        }
    }
}
