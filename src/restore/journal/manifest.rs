//! The manifest: the digests of the loaded data, compared with the archive's files before anything
//! else is done.
//!
//! Only the data of finished entries is read, as stored in the archive, without decompressing it. A
//! seekable archive is read by a few threads, each with its own buffer; one inside a wrapper is
//! read as a stream, as far as needed.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::archive::stream::{Answer, ItemOf, Sink, StreamItem};
use crate::archive::{
    self, ArchiveError, Data, DataLocation, Desc, Digest, DumpId, Entry, Format, Place,
    ReadCounter, Toc, placed,
};
use crate::restore::error::JournalError;
use crate::restore::event::Event;
use crate::restore::facts::Facts;
use crate::restore::journal::line::Mark;
use crate::restore::journal::store::JournalLines;
use crate::server::Session;
use crate::source::RandomAccess;

/// How often progress is reported. The session is used then, too: some proxies close one that has
/// been idle for some minutes.
const TELL_EVERY: Duration = Duration::from_secs(20);

/// Threads that read in parallel. One hashes as fast as most disks read.
const READERS: usize = 4;

/// Bytes read at a time.
const BUFFER: usize = 128 * 1024;

/// The number of differences to report; reading ends there.
const ENOUGH: usize = 3;

/// Data that has been loaded.
#[derive(Clone, Copy)]
struct LoadedData {
    /// The entry's place in the table of contents.
    place: Place,
    /// The digest of what was loaded.
    then: Digest,
}

/// The result of a comparison.
type Verdict = Result<(LoadedData, Digest), ArchiveError>;

/// The differences between the data of these lines and the archive, in words. An archive that is
/// not in files is not compared.
pub(super) async fn differences(
    facts: &Facts,
    session: &Session,
    lines: &JournalLines,
) -> Result<Vec<String>, JournalError> {
    if facts.random.is_none() && !facts.origin.is_file() {
        return Ok(Vec::new());
    }
    let digest = |entry: &Entry| lines.get(&(entry.dump_id, Mark::Done))?.digest;
    let known = placed(&facts.toc.entries);
    let known = known.filter(|(_, entry)| facts.random.is_some() || comes_whole(entry));
    let known = known.filter_map(|(place, entry)| Some(LoadedData { place, then: digest(entry)? }));
    let mut known: Vec<LoadedData> = known.collect();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    // The largest first, so that the threads end together.
    let size = |known: &LoadedData| facts.random.as_ref()?.size(facts.entry(known.place));
    known.sort_by_cached_key(|known| std::cmp::Reverse(size(known)));
    let watch = ReadersWatch::default();
    let _end = End(watch.clone());
    let what = format!(
        "the archive file has changed since the earlier run: comparing the data of {} finished \
         entries",
        known.len()
    );
    facts.events.send(Event::Step { what });
    let count = known.len();
    let verdicts = match &facts.random {
        Some(random) => read_side_by_side(facts, random, known, &watch),
        None => walk(facts, known, &watch),
    };
    let verdicts = verdicts.map_err(|error| JournalError::Archive(ArchiveError::from_io(error)))?;
    collect(facts, session, verdicts, count, &watch).await
}

/// Whether an entry's data is one item of a stream: large objects in separate files arrive one by
/// one.
fn comes_whole(entry: &Entry) -> bool {
    entry.desc != Desc::Blobs || !matches!(entry.data, DataLocation::File(_))
}

/// Waits for all results, or for enough differences.
async fn collect(
    facts: &Facts,
    session: &Session,
    mut verdicts: UnboundedReceiver<Verdict>,
    count: usize,
    watch: &ReadersWatch,
) -> Result<Vec<String>, JournalError> {
    let mut differences = Vec::new();
    let mut missing = count;
    let mut tell = tokio::time::interval(TELL_EVERY);
    tell.tick().await;
    while differences.len() < ENOUGH {
        tokio::select! {
            verdict = verdicts.recv() => match verdict {
                Some(verdict) => {
                    let (LoadedData { place, then }, now) = verdict.map_err(JournalError::Archive)?;
                    missing -= 1;
                    if now != then {
                        let (entry, then, now) = (facts.entry(place).label(), then.short(), now.short());
                        differences
                            .push(format!("the data of {entry} had SHA-256 {then}, now has {now}"));
                    }
                }
                // A reader that ended unexpectedly must not pass for one that found no difference.
                None if missing > 0 => {
                    let what = format!("the data of {missing} finished entries is missing");
                    let error = ArchiveError::missing(what).in_archive(&facts.archive);
                    return Err(JournalError::Archive(error));
                }
                None => break,
            },
            _ = tell.tick() => {
                let mib = watch.read.load(Ordering::Relaxed) >> 20;
                let what = format!("comparing finished entries: {mib} MiB read, {missing} left");
                facts.events.send(Event::Step { what });
                session.execute("SELECT 1").await?;
            }
        }
    }
    Ok(differences)
}

