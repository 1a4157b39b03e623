//! The journal: what a restore has done so far, kept so that another run can go on from there.
//!
//! # Where it is kept, and why there
//!
//! In the target database, in two tables of the schema `nocturne`, the one that
//! [`replicate::clean`](crate::replicate::clean) keeps. An entry's line is written in the
//! transaction that does the entry's work, so an entry is done exactly when its line is there,
//! whatever dies in between: the client, its machine, the connection, the server. A file beside
//! the archive could not be written in one piece with the work, and a container that is replaced
//! takes its files along. A COMMIT to which no answer came is settled by looking for the line.
//!
//! # What is atomic
//!
//! - **Definitions**: all statements of the entry, and its line, are one transaction. What follows a
//!   definition (its owner, a partitioned table's access method) can be said twice without harm;
//!   `Mark::Defined` tells that only this is left. An index is never left invalid, because none
//!   is built outside of a transaction.
//! - **Rows**: COPY and the line are one transaction. Several sessions that load one table have
//!   several; the one with the line is committed last. So a table without its line may hold rows,
//!   and one that this restore created is emptied before it is loaded again. A table with its
//!   line is never touched.
//! - **Constraints in two steps**: each step has a line (`Mark::FirstStep`, then
//!   `Mark::Done`). A run that makes them in one step finishes what another began in two.
//! - **Large objects that come one by one** (a tar as a stream) have no line: they are written
//!   again over themselves.
//! - **Dropping** (`--clean`) and what the caller does [at its points](super::Stages) have a line
//!   when they are over; what was broken off is done again from its start. With a journal,
//!   dropping forgives what is gone already.
//!
//! Lines are written with `synchronous_commit` as soon as the definitions are over, and those are
//! made durable at that moment. So a server that crashes while rows are loaded takes nothing with
//! it that was told as done, and the run goes on when the server is back.
//! What crashes earlier is left to the next run. Rows of UNLOGGED tables do not survive a crash
//! (the time of the server's statistics tells): their lines are void then.
//!
//! # What is left for the next run
//!
//! When the rows of a table cannot be loaded, its indexes, constraints, triggers and whatever else
//! comes after rows are not made: another run will load the rows, and triggers must not fire
//! then.
//!
//! # Whose journal it is
//!
//! `Identity` says of which archive, selection, options and target the journal is; if one differs
//! the restore is refused, with what differs. How many jobs there are, or in which format the
//! archive's data are reached, may differ. The tables that are done must be there.
//!
//! # The manifest
//!
//! A line of data has the SHA-256 of the entry's bytes as they stand in the archive (compressed: there
//! are fewer of them, and they can be compared without being decompressed). It is taken where they
//! are read, by the decoder's thread, and is the same from a file and from a stream. The head has what
//! the file system said of the archive's files when the run began.
//!
//! - **Files** that are as the last run left them are trusted. Of others the data of what is done are
//!   read again and compared, before anything is written (`manifest.rs`); in a wrapper, too.
//! - **Streams** are compared as they pass by, in `restore/feed.rs`.
//! - What is not done is not compared, it is loaded as it is now. So the database is in the end that
//!   of the archive which the last run has read.
//! - Large objects that come one by one have no line, and none of their entry's digest is compared
//!   when they pass by.
//!
//! Two processes never write one journal: see `lock.rs`.
//!
//! # How it is used
//!
//! Set [`RestoreOptions::journal`](super::RestoreOptions::journal). The first run writes a journal,
//! one that finds a journal goes on. A restore that ends without errors drops it, and the schema
//! if the journal brought it (or empties it, where dropping would fire an event trigger of the
//! database that this role cannot switch off: `quiet.rs`), unless [`JournalOptions::keep`]; else it stays. [`exists`] and
//! [`forget`] are for who prepares a target: do not empty a target with a journal of the same
//! restore; forget the journal of another one.

mod close;
mod error;
mod identity;
mod lock;
mod manifest;
mod mark;
mod open;
mod quiet;
mod store;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub(super) use close::{close, definitions_are_over};
pub use error::JournalError;
pub(super) use lock::{enter, stay_alone};
pub(super) use mark::{Mark, OF_ALL};
pub(super) use open::{open, refuse};
pub(super) use store::{DataRead, drop_tables, has};

use super::context::Context;
use super::steps::FirstStep;
use crate::archive::{Desc, DumpId, Entry};
use crate::target::{self, Session, SessionSettings, Target};
use crate::verify::Digest;

/// That a journal is kept, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalOptions {
    /// Keep the journal after a restore without errors: another run finds that all is done. For
    /// callers that have more to do afterwards, which may fail; they [`forget`] it in the end.
    pub keep: bool,
}

/// The journal of the restore that runs.
#[derive(Debug)]
pub(super) struct Journal {
    guard: lock::Guard,
    /// The number of this run, from 1. See [`lock`].
    run: u32,
    /// The lines that earlier runs have left, with the bytes of the archive that were read.
    found: store::Lines,
    /// The lines that this run has written and the server has confirmed.
    written: Mutex<HashSet<(DumpId, Mark)>>,
    /// Whether a line must be on disk before its work counts as done.
    durable: AtomicBool,
}

impl Journal {
    /// Whether an earlier run has left this line.
    pub(super) fn has(&self, entry: DumpId, mark: Mark) -> bool {
        self.found.contains_key(&(entry, mark))
    }

    /// Whether this run goes on with another.
    pub(super) fn goes_on(&self) -> bool {
        self.run > 1
    }

