//! Whether someone has written to a table since the last sync.
//!
//! Every row carries the ID of the transaction that inserted it, or updated it last (`xmin`). When a
//! table's rows are known, all transactions older than a certain one are over: their rows are known,
//! and they can write no others. So are the rows of the few later ones that are recorded. If
//! the table is in the same file, no row is of any other transaction, and their number is the same,
//! the rows are the same: an INSERT or an UPDATE leaves a row of another transaction, a DELETE fewer
//! rows, TRUNCATE, VACUUM FULL and CLUSTER another file. VACUUM and ANALYZE change none of these
//! (freezing a row leaves the ID in place: `HeapTupleHeaderGetRawXmin` in
//! `src/include/access/htup_details.h`).
//!
//! The snapshot's list of running transactions would not do in place of their oldest: it does not
//! have the IDs of their savepoints, whose rows carry these. All of them are later than the oldest.

use crate::server::sqlstate::{INSUFFICIENT_PRIVILEGE, UNDEFINED_TABLE};
use crate::server::{Result, Session, SessionError};
use crate::sql::ident::{oid_array, qualified};
use crate::sync::manifest::{Baseline, Rel};
use crate::sync::reason::Reason;

/// Transaction IDs have 32 bits, and are compared modulo 2^31. From this distance on, the age of a
/// row's no longer tells.
const TOO_OLD: u64 = (1 << 31) - 10_000_000;

/// The most transactions to record for a table.
const MOST_XIDS: usize = 1000;

/// Whether a table is as the last sync left it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Standing {
    /// Its rows are the same.
    Untouched,
    /// They may not be.
    Touched(Reason),
}

/// Whether these tables are as the last sync left them, in their order. Reads them, in the server.
///
/// # Errors
/// When a query fails.
pub(super) async fn standings(session: &Session, rels: &[&Rel]) -> Result<Vec<Standing>> {
    let sql = format!(
        "SELECT pg_catalog.pg_relation_filenode(o.oid), \
             pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) \
         FROM pg_catalog.unnest({}) WITH ORDINALITY o (oid, number) \
         ORDER BY o.number",
        oid_array(rels.iter().map(|rel| rel.oid))
    );
    let mut all = Vec::with_capacity(rels.len());
    for (rel, row) in rels.iter().zip(session.query_text(&sql).await?) {
        all.push(match <[Option<String>; 2]>::try_from(row) {
            Ok([Some(filenode), Some(next)]) => standing(session, rel, &filenode, &next).await?,
            _ => Standing::Touched(Reason::FileReplaced),
        });
    }
    Ok(all)
}

/// Whether a table with this file is as the last sync left it. `next` is the next transaction's ID.
async fn standing(session: &Session, rel: &Rel, filenode: &str, next: &str) -> Result<Standing> {
    let (then, next) = (&rel.baseline, next.parse().unwrap_or(u64::MAX));
    let is_recent = next.saturating_sub(then.oldest) < TOO_OLD;
    let Some(xids) = then.xids.as_ref().filter(|_| is_recent) else {
        return Ok(Standing::Touched(Reason::TooLongAgo));
    };
    if filenode != then.filenode.to_string() {
        return Ok(Standing::Touched(Reason::FileReplaced));
    }
    let xids: Vec<String> = xids.iter().map(u32::to_string).collect();
    let sql = include_str!("proof.sql")
        .replace("{oldest}", &low(then.oldest).to_string())
        .replace("{xids}", &format!("{{{}}}", xids.join(",")))
        .replace("{table}", &qualified(Some(&rel.schema), &rel.name));
    let rows = match session.query_text(&sql).await {
        // Row security applies to this role, or its privileges were revoked.
        Err(SessionError::Server(error)) if error.sqlstate == INSUFFICIENT_PRIVILEGE => {
            return Ok(Standing::Touched(Reason::NotReadable));
        }
        Err(SessionError::Server(error)) if error.sqlstate == UNDEFINED_TABLE => {
            return Ok(Standing::Touched(Reason::FileReplaced));
        }
        rows => rows?,
    };
    let mut numbers = rows.into_iter().flatten().flatten().filter_map(|number| number.parse().ok());
    Ok(match (numbers.next(), numbers.next()) {
        (Some(rows), Some(0)) if rows == then.rows => Standing::Untouched,
        (Some(rows), Some(0)) => Standing::Touched(Reason::RowsMissing(then.rows, rows)),
        (_, others) => Standing::Touched(Reason::WrittenByOthers(others.unwrap_or(0))),
    })
}

/// What shows later whether someone has written to a table, whose rows are known now and which no one
/// else can write to (it is locked, or was just created). In the transaction that changed it, if one
/// did. `table` is its name in SQL.
///
/// # Errors
/// When a query fails.
pub(super) async fn baseline(session: &Session, oid: u32, table: &str) -> Result<Baseline> {
    let sql = format!(
        "SELECT pg_catalog.pg_relation_filenode({oid}), \
             pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot())"
    );
    let of = |rows: Vec<Vec<Option<String>>>| {
        let row = rows.into_iter().next().unwrap_or_default();
        let mut values = row.into_iter().map(Option::unwrap_or_default);
        [values.next(), values.next(), values.next()].map(Option::unwrap_or_default)
    };
    let [filenode, oldest, _] = of(session.query_text(&sql).await?);
    let oldest = oldest.parse().unwrap_or(0);
    // After the above: what is over by then is in this snapshot.
    let sql = format!(
        "SELECT pg_catalog.sum(g.rows), pg_catalog.count(g.xid), \
             CASE WHEN pg_catalog.count(g.xid) <= {MOST_XIDS} \
                 THEN pg_catalog.string_agg(g.xid::text, ',') END \
         FROM (SELECT CASE WHEN pg_catalog.age(t.xmin) <= pg_catalog.age('{}'::pg_catalog.xid) \
                          THEN t.xmin END, pg_catalog.count(*) \
               FROM ONLY {table} t GROUP BY 1) g (xid, rows)",
        low(oldest)
    );
    let [rows, count, xids] = of(session.query_text(&sql).await?);
    let xids: Vec<u32> = xids.split(',').filter_map(|xid| xid.parse().ok()).collect();
    Ok(Baseline {
        filenode: filenode.parse().unwrap_or(0),
        rows: rows.parse().unwrap_or(0),
        oldest,
        xids: (count == xids.len().to_string()).then_some(xids),
    })
}

/// A transaction ID as a row has it, without its epoch.
fn low(xid: u64) -> u64 {
    xid & u64::from(u32::MAX)
}
