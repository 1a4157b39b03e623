//! An entry's data on its way into the database.
//!
//! Rows go into a separate transaction, which is committed only when the server has stored as many
//! rows as were sent and the archive's data has ended properly: a table is loaded completely or not
//! at all. A large table may be loaded by several sessions ([`crate::restore::load::together`]).

pub(crate) mod copy;
pub(crate) mod copy_format;
pub(crate) mod decode;
pub(crate) mod inserts;
pub(crate) mod progress;
pub(crate) mod row_triggers;
pub(crate) mod share;
pub(crate) mod streamed_objects;
pub(crate) mod together;
pub(crate) mod transaction;

use std::collections::HashSet;

use tokio::sync::mpsc::Receiver;

use crate::archive::objects::ObjectsDue;
use crate::archive::stream::{Item, ItemOf, ItemReader};
use crate::archive::{Desc, DumpId, Entry, Error as ArchiveError, ReadCounter};
use crate::restore::context::Context;
use crate::restore::event::Event;
use crate::restore::failure::WorkError;
use crate::restore::journal::Mark;
use crate::restore::load::copy::CopyRows;
use crate::restore::load::copy_format::binary_columns;
use crate::restore::load::decode::{Kind, Piece, decode, in_entry};
use crate::restore::load::inserts::Inserts;
use crate::restore::load::progress::Progress;
use crate::restore::load::row_triggers::triggers_take_rows;
use crate::restore::load::share::Joining;
use crate::restore::load::together::load_with_help;
use crate::restore::load::transaction::Surroundings;
use crate::restore::session::commit::Line;
use crate::restore::session::lane::Lane;
use crate::restore::stream::read_ahead::Reader;
use crate::rows::ColumnType;
use crate::sql::split::Ends;
use crate::statements::data::truncate_only;
use crate::target::Session;
use crate::verify::Digest;

/// Bytes of archived data from which it pays off to truncate an empty table, to save WAL and to
/// allow frozen rows: that recreates each of its files and adds another, the visibility map.
const TRUNCATED_FROM: u64 = 8 * 1024;

/// Where an entry's data comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// From a seekable archive; or the entry has no data.
    Archive,
    /// From a stream.
    Stream { item: Box<Item>, reader: Reader },
}

impl Source {
    /// Bytes of the data in the archive, if known.
    pub(crate) fn size(&self, ctx: &Context, entry: &Entry) -> Option<u64> {
        match self {
            Self::Archive => ctx.random.as_ref().and_then(|random| random.size(entry)),
            Self::Stream { item, .. } => item.size,
        }
    }

    /// Whether it is one of several large objects of the entry.
    pub(crate) fn is_one_object(&self) -> bool {
        match self {
            Self::Archive => false,
            Self::Stream { item, .. } => matches!(item.of, ItemOf::LargeObject(_)),
        }
    }
}

/// How a table's triggers are handled while its rows are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Triggers {
    /// They fire as usual.
    AsTheyAre,
    /// They are disabled, in the transaction that loads the rows.
    Disabled,
}

/// What was loaded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loaded {
    /// Rows, or large objects.
    pub(crate) rows: u64,
    /// Bytes sent.
    pub(crate) bytes: u64,
    /// Bytes read from the archive.
    pub(crate) read: u64,
    /// Their SHA-256, if a journal is kept.
    pub(crate) digest: Option<Digest>,
}

