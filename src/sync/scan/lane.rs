//! A lane: reads one table after the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::live::{self, LiveRows};
use super::stream::Item;
use super::table::{self, Limit, Matched, Stopped};
use super::{Finding, Message, Scan, ScanJob, Way};
use crate::archive::{Data, Digest, ReadCounter};
use crate::restore::event::{EntryRef, Event, LaneId};
use crate::server::sqlstate::UNTRANSLATABLE_CHARACTER;
use crate::server::{Session, SessionError};
use crate::source::RandomAccess;
use crate::sync::error::SyncError;
use crate::sync::reason::Reason;
use crate::sync::stage::{self, Staged};
use crate::sync::tables::{Patch, Scanned, SyncTable, TableKind, Whole};

/// Pieces of staged rows between the thread that matches and the session: 256 KiB each.
const IN_FLIGHT: usize = 4;

/// The interval between progress reports.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// The sessions of one lane.
pub(super) struct Lane {
    number: LaneId,
    scan: Arc<Scan>,
    messages: mpsc::Sender<Message>,
    /// Reads the table.
    reader: Option<Session>,
    /// Fills the staging table.
    writer: Option<Session>,
    /// When it began with the table.
    began: Instant,
}

/// The result of comparing, or why the table is not patched.
type Compared = Result<Patch, Reason>;

impl Lane {
    pub(super) fn new(number: LaneId, scan: Arc<Scan>, messages: mpsc::Sender<Message>) -> Self {
        let (reader, writer, began) = (None, None, Instant::now());
        Self { number, scan, messages, reader, writer, began }
    }

    /// Reads a table from an archive in files.
    pub(super) async fn read_file(
        &mut self,
        random: &RandomAccess,
        job: ScanJob,
    ) -> Result<(), SyncError> {
        let scan = self.scan.clone();
        let table = &scan.tables[job.table];
        let entry = scan.toc.at(table.data);
        self.begin(table, random.size(entry));
        if let (Way::Untouched, Some(known)) = (&job.way, known_digest(table)) {
            let counter = ReadCounter::hashing();
            let data = random.open_as_it_stands(entry, counter.clone())?;
            let hashing = counter.clone();
            let digest = blocking(move || table::digest(data, &hashing)).await??;
            if digest == Some(known) {
                return self.found(table, Scanned::Unchanged, &counter, None).await;
            }
        }
        let (mut reason, may_patch) = match (job.way, &table.kind) {
            (_, TableKind::Fixed(reason)) => return Err(cannot(table, reason)),
            (Way::Replace(reason), _) => (reason, false),
            (_, TableKind::Whole(reason)) => (reason.clone(), false),
            (Way::Untouched, TableKind::Plain) => (Reason::DataChanged, true),
            (Way::Compare(reason), TableKind::Plain) => (reason, true),
        };
        let zones = if may_patch { scan.zones() } else { Vec::new() };
        for zone in zones {
            let counter = ReadCounter::hashing();
            let data = random.open(entry, counter.clone())?;
            let limit = Some(self.limit(table));
            match Box::pin(self.compare(table, (data, &counter), zone, limit)).await? {
                Ok(patch) => {
                    let patch = Scanned::Patch(patch);
                    return self.found(table, patch, &counter, Some(reason)).await;
                }
                Err(why) => reason = why,
            }
        }
        let size = random.size(entry).unwrap_or(0);
        if scan.replaced.fetch_add(size, Ordering::Relaxed) + size > scan.replace_limit {
            return Err(cannot(table, &reason));
        }
        let counter = ReadCounter::hashing();
        let data = random.open(entry, counter.clone())?;
        let whole = Box::pin(self.replace(table, (data, &counter))).await?;
        self.found(table, Scanned::Whole(whole), &counter, Some(reason)).await
    }

