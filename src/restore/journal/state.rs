//! The journal of the current restore, and what it says about the archive's entries.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::archive::{Digest, DumpId, Entry, Place};
use crate::restore::facts::Facts;
use crate::restore::journal::line::{DataRead, Mark, OF_ALL};
use crate::restore::journal::lock::JournalLock;
use crate::restore::journal::store;
use crate::server::{self, Session};

/// The journal of the current restore.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(super) lock: JournalLock,
    /// The number of this run, from 1. See [`super::lock`].
    pub(super) run: u32,
    /// The lines left by earlier runs, with the bytes read from the archive.
    pub(super) found: store::JournalLines,
    /// The lines written by this run and confirmed by the server.
    pub(super) written: Mutex<HashSet<(DumpId, Mark)>>,
    /// Whether a line must be on disk before its work counts as done.
    pub(super) durable: AtomicBool,
}

impl Journal {
    /// Whether an earlier run left this line.
    pub(crate) fn has(&self, entry: DumpId, mark: Mark) -> bool {
        self.found.contains_key(&(entry, mark))
    }

    /// Whether this run resumes another.
    pub(crate) fn goes_on(&self) -> bool {
        self.run > 1
    }

    /// From now on, what is reported as done must survive a server crash.
    pub(crate) fn lines_are_durable(&self) {
        self.durable.store(true, Ordering::Relaxed);
    }

    /// Whether everything reported as done would survive a server crash.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Relaxed)
    }

    /// Records that a line is committed.
    pub(crate) fn confirm(&self, entry: DumpId, mark: Mark) {
        self.written().insert((entry, mark));
    }

    /// The statements that take a line back, for the transaction that undoes the work.
    pub(crate) fn take_back(&self, entry: DumpId, mark: Mark) -> String {
        self.written().remove(&(entry, mark));
        store::delete(entry, mark)
    }

    fn written(&self) -> MutexGuard<'_, HashSet<(DumpId, Mark)>> {
        // A set, changed by a single call each time: a panic elsewhere cannot corrupt it.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server still has all the lines it confirmed: not if a standby replaced it before
    /// it had received everything.
    pub(crate) async fn is_intact(&self, session: &Session) -> server::Result<bool> {
        let confirmed: Vec<_> = self.written().iter().copied().collect();
        let there = store::lines(session).await?;
        Ok(confirmed.iter().all(|line| there.contains_key(line)))
    }

    /// The statements that write a line, for the transaction of the work.
    pub(crate) fn line(&self, entry: DumpId, mark: Mark, data: DataRead) -> String {
        let durable = if self.is_durable() { "SET LOCAL synchronous_commit = on; " } else { "" };
        format!("{durable}{}", store::insert(entry, mark, data, self.run))
    }
}

/// The journal, if one is kept. Every session has a copy.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptJournal(Option<Arc<Journal>>);

impl From<Journal> for KeptJournal {
    fn from(journal: Journal) -> Self {
        Self(Some(Arc::new(journal)))
    }
}

impl KeptJournal {
    /// The journal, if one is kept.
    pub(crate) fn get(&self) -> Option<&Journal> {
        self.0.as_deref()
    }

    /// Keeps the restore's lock as long as it is polled.
    pub(crate) async fn stay_alone(&self) -> Infallible {
        match self.get() {
            Some(journal) => journal.lock.keep().await,
            None => std::future::pending().await,
        }
    }

    /// Registers a new session as active.
    ///
    /// # Errors
    /// When another process has resumed the restore in the meantime.
    pub(crate) async fn enter(&self, session: &Session) -> server::Result<()> {
        match self.get() {
            Some(journal) => journal.lock.admit(session, journal.run).await,
            None => Ok(()),
        }
    }

    fn has(&self, entry: DumpId, mark: Mark) -> bool {
        self.get().is_some_and(|journal| journal.has(entry, mark))
    }

    /// Whether an earlier run restored the entry.
    pub(crate) fn is_done(&self, entry: &Entry) -> bool {
        self.has(entry.dump_id, Mark::Done)
    }

    /// Whether an earlier run ran the entry's definition, but not what follows it.
    pub(crate) fn is_defined(&self, entry: &Entry) -> bool {
        self.has(entry.dump_id, Mark::Defined)
    }

    /// Whether an earlier run did the first of the entry's two steps.
    pub(crate) fn is_begun(&self, entry: &Entry) -> bool {
        self.has(entry.dump_id, Mark::FirstStep)
    }

    /// Whether a milestone of the restore has been reached.
    pub(crate) fn is_over(&self, mark: Mark) -> bool {
        self.has(OF_ALL, mark)
    }

    /// Whether the entry's data must be loaded: it is wanted and not yet loaded.
    pub(crate) fn is_to_load(&self, facts: &Facts, place: Place) -> bool {
        facts.wants_archived_data(place) && !self.is_done(facts.entry(place))
    }

    /// The digest of data that an earlier run loaded, to be compared as the stream is read; files
    /// were compared before.
    pub(crate) fn digest_to_compare(&self, facts: &Facts, entry: &Entry) -> Option<Digest> {
        let journal = self.get().filter(|_| !facts.origin.is_file())?;
        journal.found.get(&(entry.dump_id, Mark::Done))?.digest
    }

    /// Whether a table without a line may hold some of its rows: several sessions
    /// loaded them, and only some have committed.
    pub(crate) fn may_be_half_loaded(&self) -> bool {
        self.get().is_some_and(Journal::goes_on)
    }

    /// Whether everything reported as done would survive a server crash.
    pub(crate) fn survives_a_crash(&self, facts: &Facts) -> bool {
        self.get().is_some_and(Journal::is_durable) && facts.survives_a_crash()
    }
}
