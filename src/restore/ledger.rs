//! What happens during a restore: the outcome of its entries.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::archive::{Desc, DumpId, Entry, Place, Section};
use crate::plan::history::RowFormat;
use crate::restore::error::WorkError;
use crate::restore::event::{Cause, EntryRef, Event, Failure, LaneId, Outcome};
use crate::restore::facts::Facts;
use crate::restore::server_state::ServerState;
use crate::server::sqlstate::is_missing_object;
use crate::server::{Class, ServerError};

/// What the sessions of one restore have found out and done so far.
pub(crate) struct Ledger {
    pub(crate) facts: Arc<Facts>,
    /// What is known of the server.
    pub(crate) server: ServerState,
    entries: Mutex<Entries>,
}

/// The outcome of the entries.
#[derive(Debug, Default)]
struct Entries {
    /// Tables that this restore created: they are empty, and no one else uses them.
    created: HashSet<DumpId>,
    /// Entries whose definition failed, so that the object does not exist, with the first cause.
    absent: HashMap<DumpId, Cause>,
    /// Entries whose definition failed in any way, including because the object already existed.
    refused: HashSet<DumpId>,
    /// Entries that failed with an accepted error.
    tolerated: HashSet<DumpId>,
    /// Entries that were started, by place.
    started: HashSet<Place>,
    /// Entries that are finished, by place.
    finished: HashSet<Place>,
    /// Finished entries whose rows are in the database.
    loaded: HashSet<Place>,
    /// Entries that are done, with the rows the server stored and the bytes sent to it.
    restored: HashMap<Place, (u64, u64)>,
    /// The format in which rows are sent, by the place of a table's data.
    formats: HashMap<Place, RowFormat>,
    /// Time that other sessions have spent helping with a table's rows.
    helped: HashMap<DumpId, Duration>,
    /// The outcome of the first step of two-step entries, by place.
    first_steps: HashMap<Place, FirstStep>,
    /// Entries done in a transaction that is still open, with their rows.
    uncommitted: Vec<(Place, u64)>,
    /// Tables whose rows could not be loaded, with the entry of the rows.
    rows_failed: HashMap<DumpId, DumpId>,
    /// Places of entries to be retried when everything else is done.
    postponed: HashSet<Place>,
    /// Whether entries are no longer postponed.
    last_attempt: bool,
    /// Failures that count as errors.
    errors: usize,
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
    pub(crate) lane: LaneId,
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
            lane: LaneId::FIRST,
            outcome: Outcome::Done,
            rows: 0,
            bytes: 0,
            read: 0,
            duration: Duration::ZERO,
            uncommitted: false,
        }
    }
}

