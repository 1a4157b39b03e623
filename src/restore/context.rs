//! What all sessions of a restore share: the archive, the options, and what has happened so far.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rayon::ThreadPool;

use crate::archive::objects::listed_objects;
use crate::archive::{self, Desc, DumpId, Entry, Section, Toc};
use crate::plan::history::RowFormat;
use crate::restore::error::{Error, WorkError};
use crate::restore::event::{Cause, EntryRef, Event, Events, Failure, Outcome};
use crate::restore::options::{RestoreOptions, Transactions};
use crate::select::Want;
use crate::source::{Origin, RandomAccess};
use crate::statements::Style;
use crate::target::life::ServerLife;
use crate::target::{CancelHandle, Class};

/// Shared by the sessions of one restore.
pub(crate) struct Context {
    /// The archive's name, for errors.
    pub(crate) archive: String,
    pub(crate) toc: Arc<Toc>,
    /// What is wanted of each entry, by its place in the TOC.
    pub(crate) wants: Vec<Want>,
    /// The archive's data, unless it is a stream.
    pub(crate) random: Option<RandomAccess>,
    /// The files that hold the archive.
    pub(crate) origin: Origin,
    pub(crate) options: RestoreOptions,
    /// The options' style, for a session in UTF-8.
    pub(crate) style: Style,
    /// Whether any definition is restored, rather than data only.
    pub(crate) with_schema: bool,
    /// The row formats that earlier runs favour, by the place of a table's data.
    pub(crate) formats: HashMap<usize, RowFormat>,
    pub(crate) events: Events,
    /// Decoders and the conversion of rows to binary run here: two threads for each session.
    /// Started once the number of sessions is known.
    pub(crate) pool: OnceLock<ThreadPool>,
    /// The largest number of sessions that could all find work.
    pub(crate) most_sessions: usize,
    /// How many sessions the server has room for, including the first; known once that one is open.
    pub(crate) room: OnceLock<usize>,
    /// Roles that the target lacks; known after the preflight check.
    pub(crate) missing_roles: OnceLock<HashSet<String>>,
    /// Extensions that the target cannot install.
    pub(crate) missing_extensions: OnceLock<HashSet<String>>,
    /// Tables that are distributed over other servers; known once the tables exist.
    pub(crate) distributed: OnceLock<HashSet<(String, String)>>,
    /// Tables whose rows call functions that read tables; known before the first rows are loaded.
    pub(crate) reading: OnceLock<HashSet<DumpId>>,
    /// The server's state at the first session: see [`ServerLife`].
    pub(crate) server_life: OnceLock<ServerLife>,
    /// Whether we may choose the number of parallel workers of an index build.
    pub(crate) workers_are_ours: AtomicBool,
    /// A cancel handle for each session.
    pub(crate) cancels: Mutex<HashMap<usize, CancelHandle>>,
    pub(crate) ledger: Mutex<Ledger>,
    /// Tables whose rows are in several entries.
    pub(crate) loaded_in_parts: HashSet<DumpId>,
    /// Read-locked while related transactions of several sessions are committed; to end the restore
    /// early, the write lock is needed.
    pub(crate) commits: tokio::sync::RwLock<()>,
}

/// The outcome of the entries.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Tables that this restore created: they are empty, and no one else uses them.
    pub(crate) created: HashSet<DumpId>,
    /// Entries whose definition failed, so that the object does not exist, with the first cause.
    pub(crate) absent: HashMap<DumpId, Cause>,
    /// Entries whose definition failed in any way, including because the object already existed.
    pub(crate) refused: HashSet<DumpId>,
    /// Entries that were started, by place.
    pub(crate) started: HashSet<usize>,
    /// Entries that are finished, by place.
    pub(crate) finished: HashSet<usize>,
    /// Finished entries whose rows are in the database.
    pub(crate) loaded: HashSet<usize>,
    /// Entries that are done, with the rows the server stored and the bytes sent to it.
    pub(crate) restored: HashMap<usize, (u64, u64)>,
    /// The format in which rows are sent, by the place of a table's data.
    pub(crate) formats: HashMap<usize, RowFormat>,
    /// Time that other sessions have spent helping with a table's rows.
    pub(crate) helped: HashMap<DumpId, Duration>,
    /// The outcome of the first step of two-step entries, by place.
    pub(crate) first_steps: HashMap<usize, FirstStep>,
    /// Entries done in a transaction that is still open, with their rows.
    pub(crate) uncommitted: Vec<(usize, u64)>,
    /// Tables whose rows could not be loaded, with the entry of the rows.
    pub(crate) rows_failed: HashMap<DumpId, DumpId>,
    /// Places of entries to be retried when everything else is done.
    pub(crate) put_off: HashSet<usize>,
    /// Whether entries are no longer postponed.
    pub(crate) last_attempt: bool,
    /// Failures that count as errors.
    pub(crate) errors: usize,
    /// Why no more sessions can be opened, if that is the case.
    pub(crate) server_lost: Option<String>,
}

