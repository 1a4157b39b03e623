//! Sends a table's rows into COPY, through one session or several.
//!
//! All sessions read from the same channel, each taking the next piece when it is ready, so that a
//! slow session never delays another. A session switches between binary and text as the pieces
//! require: one COPY ends and another starts, in the same transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Mutex, MutexGuard};

use crate::archive::{ArchiveError, Entry};
use crate::restore::error::WorkError;
use crate::restore::facts::Facts;
use crate::restore::load::decode::{Piece, RowPiece};
use crate::restore::load::progress::LoadProgress;
use crate::restore::load::share::Share;
use crate::restore::session::lane::Lane;
use crate::rows::{HEADER, Rows, TRAILER};
use crate::server::{self, CopyIn, Session};

type Queue = Receiver<Result<Piece, ArchiveError>>;

/// The rows of a table that no session has taken yet.
pub(crate) struct CopyRows<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) entry: &'a Entry,
    pub(crate) progress: LoadProgress<'a>,
    /// Where other sessions are asked for help, if at all.
    pub(crate) share: Option<Arc<Share<Lane>>>,
    /// Whether the rows are stored frozen, visible to all from the start. Index builds need not
    /// look up transactions then, and foreign keys are checked with index-only scans.
    pub(crate) frozen: bool,
    queue: Mutex<Queue>,
    /// Whether a session has failed, which makes the work of the others useless.
    failed: AtomicBool,
}

impl<'a> CopyRows<'a> {
    /// The rows received from `queue`.
    pub(crate) fn new(
        facts: &'a Facts,
        entry: &'a Entry,
        progress: LoadProgress<'a>,
        queue: Queue,
    ) -> Self {
        let (queue, failed) = (Mutex::new(queue), AtomicBool::new(false));
        Self { facts, entry, progress, share: None, frozen: false, queue, failed }
    }

    /// A session's access to the pieces.
    pub(crate) fn taker(&self) -> Taker<'_> {
        Taker { rows: self, held: None }
    }

    /// Sends pieces through this session, starting with `first`, until there are no more. Returns
    /// the number of rows that the server stored.
    pub(crate) async fn send_all(
        &self,
        session: &Session,
        mut taker: Taker<'_>,
        first: Option<RowPiece>,
    ) -> Result<u64, WorkError> {
        let sent = self.send_through(session, &mut taker, first).await;
        if sent.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        sent
    }

    async fn send_through(
        &self,
        session: &Session,
        taker: &mut Taker<'_>,
        first: Option<RowPiece>,
    ) -> Result<u64, WorkError> {
        let mut stored = 0;
        let mut open: Option<Copying<'_>> = None;
        let mut next = first;
        if next.is_none() {
            // Errors must be reported for empty tables too.
            open = Some(self.begin(session, Format::Text).await?);
        }
        while let Some(piece) = next {
            let RowPiece { before, rows, .. } = piece;
            let content = piece.rows().await.map_err(|error| self.archive_error(error))?;
            let (format, bytes) = match content {
                Rows::Binary(bytes) => (Format::Binary, bytes),
                Rows::Text(bytes) => (Format::Text, bytes),
            };
            if let Some(other) = open.take_if(|copying| copying.format != format) {
                stored += other.finish().await?;
            }
            let copying = match &mut open {
                Some(copying) => copying,
                None => open.insert(self.begin(session, format).await?),
            };
            let length = bytes.len();
            copying.send(before, rows, bytes).await?;
            self.progress.sent(rows, length);
            next = taker.next().await?;
        }
        if let Some(copying) = open {
            stored += copying.finish().await?;
        }
        Ok(stored)
    }

    async fn begin<'s>(
        &self,
        session: &'s Session,
        format: Format,
    ) -> Result<Copying<'s>, WorkError> {
        let mut copy = session.copy_in(&self.statement(format)).await?;
        if format == Format::Binary {
            copy.send(Bytes::from_static(&HEADER)).await?;
        }
        Ok(Copying { copy, format, places: Places::new(&self.entry.tag) })
    }

    /// The archive's COPY statement with options. Its data is in the session's encoding, the
    /// archive's.
    fn statement(&self, format: Format) -> String {
        let statement = self.entry.copy_stmt.trim_end().trim_end_matches(';');
        let mut options = Vec::new();
        if format == Format::Binary {
            options.push("FORMAT binary".to_owned());
        }
        if self.frozen {
            options.push("FREEZE".to_owned());
        }
        match options[..] {
            [] => statement.to_owned(),
            _ => format!("{statement} WITH ({})", options.join(", ")),
        }
    }

    fn archive_error(&self, error: ArchiveError) -> WorkError {
        self.facts.in_entry(error, self.entry).into()
    }
}

