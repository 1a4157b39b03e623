//! What a restore has loaded, for callers that record it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::archive::{Digest, DumpId};

/// What was loaded of the entries with data, by their dump IDs. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LoadedData(Arc<Mutex<HashMap<DumpId, DataLoaded>>>);

/// What was loaded of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataLoaded {
    /// Rows, or large objects.
    pub rows: u64,
    /// The SHA-256 of the data as stored in the archive: [`ReadCounter`](crate::archive::ReadCounter).
    pub digest: Digest,
}

impl LoadedData {
    /// Notes what was loaded, and committed, of an entry.
    pub(crate) fn note(&self, entry: DumpId, loaded: DataLoaded) {
        self.all().insert(entry, loaded);
    }

    /// What was loaded of an entry; `None` if its data was not loaded.
    #[must_use]
    pub fn get(&self, entry: DumpId) -> Option<DataLoaded> {
        self.all().get(&entry).copied()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<DumpId, DataLoaded>> {
        // A panic elsewhere cannot corrupt it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