/// Loads an entry's data.
pub(crate) async fn load(
    ctx: &Context,
    lane: &mut Lane,
    entry: &Entry,
    source: Source,
    triggers: Triggers,
) -> Result<Loaded, WorkError> {
    let may_share = std::mem::take(&mut lane.may_share);
    lane.problems.clear();
    lane.renew(ctx).await?;
    let settings: Vec<_> = if matches!(entry.desc, Desc::Blobs | Desc::BlobComments) {
        lane.state.before_large_objects(&ctx.style).into_iter().collect()
    } else {
        lane.state.before_data(entry, &ctx.style)
    };
    for setting in settings {
        lane.set(ctx, setting).await?;
    }
    let size = source.size(ctx, entry);
    let columns = binary_columns(ctx, lane.session(ctx).await?, entry, size).await;
    let counter = match ctx.journal() {
        Some(_) => ReadCounter::hashing(),
        None => ReadCounter::default(),
    };
    let mut pieces = Pieces::open(ctx, entry, source, columns, &counter)?;
    let pays = size.is_none_or(|size| size >= TRUNCATED_FROM) || ctx.may_be_half_loaded();
    let mut surroundings = Surroundings {
        entry,
        truncate: pays && !lane.in_group() && ctx.is_new(entry),
        triggers,
        line: pieces.line(),
    };
    if entry.desc == Desc::Blobs || entry.copy_stmt.is_empty() {
        // Data that is damaged from its first byte is not worth a transaction.
        let first = pieces.next().await?;
        let begun = surroundings.begin(ctx, lane).await;
        // With a journal, the next run loads the whole table again.
        let keeps = lane.keeps_the_rest(ctx) && ctx.journal().is_none();
        let session = lane.session(ctx).await?;
        let mut inserts = Inserts::new(session, ctx.toc.standard_conforming_strings, keeps);
        let loaded = match (begun, &entry.desc) {
            (Err(error), _) => Err(error.into()),
            (Ok(()), Desc::Blobs) => pieces.large_objects(session, first).await,
            (Ok(()), _) => pieces.statements(&mut inserts, first).await,
        };
        if let Ok(Loaded { rows, .. }) = loaded
            && rows < inserts.sent()
        {
            tell_taken(ctx, entry, inserts.sent(), rows, "row triggers or rules");
        }
        let refused = inserts.refused();
        lane.problems.extend(refused);
        return surroundings.end(ctx, lane, loaded).await;
    }
    let line = pieces.line();
    let mut rows = CopyRows::new(ctx, entry, pieces.progress, pieces.receiver);
    let may_share = may_share && surroundings.truncate && triggers == Triggers::AsTheyAre;
    let least = ctx.split_size(size).filter(|_| may_share);
    match least.map(|least| ctx.shares.open(size, counter, least)) {
        Some((share, joining)) => {
            rows.share = Some(share);
            load_rows_together(lane, &rows, joining, line).await
        }
        None => {
            rows.frozen = surroundings.truncate && can_be_frozen(ctx, entry);
            load_rows_alone(lane, &rows, &mut surroundings).await
        }
    }
}

