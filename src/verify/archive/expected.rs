//! The large objects listed in the table of contents, and their entries.

use std::collections::HashMap;

use super::examine::Findings;
use crate::archive::objects::listed_objects;
use crate::archive::{Desc, DumpId, Entry, Toc};

/// The large objects of each entry that has some.
pub(super) struct Expected {
    /// Sorted OIDs by the entry with the contents.
    objects: HashMap<DumpId, Vec<u32>>,
    /// The entry of each OID.
    owners: HashMap<u32, DumpId>,
    /// The first entry with contents, for unlisted objects.
    fallback: Option<DumpId>,
}

impl Expected {
    /// Looks up the lists of all `entries` with large objects.
    pub(super) fn new<'a>(toc: &Toc, entries: impl Iterator<Item = &'a Entry>) -> Self {
        let blobs: Vec<&Entry> = entries.filter(|entry| entry.desc == Desc::Blobs).collect();
        let objects: HashMap<DumpId, Vec<u32>> =
            blobs.iter().filter_map(|entry| Some((entry.dump_id, listed(toc, entry)?))).collect();
        let owners =
            objects.iter().flat_map(|(id, oids)| oids.iter().map(move |oid| (*oid, *id))).collect();
        Self { objects, owners, fallback: blobs.first().map(|entry| entry.dump_id) }
    }

    /// The entry of a large object. `None` if no entry with large objects is read.
    pub(super) fn owner(&self, oid: u32) -> Option<DumpId> {
        self.owners.get(&oid).copied().or(self.fallback)
    }

    /// Checks that the objects found are exactly those listed.
    pub(super) fn check(&self, entry: &Entry, findings: &mut Findings) {
        if entry.desc != Desc::Blobs || findings.error.is_some() {
            return;
        }
        let mut found: Vec<u32> = findings.objects.iter().map(|object| object.oid).collect();
        found.sort_unstable();
        if let Some(twice) = found.windows(2).find(|pair| pair[0] == pair[1]) {
            findings.fail(format!("large object {} occurs twice", twice[0]));
        }
        let Some(listed) = self.objects.get(&entry.dump_id) else {
            return;
        };
        if let Some(oid) = listed.iter().find(|oid| found.binary_search(oid).is_err()) {
            findings.fail(format!("large object {oid} is listed but missing"));
        }
        if let Some(oid) = found.iter().find(|oid| listed.binary_search(oid).is_err()) {
            findings.fail(format!("large object {oid} is not in the table of contents"));
        }
    }
}

/// The sorted OIDs of an entry `BLOBS`, if the archive lists them.
fn listed(toc: &Toc, blobs: &Entry) -> Option<Vec<u32>> {
    let metadata = |entry: &&Entry| {
        entry.desc == Desc::BlobMetadata && blobs.dependencies.contains(&entry.dump_id)
    };
    let metadata = toc.entries.iter().find(metadata);
    let mut oids: Vec<u32> = listed_objects(metadata, &toc.entries).into_iter().collect();
    oids.sort_unstable();
    (!oids.is_empty()).then_some(oids)
}