/// State shared between the readers and the waiting task.
#[derive(Clone, Default)]
struct ReadersWatch {
    read: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl ReadersWatch {
    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Reads to the end of `reader`, or until no one waits any more.
    fn read_over(&self, reader: &mut dyn Read, buffer: &mut [u8]) -> archive::Result<()> {
        while !self.has_ended() {
            match reader.read(buffer).map_err(ArchiveError::from_io)? {
                0 => return Ok(()),
                read => drop(self.read.fetch_add(read as u64, Ordering::Relaxed)),
            }
        }
        Ok(())
    }
}

/// Stops the readers when no one waits for them any more.
struct End(ReadersWatch);

impl Drop for End {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

fn read_side_by_side(
    facts: &Facts,
    random: &RandomAccess,
    known: Vec<LoadedData>,
    watch: &ReadersWatch,
) -> io::Result<UnboundedReceiver<Verdict>> {
    let (sender, receiver) = unbounded_channel();
    let readers = READERS.min(known.len());
    let left = Arc::new(Mutex::new(known.into_iter()));
    for _ in 0..readers {
        let (left, sender, watch) = (left.clone(), sender.clone(), watch.clone());
        let (toc, random, archive) = (facts.toc.clone(), random.clone(), facts.archive.clone());
        start(move || {
            let mut buffer = vec![0; BUFFER];
            let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some(known) = next().filter(|_| !watch.has_ended()) {
                let entry = toc.at(known.place);
                let now = digest(&random, entry, &watch, &mut buffer);
                let now = now.map_err(|error| error.in_entry(entry).in_archive(&archive));
                // If there is no receiver, the comparison is over.
                let _ = sender.send(now.map(|now| (known, now)));
            }
        })?;
    }
    Ok(receiver)
}

/// Starts a reader outside the pool, where a panic would abort the process.
fn start(read: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("compare".to_owned()).spawn(read).map(drop)
}

/// The digest of an entry's data as stored in the archive.
fn digest(
    random: &RandomAccess,
    entry: &Entry,
    watch: &ReadersWatch,
    buffer: &mut [u8],
) -> archive::Result<Digest> {
    let counter = ReadCounter::hashing();
    match random.open_as_it_stands(entry, counter.clone())? {
        Data::Rows(mut reader) => watch.read_over(&mut reader, buffer)?,
        Data::LargeObjects(mut objects) => {
            while let Some(mut object) = objects.next_object()? {
                watch.read_over(&mut object.content, buffer)?;
            }
        }
    }
    Ok(counter.sha256().unwrap_or_else(|| Digest::of(b"")))
}

/// Reads an archive inside a wrapper.
fn walk(
    facts: &Facts,
    known: Vec<LoadedData>,
    watch: &ReadersWatch,
) -> io::Result<UnboundedReceiver<Verdict>> {
    let (verdicts, receiver) = unbounded_channel();
    let (origin, archive) = (facts.origin.clone(), facts.archive.clone());
    let id = |known: &LoadedData| facts.entry(known.place).dump_id;
    let left = known.iter().map(|known| (id(known), *known)).collect();
    let mut passing = Passing { left, current: None, watch: watch.clone(), verdicts };
    start(move || {
        if let Some(Err(error)) = origin.walk(&mut passing) {
            let _ = passing.verdicts.send(Err(error.in_archive(&archive)));
        }
    })?;
    Ok(receiver)
}

/// Hashes the data of finished entries as it passes by.
struct Passing {
    left: HashMap<DumpId, LoadedData>,
    current: Option<(LoadedData, Sha256)>,
    watch: ReadersWatch,
    verdicts: UnboundedSender<Verdict>,
}

impl Sink for Passing {
    fn toc(&mut self, _: &Toc, _: Format) -> Answer {
        Answer::Take
    }

    fn begin(&mut self, item: &StreamItem) -> Answer {
        if self.watch.has_ended() {
            return Answer::Stop;
        }
        let known = match item.of {
            ItemOf::Entry(id) => self.left.remove(&id),
            ItemOf::LargeObject(_) => None,
        };
        self.current = known.map(|known| (known, Sha256::new()));
        if self.current.is_some() { Answer::Take } else { Answer::Skip }
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        self.watch.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if self.watch.has_ended() {
            return Answer::Stop;
        }
        if let Some((_, hash)) = &mut self.current {
            hash.update(&bytes);
        }
        Answer::Take
    }

    fn end(&mut self) -> Answer {
        if let Some((known, hash)) = self.current.take() {
            let now = Digest::from(hash);
            let _ = self.verdicts.send(Ok((known, now)));
        }
        // What follows the last of them is read when it is loaded.
        if self.left.is_empty() { Answer::Stop } else { Answer::Take }
    }
}