async fn load_rows_alone(
    lane: &mut Lane,
    rows: &CopyRows<'_>,
    surroundings: &mut Surroundings<'_>,
) -> Result<Loaded, WorkError> {
    let mut taker = rows.taker();
    let first = taker.next().await?;
    let begun = surroundings.begin(rows.ctx, lane).await;
    let loaded = match begun {
        Ok(()) => {
            let session = lane.session(rows.ctx).await?;
            match rows.send_all(session, taker, first).await {
                Ok(stored) => stored_or_kept(rows, session, stored).await,
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error.into()),
    };
    surroundings.end(rows.ctx, lane, loaded).await
}

/// Loads rows through several sessions. The table is not truncated in the transaction that fills
/// it, and its rows are not frozen: both would lock out other sessions until this one commits.
async fn load_rows_together(
    lane: &mut Lane,
    rows: &CopyRows<'_>,
    joining: Joining<'_>,
    line: Option<Line>,
) -> Result<Loaded, WorkError> {
    let mut taker = rows.taker();
    let first = taker.next().await?;
    if rows.ctx.may_be_half_loaded() {
        lane.execute(rows.ctx, &truncate_only(rows.entry)).await?;
    }
    lane.begin_own(rows.ctx).await?;
    load_with_help(rows, lane, taker, first, joining, line).await
}

/// Whether a truncated table can take frozen rows (`COPY` with `FREEZE`): it must be an ordinary
/// heap table. A server that refuses FREEZE would end the session, so this never just tries it.
fn can_be_frozen(ctx: &Context, entry: &Entry) -> bool {
    let table = entry.dependencies.first().and_then(|table| ctx.toc.get(*table));
    // Frozen rows are visible at once, even to a function that reads the table.
    let reads = |id| ctx.reading.get().is_some_and(|tables| tables.contains(&id));
    table.is_some_and(|table| {
        table.desc == Desc::Table
            && !reads(table.dump_id)
            && matches!(table.relkind, 0 | b'r')
            && matches!(table.table_am.as_deref(), None | Some("" | "heap"))
    })
}

/// Reports that the table has fewer rows than were sent.
fn tell_taken(ctx: &Context, entry: &Entry, sent: u64, stored: u64, by: &str) {
    let label = entry.label();
    let message = format!(
        "{label}: {sent} rows sent, {stored} stored; {by} of the table skipped or moved the others"
    );
    ctx.events.send(Event::Warning { message });
}

/// What was sent, if the server stored as many rows or the table's triggers explain the difference.
async fn stored_or_kept(
    rows: &CopyRows<'_>,
    session: &Session,
    stored: u64,
) -> Result<Loaded, WorkError> {
    let sent = rows.progress.loaded();
    if stored == sent.rows || !triggers_take_rows(session, rows.entry).await? {
        return stored_as_sent(sent, stored);
    }
    tell_taken(rows.ctx, rows.entry, sent.rows, stored, "row triggers");
    Ok(Loaded { rows: stored, ..sent })
}

/// The tables whose rows are in several entries. None of these may empty the table: each is loaded
/// in its own transaction, concurrently with the others.
pub(crate) fn loaded_in_parts(entries: &[Entry]) -> HashSet<DumpId> {
    let mut seen = HashSet::new();
    let data = entries.iter().filter(|entry| entry.desc == Desc::TableData);
    let tables = data.filter_map(|entry| entry.dependencies.first().copied());
    tables.filter(|table| !seen.insert(*table)).collect()
}

/// What was sent, if the server stored as many rows.
pub(crate) fn stored_as_sent(sent: Loaded, stored: u64) -> Result<Loaded, WorkError> {
    if stored == sent.rows {
        return Ok(sent);
    }
    let rows = sent.rows;
    Err(WorkError::Other(format!("{rows} rows were sent but the server stored {stored}")))
}

impl Context {
    /// Whether the entry's rows go into a table that this restore created: it is empty and may be
    /// emptied again, unless it is distributed or other entries also have rows for it.
    fn is_new(&self, entry: &Entry) -> bool {
        let created = entry.desc == Desc::TableData
            && entry.dependencies.first().is_some_and(|id| self.ledger().created.contains(id));
        created
            && !entry.is_load_via_partition_root()
            && !self.is_distributed(entry)
            && entry.dependencies.first().is_some_and(|id| !self.loaded_in_parts.contains(id))
    }

    /// Whether an entry holds the rows of a table that several sessions could load.
    pub(crate) fn is_large(&self, place: usize) -> bool {
        let entry = self.entry(place);
        let size = self.random.as_ref().and_then(|random| random.size(entry));
        entry.desc == Desc::TableData && self.split_size(size).is_some()
    }

    /// How much data must remain for each session that loads a table of this size; `None` if it is
    /// too small for more than one session.
    fn split_size(&self, size: Option<u64>) -> Option<u64> {
        self.options.split_size.least().filter(|least| size.is_none_or(|size| size >= *least))
    }
}

/// The pieces of an entry's data, with the progress so far.
struct Pieces<'a> {
    ctx: &'a Context,
    entry: &'a Entry,
    receiver: Receiver<Result<Piece, ArchiveError>>,
    progress: Progress<'a>,
    /// Whether this is one of several parts of the entry's data.
    partial: bool,
}

