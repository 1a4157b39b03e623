//! An entry's data on its way into the database.
//!
//! Rows go into a transaction of their own, which is committed only when the server has stored as
//! many rows as were sent and the archive's data has come to its proper end: a table is loaded
//! whole or not at all.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

use super::context::Context;
use super::copy_format::binary_columns;
use super::decode::{Kind, Piece, decode, in_entry};
use super::event::Event;
use super::failure::WorkError;
use super::lane::Lane;
use super::statements::data::{disable_triggers, enable_triggers, truncate_only};
use crate::archive::stream::{self, Item, ItemOf, ItemReader};
use crate::archive::{Desc, Entry, Error as ArchiveError, ReadCounter};
use crate::rows::{ColumnType, HEADER, Rows, TRAILER};
use crate::sql::ident::literal;
use crate::sql::split::Ends;
use crate::target::{self, Session};

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Where an entry's data comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// From the archive, which can be read at any place; or the entry has no data.
    Archive,
    /// From a stream.
    Stream { item: Box<Item>, receiver: Receiver<stream::Piece> },
}

/// What becomes of a table's triggers while its rows are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Triggers {
    /// They fire as they would.
    AsTheyAre,
    /// They are disabled, in the transaction that loads the rows.
    Disabled,
}

/// What was loaded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loaded {
    /// Rows, or large objects.
    pub(super) rows: u64,
    /// Bytes sent.
    pub(super) bytes: u64,
    /// Bytes read from the archive.
    pub(super) read: u64,
}

/// Loads an entry's data.
pub(super) async fn load(
    ctx: &Context,
    lane: &mut Lane,
    entry: &Entry,
    source: Source,
    triggers: Triggers,
) -> Result<Loaded, WorkError> {
    lane.renew(ctx).await?;
    let settings: Vec<_> = if matches!(entry.desc, Desc::Blobs | Desc::BlobComments) {
        lane.state.before_large_objects(&ctx.style).into_iter().collect()
    } else {
        lane.state.before_data(entry, &ctx.style)
    };
    for setting in settings {
        lane.set(ctx, setting).await?;
    }
    let own_transaction = !lane.in_group();
    let columns = binary_columns(ctx, lane.session(ctx).await?, entry).await;
    let mut pieces = Pieces::open(ctx, entry, source, columns)?;
    // What is damaged from its first byte on is not worth a transaction.
    let first = pieces.next().await?;
    let session = lane.session(ctx).await?;
    if !own_transaction {
        return transfer(session, triggers, first, &mut pieces).await;
    }
    session.begin().await?;
    let loaded = match truncate(ctx, session, entry).await {
        Ok(truncated) => {
            pieces.frozen = truncated && can_be_frozen(ctx, entry);
            transfer(session, triggers, first, &mut pieces).await
        }
        Err(error) => Err(error.into()),
    };
    match &loaded {
        Ok(_) => session.commit().await?,
        // The first error is the one to tell.
        Err(_) if session.is_usable() => drop(session.rollback().await),
        Err(_) => {}
    }
    loaded
}

/// Truncates a table that this restore created, in the transaction that fills it: with
/// `wal_level=minimal` its rows are then not written to the WAL, and they may be frozen.
///
/// Says whether it did.
async fn truncate(ctx: &Context, session: &Session, entry: &Entry) -> target::Result<bool> {
    let created = entry.desc == Desc::TableData
        && entry.dependencies.first().is_some_and(|table| ctx.ledger().created.contains(table));
    let truncated = created && !entry.is_load_via_partition_root();
    if truncated {
        session.execute(&truncate_only(entry)).await?;
    }
    Ok(truncated)
}

/// Whether a table that was truncated can take frozen rows (`COPY` with `FREEZE`): an ordinary
/// table of the heap. A server that refuses FREEZE would end the session, so nothing is tried.
fn can_be_frozen(ctx: &Context, entry: &Entry) -> bool {
    let table = entry.dependencies.first().and_then(|table| ctx.toc.get(*table));
    table.is_some_and(|table| {
        table.desc == Desc::Table
            && matches!(table.relkind, 0 | b'r')
            && matches!(table.table_am.as_deref(), None | Some("" | "heap"))
    })
}