    /// Reads a table from a stream.
    pub(super) async fn read_stream(&mut self, mut item: Item) -> Result<(), SyncError> {
        let scan = self.scan.clone();
        let (number, way) = (item.job.table, item.job.way.clone());
        let table = &scan.tables[number];
        self.begin(table, None);
        let known = known_digest(table).filter(|_| matches!(way, Way::Untouched));
        if known.is_some() {
            let (same, collected) = blocking(move || {
                let all = item.collect();
                (item, all)
            })
            .await?;
            item = same;
            if let Some(all) = collected {
                let counter = ReadCounter::hashing();
                all.iter().for_each(|bytes| counter.read(bytes));
                if counter.sha256() == known {
                    return self.found(table, Scanned::Unchanged, &counter, None).await;
                }
            }
        }
        let counter = ReadCounter::hashing();
        let (scanned, reason) = match (&way, &table.kind) {
            (_, TableKind::Fixed(reason)) => {
                let (data, hashing) = (item.stored(counter.clone()), counter.clone());
                let digest = blocking(move || table::digest(data, &hashing)).await??;
                if known.is_none() || digest != known {
                    return Err(cannot(table, reason));
                }
                (Scanned::Unchanged, None)
            }
            (Way::Replace(reason), _) | (_, TableKind::Whole(reason)) => {
                let whole =
                    Box::pin(self.replace(table, (item.data(counter.clone()), &counter))).await?;
                (Scanned::Whole(whole), Some(reason.clone()))
            }
            (way, TableKind::Plain) => {
                let reason = match way {
                    Way::Compare(reason) => reason.clone(),
                    _ => Reason::DataChanged,
                };
                let zone = scan.zones().swap_remove(0);
                let data = item.data(counter.clone());
                match Box::pin(self.compare(table, (data, &counter), zone, None)).await? {
                    Ok(patch) => (Scanned::Patch(patch), Some(reason)),
                    Err(why) => return Err(cannot(table, &why)),
                }
            }
        };
        self.found(table, scanned, &counter, reason).await
    }

    /// Compares the archive's rows with the table's, which is held from now on.
    async fn compare(
        &mut self,
        table: &SyncTable,
        (data, counter): (Data, &ReadCounter),
        zone: Option<String>,
        limit: Option<Limit>,
    ) -> Result<Compared, SyncError> {
        let scan = self.scan.clone();
        self.hold(table).await?;
        let reader = usable(&mut self.reader, &scan).await?;
        let writer = usable(&mut self.writer, &scan).await?;
        let (chunks_in, chunks) = mpsc::channel(live::IN_FLIGHT);
        let (rows_in, rows) = mpsc::channel(IN_FLIGHT);
        let key = scan.key.clone();
        let matching = blocking(move || {
            table::match_rows(data, &key, LiveRows::new(chunks, &key), &rows_in, limit)
        });
        let reading = live::read(reader, table, zone.as_deref(), chunks_in);
        let filling = fill(&scan, writer, table, Staged::Some, rows);
        let work = async { tokio::join!(matching, reading, filling) };
        let (matched, read, filled) = told(&scan, table, counter, work).await;
        let matched = matched?;
        if let Err(Stopped::Archive(error)) = matched {
            return Err(error.in_entry(scan.toc.at(table.data)).into());
        }
        let failed = |source| failed(table, source);
        match read {
            // Others wrote what the archive cannot contain.
            Err(error) if is_of_encoding(&error) => return Ok(Err(Reason::OtherCharacters)),
            read => read.map_err(failed)?,
        }
        let filled = filled.map_err(failed)?;
        let Matched { old, new, gone, staged, withdrawn } = match matched {
            Ok(matched) => matched,
            Err(Stopped::GivenUp(reason)) => return Ok(Err(reason)),
            Err(_) => return Err(SyncError::Internal("a session ended silently".to_owned())),
        };
        check_count(table, filled, staged)?;
        if !scan.dry_run {
            stage::drop_rows(writer, table, &withdrawn).await.map_err(failed)?;
        }
        scan.is_in_zone.store(zone.is_some(), Ordering::Relaxed);
        let staged = staged - withdrawn.len() as u64;
        Ok(Ok(Patch { old, new, staged, gone, zone }))
    }

    /// Stages all rows.
    async fn replace(
        &mut self,
        table: &SyncTable,
        (data, counter): (Data, &ReadCounter),
    ) -> Result<Whole, SyncError> {
        let scan = self.scan.clone();
        let writer = usable(&mut self.writer, &scan).await?;
        let (rows_in, rows) = mpsc::channel(IN_FLIGHT);
        let key = scan.key.clone();
        let reading = blocking(move || table::all_rows(data, &key, &rows_in));
        let filling = fill(&scan, writer, table, Staged::All, rows);
        let work = async { tokio::join!(reading, filling) };
        let (read, filled) = told(&scan, table, counter, work).await;
        let read = read?;
        if let Err(Stopped::Archive(error)) = read {
            return Err(error.in_entry(scan.toc.at(table.data)).into());
        }
        let filled = filled.map_err(|source| failed(table, source))?;
        let new = match read {
            Ok(new) => new,
            Err(_) => return Err(SyncError::Internal("a session ended silently".to_owned())),
        };
        check_count(table, filled, new.rows)?;
        Ok(Whole { new })
    }

