//! The journal: what a restore has done so far, kept so that another run can resume from there.
//!
//! # Where it is kept, and why there
//!
//! In the target database, in two tables of the schema `nocturne`, the one that
//! [`replicate::clean`](crate::replicate::clean) keeps. An entry's line is written in the
//! transaction that does the entry's work, so an entry is done exactly when its line is there,
//! whatever fails in between: the client, its machine, the connection, the server. A file next to
//! the archive could not be written atomically with the work, and a replaced container loses its
//! files. A COMMIT without a reply is resolved by looking for the line.
//!
//! # What is atomic
//!
//! - **Definitions**: all statements of the entry, and its line, are one transaction. What follows
//!   a definition (its owner, a partitioned table's access method) is idempotent; `Mark::Defined`
//!   means that only this is left. An index is never left invalid, because none is built outside a
//!   transaction.
//! - **Rows**: COPY and the line are one transaction. Several sessions that load one table have one
//!   each; the one with the line is committed last. So a table without its line may hold rows, and
//!   one that this restore created is emptied before it is loaded again. A table with its line is
//!   never touched.
//! - **Constraints in two steps**: each step has a line (`Mark::FirstStep`, then `Mark::Done`). A
//!   run that creates them in one step finishes what another started in two.
//! - **Large objects that arrive one by one** (a tar as a stream) have no line: they are
//!   overwritten with the same contents.
//! - **Dropping** (`--clean`) and the caller's work [at the stages](crate::restore::points::Stages) have a line when
//!   they are complete; interrupted work starts from the beginning. With a journal, dropping
//!   ignores missing objects.
//!
//! Once the definitions are complete they are made durable, and from then on lines are written with
//! `synchronous_commit`. So a server crash while rows are loaded loses nothing that was reported as
//! done, and the run continues when the server is back. An earlier crash is left to the next run.
//! Rows of UNLOGGED tables do not survive a crash (detected by the reset time of the server's
//! statistics): their lines are void then.
//!
//! # Left for the next run
//!
//! When the rows of a table cannot be loaded, its indexes, constraints, triggers and everything
//! else that comes after rows are not created: the next run will load the rows, and triggers must
//! not fire then.
//!
//! # Identity
//!
//! `Identity` records the archive, selection, options and target of the journal; if any differs,
//! the restore is refused with the differences. The number of jobs and the way the archive is read
//! may change. The tables that are done must exist.
//!
//! # The manifest
//!
//! A line of data has the SHA-256 of the entry's bytes as stored in the archive (compressed: there
//! are fewer of them, and comparing needs no decompression). It is computed by the decoder's thread
//! as it reads, and is the same for a file and a stream. The header has the file system's metadata
//! of the archive's files at the start of the run.
//!
//! - **Files** that are unchanged since the last run are trusted. Otherwise the data of finished
//!   entries is read again and compared before anything is written (`manifest.rs`), also inside a
//!   wrapper.
//! - **Streams** are compared as they are read, in `stream/feed.rs`.
//! - Unfinished entries are not compared but loaded as they are now. So the database ends up
//!   matching the archive that the last run read.
//! - Large objects that arrive one by one have no line, and are not compared.
//!
//! Two processes never write one journal: see `lock.rs`.
//!
//! # How it is used
//!
//! Set [`RestoreOptions::journal`](crate::restore::RestoreOptions::journal). The first run writes a journal,
//! a run that finds a journal resumes. A restore that ends without errors drops it, and the schema
//! if the journal created it, unless [`JournalOptions::keep`] is set; otherwise it stays. Where
//! dropping it would fire an event trigger of the database that this role cannot disable, it is
//! emptied instead (`quiet.rs`). [`exists`] and [`forget`] are for callers that prepare a target:
//! do not empty a target that has a journal of the same restore; forget the journal of a different
//! one.

mod identity;
pub(crate) mod line;
mod lock;
mod manifest;
mod open;
mod quiet;
pub(crate) mod store;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::archive::{Desc, DumpId, Entry};
use crate::restore::context::{Context, FirstStep};
use crate::restore::journal::line::{DataRead, Mark, OF_ALL};
use crate::target::{self, Session, SessionSettings, Target};
use crate::verify::Digest;

pub use crate::restore::error::JournalError;
pub use crate::restore::options::JournalOptions;
pub(crate) use lock::{enter, stay_alone};
pub(crate) use open::{open, refuse};

