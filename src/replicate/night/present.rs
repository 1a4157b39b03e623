//! The objects in the target before the restore: kept tables, and what they need.

use std::collections::HashMap;
use std::iter;

use super::error::NightError;
use super::first_load::Name;
use crate::archive::{Desc, Entry};
use crate::replicate::clean::{BOOKKEEPING, DropPlan};
use crate::server::{
    MEMBERS, MEMBERSHIPS, PG_CLASS, Session, TRUSTED, UntrustedCode, UntrustedUses,
};
use crate::sql::{constraint, scan};

/// The partitions in the target, each with its partitioned table.
const PARTITIONS: &str = "\
SELECT pn.nspname, p.relname, wn.nspname, w.relname FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class p ON p.oid = i.inhrelid AND p.relispartition AND p.relkind IN ('r', 'p', 'f')
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
JOIN pg_catalog.pg_class w ON w.oid = i.inhparent
JOIN pg_catalog.pg_namespace wn ON wn.oid = w.relnamespace";

/// The kind under which every relation is listed, by its name.
const RELATION: &str = "RELATION";

/// The kind of extended statistics.
const STATISTICS: &str = "STATISTICS";

/// The kind of large objects of other roles, by their OIDs.
const LARGE_OBJECT: &str = "LARGE OBJECT";

/// An object: kind, schema, name.
type Object = (String, Option<String>, String);

/// An object of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// Its kind, in words.
    pub(super) what: String,
    pub(super) owner: String,
    /// Whether the role itself owns it.
    pub(super) is_own: bool,
    /// Whether it may be used: its owner is [trusted](TRUSTED), or it is not a function and its owner a
    /// role that this one is a member of, and it uses no other code.
    pub(super) is_trusted: bool,
    /// The code of another role that it uses.
    pub(super) code: Option<UntrustedCode>,
    oid: Option<u32>,
}

impl Holder {
    /// That of an object that was checked before.
    fn checked(kind: &str) -> Self {
        let what = kind.to_lowercase();
        let owner = String::new();
        Self { what, owner, is_own: true, is_trusted: true, code: None, oid: None }
    }

    /// Whether a type of its name exists: its own, or that of its rows.
    fn is_type(&self) -> bool {
        !matches!(self.what.as_str(), "sequence" | "index")
    }
}

/// A function or operator of another role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Overload {
    /// Its kind and name.
    pub(super) what: String,
    pub(super) owner: String,
    oid: u32,
}

/// The objects in the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Present {
    objects: HashMap<Object, Holder>,
    /// The partitioned table of each partition.
    wholes: HashMap<Name, Name>,
    /// Functions and operators of other roles: by schema and name, and by extension.
    overloads: HashMap<(Option<String>, String), Vec<Overload>>,
}

