//! Reads the manifest.

use crate::archive::Digest;
use crate::server::{Result, Session, has_record};
use crate::sync::manifest::schema::TABLES;
use crate::sync::manifest::{
    Baseline, EntryRecord, FORMAT, Ident, Manifest, ObjectId, ObjectRecord, Rel, trust,
};
use crate::sync::names::Names;
use crate::sync::reason::Reason;

/// The manifest of a database.
#[derive(Debug)]
pub(in crate::sync) enum Found {
    /// There is none.
    None,
    /// There is one, which may not be what the last sync wrote.
    Untrusted(Reason),
    /// That of the last sync.
    Trusted(Manifest),
}

/// A row of a query.
type Row = Vec<Option<String>>;

/// Reads the manifest, if there is one. The session has the archive's encoding.
///
/// # Errors
/// [`SessionError::NotOurs`](crate::server::SessionError::NotOurs) if another role owns the schema
/// `nocturne` or something in it; otherwise if a query fails.
pub(in crate::sync) async fn find(session: &Session) -> Result<Found> {
    if !has_record(session, TABLES[0].name).await? {
        return Ok(Found::None);
    }
    let untrusted = |why: &str| Ok(Found::Untrusted(Reason::ManifestNotTrusted(why.to_owned())));
    if let Some(flaw) = trust::flaw(session).await? {
        return untrusted(&flaw);
    }
    // A row of another transaction was written by hand. The raw `xmin` of a row outlives freezing
    // (`heap_getsysattr` in `src/backend/access/common/heaptuple.c`).
    let names = Names::of(session);
    let [archive, settings, ident, drop_stmt, schema, name] =
        ["archive", "settings", "ident", "drop_stmt", "schema", "name"].map(|it| names.sql(it));
    let sql = format!(
        "SELECT h.format, h.night, {archive}, {settings}, \
             pg_catalog.encode(h.checksum, 'hex'), h.database, \
             h.database = (SELECT d.oid FROM pg_catalog.pg_database d \
                 WHERE d.datname = pg_catalog.current_database()), \
             EXISTS (SELECT FROM ( \
                     SELECT xmin FROM ONLY nocturne.sync_head \
                     UNION ALL SELECT xmin FROM ONLY nocturne.sync_entry \
                     UNION ALL SELECT xmin FROM ONLY nocturne.sync_object \
                     UNION ALL SELECT xmin FROM ONLY nocturne.sync_rel) r \
                 WHERE r.xmin::text <> (h.xid % 4294967296)::text) \
         FROM ONLY nocturne.sync_head h"
    );
    let mut heads = session.query_text(&sql).await?;
    let Some(head) = heads.pop() else {
        return Ok(Found::None);
    };
    if !heads.is_empty() {
        return untrusted("it has several heads");
    }
    let Ok([Some(format), night, archive, settings, checksum, database, is_here, edited]) =
        <[Option<String>; 8]>::try_from(head)
    else {
        return untrusted("its head is not complete");
    };
    if format != FORMAT.to_string() {
        return untrusted(&format!("it has format {format}, this version writes {FORMAT}"));
    }
    if is_here.as_deref() != Some("t") {
        return untrusted("it was made in another database and copied with it");
    }
    if edited.as_deref() != Some("f") {
        return untrusted("it was edited");
    }
    let entries = format!(
        "SELECT {ident}, position, pg_catalog.encode(definition, 'hex'), {drop_stmt} \
         FROM ONLY nocturne.sync_entry"
    );
    let objects = format!(
        "SELECT class, id, sub, {ident}, pg_catalog.encode(shape, 'hex') \
         FROM ONLY nocturne.sync_object"
    );
    let rels = format!(
        "SELECT oid, {schema}, {name}, pg_catalog.encode(data, 'hex'), filenode, rows, oldest, \
             pg_catalog.array_to_string(xids, ',') \
         FROM ONLY nocturne.sync_rel ORDER BY oid"
    );
    let rows = Rows {
        names,
        entries: session.query_text(&entries).await?,
        objects: session.query_text(&objects).await?,
        rels: session.query_text(&rels).await?,
    };
    let manifest = rows.manifest(night, settings).filter(|manifest| {
        let archive = archive.and_then(|archive| names.text(archive)).unwrap_or_default();
        let now = manifest.checksum(&database.unwrap_or_default(), &archive);
        checksum.as_deref().and_then(Digest::from_hex) == Some(now)
    });
    match manifest {
        Some(manifest) => Ok(Found::Trusted(manifest)),
        None => untrusted("its checksum is wrong"),
    }
}

/// The rows of the tables.
struct Rows {
    names: Names,
    entries: Vec<Row>,
    objects: Vec<Row>,
    rels: Vec<Row>,
}

impl Rows {
    /// `None` if a value is not what this program writes.
    fn manifest(self, night: Option<String>, settings: Option<String>) -> Option<Manifest> {
        let names = self.names;
        let settings = serde_json::from_str(&names.text(settings?)?).ok()?;
        let entries = self.entries.into_iter().map(|row| entry(row, names)).collect::<Option<_>>();
        let objects = self.objects.into_iter().map(|row| object(row, names)).collect::<Option<_>>();
        let rels = self.rels.into_iter().map(|row| rel(row, names)).collect::<Option<_>>();
        let night = night?.parse().ok()?;
        Some(Manifest { night, settings, entries: entries?, objects: objects?, rels: rels? })
    }
}

fn entry(row: Row, names: Names) -> Option<(Ident, EntryRecord)> {
    let [ident, position, definition, drop_stmt] = row.try_into().ok()?;
    let record = EntryRecord {
        position: position?.parse().ok()?,
        definition: Digest::from_hex(&definition?)?,
        drop_stmt: names.text(drop_stmt?)?,
    };
    Some((Ident::from_text(&names.text(ident?)?)?, record))
}

fn object(row: Row, names: Names) -> Option<(ObjectId, ObjectRecord)> {
    let [class, id, sub, ident, shape] = row.try_into().ok()?;
    let id =
        ObjectId { class: class?.parse().ok()?, id: id?.parse().ok()?, sub: sub?.parse().ok()? };
    let shape = u128::from_str_radix(&shape?, 16).ok()?.to_be_bytes();
    Some((id, ObjectRecord { ident: Ident::from_text(&names.text(ident?)?)?, shape }))
}

fn rel(row: Row, names: Names) -> Option<Rel> {
    let [oid, schema, name, data, filenode, rows, oldest, xids] = row.try_into().ok()?;
    let xids = match xids.as_deref() {
        None => None,
        Some("") => Some(Vec::new()),
        Some(list) => {
            Some(list.split(',').map(str::parse).collect::<std::result::Result<_, _>>().ok()?)
        }
    };
    let data = match data {
        Some(data) => Some(Digest::from_hex(&data)?),
        None => None,
    };
    let (filenode, rows) = (filenode?.parse().ok()?, rows?.parse().ok()?);
    let baseline = Baseline { filenode, rows, oldest: oldest?.parse().ok()?, xids };
    let (schema, name) = (names.text(schema?)?, names.text(name?)?);
    Some(Rel { oid: oid?.parse().ok()?, schema, name, data, baseline })
}
