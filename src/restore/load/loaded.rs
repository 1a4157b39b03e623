//! What was loaded of an entry's data, and whether that is all of it.

use std::collections::HashSet;

use crate::archive::{Desc, Digest, DumpId, Entry};
use crate::restore::error::WorkError;
use crate::restore::facts::Facts;
use crate::restore::journal::line::DataRead;

/// What was loaded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loaded {
    /// Rows, or large objects.
    pub(crate) rows: u64,
    /// Bytes sent.
    pub(crate) bytes: u64,
    /// Bytes read from the archive.
    pub(crate) read: u64,
    /// Their SHA-256, if a journal is kept or the caller wants it.
    pub(crate) digest: Option<Digest>,
}

impl Loaded {
    /// What the journal records of it.
    pub(crate) fn as_read(&self, facts: &Facts) -> DataRead {
        // Streams count bytes differently.
        let bytes = if facts.random.is_some() { self.read } else { 0 };
        DataRead { bytes, digest: self.digest }
    }
}

/// The tables whose rows are in several entries. None of these may empty the table: each is loaded
/// in its own transaction, concurrently with the others.
pub(crate) fn loaded_in_parts(entries: &[Entry]) -> HashSet<DumpId> {
    let mut seen = HashSet::new();
    let data = entries.iter().filter(|entry| entry.desc == Desc::TableData);
    let tables = data.filter_map(|entry| entry.dependencies.first().copied());
    tables.filter(|table| !seen.insert(*table)).collect()
}

/// What was sent, if the server stored as many rows.
pub(crate) fn stored_as_sent(sent: Loaded, stored: u64) -> Result<Loaded, WorkError> {
    if stored == sent.rows {
        return Ok(sent);
    }
    let rows = sent.rows;
    Err(WorkError::Other(format!("{rows} rows were sent but the server stored {stored}")))
}
