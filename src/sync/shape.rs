//! The objects that exist in the database, and whether others have changed them.
//!
//! Each object has a *shape*, a digest of its rows in the catalog (`shape.sql`). The manifest holds
//! those of all objects that the archive's entries created. An object whose shape is another, or
//! that is gone, was changed by someone else: this program records the shapes after what it does
//! itself. Objects that no entry created (views of analysts, indexes added by hand) are not
//! looked at.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::archive::Desc;
use crate::server::{Result, Session};
use crate::sync::manifest::{Ident, Manifest, ObjectId, ObjectRecord};
use crate::sync::names::Names;
use crate::sync::picture::Picture;

/// The first version with `pg_publication_namespace` (release notes of PostgreSQL 15).
const SCHEMAS_PUBLISHED_SINCE: u32 = 150_000;

/// The branch of `shape.sql` for that catalog.
const PUBLICATION_NAMESPACE: &str = "UNION ALL \
    SELECT 'pg_catalog.pg_publication_namespace'::pg_catalog.regclass, x.oid, 0, \
        'PUBLICATION TABLES IN SCHEMA', s.nspname, p.pubname || ' ' || s.nspname, NULL, NULL, \
        pg_catalog.to_jsonb(x) \
    FROM pg_catalog.pg_publication_namespace x \
    JOIN pg_catalog.pg_publication p ON p.oid = x.pnpubid JOIN schemas s ON s.oid = x.pnnspid";

/// The objects in the database that an archive can create.
#[derive(Debug)]
pub(super) struct Objects(Vec<Object>);

/// An object.
#[derive(Debug)]
struct Object {
    id: ObjectId,
    shape: [u8; 16],
    /// Its own entry's name.
    own: Ident,
    /// The name of the entry that creates it if it has none of its own.
    other: Option<Ident>,
    /// The name of the column, or its number if it was dropped.
    column: Option<String>,
}

impl Objects {
    /// Reads them. The session has the archive's encoding, and settings like pg_dump's.
    ///
    /// # Errors
    /// When the query fails.
    pub(super) async fn read(session: &Session) -> Result<Self> {
        let namespace = match session.server_version_num() {
            SCHEMAS_PUBLISHED_SINCE.. => PUBLICATION_NAMESPACE,
            _ => "",
        };
        // The first mention is in the comment.
        let sql = include_str!("shape.sql")
            .replace("\n{publication_namespace}\n", &format!("\n{namespace}\n"));
        let names = Names::of(session);
        let [schema, name, other, column] =
            ["schema", "name", "other_name", "column_name"].map(|column| names.sql(column));
        let sql = format!(
            "SELECT class, id, sub, kind, {schema}, {name}, other_kind, {other}, {column}, shape \
             FROM ({sql}) o"
        );
        let rows = session.query_text(&sql).await?;
        // Every row is of this form.
        Ok(Self(rows.into_iter().filter_map(|row| Object::of(row, names)).collect()))
    }

    /// What others have changed or dropped since the manifest was written, in words: `column email
    /// of TABLE public.users (changed)`.
    pub(super) fn changed(&self, manifest: &Manifest) -> Vec<String> {
        let now: HashMap<ObjectId, &Object> = self.0.iter().map(|it| (it.id, it)).collect();
        let is_gone = |(id, _): &(&ObjectId, &ObjectRecord)| !now.contains_key(id);
        let gone = manifest.objects.iter().filter(is_gone);
        // What is gone with these is not named.
        let whole: HashSet<&Ident> = gone
            .filter(|(id, then)| part(**id, &then.ident).is_none())
            .map(|(_, then)| &then.ident)
            .collect();
        let mut seen = HashSet::new();
        let what =
            |(id, then): (&ObjectId, &ObjectRecord)| match (now.get(id), part(*id, &then.ident)) {
                (Some(object), _) => (object.shape != then.shape)
                    .then(|| format!("{} (changed)", object.label(&then.ident))),
                (None, None) => Some(format!("{} (dropped)", then.ident)),
                (None, Some(_)) if whole.contains(&then.ident) => None,
                (None, Some(part)) => Some(format!("{part} of {} (dropped)", then.ident)),
            };
        manifest.objects.iter().filter_map(what).filter(|what| seen.insert(what.clone())).collect()
    }

