//! The decisions on all entries, and their order.

use std::collections::{HashMap, HashSet};

use super::list_file::ListFile;
use super::names::Missing;
use super::options::{SelectOptions, UsageError};
use super::unwanted::Unwanted;
use super::want::{Chooser, Want};
use crate::archive::{DumpId, Entry, Place, Section, placed};

/// Which entries are wanted and in what order. Entries are identified by their place in the TOC.
#[derive(Clone, Debug)]
pub struct Selection {
    /// All entries, in the order of a serial restore: as in the TOC, or, with a list file, first
    /// those not listed and then those listed, as listed.
    pub order: Vec<Place>,
    /// What is wanted of each entry, by its place in the TOC.
    pub wants: Vec<Want>,
    pub(super) reasons: Vec<Option<Unwanted>>,
    missing: Vec<Missing>,
    schema_asked_for: bool,
}

/// Why no entries can be selected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// Two options conflict.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// `--strict-names` was given, and these names match nothing. Never empty.
    #[error("{}", join(.0))]
    NamesNotFound(Vec<Missing>),
}

fn join(missing: &[Missing]) -> String {
    missing.iter().map(Missing::to_string).collect::<Vec<_>>().join(", ")
}

/// Decides on each entry of a TOC.
///
/// # Errors
/// When options conflict, or, with `--strict-names`, when a name given with `-n`, `-t`, `-I`, `-P`
/// or `-T` matches nothing among the entries left by the other options.
pub fn select(
    entries: &[Entry],
    options: &SelectOptions,
    list: Option<&ListFile>,
) -> Result<Selection, SelectError> {
    options.check()?;
    let by_id: HashMap<DumpId, Place> =
        placed(entries).map(|(place, entry)| (entry.dump_id, place)).collect();
    let order = match list {
        Some(list) => listed_order(entries.len(), list, &by_id),
        None => placed(entries).map(|(place, _)| place).collect(),
    };
    let listed: Option<HashSet<DumpId>> = list.map(|list| list.ids().iter().copied().collect());

    let mut chooser = Chooser::new(options, entries, &by_id, listed.as_ref());
    let mut reasons = vec![None; entries.len()];
    // An entry without a section (a comment, privileges) is in the section of the entries before
    // it.
    let mut section = Section::PreData;
    for &place in &order {
        if entries[place].section != Section::None {
            section = entries[place].section;
        }
        reasons[place.0] = chooser.decide(place, section);
    }
    let (wants, missing) = chooser.finish();

    if options.strict_names && !missing.is_empty() {
        return Err(SelectError::NamesNotFound(missing));
    }
    Ok(Selection { order, wants, reasons, missing, schema_asked_for: options.dump_schema() })
}

/// Entries not listed first (a restore has to count them as done before it looks at the others),
/// then those listed (`SortTocFromFile` in `pg_backup_archiver.c`).
fn listed_order(count: usize, list: &ListFile, by_id: &HashMap<DumpId, Place>) -> Vec<Place> {
    let listed: Vec<Place> = list.ids().iter().filter_map(|id| by_id.get(id).copied()).collect();
    let mut is_listed = vec![false; count];
    for &place in &listed {
        is_listed[place.0] = true;
    }
    (0..count).map(Place).filter(|place| !is_listed[place.0]).chain(listed).collect()
}

impl Selection {
    /// The wanted entries, in order.
    pub fn wanted(&self) -> impl Iterator<Item = Place> {
        self.order.iter().copied().filter(|place| self.wants[place.0].any())
    }

    /// The entries that are not restored, in order, each with the reason. Settings (see
    /// [`Want::special`]) are not among them.
    pub fn unwanted(&self) -> impl Iterator<Item = (Place, &Unwanted)> {
        self.order.iter().filter_map(|place| Some((*place, self.reason(*place)?)))
    }

    /// What is wanted of the entry at this place in the TOC: nothing if there is no such entry.
    #[must_use]
    pub fn want(&self, place: Place) -> Want {
        self.wants.get(place.0).copied().unwrap_or_default()
    }

    /// Why the entry at this place in the TOC is not restored. `None` if it is, or is a setting.
    #[must_use]
    pub fn reason(&self, place: Place) -> Option<&Unwanted> {
        self.reasons.get(place.0)?.as_ref()
    }

    /// The given names that match no entry: worth a warning where they are not an error.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Whether definitions are restored at all. If not, existing tables are used: a data-only
    /// restore disables triggers if requested.
    ///
    /// Also false when definitions were requested but no entry with one is wanted (what
    /// `RestoreArchive` reports as an implied no-schema restore).
    #[must_use]
    pub fn dump_schema(&self) -> bool {
        self.schema_asked_for && self.wants.iter().any(|want| want.schema)
    }

    /// Whether definitions were requested but none is wanted.
    #[must_use]
    pub fn is_implied_no_schema(&self) -> bool {
        self.schema_asked_for && !self.dump_schema()
    }
}

#[cfg(test)]
mod tests;