impl Present {
    /// Reads them from the server.
    pub(super) async fn read(session: &Session) -> Result<Self, NightError> {
        let failed = || NightError::target("list the objects in the target");
        let sql = include_str!("present.sql")
            .replace("{trusted}", TRUSTED)
            .replace("{memberships}", MEMBERSHIPS);
        let rows = session.query_text(&sql).await.map_err(failed())?;
        let parts = session.query_text(PARTITIONS).await.map_err(failed())?;
        let overloads = include_str!("overloads.sql")
            .replace("{trusted}", TRUSTED)
            .replace("{members}", MEMBERS);
        let overloads = session.query_text(&overloads).await.map_err(failed())?;
        // The code of relations runs when rows are written.
        let id = |[catalog, oid]: [&Option<String>; 2]| {
            let id = (catalog.as_ref()?.parse().ok()?, oid.as_ref()?.parse().ok()?);
            (id.0 != PG_CLASS).then_some(id)
        };
        let used: Vec<_> = rows.iter().filter_map(|row| id([row.get(4)?, row.get(5)?])).collect();
        let uses = UntrustedUses::of(session, &used).await.map_err(failed())?;
        let object = |row: Vec<Option<String>>| {
            let [kind, schema, name, what, catalog, oid, owner, is_own, is_trusted] =
                row.try_into().ok()?;
            let is_true = |value: Option<String>| value.as_deref() == Some("t");
            let code = id([&catalog, &oid]).and_then(|id| uses.by(id));
            let oid = oid.and_then(|oid| oid.parse().ok());
            let holder = Holder {
                what: what?,
                owner: owner.unwrap_or_default(),
                is_own: is_true(is_own),
                is_trusted: is_true(is_trusted) && code.is_none(),
                code: code.cloned(),
                oid,
            };
            Some(((kind?, schema, name?), holder))
        };
        let part = |row: Vec<Option<String>>| {
            let [schema, part, of_whole, whole] = row.try_into().ok()?;
            Some(((schema?, part?), (of_whole?, whole?)))
        };
        let overload = |row: Vec<Option<String>>| {
            let [schema, name, what, owner, oid] = row.try_into().ok()?;
            let oid = oid?.parse().ok()?;
            Some(((schema, name?), Overload { what: what?, owner: owner?, oid }))
        };
        let mut others: HashMap<_, Vec<Overload>> = HashMap::new();
        for (name, other) in overloads.into_iter().filter_map(overload) {
            others.entry(name).or_default().push(other);
        }
        Ok(Self {
            objects: rows.into_iter().filter_map(object).collect(),
            wholes: parts.into_iter().filter_map(part).collect(),
            overloads: others,
        })
    }

    /// Serialised, to be stored. What is only checked before the restore is not stored.
    pub(super) fn to_json(&self) -> String {
        let is_stored =
            |(kind, ..): &&Object| ![RELATION, STATISTICS, LARGE_OBJECT].contains(&kind.as_str());
        let mut objects: Vec<_> = self.objects.keys().filter(is_stored).collect();
        objects.sort_unstable();
        let mut wholes: Vec<_> = self.wholes.iter().collect();
        wholes.sort_unstable();
        // Strings and lists of them always serialise.
        serde_json::to_string(&(objects, wholes)).unwrap_or_default()
    }

    /// From stored text; `None` if it is invalid.
    pub(super) fn from_json(text: &str) -> Option<Self> {
        let (objects, wholes): (Vec<Object>, Vec<_>) = serde_json::from_str(text).ok()?;
        let checked = |object: Object| {
            let holder = Holder::checked(&object.0);
            (object, holder)
        };
        let objects = objects.into_iter().map(checked).collect();
        Some(Self { objects, wholes: wholes.into_iter().collect(), ..Self::default() })
    }

    /// Without the dropped objects.
    pub(super) fn without(mut self, plan: &DropPlan) -> Self {
        let gone = plan.gone();
        self.objects.retain(|_, it| it.oid.is_none_or(|oid| !gone.contains(&oid)));
        for others in self.overloads.values_mut() {
            others.retain(|other| !gone.contains(&other.oid));
        }
        self
    }

    /// Without these schemas, given as in SQL.
    pub(super) fn without_schemas(mut self, schemas: &[String]) -> Self {
        for schema in schemas {
            let schema = (Desc::Schema.as_str().to_owned(), None, scan::unquoted(schema));
            self.objects.remove(&schema);
        }
        self
    }

    /// Whether this table exists.
    pub(super) fn has_table(&self, schema: &str, name: &str) -> bool {
        self.has("TABLE", Some(schema), name)
    }

    /// The partitioned table directly above this partition.
    pub(super) fn whole(&self, schema: &str, name: &str) -> Option<&Name> {
        self.wholes.get(&(schema.to_owned(), name.to_owned()))
    }

    /// The partitioned tables above this one, from the bottom up.
    pub(super) fn up(&self, schema: &str, name: &str) -> impl Iterator<Item = &Name> {
        iter::successors(self.whole(schema, name), |(schema, name)| self.whole(schema, name))
            .take(self.wholes.len())
    }

