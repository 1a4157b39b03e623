//! Reads the data of one entry to its end: counts, hashes, and notices what is wrong with it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::digests::{Digest, of_large_objects};
use super::error_chain;
use super::report::Count;
use crate::archive::{Data, Desc, Entry, Error, ReadCounter, Result, Toc};
use crate::rows::CopyText;
use crate::sql::split::Splitter;

/// Bytes read at a time where nothing else decides.
const PIECE: usize = 64 * 1024;

/// What is the same for all entries.
#[derive(Clone)]
pub(super) struct Reading {
    standard_conforming_strings: bool,
    digests: bool,
    /// Bytes read from the archive for all entries together.
    total: Arc<AtomicU64>,
}

/// What the data of an entry, or one of its large objects, turned out to be.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What can be counted, as far as the data could be read.
    pub(super) count: Option<Count>,
    /// Bytes, decompressed.
    pub(super) bytes: u64,
    /// Bytes, as they stand in the archive.
    pub(super) read: u64,
    /// The digest of rows. That of large objects is made of their own.
    pub(super) digest: Option<Digest>,
    /// The large objects.
    pub(super) objects: Vec<(u32, Option<Digest>)>,
    /// The first thing that was wrong.
    pub(super) error: Option<String>,
}

impl Reading {
    pub(super) fn new(toc: &Toc, digests: bool) -> Self {
        Self {
            standard_conforming_strings: toc.standard_conforming_strings,
            digests,
            total: Arc::default(),
        }
    }

    /// Bytes read from the archive so far.
    pub(super) fn read(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Reads `data` of `entry` to its end. `counter` counts what that reads from the archive.
    pub(super) fn examine(
        &self,
        entry: &Entry,
        data: Result<Data>,
        counter: &ReadCounter,
    ) -> Findings {
        let mut findings = Findings::default();
        let start = counter.get();
        let result = data.and_then(|data| match data {
            Data::Rows(reader) => self.rows(entry, reader, counter, &mut findings),
            Data::LargeObjects(mut objects) => {
                findings.count = Some(Count::Objects(0));
                while let Some(object) = objects.next_object()? {
                    let mut tap = self.tap(object.content, counter, start + findings.read);
                    let end = io::copy(&mut tap, &mut io::sink()).map_err(Error::from_io);
                    findings.bytes += tap.bytes;
                    findings.read = counter.get() - start;
                    end?;
                    findings.objects.push((object.oid, tap.digest()));
                    findings.count = Some(Count::Objects(findings.objects.len() as u64));
                }
                Ok(())
            }
        });
        findings.read = counter.get() - start;
        if let Err(error) = result {
            findings.fail(error_chain(&error));
            findings.digest = None;
        }
        findings
    }

    fn rows(
        &self,
        entry: &Entry,
        reader: Box<dyn Read + Send>,
        counter: &ReadCounter,
        findings: &mut Findings,
    ) -> Result<()> {
        let mut tap = self.tap(reader, counter, counter.get());
        let result = if !entry.copy_stmt.is_empty() {
            let mut copy = CopyText::new(&mut tap);
            let result = loop {
                match copy.next_piece() {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            findings.count = Some(Count::Rows(copy.rows()));
            result
        } else if entry.desc == Desc::TableData {
            let mut splitter = Splitter::new(self.standard_conforming_strings);
            let result = statements(&mut tap, &mut splitter);
            findings.count = Some(Count::Statements(splitter.statements()));
            result
        } else {
            io::copy(&mut tap, &mut io::sink()).map(drop).map_err(Error::from_io)
        };
        findings.bytes = tap.bytes;
        findings.digest = tap.digest();
        result
    }

    /// `published` is what of the counter the total knows already.
    fn tap<R>(&self, reader: R, counter: &ReadCounter, published: u64) -> Tap<R> {
        Tap {
            reader,
            bytes: 0,
            hash: self.digests.then(Sha256::new),
            counter: counter.clone(),
            published,
            total: self.total.clone(),
        }
    }
}

/// Reads INSERT statements, which must be whole and end as pg_dump ends them.
fn statements(reader: &mut impl Read, splitter: &mut Splitter) -> Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::from_io(error)),
        };
        let mut rest = &buffer[..read];
        while let Some(end) = splitter.statement_end(rest) {
            rest = &rest[end..];
        }
    }
    let ending = splitter.finish().map_err(|error| Error::truncated(error.to_string()))?;
    if !ending.has_final_blank_lines() {
        return Err(Error::truncated("the statements stop without the empty lines at their end"));
    }
    Ok(())
}

impl Findings {
    pub(super) fn failed(error: String) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    /// Notes what is wrong, unless something is already.
    pub(super) fn fail(&mut self, error: impl Into<String>) {
        self.error.get_or_insert_with(|| error.into());
    }

    /// Adds large objects of the same entry.
    pub(super) fn merge(&mut self, more: Self) {
        self.bytes += more.bytes;
        self.read += more.read;
        self.objects.extend(more.objects);
        self.count = Some(Count::Objects(self.objects.len() as u64));
        if let Some(error) = more.error {
            self.fail(error);
        }
    }

    /// The digest of the entry, if all of it was read.
    pub(super) fn whole_digest(&self) -> Option<Digest> {
        match self.count {
            _ if self.error.is_some() => None,
            Some(Count::Objects(_)) => {
                let all: Option<Vec<_>> =
                    self.objects.iter().map(|(oid, digest)| Some((*oid, (*digest)?))).collect();
                all.map(of_large_objects)
            }
            _ => self.digest,
        }
    }
}

/// Counts and hashes what goes by, and keeps the total of all entries up to date.
struct Tap<R> {
    reader: R,
    bytes: u64,
    hash: Option<Sha256>,
    counter: ReadCounter,
    published: u64,
    total: Arc<AtomicU64>,
}

impl<R> Tap<R> {
    fn digest(&self) -> Option<Digest> {
        self.hash.clone().map(|hash| Digest::from(<[u8; 32]>::from(hash.finalize())))
    }
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(output)?;
        self.bytes += read as u64;
        if let Some(hash) = &mut self.hash {
            hash.update(&output[..read]);
        }
        let now = self.counter.get();
        self.total.fetch_add(now.saturating_sub(self.published), Ordering::Relaxed);
        self.published = now;
        Ok(read)
    }
}