/// Takes pieces for one session.
pub(crate) struct Taker<'a> {
    rows: &'a CopyRows<'a>,
    /// Held across the pieces of one row, which must not be split between sessions.
    held: Option<MutexGuard<'a, Queue>>,
}

impl Taker<'_> {
    /// The next piece. `None` when all are taken, or when a session has failed.
    pub(crate) async fn next(&mut self) -> Result<Option<RowPiece>, WorkError> {
        let mut queue = match self.held.take() {
            Some(queue) => queue,
            None => self.rows.queue.lock().await,
        };
        if self.rows.failed.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if let Some(share) = &self.rows.share {
            share.look(queue.len() == queue.max_capacity());
        }
        match queue.recv().await {
            Some(Ok(Piece::Rows(piece))) => {
                self.held = (!piece.ends).then_some(queue);
                Ok(Some(piece))
            }
            Some(Ok(_)) => {
                let error = ArchiveError::malformed("its data is not rows");
                Err(self.rows.archive_error(error))
            }
            Some(Err(error)) => Err(self.rows.archive_error(error)),
            None => Ok(None),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Binary,
}

/// A COPY that is open.
struct Copying<'s> {
    copy: CopyIn<'s>,
    format: Format,
    places: Places,
}

impl Copying<'_> {
    async fn send(&mut self, before: u64, rows: u64, bytes: Bytes) -> Result<(), WorkError> {
        self.places.add(before, rows);
        self.copy.send(bytes).await.map_err(|error| self.places.told(error))
    }

    async fn finish(mut self) -> Result<u64, WorkError> {
        if self.format == Format::Binary {
            self.send(0, 0, Bytes::from_static(&TRAILER)).await?;
        }
        self.copy.finish().await.map_err(|error| self.places.told(error))
    }
}

/// Which of the archive's rows went into one COPY, to map the server's line number to a row of the
/// archive. One entry for every run of consecutive rows.
struct Places {
    /// The table, as the server names it in the context of an error.
    table: String,
    /// For each run: rows of this COPY before it, rows of the archive before it.
    runs: Vec<(u64, u64)>,
    rows: u64,
}

impl Places {
    fn new(table: &str) -> Self {
        Self { table: table.to_owned(), runs: Vec::new(), rows: 0 }
    }

    fn add(&mut self, before: u64, rows: u64) {
        let goes_on = self.runs.last().is_some_and(|(own, all)| all + (self.rows - own) == before);
        if !goes_on && rows > 0 {
            self.runs.push((self.rows, before));
        }
        self.rows += rows;
    }

    /// The row of the archive, from 1, which was sent as this line.
    fn row(&self, line: u64) -> Option<u64> {
        let run = self.runs.partition_point(|(own, _)| *own < line).checked_sub(1)?;
        let (own, all) = self.runs[run];
        (line <= self.rows).then(|| all + (line - own))
    }

    /// Adds the archive's row number to an error if it differs from the server's.
    fn told(&self, error: server::SessionError) -> WorkError {
        let context = error.server().and_then(|error| error.context.as_deref());
        let line = context.and_then(|context| line(context, &self.table));
        match line.and_then(|line| self.row(line).filter(|row| *row != line)) {
            Some(row) => WorkError::Row { row, source: error },
            None => error.into(),
        }
    }
}

/// The line that an error's context names: `COPY t, line 3, column a: "x"`
/// (`CopyFromErrorCallback` in `src/backend/commands/copyfrom.c`; "line" may be translated).
fn line(context: &str, table: &str) -> Option<u64> {
    let of_copy = |line: &'_ str| -> Option<u64> {
        let rest = line.strip_prefix("COPY ")?.strip_prefix(table)?.strip_prefix(',')?;
        let number = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
        let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        number[..end].parse().ok()
    };
    context.lines().find_map(of_copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_line_is_found_in_error_context() {
        assert_eq!(line("COPY t, line 3, column a: \"line 7\"", "t"), Some(3));
        assert_eq!(line("COPY t, Zeile 12", "t"), Some(12));
        assert_eq!(line("COPY a 1, line 3, line 12", "a 1, line 3"), Some(12));
        let nested = "PL/pgSQL function f(integer) line 3 at RETURN\nCOPY t, line 5: \"x\"";
        assert_eq!(line(nested, "t"), Some(5));
        assert_eq!(line("COPY other, line 3", "t"), None);
    }

    #[test]
    fn sent_line_maps_to_its_archive_row() {
        let mut places = Places::new("t");
        places.add(0, 10);
        places.add(10, 0);
        places.add(10, 5);
        places.add(100, 20);
        places.add(120, 1);
        assert_eq!(places.runs.len(), 2, "rows that follow each other are one run");
        let rows = [1, 15, 16, 36, 37, 0].map(|line| places.row(line));
        assert_eq!(rows, [Some(1), Some(15), Some(101), Some(121), None, None]);
    }
}
