//! Reads all of an archive and checks its integrity, without a server: `nocturne verify`.
//!
//! Every entry's data is decompressed to its end and checked: rows must end with their end marker,
//! statements must be complete, large objects must be those listed in the table of contents, and a
//! custom archive must not have stray bytes between its blocks. Bytes after the last block are only
//! a remark; files of a directory or tar that no entry names are ignored, as in pg_restore. Data
//! without a checksum in the archive can be compared with [digests](crate::archive::digests) taken
//! earlier. A damaged entry does not prevent reading the others.
//!
//! A seekable archive is read by several threads, the largest entries first; a stream is read once,
//! and its items are decoded on the same threads. Both give the same report, except for
//! [`EntryReport::read`] of large objects in files.

mod examine;
mod expected;
mod random;
mod report;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

pub(crate) use examine::{OBJECT_PART, ObjectFound};
pub use report::{Count, EntryReport, VerifyReport};

use crate::archive::{ArchiveError, DataLocation, DumpId, Entry};
use crate::error::chain;
use crate::rows::RowSetKey;
use crate::source::{Access, Archive, bytes_behind};
use examine::{Findings, Reading};
use expected::Expected;

/// How often progress is reported.
const TICK: Duration = Duration::from_millis(100);

/// What to verify, and how.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// The number of decompressing threads.
    pub jobs: NonZeroUsize,
    /// The entries whose data is wanted; all if `None`.
    pub wanted: Option<HashSet<DumpId>>,
    /// Whether to compute digests.
    pub digests: bool,
    /// The key for hashing rows, if the data is to be compared with a database.
    pub rows: Option<RowSetKey>,
}

impl Default for VerifyOptions {
    /// Everything, on one thread, without digests.
    fn default() -> Self {
        Self { jobs: NonZeroUsize::MIN, wanted: None, digests: false, rows: None }
    }
}

impl VerifyOptions {
    fn wants(&self, id: DumpId) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.contains(&id))
    }
}

/// The progress of a verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Finished entries, intact or not.
    pub entries_done: usize,
    /// Entries to read.
    pub entries: usize,
    /// Bytes of data read from the archive.
    pub read: u64,
    /// Bytes of data to read from the archive; `None` for a stream, whose size is unknown.
    pub size: Option<u64>,
}

/// A message from the worker threads.
enum Message {
    /// An entry, or one large object of an entry, was read.
    Found(DumpId, Findings),
    /// A stream contains data that belongs to no entry.
    Stray(String),
    /// The number of bytes after the last data of a stream.
    Behind(u64),
    /// The end of a stream, with its result.
    Over(Result<(), ArchiveError>),
}

/// Reads all data of an archive. `progress` is called on the calling thread, several times a
/// second.
pub fn verify(
    archive: Archive,
    options: &VerifyOptions,
    progress: &dyn Fn(VerifyProgress),
) -> VerifyReport {
    let toc = archive.toc.clone();
    let mut report = VerifyReport::new(&archive, options);
    let with_data = || toc.entries.iter().filter(|entry| entry.declares_data());
    let expected = Arc::new(Expected::new(&toc, with_data()));
    let entries = with_data().filter(|entry| options.wants(entry.dump_id)).cloned().collect();
    let pool = match rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs.get())
        .thread_name(|number| format!("verify-{number}"))
        .build()
    {
        Ok(pool) => pool,
        Err(error) => {
            report.errors.push(format!("cannot start threads: {error}"));
            return report;
        }
    };
    let reading = Reading::new(&toc, options);
    let mut collector = Collector::new(entries, reading.clone(), progress);
    match archive.access {
        Access::Random(random) => {
            report.errors.extend(random.fault().map(|error| chain(&error)));
            collector.behind = random.behind();
            collector.progress.size = Some(random::total(&random, &collector.entries));
            random::read(&random, &reading, &pool, &mut collector);
        }
        Access::Stream(access) => {
            // Until the stream reports its end.
            collector.halted = Some("the stream reader stopped unexpectedly".to_owned());
            stream::read(access, &toc, options, &expected, &reading, &pool, &mut collector);
        }
    }
    collector.conclude(&expected, &mut report);
    report
}

/// A contradiction in the table of contents about an entry's data.
fn contradiction(entry: &Entry) -> Option<&'static str> {
    match (entry.had_dumper, entry.data != DataLocation::None) {
        (true, false) => Some("it should have data, but the archive records none"),
        (false, true) => Some("it should have no data, but the archive records a location for it"),
        _ => None,
    }
}

/// Collects the findings of the threads.
struct Collector<'a> {
    entries: Vec<Entry>,
    found: Vec<Option<Findings>>,
    errors: Vec<String>,
    /// Bytes after the last data.
    behind: u64,
    /// Why a stream was not read to its end.
    halted: Option<String>,
    reading: Reading,
    progress: VerifyProgress,
    tell: &'a dyn Fn(VerifyProgress),
}

impl<'a> Collector<'a> {
    fn new(entries: Vec<Entry>, reading: Reading, tell: &'a dyn Fn(VerifyProgress)) -> Self {
        Self {
            found: entries.iter().map(|_| None).collect(),
            progress: VerifyProgress { entries: entries.len(), ..VerifyProgress::default() },
            entries,
            errors: Vec::new(),
            behind: 0,
            halted: None,
            reading,
            tell,
        }
    }

    /// Receives messages until all senders are gone.
    fn gather(&mut self, messages: &Receiver<Message>) {
        let positions: HashMap<DumpId, usize> =
            self.entries.iter().enumerate().map(|(at, entry)| (entry.dump_id, at)).collect();
        let mut told = Instant::now();
        loop {
            match messages.recv_timeout(TICK) {
                Ok(Message::Found(id, findings)) => {
                    let slot = positions.get(&id).and_then(|at| self.found.get_mut(*at));
                    match slot {
                        Some(Some(before)) => before.merge(findings),
                        Some(empty) => {
                            *empty = Some(findings);
                            self.progress.entries_done += 1;
                        }
                        None => {}
                    }
                }
                Ok(Message::Stray(what)) => self.errors.push(what),
                Ok(Message::Behind(bytes)) => self.behind = bytes,
                Ok(Message::Over(result)) => {
                    self.halted = result.err().map(|error| chain(&error));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if told.elapsed() >= TICK {
                told = Instant::now();
                self.tell();
            }
        }
        self.tell();
    }

    fn tell(&mut self) {
        self.progress.read = self.reading.read();
        (self.tell)(self.progress);
    }

    /// Converts the findings to the report.
    fn conclude(mut self, expected: &Expected, report: &mut VerifyReport) {
        report.errors.extend(self.halted.iter().cloned());
        report.errors.extend(self.errors);
        for (entry, found) in self.entries.iter().zip(self.found) {
            let mut findings = found.unwrap_or_else(|| {
                Findings::failed(match &self.halted {
                    Some(_) => "its data was not reached".to_owned(),
                    None => "the archive has no data for it".to_owned(),
                })
            });
            expected.check(entry, &mut findings);
            // The end of damaged data is unknown.
            if findings.error.is_none() {
                self.behind += findings.behind;
            }
            if let Some(what) = contradiction(entry) {
                findings.fail(what);
            }
            report.entries.push(EntryReport::new(entry, findings));
        }
        report.remarks.extend((self.behind > 0).then(|| bytes_behind(self.behind)));
    }
}
