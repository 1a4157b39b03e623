//! Reads the data of one entry to its end: counts, hashes, and detects faults.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::VerifyOptions;
use super::report::Count;
use crate::archive::{ArchiveError, Data, Desc, Digest, Entry, ReadCounter, Result, Toc};
use crate::error::chain;
use crate::rows::{CopyText, RowHasher, RowSet, RowSetKey, refuse_nul};
use crate::sql::split::Splitter;

/// The default read size in bytes.
const PIECE: usize = 64 * 1024;

/// The digest of a large object for comparing with a database is computed from the digests of parts
/// of this many bytes, so that a server can compute it without holding a whole object in memory.
pub(crate) const OBJECT_PART: usize = 1 << 20;

/// The context shared by all entries.
#[derive(Clone)]
pub(super) struct Reading {
    standard_conforming_strings: bool,
    digests: bool,
    rows: Option<RowSetKey>,
    /// Bytes read from the archive for all entries together.
    total: Arc<AtomicU64>,
}

/// The result of reading an entry or one of its large objects.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The number of items, as far as the data could be read.
    pub(super) count: Option<Count>,
    /// Bytes, decompressed.
    pub(super) bytes: u64,
    /// Bytes, as stored in the archive.
    pub(super) read: u64,
    /// The digest of rows. That of large objects is computed from theirs.
    pub(super) digest: Option<Digest>,
    /// The rows, for comparing with a database.
    pub(super) row_set: Option<RowSet>,
    /// The large objects.
    pub(super) objects: Vec<ObjectFound>,
    /// Bytes after its data, at the end of the archive, that belong to no entry.
    pub(super) behind: u64,
    /// The first fault.
    pub(super) error: Option<String>,
}

/// A large object that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectFound {
    /// Its OID.
    pub(crate) oid: u32,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256.
    digest: Option<Digest>,
    /// The SHA-256 of the SHA-256s of its parts, for comparing with a database.
    pub(crate) parts: Option<Digest>,
}

impl Reading {
    pub(super) fn new(toc: &Toc, options: &VerifyOptions) -> Self {
        Self {
            standard_conforming_strings: toc.standard_conforming_strings,
            digests: options.digests,
            rows: options.rows.clone(),
            total: Arc::default(),
        }
    }

    /// Bytes read from the archive so far.
    pub(super) fn read(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Reads `data` of `entry` to its end. `counter` counts the bytes read from the archive.
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
                    tap.parts = self.rows.is_some().then(Parts::default);
                    let end = io::copy(&mut tap, &mut io::sink()).map_err(ArchiveError::from_io);
                    findings.bytes += tap.bytes;
                    findings.read = counter.get() - start;
                    end?;
                    let (oid, bytes, digest) = (object.oid, tap.bytes, tap.digest());
                    let parts = tap.parts.take().map(Parts::finish);
                    findings.objects.push(ObjectFound { oid, bytes, digest, parts });
                    findings.count = Some(Count::Objects(findings.objects.len() as u64));
                }
                Ok(())
            }
        });
        findings.read = counter.get() - start;
        if let Err(error) = result {
            findings.fail(chain(&error));
            findings.digest = None;
            findings.row_set = None;
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
            let mut hasher = self.rows.as_ref().map(RowHasher::new);
            let result = loop {
                match copy.next_piece() {
                    Ok(Some(piece)) => {
                        let before = copy.bytes() - piece.len() as u64;
                        if let Err(error) = refuse_nul(&piece, before) {
                            break Err(error);
                        }
                        hasher.iter_mut().for_each(|hasher| hasher.push(&piece));
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            findings.count = Some(Count::Rows(copy.rows()));
            findings.row_set = hasher.map(RowHasher::finish);
            result
        } else if entry.desc == Desc::TableData {
            let mut splitter = Splitter::new(self.standard_conforming_strings);
            let result = statements(&mut tap, &mut splitter);
            findings.count = Some(Count::Statements(splitter.statements()));
            result
        } else {
            io::copy(&mut tap, &mut io::sink()).map(drop).map_err(ArchiveError::from_io)
        };
        findings.bytes = tap.bytes;
        findings.digest = tap.digest();
        result
    }

    /// `published` is the part of the counter that the total already includes.
    fn tap<R>(&self, reader: R, counter: &ReadCounter, published: u64) -> Tap<R> {
        Tap {
            reader,
            bytes: 0,
            hash: self.digests.then(Sha256::new),
            parts: None,
            counter: counter.clone(),
            published,
            total: self.total.clone(),
        }
    }
}

/// Reads INSERT statements, which must be complete and end as in pg_dump's output.
fn statements(reader: &mut impl Read, splitter: &mut Splitter) -> Result<()> {
    let (mut buffer, mut before) = (vec![0; PIECE], 0);
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(ArchiveError::from_io(error)),
        };
        let mut rest = &buffer[..read];
        refuse_nul(rest, before)?;
        before += read as u64;
        while let Some(end) = splitter.statement_end(rest) {
            rest = &rest[end..];
        }
    }
    let ending = splitter.finish().map_err(|error| ArchiveError::truncated(error.to_string()))?;
    if !ending.has_final_blank_lines() {
        return Err(ArchiveError::truncated(
            "the statements end without pg_dump's final blank lines",
        ));
    }
    Ok(())
}

impl Findings {
    pub(super) fn failed(error: String) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    /// Records a fault, unless there is one already.
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
                    self.objects.iter().map(|object| Some((object.oid, object.digest?))).collect();
                all.map(Digest::of_large_objects)
            }
            _ => self.digest,
        }
    }
}

/// Counts and hashes the bytes read, and updates the total of all entries.
struct Tap<R> {
    reader: R,
    bytes: u64,
    hash: Option<Sha256>,
    parts: Option<Parts>,
    counter: ReadCounter,
    published: u64,
    total: Arc<AtomicU64>,
}

impl<R> Tap<R> {
    fn digest(&self) -> Option<Digest> {
        self.hash.clone().map(Digest::from)
    }
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(output)?;
        self.bytes += read as u64;
        if let Some(hash) = &mut self.hash {
            hash.update(&output[..read]);
        }
        if let Some(parts) = &mut self.parts {
            parts.update(&output[..read]);
        }
        let now = self.counter.get();
        self.total.fetch_add(now.saturating_sub(self.published), Ordering::Relaxed);
        self.published = now;
        Ok(read)
    }
}

/// Hashes a large object by parts, and then the parts' hashes.
#[derive(Default)]
struct Parts {
    whole: Sha256,
    part: Sha256,
    filled: usize,
}

impl Parts {
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(OBJECT_PART - self.filled));
            self.part.update(now);
            self.filled += now.len();
            if self.filled == OBJECT_PART {
                self.end_part();
            }
            bytes = later;
        }
    }

    fn end_part(&mut self) {
        self.whole.update(std::mem::take(&mut self.part).finalize());
        self.filled = 0;
    }

    fn finish(mut self) -> Digest {
        if self.filled > 0 {
            self.end_part();
        }
        self.whole.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_digest_does_not_depend_on_read_sizes() {
        let object: Vec<u8> = (0..OBJECT_PART * 2 + 5).map(|at| at as u8).collect();
        let by_hand: Vec<u8> = object.chunks(OBJECT_PART).flat_map(Sha256::digest).collect();
        for step in [777, OBJECT_PART, OBJECT_PART + 1, object.len()] {
            let mut parts = Parts::default();
            object.chunks(step).for_each(|piece| parts.update(piece));
            assert_eq!(parts.finish(), Digest::of(&by_hand), "{step}");
        }
        assert_eq!(Parts::default().finish(), Digest::of(b""));
    }
}