    /// Whether the object of this entry exists, may be used, and is not a table. (For tables, their
    /// modes decide; one that is in the way is an error.)
    pub(super) fn has_object_of(&self, entry: &Entry) -> bool {
        let schema = entry.namespace.as_deref().filter(|schema| !schema.is_empty());
        // nocturne's own records, if the source is itself a warehouse.
        let is_schema = entry.desc == Desc::Schema && entry.tag == BOOKKEEPING;
        if is_schema || schema == Some(BOOKKEEPING) {
            return true;
        }
        let kind = match entry.desc {
            // Another role may share its schema: it only contains objects.
            Desc::Schema => return self.has(Desc::Schema.as_str(), schema, &entry.tag),
            Desc::Type
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
                let held = self.get(entry.desc.as_str(), schema, entry.drop_stmt.trim_end());
                return held.is_some_and(|holder| holder.is_trusted);
            }
            Desc::ShellType => Desc::Type.as_str(),
            // The sequence of a kept table is ahead of the archive's value.
            Desc::Sequence | Desc::SequenceSet | Desc::SequenceOwnedBy => Desc::Sequence.as_str(),
            _ => return false,
        };
        self.get(kind, schema, &entry.tag).is_some_and(|holder| holder.is_trusted)
    }

    /// What has the place of this entry's object: the object itself, or one of another kind with the
    /// same name (tables and the like share their names with indexes and sequences, types with
    /// tables, functions with procedures).
    pub(super) fn holder(&self, entry: &Entry) -> Option<&Holder> {
        let schema = entry.namespace.as_deref().filter(|schema| !schema.is_empty());
        let get = |kind: &str| self.get(kind, schema, &entry.tag);
        match &entry.desc {
            Desc::Table | Desc::ForeignTable => get("TABLE")
                .or_else(|| get(RELATION))
                .or_else(|| get("TYPE"))
                .or_else(|| get("DOMAIN")),
            Desc::View | Desc::MaterializedView => {
                get(RELATION).or_else(|| get("TYPE")).or_else(|| get("DOMAIN"))
            }
            Desc::Sequence | Desc::Index => get(RELATION),
            Desc::Constraint => self.get(RELATION, schema, &index_of(entry)?),
            Desc::Type | Desc::Domain => get("TYPE")
                .or_else(|| get("DOMAIN"))
                .or_else(|| get(RELATION).filter(|holder| holder.is_type())),
            Desc::Statistics => get(STATISTICS),
            Desc::Function | Desc::Procedure | Desc::Aggregate => {
                // pg_dump writes "(*)" for an aggregate without arguments, and "()" for a function.
                let name = entry.tag.replace("(*)", "()");
                let aggregate = name.replace("()", "(*)");
                self.get("FUNCTION", schema, &name)
                    .or_else(|| self.get("PROCEDURE", schema, &name))
                    .or_else(|| self.get("AGGREGATE", schema, &aggregate))
            }
            desc @ (Desc::Operator | Desc::OperatorClass | Desc::OperatorFamily) => {
                self.get(desc.as_str(), schema, entry.drop_stmt.trim_end())
            }
            desc @ (Desc::Collation
            | Desc::Conversion
            | Desc::Publication
            | Desc::TextSearchConfiguration
            | Desc::TextSearchDictionary
            | Desc::ForeignDataWrapper
            | Desc::Server
            | Desc::ProceduralLanguage) => get(desc.as_str()),
            _ => None,
        }
    }

    /// What has the name of another object that the server creates with that of this entry.
    pub(super) fn holder_of_part(&self, entry: &Entry) -> Option<(String, &Holder)> {
        of_range(entry).into_iter().find_map(|(kind, schema, name)| {
            let holder = self.get(kind, Some(&schema), &name)?;
            Some((format!("{schema}.{name}"), holder))
        })
    }

    /// Who owns a large object of another role.
    pub(super) fn large_object(&self, oid: u32) -> Option<&Holder> {
        self.get(LARGE_OBJECT, None, &oid.to_string())
    }

    /// A function or operator of another role which the server could choose instead of this entry's,
    /// or instead of one of this extension's.
    pub(super) fn overload(&self, entry: &Entry) -> Option<&Overload> {
        let schema = entry.namespace.clone().filter(|schema| !schema.is_empty());
        let of = |name: &str| self.overloads.get(&(schema.clone(), name.to_owned()))?.first();
        let name = match entry.desc {
            // A tag's name is not quoted, and may contain a parenthesis itself.
            Desc::Function | Desc::Procedure | Desc::Aggregate => {
                let ends = entry.tag.match_indices('(').map(|(end, _)| &entry.tag[..end]);
                return ends.into_iter().find_map(of);
            }
            Desc::Operator | Desc::Extension => &entry.tag,
            _ => return None,
        };
        of(name)
    }

    fn has(&self, kind: &str, schema: Option<&str>, name: &str) -> bool {
        self.get(kind, schema, name).is_some()
    }

    fn get(&self, kind: &str, schema: Option<&str>, name: &str) -> Option<&Holder> {
        self.objects.get(&(kind.to_owned(), schema.map(str::to_owned), name.to_owned()))
    }

    /// For tests of other modules.
    #[cfg(test)]
    pub(super) fn of(objects: &[(&str, Option<&str>, &str)]) -> Self {
        let object = |(kind, schema, name): &(&str, Option<&str>, &str)| {
            let object = ((*kind).to_owned(), schema.map(str::to_owned), (*name).to_owned());
            (object, Holder::checked(kind))
        };
        Self { objects: objects.iter().map(object).collect(), ..Self::default() }
    }

    /// The same, with a partition of a table.
    #[cfg(test)]
    pub(super) fn with_partition(mut self, part: &str, whole: &str) -> Self {
        let name = |table: &str| ("public".to_owned(), table.to_owned());
        self.wholes.insert(name(part), name(whole));
        self
    }
}