async fn transfer(
    session: &Session,
    triggers: Triggers,
    first: Option<Piece>,
    pieces: &mut Pieces<'_>,
) -> Result<Loaded, WorkError> {
    let entry = pieces.entry;
    if triggers == Triggers::Disabled {
        session.execute(&disable_triggers(entry)).await?;
    }
    let loaded = if entry.desc == Desc::Blobs {
        pieces.large_objects(session, first).await
    } else if entry.copy_stmt.is_empty() {
        pieces.statements(session, first).await
    } else {
        pieces.copy(session, first).await
    }?;
    if triggers == Triggers::Disabled {
        session.execute(&enable_triggers(entry)).await?;
    }
    Ok(loaded)
}

/// The pieces of an entry's data, with what has gone through so far.
struct Pieces<'a> {
    ctx: &'a Context,
    entry: &'a Entry,
    receiver: Receiver<Result<Piece, ArchiveError>>,
    counter: ReadCounter,
    loaded: Loaded,
    told: Instant,
    /// Whether this is one of several parts of the entry's data.
    partial: bool,
    /// Whether the rows are stored frozen: visible to all from the start. The indexes built on
    /// them need not look at transactions, and foreign keys are checked with index-only scans.
    frozen: bool,
}

impl<'a> Pieces<'a> {
    fn open(
        ctx: &'a Context,
        entry: &'a Entry,
        source: Source,
        columns: Option<Vec<ColumnType>>,
    ) -> Result<Self, WorkError> {
        let counter = ReadCounter::default();
        let kind = if entry.copy_stmt.is_empty() {
            Kind::Sql {
                encoding: ctx.toc.encoding.clone(),
                standard_conforming_strings: ctx.toc.standard_conforming_strings,
                ends: match entry.desc {
                    Desc::TableData => Ends::WithBlankLines,
                    _ => Ends::Anyhow,
                },
            }
        } else {
            Kind::Copy { binary: columns }
        };
        let reading = counter.clone();
        let partial = match &source {
            Source::Stream { item, .. } => matches!(item.of, ItemOf::LargeObject(_)),
            Source::Archive => false,
        };
        let expected = match &ctx.options.digests {
            // Objects that come one by one have no digest each.
            Some(_) if partial => None,
            Some(digests) => match digests.get(entry.dump_id) {
                Some(line) => Some(line.digest),
                None => {
                    let what = "there is no digest of its data".to_owned();
                    return Err(WorkError::Other(what));
                }
            },
            None => None,
        };
        let receiver = match (source, &ctx.random) {
            (Source::Stream { item, mut receiver }, _) => {
                decode(&ctx.pool, kind, expected, move || {
                    Ok(item.data(ItemReader::new(move || receiver.blocking_recv(), reading)))
                })
            }
            (Source::Archive, Some(random)) => {
                let (random, entry) = (random.clone(), entry.clone());
                decode(&ctx.pool, kind, expected, move || random.open(&entry, reading))
            }
            (Source::Archive, None) => decode(&ctx.pool, kind, expected, || {
                Err(ArchiveError::missing("the archive holds no block of data for it"))
            }),
        };
        let loaded = Loaded::default();
        Ok(Self {
            ctx,
            entry,
            receiver,
            counter,
            loaded,
            told: Instant::now(),
            partial,
            frozen: false,
        })
    }

    async fn next(&mut self) -> Result<Option<Piece>, WorkError> {
        match self.receiver.recv().await {
            Some(Ok(piece)) => Ok(Some(piece)),
            Some(Err(error)) => Err(in_entry(error, self.entry, &self.ctx.archive).into()),
            None => Ok(None),
        }
    }

    fn sent(&mut self, rows: u64, bytes: usize) {
        self.loaded.rows += rows;
        self.loaded.bytes += bytes as u64;
        self.loaded.read = self.counter.get();
        if self.told.elapsed() >= PROGRESS_EVERY {
            self.told = Instant::now();
            self.ctx.events.send(Event::Progress {
                dump_id: self.entry.dump_id.0,
                rows: self.loaded.rows,
                bytes: self.loaded.bytes,
                read: self.loaded.read,
            });
        }
    }

    fn finished(&mut self) -> Loaded {
        self.loaded.read = self.counter.get();
        self.loaded
    }

