//! Which large objects an entry `BLOBS` must hold, and whether it does.
//!
//! From archive version 1.16 an entry `BLOBS` depends on its entry `BLOB METADATA`, whose
//! definition lists OIDs. From 1.12 each object has an entry `BLOB`, and all their contents are in
//! one `BLOBS`. Before that, or when only data was dumped, nothing says which objects exist.
//! (`getLOs` and `dumpLO` in `src/bin/pg_dump/pg_dump.c`.)

use std::collections::HashSet;

use super::entry::{Desc, Entry};
use super::error::{Error, Result};

/// The large objects of an entry `BLOBS`, by its entry `BLOB METADATA`, or else by the `entries` of
/// the archive. Empty if nothing says so.
pub(crate) fn listed_objects<'a>(
    metadata: Option<&Entry>,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> HashSet<u32> {
    match metadata {
        // What is not a number stays out, and is missing when the objects are compared.
        Some(list) => list.defn.lines().filter_map(|line| line.trim().parse().ok()).collect(),
        None => {
            let each = entries.into_iter().filter(|entry| entry.desc == Desc::Blob);
            each.map(|entry| entry.oid).collect()
        }
    }
}

/// The large objects of an entry, checked as they come.
pub(crate) struct ObjectsDue {
    /// Those that have not come.
    missing: HashSet<u32>,
    /// Whether anything says which should come.
    listed: bool,
    seen: HashSet<u32>,
}

impl ObjectsDue {
    /// Expects these; any, if none are listed.
    pub(crate) fn new(listed: HashSet<u32>) -> Self {
        Self { listed: !listed.is_empty(), missing: listed, seen: HashSet::new() }
    }

    /// Notes an object before its contents are read.
    ///
    /// # Errors
    /// When it is not listed, or comes a second time.
    pub(crate) fn came(&mut self, oid: u32) -> Result<()> {
        if !self.seen.insert(oid) || (self.listed && !self.missing.remove(&oid)) {
            return Err(Error::malformed(format!("unexpected large object {oid} in the archive")));
        }
        Ok(())
    }

    /// Checks that all came.
    ///
    /// # Errors
    /// When one did not.
    pub(crate) fn finish(self) -> Result<()> {
        match self.missing.into_iter().min() {
            Some(oid) => Err(missing_object(oid)),
            None => Ok(()),
        }
    }
}

/// The error for a large object whose contents the archive should hold.
pub(crate) fn missing_object(oid: u32) -> Error {
    Error::missing(format!("the contents of large object {oid} are missing"))
}