    /// The objects of these entries, to be recorded.
    pub(super) fn records(&self, picture: &Picture) -> BTreeMap<ObjectId, ObjectRecord> {
        let record = |object: &Object| {
            let ident = object.ident(picture)?.clone();
            Some((object.id, ObjectRecord { ident, shape: object.shape }))
        };
        self.0.iter().filter_map(record).collect()
    }

    /// The entries whose object does not exist, by their labels.
    pub(super) fn missing(&self, picture: &Picture) -> Vec<String> {
        let mut present: HashMap<Ident, u32> = HashMap::new();
        for object in self.0.iter().filter(|object| object.id.sub == 0) {
            *present.entry(object.own.clone()).or_default() += 1;
        }
        let wanted =
            picture.entries.keys().filter(|ident| is_object(&Desc::from_text(ident.kind())));
        // Entries that share a name are numbered from 0.
        let is_missing = |ident: &&Ident| {
            present.get(&ident.numbered(0)).copied().unwrap_or_default() <= ident.number()
        };
        wanted.filter(is_missing).map(Ident::to_string).collect()
    }

    /// Whether any object of these entries exists, apart from those that a new database may have.
    pub(super) fn any(&self, picture: &Picture) -> bool {
        let is_new = |ident: &Ident| {
            let desc = Desc::from_text(ident.kind());
            matches!(desc, Desc::Extension | Desc::ProceduralLanguage | Desc::Schema)
        };
        let found = self.0.iter().filter_map(|object| object.ident(picture));
        found.into_iter().any(|ident| !is_new(ident))
    }
}

impl Object {
    fn of(row: Vec<Option<String>>, names: Names) -> Option<Self> {
        let [class, id, sub, kind, schema, name, other_kind, other_name, column, shape] =
            row.try_into().ok()?;
        let (schema, name) = (names.text(schema?)?, names.text(name?)?);
        let other = other_kind.zip(other_name.and_then(|name| names.text(name)));
        let other = other.map(|(kind, name)| Ident::new(&kind, &schema, &name, 0));
        Some(Self {
            id: ObjectId {
                class: class?.parse().ok()?,
                id: id?.parse().ok()?,
                sub: sub?.parse().ok()?,
            },
            shape: u128::from_str_radix(&shape?, 16).ok()?.to_be_bytes(),
            own: Ident::new(&kind?, &schema, &name, 0),
            other,
            column: column.and_then(|column| names.text(column)),
        })
    }

    /// What was changed, of this entry.
    fn label(&self, ident: &Ident) -> String {
        match &self.column {
            Some(column) => format!("column {column} of {ident}"),
            None => self.own.to_string(),
        }
    }

    /// The entry that creates it.
    fn ident<'a>(&'a self, picture: &Picture) -> Option<&'a Ident> {
        let mut candidates = [Some(&self.own), self.other.as_ref()].into_iter().flatten();
        candidates.find(|ident| picture.entries.contains_key(ident))
    }
}

/// What an object is of the entry that created it, if it has no entry of its own.
fn part(id: ObjectId, ident: &Ident) -> Option<&'static str> {
    // The OIDs of catalogs are fixed (`src/include/catalog/pg_constraint.h` and others).
    match (id.class, ident.kind()) {
        _ if id.sub != 0 => Some("column"),
        (1259, "CONSTRAINT") => Some("index"),
        (2606, kind) if !kind.ends_with("CONSTRAINT") && kind != "TRIGGER" => Some("constraint"),
        (2618, kind) if kind != "RULE" => Some("rule"),
        (2620, kind) if kind != "TRIGGER" => Some("trigger"),
        _ => None,
    }
}

/// Whether entries of a kind create an object with a name of its own. Others are parts of objects,
/// say something about them, or are data.
fn is_object(desc: &Desc) -> bool {
    !matches!(
        desc,
        Desc::Acl
            | Desc::AclLanguage
            | Desc::Blob
            | Desc::BlobComments
            | Desc::BlobMetadata
            | Desc::Blobs
            | Desc::Comment
            | Desc::Default
            | Desc::DefaultAcl
            | Desc::IndexAttach
            | Desc::Init
            | Desc::MaterializedViewData
            | Desc::RowSecurity
            | Desc::SecurityLabel
            | Desc::SequenceOwnedBy
            | Desc::SequenceSet
            | Desc::ShellType
            | Desc::StatisticsData
            | Desc::SubscriptionTable
            | Desc::TableAttach
            | Desc::TableData
            | Desc::Warning
    )
}