    /// Waits until the closing transaction holds the table.
    async fn hold(&self, table: &SyncTable) -> Result<(), SyncError> {
        if self.scan.dry_run {
            return Ok(());
        }
        let (held, holding) = oneshot::channel();
        self.send(Message::Hold(table.number, held)).await?;
        holding.await.map_err(|_| SyncError::Interrupted)
    }

    /// Reports a table as started.
    fn begin(&mut self, table: &SyncTable, data_bytes: Option<u64>) {
        self.began = Instant::now();
        let entry = EntryRef::from(self.scan.toc.at(table.data));
        let lane = self.number;
        self.scan.events.send(Event::Started { entry, again: false, lane, data_bytes });
    }

    async fn found(
        &self,
        table: &SyncTable,
        scanned: Scanned,
        counter: &ReadCounter,
        reason: Option<Reason>,
    ) -> Result<(), SyncError> {
        let (digest, read, lane) = (counter.sha256(), counter.get(), self.number);
        if !matches!(scanned, Scanned::Unchanged) {
            let dump_id = self.scan.toc.at(table.data).dump_id.0;
            self.scan.events.send(Event::Paused { dump_id, lane });
        }
        let (table, took) = (table.number, self.began.elapsed());
        let finding = Finding { table, digest, scanned, reason, read, lane, took };
        self.send(Message::Found(finding.into())).await
    }

    /// The closing transaction does not listen any more if it has failed; then its error counts.
    async fn send(&self, message: Message) -> Result<(), SyncError> {
        self.messages.send(message).await.map_err(|_| SyncError::Interrupted)
    }

    fn limit(&self, table: &SyncTable) -> Limit {
        let rows = table.known.as_ref().map_or(0, |rel| rel.baseline.rows);
        Limit { percent: self.scan.patch_limit, rows }
    }
}

/// The digest of the table's data at the last sync, if known.
fn known_digest(table: &SyncTable) -> Option<Digest> {
    table.known.as_ref()?.data
}

/// The session, or a new one if there is none or it cannot be used any more.
async fn usable<'s>(
    session: &'s mut Option<Session>,
    scan: &Scan,
) -> Result<&'s Session, SessionError> {
    let usable = match session.take() {
        Some(session) if session.is_usable() => session,
        _ => Box::pin(scan.sessions.open()).await?,
    };
    Ok(session.insert(usable))
}

/// Does `work`, and tells how much of the table's data is read.
async fn told<T>(
    scan: &Scan,
    table: &SyncTable,
    counter: &ReadCounter,
    work: impl Future<Output = T>,
) -> T {
    let dump_id = scan.toc.at(table.data).dump_id.0;
    let mut ticks = tokio::time::interval(PROGRESS_EVERY);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => {
                let read = counter.get();
                scan.events.send(Event::Progress { dump_id, rows: 0, bytes: 0, read });
            }
        }
    }
}

/// Fills the staging table, or only counts what would go there.
async fn fill(
    scan: &Scan,
    writer: &Session,
    table: &SyncTable,
    what: Staged,
    mut rows: mpsc::Receiver<Bytes>,
) -> Result<u64, SessionError> {
    if !scan.dry_run {
        return stage::fill(writer, table, what, rows).await;
    }
    let mut count = 0;
    while let Some(text) = rows.recv().await {
        count += memchr::memchr_iter(b'\n', &text).count() as u64;
    }
    Ok(count)
}

/// Runs on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SyncError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| SyncError::Internal(error.to_string()))
}

/// Whether a text has no equivalent in the session's encoding.
fn is_of_encoding(error: &SessionError) -> bool {
    error.sqlstate().is_some_and(|code| code == UNTRANSLATABLE_CHARACTER)
}

fn failed(table: &SyncTable, source: SessionError) -> SyncError {
    SyncError::Table { table: table.sql(), source }
}

fn cannot(table: &SyncTable, reason: &Reason) -> SyncError {
    SyncError::NeedsFull(vec![reason.clone().of(&table.sql())])
}

/// A server that stores another number of rows than it was sent must not go unnoticed.
fn check_count(table: &SyncTable, stored: u64, sent: u64) -> Result<(), SyncError> {
    if stored == sent {
        return Ok(());
    }
    let what = format!("the server stored {stored} rows of {sent}");
    Err(failed(table, SessionError::Protocol(what, None)))
}