impl Context {
    /// Whether the target is known to lack this role.
    pub(crate) fn lacks_role(&self, role: &str) -> bool {
        self.missing_roles.get().is_some_and(|roles| roles.contains(role))
    }

    /// Whether the target is known to lack this extension.
    pub(crate) fn lacks_extension(&self, extension: &str) -> bool {
        self.missing_extensions.get().is_some_and(|all| all.contains(extension))
    }

    pub(crate) fn entry(&self, place: usize) -> &Entry {
        &self.toc.entries[place]
    }

    pub(crate) fn want(&self, place: usize) -> Want {
        self.wants[place]
    }

    /// Whether anything of the entry is wanted.
    pub(crate) fn is_wanted(&self, place: usize) -> bool {
        let want = self.wants[place];
        want.schema || want.data || want.stats
    }

    /// Whether the entry's data in the archive is wanted.
    pub(crate) fn wants_archived_data(&self, place: usize) -> bool {
        self.wants[place].data && self.entry(place).had_dumper
    }

    /// How many sessions the server should work for at a time.
    pub(crate) fn jobs(&self) -> usize {
        self.room.get().map_or(self.options.jobs, |room| self.options.jobs.min(*room)).max(1)
    }

    /// How many sessions are worth opening.
    pub(crate) fn sessions(&self) -> usize {
        self.jobs().min(self.most_sessions)
    }

