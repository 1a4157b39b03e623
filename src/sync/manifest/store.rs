//! Writes the manifest.

use crate::server::{Result, Session};
use crate::sql::ident::literal;
use crate::sync::manifest::schema::EMPTY;
use crate::sync::manifest::{FORMAT, Manifest, ObjectId, Rel, hex, settings_text};

/// Rows in one INSERT.
const BATCH: usize = 1000;

/// Writes all of the manifest but its head, in the open transaction, outside savepoints: a savepoint
/// has a transaction ID of its own. Returns the statement that writes the head. `archive` describes
/// the archive.
///
/// # Errors
/// When a statement fails.
pub(in crate::sync) async fn store(
    session: &Session,
    manifest: &Manifest,
    archive: &str,
) -> Result<String> {
    session.execute(EMPTY).await?;
    let entries = manifest.entries.iter().map(|(ident, entry)| {
        let definition = bytes(&entry.definition.to_string());
        let (ident, drop_stmt) = (literal(&ident.to_text()), literal(&entry.drop_stmt));
        format!("({ident}, {}, {definition}, {drop_stmt})", entry.position)
    });
    insert(session, "sync_entry", entries).await?;
    let objects = manifest.objects.iter().map(|(ObjectId { class, id, sub }, object)| {
        let (ident, shape) = (literal(&object.ident.to_text()), bytes(&hex(&object.shape)));
        format!("({class}, {id}, {sub}, {ident}, {shape})")
    });
    insert(session, "sync_object", objects).await?;
    let rels = manifest.rels.iter().map(|Rel { oid, schema, name, data, baseline }| {
        let data = data.map_or_else(|| "NULL".to_owned(), |data| bytes(&data.to_string()));
        let xids = baseline.xids.as_ref().map_or_else(
            || "NULL".to_owned(),
            |xids| {
                let xids: Vec<String> = xids.iter().map(u32::to_string).collect();
                literal(&format!("{{{}}}", xids.join(",")))
            },
        );
        format!(
            "({oid}, {}, {}, {data}, {}, {}, {}, {xids})",
            literal(schema),
            literal(name),
            baseline.filenode,
            baseline.rows,
            baseline.oldest,
        )
    });
    insert(session, "sync_rel", rels).await?;
    let database = "SELECT oid FROM pg_catalog.pg_database \
                    WHERE datname = pg_catalog.current_database()";
    let database = session.query_value(database).await?.unwrap_or_default();
    let checksum = bytes(&manifest.checksum(&database, archive).to_string());
    Ok(format!(
        "INSERT INTO nocturne.sync_head VALUES ({FORMAT}, {}, pg_catalog.now(), {}, {database}, {}, \
         {}, pg_catalog.txid_current(), {checksum})",
        manifest.night,
        literal(concat!("nocturne ", env!("CARGO_PKG_VERSION"))),
        literal(archive),
        literal(&settings_text(&manifest.settings)),
    ))
}

/// A `bytea` from hexadecimal digits.
fn bytes(digits: &str) -> String {
    literal(&format!("\\x{digits}"))
}

async fn insert(
    session: &Session,
    table: &str,
    rows: impl ExactSizeIterator<Item = String>,
) -> Result<()> {
    let rows: Vec<String> = rows.collect();
    for batch in rows.chunks(BATCH) {
        session
            .execute(&format!("INSERT INTO nocturne.{table} VALUES {}", batch.join(", ")))
            .await?;
    }
    Ok(())
}

/// Locks the manifest's head to the end of the open transaction. Whether it is still that of this
/// night, or there is none if `night` is 0.
///
/// # Errors
/// When the query fails.
pub(in crate::sync) async fn lock(session: &Session, night: u64) -> Result<bool> {
    let sql = "SELECT night FROM ONLY nocturne.sync_head FOR UPDATE";
    let found = session.query_value(sql).await?;
    Ok(found.unwrap_or_else(|| "0".to_owned()) == night.to_string())
}
