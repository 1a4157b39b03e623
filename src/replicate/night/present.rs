//! The objects in the target before the restore: kept tables, and what they need.

use std::collections::{HashMap, HashSet};
use std::iter;

use super::error::NightError;
use super::first_load::Name;
use crate::archive::{Desc, Entry};
use crate::replicate::clean::{BOOKKEEPING, Drop};
use crate::server::Session;
use crate::sql::ident::qualified;

/// The partitions in the target, each with its partitioned table.
const PARTITIONS: &str = "\
SELECT pn.nspname, p.relname, wn.nspname, w.relname FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class p ON p.oid = i.inhrelid AND p.relispartition AND p.relkind IN ('r', 'p', 'f')
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
JOIN pg_catalog.pg_class w ON w.oid = i.inhparent
JOIN pg_catalog.pg_namespace wn ON wn.oid = w.relnamespace";

/// The kind under which a table of the role is listed a second time.
const OWN_TABLE: &str = "OWN TABLE";

/// An object: kind, schema, name.
type Object = (String, Option<String>, String);

/// The objects in the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Present {
    objects: HashSet<Object>,
    /// The partitioned table of each partition.
    wholes: HashMap<Name, Name>,
}

impl Present {
    /// Reads them from the server.
    pub(super) async fn read(session: &Session) -> Result<Self, NightError> {
        let failed = || NightError::target("list the objects in the target");
        let rows = session.query_text(include_str!("present.sql")).await.map_err(failed())?;
        let parts = session.query_text(PARTITIONS).await.map_err(failed())?;
        let object = |row: Vec<Option<String>>| {
            let [kind, schema, name] = row.try_into().ok()?;
            Some((kind?, schema, name?))
        };
        let part = |row: Vec<Option<String>>| {
            let [schema, part, of_whole, whole] = row.try_into().ok()?;
            Some(((schema?, part?), (of_whole?, whole?)))
        };
        let objects = rows.into_iter().filter_map(object).collect();
        Ok(Self { objects, wholes: parts.into_iter().filter_map(part).collect() })
    }

    /// Serialised, to be stored.
    pub(super) fn to_json(&self) -> String {
        let mut objects: Vec<_> = self.objects.iter().collect();
        objects.sort_unstable();
        let mut wholes: Vec<_> = self.wholes.iter().collect();
        wholes.sort_unstable();
        // Strings and lists of them always serialise.
        serde_json::to_string(&(objects, wholes)).unwrap_or_default()
    }

    /// From stored text; `None` if it is invalid.
    pub(super) fn from_json(text: &str) -> Option<Self> {
        let (objects, wholes): (_, Vec<_>) = serde_json::from_str(text).ok()?;
        Some(Self { objects, wholes: wholes.into_iter().collect() })
    }

    /// Without the dropped tables and schemas.
    pub(super) fn without(mut self, drops: &[Drop]) -> Self {
        let gone: HashSet<(String, &str)> =
            drops.iter().map(|drop| (drop.kind.to_string(), drop.identity.as_str())).collect();
        let goes = |kinds: &[&str], identity: String| {
            kinds.iter().any(|kind| gone.contains(&((*kind).to_owned(), identity.as_str())))
        };
        self.objects.retain(|(kind, schema, name)| match kind.as_str() {
            "TABLE" | OWN_TABLE => {
                !goes(&["table", "foreign table"], qualified(schema.as_deref(), name))
            }
            "SCHEMA" => !goes(&["schema"], qualified(None, name)),
            _ => true,
        });
        self
    }

    /// Whether this table exists.
    pub(super) fn has_table(&self, schema: &str, name: &str) -> bool {
        self.has("TABLE", Some(schema), name)
    }

    /// The table of which this one is a partition.
    pub(super) fn whole(&self, schema: &str, name: &str) -> Option<&Name> {
        self.wholes.get(&(schema.to_owned(), name.to_owned()))
    }

    /// The partitioned tables above this one, from the bottom up.
    pub(super) fn up(&self, schema: &str, name: &str) -> impl Iterator<Item = &Name> {
        iter::successors(self.whole(schema, name), |(schema, name)| self.whole(schema, name))
            .take(self.wholes.len())
    }

    /// Whether this table exists and belongs to the role.
    pub(super) fn has_own_table(&self, schema: &str, name: &str) -> bool {
        self.has(OWN_TABLE, Some(schema), name)
    }

    /// Whether the object of this entry exists and is not a table. (For tables, their modes decide;
    /// one that is in the way is an error.)
    pub(super) fn has_object_of(&self, entry: &Entry) -> bool {
        let schema = entry.namespace.as_deref().filter(|schema| !schema.is_empty());
        // nocturne's own records, if the source is itself a warehouse.
        let is_schema = entry.desc == Desc::Schema && entry.tag == BOOKKEEPING;
        if is_schema || schema == Some(BOOKKEEPING) {
            return true;
        }
        let kind = match entry.desc {
            Desc::Schema
            | Desc::Type
            | Desc::Domain
            | Desc::Function
            | Desc::Procedure
            | Desc::Aggregate
            | Desc::Collation
            | Desc::Cast
            | Desc::TextSearchConfiguration
            | Desc::TextSearchDictionary
            | Desc::TextSearchParser
            | Desc::TextSearchTemplate
            | Desc::ForeignDataWrapper
            | Desc::Server
            | Desc::UserMapping
            | Desc::ProceduralLanguage => entry.desc.as_str(),
            // Several of these can share a name.
            Desc::Operator | Desc::OperatorClass | Desc::OperatorFamily => {
                return self.has(entry.desc.as_str(), schema, entry.drop_stmt.trim_end());
            }
            Desc::ShellType => Desc::Type.as_str(),
            // The sequence of a kept table is ahead of the archive's value.
            Desc::Sequence | Desc::SequenceSet | Desc::SequenceOwnedBy => Desc::Sequence.as_str(),
            _ => return false,
        };
        self.has(kind, schema, &entry.tag)
    }

    fn has(&self, kind: &str, schema: Option<&str>, name: &str) -> bool {
        self.objects.contains(&(kind.to_owned(), schema.map(str::to_owned), name.to_owned()))
    }

    /// For tests of other modules.
    #[cfg(test)]
    pub(super) fn of(objects: &[(&str, Option<&str>, &str)]) -> Self {
        let object = |(kind, schema, name): &(&str, Option<&str>, &str)| {
            ((*kind).to_owned(), schema.map(str::to_owned), (*name).to_owned())
        };
        Self { objects: objects.iter().map(object).collect(), wholes: HashMap::new() }
    }

    /// The same, with a partition of a table.
    #[cfg(test)]
    pub(super) fn with_partition(mut self, part: &str, whole: &str) -> Self {
        let name = |table: &str| ("public".to_owned(), table.to_owned());
        self.wholes.insert(name(part), name(whole));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn present_objects_round_trip() {
        let present = Present::of(&[
            ("SCHEMA", None, "a \"b\""),
            ("FUNCTION", Some("public"), "f(text, integer)"),
        ]);
        let present = present.with_partition("events_1", "events");
        assert_eq!(Present::from_json(&present.to_json()), Some(present));
        // The second one is that of an earlier version.
        for other in ["{}", r#"[["SCHEMA",null,"a"],["SCHEMA",null,"b"]]"#] {
            assert_eq!(Present::from_json(other), None, "{other}");
        }
    }
}