    /// Starts the decoders' threads.
    pub(crate) fn start_pool(&self) -> crate::restore::error::Result<()> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.sessions() * 2)
            .thread_name(|number| format!("decode-{number}"))
            .build()
            .map_err(|error| Error::Internal(format!("cannot start threads: {error}")))?;
        let _ = self.pool.set(pool);
        Ok(())
    }

    pub(crate) fn pool(&self) -> Result<&ThreadPool, WorkError> {
        let missing = || WorkError::Other("internal error: no decoder was started".to_owned());
        self.pool.get().ok_or_else(missing)
    }

    /// Reports that a session works on an entry.
    pub(crate) fn tell_started(&self, place: usize, lane: usize, data_bytes: Option<u64>) {
        let again = !self.ledger().started.insert(place);
        let entry = EntryRef::from(self.entry(place));
        self.events.send(Event::Started { entry, again, lane, data_bytes });
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A panic elsewhere cannot corrupt the ledger: it only ever grows.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry that lists this entry's large objects: for BLOBS and ACL entries, the BLOB
    /// METADATA entry that is their first dependency.
    pub(crate) fn blob_metadata(&self, entry: &Entry) -> Option<&Entry> {
        let listing = self.toc.get(*entry.dependencies.first()?)?;
        (listing.desc == Desc::BlobMetadata).then_some(listing)
    }

    /// The large objects that a BLOBS entry must contain, as far as the TOC records them.
    pub(crate) fn expected_objects(&self, entry: &Entry) -> HashSet<u32> {
        listed_objects(self.blob_metadata(entry), &self.toc.entries)
    }

    /// The failure to report for an error, with its cause if another entry's failure explains it.
    pub(crate) fn failure(&self, entry: &Entry, error: &WorkError) -> Failure {
        let mut failure = error.failure();
        if failure.cause.is_none() {
            failure.cause = self.cause(entry);
        }
        if matches!(entry.desc, Desc::Server | Desc::Subscription | Desc::UserMapping) {
            // It may contain passwords of other servers.
            failure.statement = None;
        }
        failure
    }

    /// Why an entry cannot succeed, if that is already known.
    pub(crate) fn cause(&self, entry: &Entry) -> Option<Cause> {
        if entry.desc == Desc::Extension && self.lacks_extension(&entry.tag) {
            return Some(Cause::MissingExtension { extension: entry.tag.clone() });
        }
        let ledger = self.ledger();
        entry.dependencies.iter().find_map(|id| ledger.absent.get(id).cloned())
    }

    /// Whether the entry's object is known not to exist, because its definition failed.
    pub(crate) fn is_absent(&self, entry: &Entry) -> bool {
        self.ledger().absent.contains_key(&entry.dump_id)
    }

    /// Whether the user accepts this error.
    pub(crate) fn tolerates(&self, entry: &Entry, error: &WorkError) -> bool {
        let Some(error) = error.server() else {
            return false;
        };
        let tolerate = &self.options.tolerate;
        tolerate.iter().any(|tolerance| tolerance.accepts(error, &entry.desc, &entry.tag))
    }

    /// Records that a definition failed.
    pub(crate) fn note_refused(&self, entry: &Entry, error: &WorkError, failure: &Failure) {
        let exists = error.server().is_some_and(|error| error.class() == Class::AlreadyExists);
        let mut ledger = self.ledger();
        ledger.refused.insert(entry.dump_id);
        if !exists {
            let own = Cause::Entry { entry: entry.dump_id.0 };
            ledger.absent.insert(entry.dump_id, failure.cause.clone().unwrap_or(own));
        }
    }

    /// Reports an entry as finished, which happens exactly once for each wanted entry.
    pub(crate) fn finish(&self, place: usize, done: Finished) {
        {
            let mut ledger = self.ledger();
            if !ledger.finished.insert(place) {
                return;
            }
            if done.outcome == Outcome::Done && self.wants_archived_data(place) {
                ledger.loaded.insert(place);
            }
            let failed = matches!(done.outcome, Outcome::Failed { .. } | Outcome::Tolerated { .. });
            let entry = self.entry(place);
            if failed && entry.desc == Desc::TableData {
                let tables = entry.dependencies.first().map(|table| self.with_roots(*table));
                let tables = tables.into_iter().flatten().map(|table| (table, entry.dump_id));
                ledger.rows_failed.extend(tables);
            }
            if done.outcome == Outcome::Done {
                ledger.restored.insert(place, (done.rows, done.bytes));
            }
            ledger.errors += usize::from(matches!(done.outcome, Outcome::Failed { .. }));
            if done.uncommitted && done.outcome == Outcome::Done {
                ledger.uncommitted.push((place, done.rows));
            }
        }
        self.events.send(Event::Finished {
            entry: EntryRef::from(self.entry(place)),
            lane: done.lane,
            outcome: done.outcome,
            rows: done.rows,
            bytes: done.bytes,
            read: done.read,
            duration: done.duration,
        });
    }

    /// A table and all partitioned tables above it.
    fn with_roots(&self, table: DumpId) -> Vec<DumpId> {
        let attached = |entry: &&Entry| entry.desc == Desc::TableAttach;
        let attached: Vec<_> = self.toc.entries.iter().filter(attached).collect();
        let mut tables = vec![table];
        let mut next = 0;
        while let Some(table) = tables.get(next).copied() {
            // The entry depends on both the root and the partition, and has the partition's schema
            // and name.
            let part = self.toc.get(table).map(|table| (&table.namespace, &table.tag));
            let of_this = attached.iter().filter(|entry| {
                entry.dependencies.contains(&table) && part == Some((&entry.namespace, &entry.tag))
            });
            for root in of_this.flat_map(|entry| &entry.dependencies) {
                if !tables.contains(root) {
                    tables.push(*root);
                }
            }
            next += 1;
        }
        tables
    }

    /// Names the entry and the archive in an error about the entry's data.
    pub(crate) fn in_entry(&self, error: archive::Error, entry: &Entry) -> archive::Error {
        error.in_entry(entry).in_archive(&self.archive)
    }

    /// Postpones an entry, unless each gets its last attempt now. Returns whether it is postponed.
    pub(crate) fn postpone(&self, place: usize) -> bool {
        let mut ledger = self.ledger();
        !ledger.last_attempt && ledger.put_off.insert(place)
    }

    /// Whether the entry's rows go into a table that this restore created: it is empty and may be
    /// emptied again, unless it is distributed or other entries also have rows for it.
    pub(crate) fn is_new(&self, entry: &Entry) -> bool {
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
    pub(crate) fn split_size(&self, size: Option<u64>) -> Option<u64> {
        self.options.split_size.least().filter(|least| size.is_none_or(|size| size >= *least))
    }

    /// Whether the table of an entry (rows, an index or a constraint) is distributed.
    pub(crate) fn is_distributed(&self, entry: &Entry) -> bool {
        let Some(distributed) = self.distributed.get().filter(|tables| !tables.is_empty()) else {
            return false;
        };
        let is_one = |schema: Option<&String>, name: &str| {
            let key = (schema.cloned().unwrap_or_default(), name.to_owned());
            distributed.contains(&key)
        };
        let tables = entry.dependencies.iter().filter_map(|id| self.toc.get(*id));
        let mut tables = tables.filter(|table| table.desc == Desc::Table);
        // The archive need not contain the table.
        let named = entry.desc == Desc::TableData && is_one(entry.namespace.as_ref(), &entry.tag);
        named || tables.any(|table| is_one(table.namespace.as_ref(), &table.tag))
    }

    /// Whether a server crash would empty what an entry fills.
    pub(crate) fn is_unlogged(&self, entry: &Entry) -> bool {
        let object = entry.dependencies.first().and_then(|id| self.toc.get(*id));
        object.is_some_and(|object| object.defn.contains("CREATE UNLOGGED "))
    }

    /// Whether a server crash would leave what is restored, if it was made durable.
    pub(crate) fn survives_a_crash(&self) -> bool {
        let is_kept = |(place, entry): (usize, &Entry)| {
            let fills = matches!(entry.desc, Desc::TableData | Desc::SequenceSet);
            !(self.is_wanted(place) && fills && self.is_unlogged(entry))
        };
        self.options.transactions == Transactions::None
            && self.toc.entries.iter().enumerate().all(is_kept)
    }

    /// The entry of the rows that this entry depends on and that could not be loaded, if any.
    pub(crate) fn rows_missing(&self, entry: &Entry) -> Option<DumpId> {
        let ledger = self.ledger();
        if entry.section != Section::PostData || ledger.rows_failed.is_empty() {
            return None;
        }
        entry.dependencies.iter().find_map(|id| ledger.rows_failed.get(id).copied())
    }

    /// Whether an entry's work counts as done for good. A materialized view that was filled while
    /// rows were missing is filled again by the next run.
    pub(crate) fn is_final(&self, entry: &Entry) -> bool {
        entry.desc != Desc::MaterializedViewData || self.ledger().rows_failed.is_empty()
    }

    /// A wanted entry that is not finished, if there is one.
    pub(crate) fn unfinished(&self) -> Option<usize> {
        let ledger = self.ledger();
        (0..self.wants.len())
            .find(|place| self.is_wanted(*place) && !ledger.finished.contains(place))
    }

    /// Retracts the reports of entries whose transaction will never be committed.
    pub(crate) fn tell_rolled_back(&self) {
        let gone = std::mem::take(&mut self.ledger().uncommitted);
        for (place, rows) in gone {
            self.events.send(Event::RolledBack { entry: EntryRef::from(self.entry(place)), rows });
        }
    }

    /// Finishes every remaining wanted entry as not reached.
    pub(crate) fn finish_rest(&self, reason: &str) {
        for place in 0..self.wants.len() {
            if self.is_wanted(place) && !self.ledger().finished.contains(&place) {
                let outcome = Outcome::Skipped { reason: reason.to_owned() };
                self.finish(place, Finished { outcome, ..Finished::default() });
            }
        }
    }
}

/// The outcome of an entry's first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstStep {
    /// It took this long.
    Done(Duration),
    /// An earlier run has done it.
    Before,
    /// The server refused it: the archive's own statement remains.
    Refused,
}

/// How the work on an entry ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) lane: usize,
    pub(crate) outcome: Outcome,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) read: u64,
    pub(crate) duration: Duration,
    /// Whether it is in a transaction that is still open.
    pub(crate) uncommitted: bool,
}

impl Default for Finished {
    fn default() -> Self {
        Self {
            lane: 0,
            outcome: Outcome::Done,
            rows: 0,
            bytes: 0,
            read: 0,
            duration: Duration::ZERO,
            uncommitted: false,
        }
    }
}
