//! The progress of an entry's data, reported a few times a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::archive::{Entry, ReadCounter};
use crate::restore::event::Event;
use crate::restore::facts::Facts;
use crate::restore::load::loaded::Loaded;

/// How often progress is reported.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// The totals so far, over all sessions that load the entry.
pub(crate) struct LoadProgress<'a> {
    facts: &'a Facts,
    entry: &'a Entry,
    counter: ReadCounter,
    state: Mutex<State>,
}

struct State {
    loaded: Loaded,
    told: Instant,
}

impl<'a> LoadProgress<'a> {
    /// Starts at zero. `counter` counts what is read from the archive.
    pub(crate) fn new(facts: &'a Facts, entry: &'a Entry, counter: ReadCounter) -> Self {
        let state = State { loaded: Loaded::default(), told: Instant::now() };
        Self { facts, entry, counter, state: Mutex::new(state) }
    }

    /// Counts what was sent.
    pub(crate) fn sent(&self, rows: u64, bytes: usize) {
        let told = self.update(|state| {
            state.loaded.rows += rows;
            state.loaded.bytes += bytes as u64;
            let due = state.told.elapsed() >= PROGRESS_EVERY;
            if due {
                state.told = Instant::now();
            }
            due.then_some(state.loaded)
        });
        if let Some(Loaded { rows, bytes, .. }) = told {
            let (dump_id, read) = (self.entry.dump_id.0, self.counter.get());
            self.facts.events.send(Event::Progress { dump_id, rows, bytes, read });
        }
    }

    /// Everything that was sent. Call this when the data has ended, so that all of it was read.
    pub(crate) fn loaded(&self) -> Loaded {
        let loaded = self.update(|state| state.loaded);
        let digest = self.counter.sha256();
        Loaded { read: self.counter.get(), digest, ..loaded }
    }

    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // Counters left by a panic are still valid.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
