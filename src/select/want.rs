//! Decides on one entry: what of it is wanted, or why nothing is.
//!
//! The steps and their order are those of `_tocEntryRequired` (`pg_backup_archiver.c`), except what
//! only `pg_dump --binary-upgrade` can request. The order matters: names count as found only when
//! an entry reaches the comparison.

use std::collections::{HashMap, HashSet};

use super::flag::Flag;
use super::names::{Missing, NameKind, Names};
use super::options::SelectOptions;
use super::unwanted::{Selectors, Unwanted};
use crate::archive::entry::LOAD_VIA_PARTITION_ROOT;
use crate::archive::{Desc, DumpId, Entry, Place, Section};

/// What of an entry is wanted (`REQ_SCHEMA`, `REQ_DATA`, `REQ_STATS`, `REQ_SPECIAL`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Its definition.
    pub schema: bool,
    /// Its data: rows, large objects, a sequence's value.
    pub data: bool,
    /// Its planner statistics.
    pub stats: bool,
    /// It is a setting of the dump (`ENCODING`, `STDSTRINGS`, `SEARCHPATH`), applied to sessions
    /// rather than restored, whatever the options.
    pub special: bool,
}

impl Want {
    /// Whether the entry is restored. Settings are not.
    #[must_use]
    pub fn any(self) -> bool {
        self.schema || self.data || self.stats
    }
}

/// Decides on entries one by one, in the order in which they are restored.
pub(super) struct Chooser<'a> {
    options: &'a SelectOptions,
    entries: &'a [Entry],
    by_id: &'a HashMap<DumpId, Place>,
    listed: Option<&'a HashSet<DumpId>>,
    schemas: Names<'a>,
    exclude_schemas: Names<'a>,
    tables: Names<'a>,
    indexes: Names<'a>,
    functions: Names<'a>,
    triggers: Names<'a>,
    /// The decisions so far, by place in `entries`.
    wants: Vec<Want>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(
        options: &'a SelectOptions,
        entries: &'a [Entry],
        by_id: &'a HashMap<DumpId, Place>,
        listed: Option<&'a HashSet<DumpId>>,
    ) -> Self {
        Self {
            options,
            entries,
            by_id,
            listed,
            schemas: Names::new(&options.schemas),
            exclude_schemas: Names::new(&options.exclude_schemas),
            tables: Names::new(&options.tables),
            indexes: Names::new(&options.indexes),
            functions: Names::new(&options.functions),
            triggers: Names::new(&options.triggers),
            wants: vec![Want::default(); entries.len()],
        }
    }

    /// Decides on the entry at `place`. `section` is its own, or else that of the
    /// last entry before it with a section: entries without a section follow their neighbours.
    pub(super) fn decide(&mut self, place: Place, section: Section) -> Option<Unwanted> {
        let entry = &self.entries[place];
        match self.want(entry, section) {
            Ok(want) => {
                self.wants[place.0] = want;
                None
            }
            Err(reason) => Some(reason),
        }
    }

    /// The decisions, and the names that no entry has, in the order in which pg_restore checks them
    /// (`StrictNamesCheck`).
    pub(super) fn finish(self) -> (Vec<Want>, Vec<Missing>) {
        let missing = self
            .schemas
            .missing(NameKind::Schema)
            .chain(self.tables.missing(NameKind::Table))
            .chain(self.indexes.missing(NameKind::Index))
            .chain(self.functions.missing(NameKind::Function))
            .chain(self.triggers.missing(NameKind::Trigger))
            .collect();
        (self.wants, missing)
    }

    fn want(&mut self, entry: &Entry, section: Section) -> Result<Want, Unwanted> {
        let options = self.options;
        match entry.desc {
            Desc::Encoding | Desc::StdStrings | Desc::SearchPath => {
                return Ok(Want { special: true, ..Want::default() });
            }
            Desc::StatisticsData => {
                if let Some(flag) = options.without_statistics() {
                    return Err(Unwanted::Excluded(flag));
                }
            }
            // The database depends on -C alone: not even a list file matters.
            Desc::Database | Desc::DatabaseProperties => {
                return if options.create_db {
                    Ok(Want { schema: true, ..Want::default() })
                } else {
                    Err(Unwanted::NeedsCreate)
                };
            }
            _ => {}
        }
        if let Some(flag) = class_excluded(entry, options) {
            return Err(Unwanted::Excluded(flag));
        }
        if !options.takes_section(section) {
            return Err(Unwanted::Section);
        }
        if self.listed.is_some_and(|listed| !listed.contains(&entry.dump_id)) {
            return Err(Unwanted::NotListed);
        }
        if matches!(entry.desc, Desc::Acl | Desc::Comment | Desc::SecurityLabel) {
            self.check_parent(entry)?;
        } else {
            self.check_schema(entry)?;
            if options.selects_types() && !self.is_selected(entry) {
                return Err(Unwanted::NotSelected(Selectors::of(options)));
            }
        }
        parts(entry, options)
    }

    /// Comments, privileges and security labels follow their object when only some objects are
    /// selected. Otherwise all are restored: some concern objects that are in no archive, such as
    /// built-in functions.
    fn check_parent(&self, entry: &Entry) -> Result<(), Unwanted> {
        if entry.tag.starts_with("DATABASE ") {
            return if self.options.create_db { Ok(()) } else { Err(Unwanted::NeedsCreate) };
        }
        if !self.options.is_selective() {
            return Ok(());
        }
        // Privileges on a column also depend on those on the table, for ordering only: that is not
        // a parent. A parent that a list file moved after its comment is not decided yet, and so
        // counts as unwanted.
        let wanted = entry
            .dependencies
            .iter()
            .filter_map(|id| self.by_id.get(id))
            .filter(|parent| self.entries[**parent].desc != Desc::Acl)
            .any(|parent| self.wants[parent.0] != Want::default());
        if wanted { Ok(()) } else { Err(Unwanted::ParentUnwanted) }
    }

    fn check_schema(&mut self, entry: &Entry) -> Result<(), Unwanted> {
        let namespace = entry.namespace.as_deref();
        if !self.schemas.is_empty() && !namespace.is_some_and(|name| self.schemas.meet(name)) {
            return Err(Unwanted::NotInSchemas);
        }
        if namespace.is_some_and(|name| self.exclude_schemas.meet(name)) {
            return Err(Unwanted::SchemaExcluded);
        }
        Ok(())
    }

    /// Whether the entry is one of those selected with `-t`, `-I`, `-P` and `-T`.
    fn is_selected(&mut self, entry: &Entry) -> bool {
        match entry.desc {
            Desc::StatisticsData => self.is_statistics_selected(entry),
            Desc::Table
            | Desc::TableData
            | Desc::View
            | Desc::ForeignTable
            | Desc::MaterializedView
            | Desc::MaterializedViewData
            | Desc::Sequence
            | Desc::SequenceSet => self.tables.meet(&entry.tag),
            Desc::Index => self.indexes.meet(&entry.tag),
            Desc::Function | Desc::Aggregate | Desc::Procedure => self.functions.meet(&entry.tag),
            Desc::Trigger => self.triggers.meet(&entry.tag),
            _ => false,
        }
    }

    /// Whether the table or index of these statistics, found through their dependencies, is
    /// selected.
    fn is_statistics_selected(&mut self, entry: &Entry) -> bool {
        let mut selected = false;
        for id in &entry.dependencies {
            let Some(parent) = self.by_id.get(id).map(|place| &self.entries[*place]) else {
                continue;
            };
            // Not short-circuited: each parent's name counts as found.
            selected |= match parent.desc {
                Desc::Table | Desc::View | Desc::ForeignTable | Desc::MaterializedView => {
                    self.tables.meet(&parent.tag)
                }
                Desc::Index => self.indexes.meet(&parent.tag),
                _ => false,
            };
        }
        selected
    }
}

