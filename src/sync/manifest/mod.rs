//! The manifest: what the last sync left in the database, kept there in four tables of the schema
//! `nocturne`.
//!
//! | table | a row for |
//! |---|---|
//! | `sync_head` | the last sync; if missing, there is no manifest |
//! | `sync_entry` | each entry of the archive that was wanted, with the digest of its definition |
//! | `sync_object` | each object that these entries created, with the digest of its definition in the catalog |
//! | `sync_rel` | each table with rows, with what shows whether someone has written to it |
//!
//! All rows are written by the transaction that changes the tables, so the manifest is that of
//! the rows that readers see. What it says decides which rows are *not* read, so it is believed only
//! if no one else can have changed it: see `trust.rs`.

mod ident;
mod load;
mod schema;
mod store;
mod trust;

use std::collections::BTreeMap;

use crate::archive::Digest;
use crate::archive::digests::put_text;

pub(super) use ident::Ident;
pub(super) use load::{Found, find};
pub(super) use schema::{create, delete, table_list};
pub(super) use store::{lock, store};

/// The version of the tables' format. Others are not read.
const FORMAT: i32 = 1;

/// What is recorded of a table with rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rel {
    /// The table's OID.
    pub(super) oid: u32,
    /// Its schema.
    pub(super) schema: String,
    /// Its name.
    pub(super) name: String,
    /// The SHA-256 of its data as stored in the archive ([`ReadCounter`](crate::archive::ReadCounter));
    /// `None` if it is not known.
    pub(super) data: Option<Digest>,
    /// What shows whether someone has written to it.
    pub(super) baseline: Baseline,
}

/// What a table is compared with to see whether someone has written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Baseline {
    /// The number of its file (`pg_relation_filenode`).
    pub(super) filenode: u32,
    /// Rows.
    pub(super) rows: u64,
    /// The oldest transaction that was running, as `txid_snapshot_xmin` returns it: rows of older
    /// ones are known.
    pub(super) oldest: u64,
    /// The transactions since whose rows are known, without their epochs; `None` if there were too
    /// many to be recorded.
    pub(super) xids: Option<Vec<u32>>,
}

/// An object of the catalog: `classid`, `objid`, `objsubid` as in `pg_depend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ObjectId {
    /// The catalog that lists it.
    pub(super) class: u32,
    /// Its OID there.
    pub(super) id: u32,
    /// A column's number, or 0.
    pub(super) sub: i32,
}

/// What is recorded of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntryRecord {
    /// Its place among the entries, from 0.
    pub(super) position: u32,
    /// The digest of its definition.
    pub(super) definition: Digest,
    /// The statement that drops its object; empty if there is none.
    pub(super) drop_stmt: String,
}

/// What is recorded of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectRecord {
    /// The entry that made it.
    pub(super) ident: Ident,
    /// The digest of its definition in the catalog: see `shape.sql`.
    pub(super) shape: [u8; 16],
}

/// What the last sync left.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Manifest {
    /// The number of this sync.
    pub(super) night: u64,
    /// What must be equal for the next sync, in words: see `trust.rs`.
    pub(super) settings: BTreeMap<String, String>,
    /// The entries that were wanted.
    pub(super) entries: BTreeMap<Ident, EntryRecord>,
    /// The objects that existed.
    pub(super) objects: BTreeMap<ObjectId, ObjectRecord>,
    /// The tables with rows.
    pub(super) rels: Vec<Rel>,
}

impl Manifest {
    /// The SHA-256 of everything in the manifest, with what the head says of the database (its OID)
    /// and the archive.
    fn checksum(&self, database: &str, archive: &str) -> Digest {
        let mut bytes = Vec::new();
        let mut put = |text: &str| put_text(&mut bytes, Some(text));
        for text in [&FORMAT.to_string(), &self.night.to_string(), database, archive] {
            put(text);
        }
        put(&settings_text(&self.settings));
        for (ident, entry) in &self.entries {
            put(&ident.to_text());
            put(&entry.position.to_string());
            put(&entry.definition.to_string());
            put(&entry.drop_stmt);
        }
        for (ObjectId { class, id, sub }, object) in &self.objects {
            put(&format!("{class} {id} {sub} {}", hex(&object.shape)));
            put(&object.ident.to_text());
        }
        let mut rels: Vec<&Rel> = self.rels.iter().collect();
        rels.sort_unstable_by_key(|rel| rel.oid);
        for Rel { oid, schema, name, data, baseline } in rels {
            let Baseline { filenode, rows, oldest, xids } = baseline;
            put(schema);
            put(name);
            put(&data.map(|data| data.to_string()).unwrap_or_default());
            put(&format!("{oid} {filenode} {rows} {oldest} {xids:?}"));
        }
        Digest::of(&bytes)
    }
}

fn settings_text(settings: &BTreeMap<String, String>) -> String {
    serde_json::Value::from_iter(settings.clone()).to_string()
}

/// In hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