/// The index of a constraint, if it has one.
fn index_of(entry: &Entry) -> Option<String> {
    let (name, definition) = constraint::named(&entry.defn)?;
    let is_indexed =
        ["PRIMARY KEY", "UNIQUE", "EXCLUDE"].iter().any(|kind| definition.starts_with(kind));
    is_indexed.then_some(name)
}

/// The multirange and the constructors of a range type that another role may have taken, by kind,
/// schema and name (`DefineRange` in `typecmds.c`), from pg_dump's definition (`dumpRangeType` in
/// `pg_dump.c`).
fn of_range(entry: &Entry) -> Vec<(&'static str, String, String)> {
    let option = |name: &str| {
        let mut lines = entry.defn.lines();
        let value = lines.find_map(|line| line.trim_start().strip_prefix(name))?;
        Some(value.strip_suffix(',').unwrap_or(value))
    };
    let (Desc::Type, Some(subtype)) = (&entry.desc, option("subtype = ")) else {
        return Vec::new();
    };
    let (schema, name) = (entry.namespace.clone().unwrap_or_default(), &entry.tag);
    let mut parts = vec![
        ("FUNCTION", schema.clone(), format!("{name}({subtype}, {subtype})")),
        ("FUNCTION", schema, format!("{name}({subtype}, {subtype}, text)")),
    ];
    let multirange = option("multirange_type_name = ").and_then(|name| {
        let (schema, name) = name.split_at(scan::identifier(name)?);
        Some((scan::unquoted(schema), scan::unquoted(name.strip_prefix('.')?)))
    });
    if let Some((schema, name)) = multirange {
        parts.push(("FUNCTION", schema.clone(), format!("{name}()")));
        parts.push(("TYPE", schema, name));
    }
    parts
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
