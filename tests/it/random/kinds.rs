//! The kinds of objects in a random database.

use super::source::Source;
use super::{extension, guards, objects, partitions, readers, tables, triggers, types, views};
use crate::common::random::Random;

/// A kind of objects; these names appear in reports and in `NOCTURNE_RANDOM_KIND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Tables with columns of all types, keys, identities and sequences.
    Tables,
    /// Foreign keys: chains, self-references, cycles, NOT VALID, deferred.
    Keys,
    /// Inheritance and tables of a type.
    Inheritance,
    /// Functions that read tables, called by rows, indexes, domains and defaults.
    Readers,
    /// Views and materialized views that read others, directly or through functions.
    Views,
    /// Trees of partitions with two levels below the root.
    Partitions,
    /// Policies, row security that also applies to the owner, and rules.
    Guards,
    /// Triggers that write into other tables.
    Triggers,
    /// Event triggers.
    EventTriggers,
    /// Enums, composites, ranges, domains, operators, aggregates, casts.
    Types,
    /// Large objects with owners and privileges.
    LargeObjects,
    /// Privileges and owners.
    Privileges,
    /// Foreign servers and tables, publications, collations, text search.
    Others,
    /// An extension whose tables are dumped.
    Extension,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::Tables,
        Self::Keys,
        Self::Inheritance,
        Self::Readers,
        Self::Views,
        Self::Partitions,
        Self::Guards,
        Self::Triggers,
        Self::EventTriggers,
        Self::Types,
        Self::LargeObjects,
        Self::Privileges,
        Self::Others,
        Self::Extension,
    ];

    /// The kinds in `NOCTURNE_RANDOM_KIND=Views,Keys`, or all.
    pub fn asked_for() -> Vec<Self> {
        let Ok(asked) = std::env::var("NOCTURNE_RANDOM_KIND") else {
            return Self::ALL.to_vec();
        };
        let kind = |name: &str| {
            let found = Self::ALL.into_iter().find(|kind| format!("{kind:?}") == name);
            found.unwrap_or_else(|| {
                panic!("NOCTURNE_RANDOM_KIND={name} is not one of {:?}", Self::ALL)
            })
        };
        asked.split(',').map(kind).collect()
    }

    /// Some of these kinds for one schema.
    pub fn some(kinds: &[Self], random: &mut Random) -> Vec<Self> {
        (0..3 + random.below(4)).map(|_| random.one(kinds)).collect()
    }

    /// Whether the server and the role support it.
    pub fn is_possible(self, source: &Source) -> bool {
        match self {
            Self::EventTriggers => source.is_superuser,
            // Elsewhere its files would have to be in the server's own folder.
            Self::Extension => {
                source.is_superuser && source.major >= 18 && source.extension.is_none()
            }
            _ => true,
        }
    }

    /// Adds some objects of the kind to the current schema.
    pub fn make(self, source: &mut Source) {
        match self {
            Self::Tables => tables::make(source),
            Self::Keys => tables::make_keys(source),
            Self::Inheritance => tables::make_inheritance(source),
            Self::Readers => readers::make(source),
            Self::Views => views::make(source),
            Self::Partitions => partitions::make(source),
            Self::Guards => guards::make(source),
            Self::Triggers => triggers::make(source),
            Self::EventTriggers => triggers::make_for_events(source),
            Self::Types => types::make(source),
            Self::LargeObjects => objects::make_large(source),
            Self::Privileges => objects::make_privileges(source),
            Self::Others => objects::make_others(source),
            Self::Extension => extension::make(source),
        }
    }
}