impl Ledger {
    pub(crate) fn new(facts: Arc<Facts>) -> Self {
        Self { server: ServerState::new(facts.clone()), facts, entries: Mutex::default() }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // A panic elsewhere cannot corrupt them: they only ever grow.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports that a session works on an entry.
    pub(crate) fn tell_started(&self, place: Place, lane: LaneId, data_bytes: Option<u64>) {
        let again = !self.entries().started.insert(place);
        let entry = EntryRef::from(self.facts.entry(place));
        self.facts.events.send(Event::Started { entry, again, lane, data_bytes });
    }

    /// Records that this restore, or an earlier run of it, created a table.
    pub(crate) fn note_created(&self, table: DumpId) {
        self.entries().created.insert(table);
    }

    /// Whether the entry's rows go into a table that this restore created: it is empty and may be
    /// emptied again, unless it is distributed or other entries also have rows for it.
    pub(crate) fn is_new(&self, entry: &Entry) -> bool {
        let Some(table) = entry.dependencies.first().filter(|_| entry.desc == Desc::TableData)
        else {
            return false;
        };
        let created = self.entries().created.contains(table);
        created
            && !entry.is_load_via_partition_root()
            && !self.server.is_distributed(entry)
            && !self.facts.loaded_in_parts.contains(table)
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
    fn cause(&self, entry: &Entry) -> Option<Cause> {
        if entry.desc == Desc::Extension && self.server.lacks_extension(&entry.tag) {
            return Some(Cause::MissingExtension { extension: entry.tag.clone() });
        }
        let entries = self.entries();
        entry.dependencies.iter().find_map(|id| entries.absent.get(id).cloned())
    }

    /// Whether the entry's object is known not to exist, because its definition failed.
    pub(crate) fn is_absent(&self, entry: &Entry) -> bool {
        self.entries().absent.contains_key(&entry.dump_id)
    }

    /// Whether a table's definition failed in any way, and why the table does not exist, if so.
    pub(crate) fn why_no_rows(&self, table: DumpId) -> (bool, Option<Cause>) {
        let entries = self.entries();
        (entries.refused.contains(&table), entries.absent.get(&table).cloned())
    }

    /// Whether an error is accepted: by the user, or because the entry is about an object whose own
    /// refusal was accepted.
    pub(crate) fn tolerates(&self, entry: &Entry, error: &WorkError) -> bool {
        let Some(error) = error.server() else {
            return false;
        };
        let tolerate = &self.facts.options.tolerate;
        tolerate.iter().any(|tolerance| tolerance.accepts(error, &entry.desc, &entry.tag))
            || self.is_about_tolerated(entry, error)
    }

    fn is_about_tolerated(&self, entry: &Entry, error: &ServerError) -> bool {
        let is_about_object =
            entry.is_acl() || matches!(entry.desc, Desc::Comment | Desc::SecurityLabel);
        if !is_about_object || !is_missing_object(&error.sqlstate) {
            return false;
        }
        let entries = self.entries();
        let is_missing =
            |id: &DumpId| entries.tolerated.contains(id) && entries.absent.contains_key(id);
        entry.dependencies.iter().any(is_missing)
    }

    /// Records that a definition failed.
    pub(crate) fn note_refused(&self, entry: &Entry, error: &WorkError, failure: &Failure) {
        let exists = error.server().is_some_and(|error| error.class() == Class::AlreadyExists);
        let mut entries = self.entries();
        entries.refused.insert(entry.dump_id);
        if !exists {
            let own = Cause::Entry { entry: entry.dump_id.0 };
            entries.absent.insert(entry.dump_id, failure.cause.clone().unwrap_or(own));
        }
    }

    /// Reports an entry as finished, which happens exactly once for each wanted entry.
    pub(crate) fn finish(&self, place: Place, done: Finished) {
        let entry = self.facts.entry(place);
        {
            let mut entries = self.entries();
            if !entries.finished.insert(place) {
                return;
            }
            if done.outcome == Outcome::Done && self.facts.wants_archived_data(place) {
                entries.loaded.insert(place);
            }
            let failed = matches!(done.outcome, Outcome::Failed { .. } | Outcome::Tolerated { .. });
            if failed && entry.desc == Desc::TableData {
                let tables = entry.dependencies.first();
                let tables = tables.map(|table| self.facts.with_roots(*table));
                let tables = tables.into_iter().flatten().map(|table| (table, entry.dump_id));
                entries.rows_failed.extend(tables);
            }
            if matches!(done.outcome, Outcome::Tolerated { .. }) {
                entries.tolerated.insert(entry.dump_id);
            }
            if done.outcome == Outcome::Done {
                entries.restored.insert(place, (done.rows, done.bytes));
            }
            entries.errors += usize::from(matches!(done.outcome, Outcome::Failed { .. }));
            if done.uncommitted && done.outcome == Outcome::Done {
                entries.uncommitted.push((place, done.rows));
            }
        }
        self.facts.events.send(Event::Finished {
            entry: EntryRef::from(entry),
            lane: done.lane,
            outcome: done.outcome,
            rows: done.rows,
            bytes: done.bytes,
            read: done.read,
            duration: done.duration,
        });
    }

    /// Records that an earlier run loaded an entry's rows.
    pub(crate) fn note_loaded(&self, place: Place) {
        self.entries().loaded.insert(place);
    }

    /// Whether an entry's rows are in the database.
    pub(crate) fn is_loaded(&self, place: Place) -> bool {
        self.entries().loaded.contains(&place)
    }

    /// The rows that the server stored of an entry and the bytes sent to it, if it is done.
    pub(crate) fn restored(&self, place: Place) -> Option<(u64, u64)> {
        self.entries().restored.get(&place).copied()
    }

    /// Records the format in which a table's rows are sent.
    pub(crate) fn note_format(&self, place: Place, format: RowFormat) {
        self.entries().formats.insert(place, format);
    }

    pub(crate) fn format(&self, place: Place) -> Option<RowFormat> {
        self.entries().formats.get(&place).copied()
    }

    /// Records the time that another session has helped with a table's rows.
    pub(crate) fn note_help(&self, rows: DumpId, time: Duration) {
        *self.entries().helped.entry(rows).or_default() += time;
    }

    /// The time that other sessions have helped with a table's rows.
    pub(crate) fn helped(&self, rows: DumpId) -> Duration {
        self.entries().helped.get(&rows).copied().unwrap_or_default()
    }

    pub(crate) fn set_first_step(&self, place: Place, outcome: FirstStep) {
        self.entries().first_steps.insert(place, outcome);
    }

    /// The outcome of an entry's first step, if that has ended.
    pub(crate) fn first_step(&self, place: Place) -> Option<FirstStep> {
        self.entries().first_steps.get(&place).copied()
    }

    /// Postpones an entry, unless each gets its last attempt now. Returns whether it is postponed.
    pub(crate) fn postpone(&self, place: Place) -> bool {
        let mut entries = self.entries();
        !entries.last_attempt && entries.postponed.insert(place)
    }

    pub(crate) fn is_postponed(&self, place: Place) -> bool {
        self.entries().postponed.contains(&place)
    }

    /// Whether an entry was postponed; it no longer is.
    pub(crate) fn take_postponed(&self, place: Place) -> bool {
        self.entries().postponed.remove(&place)
    }

    /// From now on, entries are postponed or not.
    pub(crate) fn set_last_attempt(&self, is_last: bool) {
        self.entries().last_attempt = is_last;
    }

    /// The entry of the rows that this entry depends on and that could not be loaded, if any.
    pub(crate) fn rows_missing(&self, entry: &Entry) -> Option<DumpId> {
        let entries = self.entries();
        if entry.section != Section::PostData || entries.rows_failed.is_empty() {
            return None;
        }
        entry.dependencies.iter().find_map(|id| entries.rows_failed.get(id).copied())
    }

    /// Whether an entry's work counts as done for good. A materialized view that was filled while
    /// rows were missing is filled again by the next run.
    pub(crate) fn is_final(&self, entry: &Entry) -> bool {
        entry.desc != Desc::MaterializedViewData || self.entries().rows_failed.is_empty()
    }

    /// Failures that count as errors.
    pub(crate) fn errors(&self) -> usize {
        self.entries().errors
    }

    /// Counts an error that is not the outcome of an entry.
    pub(crate) fn count_error(&self) {
        self.entries().errors += 1;
    }

    /// Everything done so far is committed.
    pub(crate) fn all_committed(&self) {
        self.entries().uncommitted.clear();
    }

    /// Retracts the reports of entries whose transaction will never be committed.
    pub(crate) fn tell_rolled_back(&self) {
        let gone = std::mem::take(&mut self.entries().uncommitted);
        for (place, rows) in gone {
            let entry = EntryRef::from(self.facts.entry(place));
            self.facts.events.send(Event::RolledBack { entry, rows });
        }
    }

    /// A wanted entry that is not finished, if there is one.
    pub(crate) fn unfinished(&self) -> Option<Place> {
        let entries = self.entries();
        let mut places = self.facts.toc.places();
        places.find(|place| self.facts.is_wanted(*place) && !entries.finished.contains(place))
    }

    /// Finishes every remaining wanted entry as not reached.
    pub(crate) fn finish_rest(&self, reason: &str) {
        for place in self.facts.toc.places() {
            if self.facts.is_wanted(place) && !self.entries().finished.contains(&place) {
                let outcome = Outcome::Skipped { reason: reason.to_owned() };
                self.finish(place, Finished { outcome, ..Finished::default() });
            }
        }
    }
}