/// The journal of the current restore.
#[derive(Debug)]
pub(crate) struct Journal {
    guard: lock::Guard,
    /// The number of this run, from 1. See [`lock`].
    run: u32,
    /// The lines left by earlier runs, with the bytes read from the archive.
    found: store::Lines,
    /// The lines written by this run and confirmed by the server.
    written: Mutex<HashSet<(DumpId, Mark)>>,
    /// Whether a line must be on disk before its work counts as done.
    durable: AtomicBool,
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
    pub(crate) async fn is_intact(&self, session: &Session) -> target::Result<bool> {
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

/// Whether a target holds a journal.
///
/// # Errors
/// When the target cannot be reached or queried.
pub async fn exists(target: &Target) -> target::Result<bool> {
    store::exists(&Session::connect(target, &SessionSettings::default()).await?).await
}

/// Drops a target's journal, if it holds one. Not while a restore writes it.
///
/// # Errors
/// When the target cannot be reached, or refuses.
pub async fn forget(target: &Target) -> target::Result<()> {
    let session = Session::connect(target, &SessionSettings::default()).await?;
    if store::exists(&session).await? {
        store::drop_tables(&session).await?;
    }
    Ok(())
}

/// The reason reported for entries that an earlier run restored.
pub const DONE_BEFORE: &str = "restored by an earlier run";

/// The context's journal, which is found with the first session.
pub(crate) type Slot = OnceLock<Journal>;

impl Context {
    /// The journal, if one is kept.
    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.journal.get()
    }

    fn found(&self, entry: DumpId, mark: Mark) -> bool {
        self.journal().is_some_and(|journal| journal.has(entry, mark))
    }

    /// Whether an earlier run restored the entry.
    pub(crate) fn is_done(&self, entry: &Entry) -> bool {
        self.found(entry.dump_id, Mark::Done)
    }

    /// Whether an earlier run ran the entry's definition, but not what follows it.
    pub(crate) fn is_defined(&self, entry: &Entry) -> bool {
        self.found(entry.dump_id, Mark::Defined)
    }

    /// Whether the entry's data must be loaded: it is wanted and not yet loaded.
    pub(crate) fn is_to_load(&self, place: usize) -> bool {
        self.wants_archived_data(place) && !self.is_done(self.entry(place))
    }

    /// The digest of data that an earlier run loaded, to be compared as the stream is read; files
    /// were compared before.
    pub(crate) fn digest_to_compare(&self, entry: &Entry) -> Option<Digest> {
        let journal = self.journal().filter(|_| !self.origin.is_file())?;
        journal.found.get(&(entry.dump_id, Mark::Done))?.digest
    }

    /// Whether an earlier run did the first of an entry's two steps.
    pub(crate) fn is_begun(&self, place: usize) -> bool {
        self.found(self.entry(place).dump_id, Mark::FirstStep)
    }

    /// Whether a milestone of the restore has been reached.
    pub(crate) fn is_over(&self, mark: Mark) -> bool {
        self.found(OF_ALL, mark)
    }

    /// Whether a table without a line may hold some of its rows: they were loaded by several
    /// sessions, not all of which committed.
    pub(crate) fn may_be_half_loaded(&self) -> bool {
        self.journal().is_some_and(Journal::goes_on)
    }

    /// The entry of the rows that this entry depends on and that could not be loaded, if any.
    pub(crate) fn rows_missing(&self, entry: &Entry) -> Option<DumpId> {
        self.journal()?;
        let ledger = self.ledger();
        if entry.section != crate::archive::Section::PostData || ledger.rows_failed.is_empty() {
            return None;
        }
        entry.dependencies.iter().find_map(|id| ledger.rows_failed.get(id).copied())
    }

    /// Whether an entry's work counts as done for good. A materialized view that was filled while
    /// rows were missing is filled again by the next run.
    pub(crate) fn is_final(&self, entry: &Entry) -> bool {
        entry.desc != Desc::MaterializedViewData || self.ledger().rows_failed.is_empty()
    }

    /// Enters in the ledger what earlier runs did, as far as later entries need it. `refilled` are
    /// tables whose rows are loaded again.
    fn recall(&self, refilled: &HashSet<DumpId>) {
        let mut ledger = self.ledger();
        for (place, entry) in self.toc.entries.iter().enumerate() {
            // Not a table whose rows were lost in a crash: it is empty, but others may already
            // refer to it.
            let is_made = self.is_done(entry) || self.is_defined(entry);
            if entry.desc == Desc::Table && is_made && !refilled.contains(&entry.dump_id) {
                ledger.created.insert(entry.dump_id);
            }
            if entry.desc == Desc::TableData && self.is_done(entry) {
                // That run may have died before analysing the table.
                ledger.loaded.insert(place);
            }
            if self.found(entry.dump_id, Mark::FirstStep) {
                ledger.first_steps.insert(place, FirstStep::Before);
            }
        }
    }
}