    /// From here on, what is told as done must survive a crash of the server.
    pub(super) fn lines_are_durable(&self) {
        self.durable.store(true, Ordering::Relaxed);
    }

    /// Whether all that was told as done would survive a crash of the server.
    pub(super) fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Relaxed)
    }

    /// A line is committed.
    pub(super) fn confirm(&self, entry: DumpId, mark: Mark) {
        self.written().insert((entry, mark));
    }

    /// The statements that take a line back, for the transaction that undoes the work.
    pub(super) fn take_back(&self, entry: DumpId, mark: Mark) -> String {
        self.written().remove(&(entry, mark));
        store::delete(entry, mark)
    }

    fn written(&self) -> MutexGuard<'_, HashSet<(DumpId, Mark)>> {
        // A set that is changed by one call each: a panic elsewhere does not make it wrong.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server still has all lines that it has confirmed: not if it is another one, which
    /// took the place of the first before it had everything.
    pub(super) async fn is_intact(&self, session: &Session) -> target::Result<bool> {
        let confirmed: Vec<_> = self.written().iter().copied().collect();
        let there = store::lines(session).await?;
        Ok(confirmed.iter().all(|line| there.contains_key(line)))
    }

    /// The statements that write a line, for the transaction of the work.
    pub(super) fn line(&self, entry: DumpId, mark: Mark, data: DataRead) -> String {
        let durable = if self.is_durable() { "SET LOCAL synchronous_commit = on; " } else { "" };
        format!("{durable}{}", store::insert(entry, mark, data, self.run))
    }
}

/// Whether a target holds a journal.
///
/// # Errors
/// When the target cannot be reached or asked.
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
        drop_tables(&session).await?;
    }
    Ok(())
}

/// The reason that is told of entries which an earlier run has restored.
pub const DONE_BEFORE: &str = "restored by an earlier run";

/// What the context knows of the journal: it is found with the first session.
pub(super) type Slot = OnceLock<Journal>;

impl Context {
    /// The journal, if one is kept.
    pub(super) fn journal(&self) -> Option<&Journal> {
        self.journal.get()
    }

    fn found(&self, entry: DumpId, mark: Mark) -> bool {
        self.journal().is_some_and(|journal| journal.has(entry, mark))
    }

    /// Whether an earlier run has restored the entry.
    pub(super) fn is_done(&self, entry: &Entry) -> bool {
        self.found(entry.dump_id, Mark::Done)
    }

    /// Whether an earlier run has run the entry's definition, and what follows is left.
    pub(super) fn is_defined(&self, entry: &Entry) -> bool {
        self.found(entry.dump_id, Mark::Defined)
    }

    /// Whether the entry's data are to be loaded: they are wanted, and not there.
    pub(super) fn is_to_load(&self, place: usize) -> bool {
        self.wants_archived_data(place) && !self.is_done(self.entry(place))
    }

    /// The digest of data that an earlier run has loaded, which are to be compared as they pass by:
    /// those of files were compared before.
    pub(super) fn digest_to_compare(&self, entry: &Entry) -> Option<Digest> {
        let journal = self.journal().filter(|_| !self.origin.is_file())?;
        journal.found.get(&(entry.dump_id, Mark::Done))?.digest
    }

    /// Whether an earlier run has done the first of an entry's two steps.
    pub(super) fn is_begun(&self, place: usize) -> bool {
        self.found(self.entry(place).dump_id, Mark::FirstStep)
    }

    /// Whether something of the restore itself is over.
    pub(super) fn is_over(&self, mark: Mark) -> bool {
        self.found(OF_ALL, mark)
    }

    /// Whether a table without a line may hold some of its rows: they came by way of several
    /// sessions, of which not all have committed.
    pub(super) fn may_be_half_loaded(&self) -> bool {
        self.journal().is_some_and(Journal::goes_on)
    }

    /// Whether the entry waits for rows that could not be loaded, with the entry of the rows.
    pub(super) fn rows_missing(&self, entry: &Entry) -> Option<DumpId> {
        self.journal()?;
        let ledger = self.ledger();
        if entry.section != crate::archive::Section::PostData || ledger.rows_failed.is_empty() {
            return None;
        }
        entry.dependencies.iter().find_map(|id| ledger.rows_failed.get(id).copied())
    }

    /// Whether an entry's work counts as done for good. A materialized view that was filled while
    /// rows were missing is filled again by the next run.
    pub(super) fn is_final(&self, entry: &Entry) -> bool {
        entry.desc != Desc::MaterializedViewData || self.ledger().rows_failed.is_empty()
    }

    /// Notes in the ledger what earlier runs have done that later entries ask for. `refilled` are
    /// tables whose rows are loaded once more.
    fn recall(&self, refilled: &HashSet<DumpId>) {
        let mut ledger = self.ledger();
        for (place, entry) in self.toc.entries.iter().enumerate() {
            // Not one whose rows a crash has taken: it is empty, and others may refer to it by now.
            let is_made = self.is_done(entry) || self.is_defined(entry);
            if entry.desc == Desc::Table && is_made && !refilled.contains(&entry.dump_id) {
                ledger.created.insert(entry.dump_id);
            }
            if entry.desc == Desc::TableData && self.is_done(entry) {
                // That run may have died before it analysed the table.
                ledger.loaded.insert(place);
            }
            if self.found(entry.dump_id, Mark::FirstStep) {
                ledger.first_steps.insert(place, FirstStep::Before);
            }
        }
    }
}
