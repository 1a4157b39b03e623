//! Large objects that arrive in a stream one by one, as in a tar: each is loaded separately, and
//! their entry is done when all of them are.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::archive::Place;
use crate::archive::objects::missing_object;
use crate::plan::{JobId, Schedule};
use crate::restore::error::WorkError;
use crate::restore::event::{LaneId, Outcome};
use crate::restore::ledger::{Finished, Ledger};
use crate::restore::load::loaded::Loaded;
use crate::restore::options::Transactions;

/// The large objects of a stream, by the job of their entry.
#[derive(Default)]
pub(crate) struct StreamedObjects {
    of: HashMap<JobId, Objects>,
}

/// The state of an entry's large objects so far.
#[derive(Default)]
struct Objects {
    seen: HashSet<u32>,
    /// Those that wait or are being loaded.
    unfinished: usize,
    loaded: Loaded,
    failure: Option<WorkError>,
    time: Duration,
    since: Option<Instant>,
}

impl StreamedObjects {
    /// An object's contents start to arrive.
    pub(crate) fn came(&mut self, job: JobId, oid: u32) {
        let objects = self.of.entry(job).or_default();
        objects.seen.insert(oid);
        objects.unfinished += 1;
    }

    /// Forgets a job that was given up.
    pub(crate) fn forget(&mut self, job: JobId) {
        self.of.remove(&job);
    }

    /// Whether any of a job's objects have arrived.
    pub(crate) fn has_some(&self, job: JobId) -> bool {
        self.of.contains_key(&job)
    }

    /// Whether one could not be loaded.
    pub(crate) fn has_failed(&self) -> bool {
        self.of.values().any(|objects| objects.failure.is_some())
    }

    /// A session starts to load one.
    pub(crate) fn begin(&mut self, ledger: &Ledger, (job, place): (JobId, Place), lane: LaneId) {
        let objects = self.of.entry(job).or_default();
        if objects.since.is_none() {
            objects.since = Some(Instant::now());
            ledger.tell_started(place, lane, None);
        }
    }

    /// A session is done with one.
    pub(crate) fn end(&mut self, job: JobId, result: Result<Loaded, WorkError>) {
        let objects = self.of.entry(job).or_default();
        objects.unfinished = objects.unfinished.saturating_sub(1);
        match result {
            Ok(loaded) => {
                objects.loaded.rows += loaded.rows;
                objects.loaded.bytes += loaded.bytes;
                objects.loaded.read += loaded.read;
            }
            Err(error) => drop(objects.failure.get_or_insert(error)),
        }
        objects.time = objects.since.map(|since| since.elapsed()).unwrap_or_default();
    }

    /// Finishes the entries whose last object is loaded. Unless the stream is `complete`, only
    /// those that failed: the others may still receive objects.
    pub(crate) fn finish(&mut self, ledger: &Ledger, schedule: &mut Schedule, complete: bool) {
        let finished = |objects: &Objects| match complete {
            true => objects.unfinished == 0,
            false => objects.failure.is_some(),
        };
        let done = self.of.extract_if(|_, objects| finished(objects)).collect::<Vec<_>>();
        for (job, objects) in done {
            let place = schedule.job(job).entry;
            let entry = ledger.facts.entry(place);
            let missing =
                ledger.facts.expected_objects(entry).difference(&objects.seen).min().copied();
            let outcome = match (objects.failure, missing) {
                (Some(error), _) => Outcome::Failed { failure: ledger.failure(entry, &error) },
                (None, Some(oid)) => {
                    let error = ledger.facts.in_entry(missing_object(oid), entry);
                    Outcome::Failed { failure: ledger.failure(entry, &error.into()) }
                }
                (None, None) => Outcome::Done,
            };
            let Loaded { rows, bytes, read, .. } = objects.loaded;
            let duration = objects.time;
            let uncommitted = ledger.facts.options.transactions != Transactions::None;
            ledger.finish(
                place,
                Finished { lane: LaneId::FIRST, outcome, rows, bytes, read, duration, uncommitted },
            );
            schedule.abandon(job);
        }
    }
}
