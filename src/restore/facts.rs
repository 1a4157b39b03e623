//! What does not change during a restore: the archive, what is wanted of it, the options.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::archive::objects::listed_objects;
use crate::archive::{self, Desc, DumpId, Entry, Place, Toc, placed};
use crate::plan::history::RowFormat;
use crate::restore::event::Events;
use crate::restore::options::{RestoreOptions, Transactions};
use crate::select::Want;
use crate::source::{Origin, RandomAccess};
use crate::statements::Style;

/// The facts of one restore, shared by its sessions.
pub(crate) struct Facts {
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
    pub(crate) formats: HashMap<Place, RowFormat>,
    pub(crate) events: Events,
    /// The largest number of sessions that could all find work.
    pub(crate) most_sessions: usize,
    /// Tables whose rows are in several entries.
    pub(crate) loaded_in_parts: HashSet<DumpId>,
}

impl Facts {
    pub(crate) fn entry(&self, place: Place) -> &Entry {
        self.toc.at(place)
    }

    pub(crate) fn want(&self, place: Place) -> Want {
        self.wants[place.0]
    }

    /// Whether anything of the entry is wanted.
    pub(crate) fn is_wanted(&self, place: Place) -> bool {
        let want = self.wants[place.0];
        want.schema || want.data || want.stats
    }

    /// Whether the entry's data in the archive is wanted.
    pub(crate) fn wants_archived_data(&self, place: Place) -> bool {
        self.wants[place.0].data && self.entry(place).had_dumper
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

    /// Names the entry and the archive in an error about the entry's data.
    pub(crate) fn in_entry(
        &self,
        error: archive::ArchiveError,
        entry: &Entry,
    ) -> archive::ArchiveError {
        error.in_entry(entry).in_archive(&self.archive)
    }

    /// A table and all partitioned tables above it.
    pub(crate) fn with_roots(&self, table: DumpId) -> Vec<DumpId> {
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

    /// Whether an entry holds the rows of a table that several sessions could load.
    pub(crate) fn is_large(&self, place: Place) -> bool {
        let entry = self.entry(place);
        let size = self.random.as_ref().and_then(|random| random.size(entry));
        entry.desc == Desc::TableData && self.split_size(size).is_some()
    }

    /// How much data must remain for each session that loads a table of this size; `None` if it is
    /// too small for more than one session.
    pub(crate) fn split_size(&self, size: Option<u64>) -> Option<u64> {
        self.options.split_size.least().filter(|least| size.is_none_or(|size| size >= *least))
    }

    /// Whether a server crash would empty what an entry fills.
    pub(crate) fn is_unlogged(&self, entry: &Entry) -> bool {
        let object = entry.dependencies.first().and_then(|id| self.toc.get(*id));
        object.is_some_and(|object| object.defn.contains("CREATE UNLOGGED "))
    }

    /// Whether a server crash would leave what is restored, if it was made durable.
    pub(crate) fn survives_a_crash(&self) -> bool {
        let is_kept = |(place, entry): (Place, &Entry)| {
            let fills = matches!(entry.desc, Desc::TableData | Desc::SequenceSet);
            !(self.is_wanted(place) && fills && self.is_unlogged(entry))
        };
        self.options.transactions == Transactions::None && placed(&self.toc.entries).all(is_kept)
    }
}