    async fn copy(
        &mut self,
        session: &Session,
        mut next: Option<Piece>,
    ) -> Result<Loaded, WorkError> {
        // Binary rows may be followed by text, never the other way round.
        let mut stored = 0;
        if let Some(Piece::Rows(Rows::Binary(_), _)) = next {
            let mut copy = session.copy_in(&self.copy_statement(&["FORMAT binary"])).await?;
            copy.send(Bytes::from_static(&HEADER)).await?;
            while let Some(Piece::Rows(Rows::Binary(bytes), rows)) = next {
                self.send(&mut copy, bytes, rows).await?;
                next = self.next().await?;
            }
            copy.send(Bytes::from_static(&TRAILER)).await?;
            stored += copy.finish().await?;
        }
        if next.is_some() || stored == 0 {
            let mut copy = session.copy_in(&self.copy_statement(&[])).await?;
            while let Some(piece) = next {
                if let Piece::Rows(Rows::Text(bytes), rows) = piece {
                    self.send(&mut copy, bytes, rows).await?;
                }
                next = self.next().await?;
            }
            stored += copy.finish().await?;
        }
        let loaded = self.finished();
        if stored != loaded.rows {
            return Err(WorkError::Other(format!(
                "{} rows were sent but the server stored {stored}",
                loaded.rows
            )));
        }
        Ok(loaded)
    }

    async fn send(
        &mut self,
        copy: &mut target::CopyIn<'_>,
        bytes: Bytes,
        rows: u64,
    ) -> Result<(), WorkError> {
        let length = bytes.len();
        copy.send(bytes).await?;
        self.sent(rows, length);
        Ok(())
    }

    /// The archive's COPY statement with options. Its data is in the archive's encoding while the
    /// session speaks UTF-8.
    fn copy_statement(&self, options: &[&str]) -> String {
        let statement = self.entry.copy_stmt.trim_end().trim_end_matches(';');
        let mut options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        if self.frozen {
            options.push("FREEZE".to_owned());
        }
        if !self.ctx.toc.encoding.is_utf8() {
            options.push(format!("ENCODING {}", literal(self.ctx.toc.encoding.name())));
        }
        match options[..] {
            [] => statement.to_owned(),
            _ => format!("{statement} WITH ({})", options.join(", ")),
        }
    }

    async fn statements(
        &mut self,
        session: &Session,
        mut next: Option<Piece>,
    ) -> Result<Loaded, WorkError> {
        while let Some(piece) = next {
            if let Piece::Statements(sql) = piece {
                let rows = session.execute_counting(&sql).await?;
                self.sent(rows, sql.len());
            }
            next = self.next().await?;
        }
        Ok(self.finished())
    }

    async fn large_objects(
        &mut self,
        session: &Session,
        mut next: Option<Piece>,
    ) -> Result<Loaded, WorkError> {
        let version = self.ctx.toc.header.version;
        // Of objects that come one by one, whoever gives them out knows which are missing.
        let mut missing = match self.partial {
            true => HashSet::new(),
            false => self.ctx.expected_objects(self.entry),
        };
        let checked = !missing.is_empty();
        let mut seen = HashSet::new();
        let mut open: Option<target::LargeObject<'_>> = None;
        while let Some(piece) = next {
            match piece {
                Piece::Object(oid) => {
                    if let Some(object) = open.take() {
                        object.close().await?;
                    }
                    if !seen.insert(oid) || (checked && !missing.remove(&oid)) {
                        let what = format!("the archive holds large object {oid} unexpectedly");
                        return Err(self.damaged(what));
                    }
                    if !version.at_least(12) {
                        // Such archives have no entries that create the objects.
                        if self.ctx.options.clean {
                            session.unlink_large_object(oid).await?;
                        }
                        session.create_large_object(oid).await?;
                    }
                    open = Some(session.open_large_object(oid).await?);
                    self.sent(1, 0);
                }
                Piece::ObjectBytes(bytes) => {
                    if let Some(object) = &mut open {
                        let length = bytes.len();
                        object.write(bytes).await?;
                        self.sent(0, length);
                    }
                }
                Piece::Rows(..) | Piece::Statements(..) => {}
            }
            next = self.next().await?;
        }
        if let Some(object) = open {
            object.close().await?;
        }
        match missing.iter().min() {
            Some(oid) => Err(missing_object(self.ctx, self.entry, *oid)),
            None => Ok(self.finished()),
        }
    }

    fn damaged(&self, what: String) -> WorkError {
        in_entry(ArchiveError::missing(what), self.entry, &self.ctx.archive).into()
    }
}

/// The error for a large object whose contents the archive should hold.
pub(super) fn missing_object(ctx: &Context, entry: &Entry, oid: u32) -> WorkError {
    let what = format!("the contents of large object {oid} are missing");
    in_entry(ArchiveError::missing(what), entry, &ctx.archive).into()
}