/// The option that excludes all entries of this entry's class, if any.
fn class_excluded(entry: &Entry, options: &SelectOptions) -> Option<Flag> {
    let about = |kind: &str| entry.tag.starts_with(kind);
    let flags: &[(bool, Flag)] = match entry.desc {
        Desc::Acl | Desc::AclLanguage | Desc::DefaultAcl => &[(options.no_acl, Flag::NoAcl)],
        Desc::Comment => &[
            (options.no_comments, Flag::NoComments),
            (options.no_policies && about("POLICY"), Flag::NoPolicies),
            (options.no_publications && about("PUBLICATION"), Flag::NoPublications),
            (options.no_subscriptions && about("SUBSCRIPTION"), Flag::NoSubscriptions),
        ],
        Desc::Policy | Desc::RowSecurity => &[(options.no_policies, Flag::NoPolicies)],
        Desc::Publication | Desc::PublicationTable | Desc::PublicationTablesInSchema => {
            &[(options.no_publications, Flag::NoPublications)]
        }
        Desc::SecurityLabel => &[
            (options.no_security_labels, Flag::NoSecurityLabels),
            (options.no_publications && about("PUBLICATION"), Flag::NoPublications),
            (options.no_subscriptions && about("SUBSCRIPTION"), Flag::NoSubscriptions),
        ],
        Desc::Subscription | Desc::SubscriptionTable => {
            &[(options.no_subscriptions, Flag::NoSubscriptions)]
        }
        _ => &[],
    };
    flags.iter().find_map(|(excluded, flag)| excluded.then_some(*flag))
}

/// The parts of the entry, except those that are not selected.
fn parts(entry: &Entry, options: &SelectOptions) -> Result<Want, Unwanted> {
    if entry.desc == Desc::Init && entry.tag == "Max OID" {
        return Err(Unwanted::Obsolete);
    }
    let has = has_parts(entry);
    let want = Want {
        schema: has.schema && options.dump_schema(),
        data: has.data && options.dump_data(),
        ..has
    };
    if want.any() {
        return Ok(want);
    }
    let excluded_by = has
        .data
        .then(|| options.without_data())
        .flatten()
        .or_else(|| has.schema.then(|| options.without_schema()).flatten());
    Err(excluded_by.map_or(Unwanted::Empty, Unwanted::Excluded))
}

/// The parts of the entry.
fn has_parts(entry: &Entry) -> Want {
    if entry.desc == Desc::StatisticsData {
        return Want { stats: true, ..Want::default() };
    }
    // An entry with a dumper may hold both; one without is a definition, unless it is SQL that
    // creates data: sequence values, and large objects with everything about them.
    let sql_is_data = match entry.desc {
        Desc::SequenceSet | Desc::Blob | Desc::BlobMetadata => true,
        Desc::Acl | Desc::Comment | Desc::SecurityLabel => entry.tag.starts_with("LARGE OBJECT"),
        _ => false,
    };
    let has_definition = !entry.defn.is_empty() && !entry.defn.starts_with(LOAD_VIA_PARTITION_ROOT);
    Want {
        schema: has_definition && (entry.had_dumper || !sql_is_data),
        data: entry.had_dumper || sql_is_data,
        ..Want::default()
    }
}

#[cfg(test)]
mod tests;