impl<'a> Pieces<'a> {
    fn open(
        ctx: &'a Context,
        entry: &'a Entry,
        source: Source,
        columns: Option<Vec<ColumnType>>,
        counter: &ReadCounter,
    ) -> Result<Self, WorkError> {
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
        let partial = source.is_one_object();
        let expected = match &ctx.options.digests {
            // Objects that arrive one by one have no individual digest.
            Some(_) if partial => None,
            Some(digests) => match digests.get(entry.dump_id) {
                Some(line) => Some(line.digest),
                None => {
                    let what = "the digest file has no digest of its data".to_owned();
                    return Err(WorkError::Other(what));
                }
            },
            None => None,
        };
        let receiver = match (source, &ctx.random) {
            (Source::Stream { item, mut reader }, _) => {
                decode(ctx.pool()?, kind, expected, move || {
                    reader.take();
                    Ok(item.data(ItemReader::new(move || reader.next(), reading)))
                })
            }
            (Source::Archive, Some(random)) => {
                let (random, entry) = (random.clone(), entry.clone());
                decode(ctx.pool()?, kind, expected, move || random.open(&entry, reading))
            }
            (Source::Archive, None) => decode(ctx.pool()?, kind, expected, || {
                Err(ArchiveError::missing("its data block is missing from the archive"))
            }),
        };
        let progress = Progress::new(ctx, entry, counter.clone());
        Ok(Self { ctx, entry, receiver, progress, partial })
    }

    /// The journal line to write when everything is loaded. If the data is in several parts, each
    /// part can be loaded again, and whether all are done is not known here.
    fn line(&self) -> Option<Line> {
        (!self.partial).then(|| Line::of(self.entry, Mark::Done))
    }

    async fn next(&mut self) -> Result<Option<Piece>, WorkError> {
        match self.receiver.recv().await {
            Some(Ok(piece)) => Ok(Some(piece)),
            Some(Err(error)) => Err(in_entry(error, self.entry, &self.ctx.archive).into()),
            None => Ok(None),
        }
    }

    async fn statements(
        &mut self,
        inserts: &mut Inserts<'_>,
        mut next: Option<Piece>,
    ) -> Result<Loaded, WorkError> {
        while let Some(piece) = next {
            let Piece::Statements(sql) = piece else {
                return Err(self.damaged(ArchiveError::missing("its data is not SQL statements")));
            };
            let rows = inserts.send(&sql).await?;
            self.progress.sent(rows, sql.len());
            next = self.next().await?;
        }
        Ok(self.progress.loaded())
    }

    async fn large_objects(
        &mut self,
        session: &Session,
        mut next: Option<Piece>,
    ) -> Result<Loaded, WorkError> {
        let version = self.ctx.toc.header.version;
        // For objects that arrive one by one, the conductor knows which are missing.
        let mut due = ObjectsDue::new(match self.partial {
            true => HashSet::new(),
            false => self.ctx.expected_objects(self.entry),
        });
        let mut objects = session.write_large_objects().await?;
        while let Some(piece) = next {
            match piece {
                Piece::Object(oid) => {
                    due.came(oid).map_err(|error| self.damaged(error))?;
                    if !version.at_least(12) {
                        // Such archives have no separate entries that create the objects. An
                        // earlier run may have loaded the object on its own.
                        let again = self.partial && self.ctx.may_be_half_loaded();
                        if self.ctx.options.clean || again {
                            session.unlink_large_object(oid).await?;
                        }
                        session.create_large_object(oid).await?;
                    }
                    objects.begin(oid).await?;
                    self.progress.sent(1, 0);
                }
                Piece::ObjectBytes(bytes) => {
                    let length = bytes.len();
                    objects.write(bytes).await?;
                    self.progress.sent(0, length);
                }
                Piece::Rows(..) | Piece::Statements(..) => {
                    let what = "its data is not large objects";
                    return Err(self.damaged(ArchiveError::missing(what)));
                }
            }
            next = self.next().await?;
        }
        objects.finish().await?;
        due.finish().map_err(|error| self.damaged(error))?;
        Ok(self.progress.loaded())
    }

    fn damaged(&self, error: ArchiveError) -> WorkError {
        in_entry(error, self.entry, &self.ctx.archive).into()
    }
}
