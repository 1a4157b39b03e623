//! Staging tables: the rows that the closing transaction inserts, put into the database beforehand,
//! by several sessions at once.
//!
//! They are UNLOGGED tables in the schema `nocturne`, with the columns' types but no constraints,
//! and committed at once. What a sync that died left of them is dropped by the next one.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::restore::journal::quiet::Quiet;
use crate::server::{Result, Session};
use crate::sql::ident::{literal, quoted};
use crate::sync::tables::SyncTable;

/// What is staged of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Staged {
    /// Some rows, each with its ordinal. Without any, there is no table.
    Some,
    /// All rows.
    All,
}

/// Fills a staging table with the text of rows, and returns their number.
///
/// # Errors
/// When the server refuses a row, or the connection is gone.
pub(super) async fn fill(
    session: &Session,
    table: &SyncTable,
    what: Staged,
    mut rows: mpsc::Receiver<Bytes>,
) -> Result<u64> {
    let mut next = rows.recv().await;
    if next.is_none() && what == Staged::Some {
        return Ok(0);
    }
    create(session, table).await?;
    let columns = match what {
        Staged::Some => format!("{}, {}", table.column_list(), table.ordinal()),
        Staged::All => table.column_list(),
    };
    let copy = format!("COPY {} ({columns}) FROM STDIN", table.stage());
    let mut copy = session.copy_in(&copy).await?;
    while let Some(piece) = next {
        copy.send(piece).await?;
        next = rows.recv().await;
    }
    copy.finish().await
}

/// Creates an empty staging table that only its owner can read: it holds rows of the application,
/// and default privileges may grant more.
async fn create(session: &Session, table: &SyncTable) -> Result<()> {
    let (stage, columns, ordinal) = (table.stage(), table.column_list(), table.ordinal());
    let quiet = Quiet::of(session).await?.setting();
    let made = async {
        session
            .execute(&format!(
                "BEGIN; {quiet} DROP TABLE IF EXISTS {stage}; \
                 CREATE UNLOGGED TABLE {stage} AS SELECT {columns}, 0::pg_catalog.int8 AS {ordinal} \
                 FROM ONLY {} WITH NO DATA",
                table.sql()
            ))
            .await?;
        let grantees = format!(
            "SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' \
                 ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END \
             FROM pg_catalog.pg_class, pg_catalog.aclexplode(relacl) \
             WHERE oid = {}::pg_catalog.regclass AND grantee <> relowner",
            literal(&stage)
        );
        let grantees = session.query_text(&grantees).await?;
        let grantees: Vec<String> = grantees.into_iter().flatten().flatten().collect();
        let revoke = match grantees.as_slice() {
            [] => String::new(),
            all => format!("REVOKE ALL ON {stage} FROM {};", all.join(", ")),
        };
        session.execute(&format!("{revoke} COMMIT")).await
    };
    let made = made.await;
    if made.is_err() && session.is_usable() {
        session.rollback().await?;
    }
    made
}

/// Deletes staged rows, by their ordinals.
///
/// # Errors
/// When the server refuses, or the connection is gone.
pub(super) async fn drop_rows(
    session: &Session,
    table: &SyncTable,
    ordinals: &[u64],
) -> Result<()> {
    const AT_A_TIME: usize = 10_000;
    for some in ordinals.chunks(AT_A_TIME) {
        let list: Vec<String> = some.iter().map(u64::to_string).collect();
        let (stage, ordinal) = (table.stage(), table.ordinal());
        let sql = format!(
            "DELETE FROM {stage} WHERE {ordinal} = ANY ('{{{}}}'::pg_catalog.int8[])",
            list.join(",")
        );
        session.execute(&sql).await?;
    }
    Ok(())
}

/// Drops all staging tables.
///
/// # Errors
/// When the server refuses, or the connection is gone.
pub(super) async fn clean(session: &Session) -> Result<()> {
    let sql = "SELECT c.relname FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = 'nocturne' AND c.relkind = 'r' AND c.relname ~ '^stage_[0-9]+$'";
    let names = session.query_text(sql).await?;
    let names: Vec<String> = names
        .into_iter()
        .flatten()
        .flatten()
        .map(|name| format!("nocturne.{}", quoted(&name)))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let quiet = Quiet::of(session).await?.setting();
    session.execute(&format!("BEGIN; {quiet} DROP TABLE {}; COMMIT", names.join(", "))).await
}
