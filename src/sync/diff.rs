//! The difference between what two archives define.

use std::collections::BTreeMap;

use crate::archive::Desc;
use crate::sync::manifest::{EntryRecord, Ident};
use crate::sync::picture::Picture;

/// The difference between the definitions of two archives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// The entries that differ, by their labels, each with how it does: `INDEX public.i (new)`.
    pub(super) definitions: Vec<String>,
    /// Whether the lists of large objects, their owners, privileges or comments differ. Their
    /// contents are data.
    pub(super) large_objects: bool,
}

/// Compares the entries of an earlier archive with tonight's.
pub(super) fn diff(then: &BTreeMap<Ident, EntryRecord>, now: &Picture) -> Changes {
    let mut changes = Changes::default();
    for (ident, entry) in &now.entries {
        match then.get(ident) {
            None => changes.add(ident, Change::New),
            Some(then) if then.definition != entry.definition => {
                changes.add(ident, Change::Changed);
            }
            Some(_) => {}
        }
    }
    let gone = then.keys().filter(|ident| !now.entries.contains_key(ident));
    gone.for_each(|ident| changes.add(ident, Change::Gone));
    changes
}

/// How an entry differs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Changed,
    New,
    Gone,
}

impl Changes {
    fn add(&mut self, ident: &Ident, change: Change) {
        match Part::of(ident) {
            Part::LargeObjects => self.large_objects = true,
            Part::Statistics => {}
            Part::Value if change == Change::Changed => {}
            Part::Definition | Part::Value => {
                let how = match change {
                    Change::Changed => "changed",
                    Change::New => "new",
                    Change::Gone => "dropped",
                };
                self.definitions.push(format!("{ident} ({how})"));
            }
        }
    }
}

/// What a change of an entry means.
enum Part {
    /// The definition of an object, or something about it.
    Definition,
    /// Data, or a statement that sets it: only its presence is part of the definitions, not its text.
    Value,
    /// Planner statistics.
    Statistics,
    /// Large objects, or something about them.
    LargeObjects,
}

impl Part {
    fn of(ident: &Ident) -> Self {
        match Desc::from_text(ident.kind()) {
            Desc::Blob | Desc::BlobMetadata | Desc::Blobs | Desc::BlobComments => {
                Self::LargeObjects
            }
            Desc::Acl | Desc::Comment | Desc::SecurityLabel
                if ident.tag().starts_with("LARGE OBJECT") =>
            {
                Self::LargeObjects
            }
            Desc::TableData | Desc::SequenceSet | Desc::MaterializedViewData => Self::Value,
            Desc::StatisticsData => Self::Statistics,
            _ => Self::Definition,
        }
    }
}

#[cfg(test)]
mod tests;
