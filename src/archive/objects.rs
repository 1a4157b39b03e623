//! The large objects that an entry `BLOBS` must contain, and the check that it does.
//!
//! From archive version 1.16 an entry `BLOBS` depends on its entry `BLOB METADATA`, whose
//! definition lists OIDs. From 1.12 each object has an entry `BLOB`, and all their contents are in
//! one `BLOBS`. Before that, and in data-only dumps, nothing lists the objects.
//! (`getLOs` and `dumpLO` in `src/bin/pg_dump/pg_dump.c`.)

use std::collections::HashSet;

use super::entry::{Desc, Entry};
use super::error::{ArchiveError, Result};

/// The large objects that the definition of an entry `BLOB METADATA` lists, an OID a line, and the
/// lines that are no OIDs.
pub(crate) fn oids(definition: &str) -> impl Iterator<Item = std::result::Result<u32, &str>> {
    definition.lines().map(|line| line.parse().map_err(|_| line))
}

/// The large objects of an entry `BLOBS`, from its entry `BLOB METADATA`, or else from the
/// `entries` of the archive. Empty if nothing lists them.
pub(crate) fn listed_objects<'a>(
    metadata: Option<&Entry>,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> HashSet<u32> {
    match metadata {
        // Lines that are not numbers are skipped; comparing the objects then reports them missing.
        Some(list) => oids(&list.defn).flatten().collect(),
        None => {
            let each = entries.into_iter().filter(|entry| entry.desc == Desc::Blob);
            each.map(|entry| entry.oid).collect()
        }
    }
}

/// The large objects of an entry, checked as they are read.
pub(crate) struct ObjectsDue {
    /// Objects not seen yet.
    missing: HashSet<u32>,
    /// Whether the archive lists its objects.
    listed: bool,
    seen: HashSet<u32>,
}

impl ObjectsDue {
    /// Expects these objects, or any if none are listed.
    pub(crate) fn new(listed: HashSet<u32>) -> Self {
        Self { listed: !listed.is_empty(), missing: listed, seen: HashSet::new() }
    }

    /// Records an object before its contents are read.
    ///
    /// # Errors
    /// When it is not listed, or occurs twice.
    pub(crate) fn came(&mut self, oid: u32) -> Result<()> {
        if !self.seen.insert(oid) || (self.listed && !self.missing.remove(&oid)) {
            return Err(ArchiveError::malformed(format!(
                "unexpected large object {oid} in the archive"
            )));
        }
        Ok(())
    }

    /// Checks that all objects were seen.
    ///
    /// # Errors
    /// When one is missing.
    pub(crate) fn finish(self) -> Result<()> {
        match self.missing.into_iter().min() {
            Some(oid) => Err(missing_object(oid)),
            None => Ok(()),
        }
    }
}

/// The error for a large object whose contents are missing.
pub(crate) fn missing_object(oid: u32) -> ArchiveError {
    ArchiveError::missing(format!("the contents of large object {oid} are missing"))
}
