//! Tables that are distributed over other servers (Citus), and the optimizations they do not get.
//!
//! These optimizations are made for tables on one server. On a distributed table a constraint
//! cannot be made from an index (citusdata/citus issues 1721 and 4774), `NOT VALID` came with Citus
//! 8.1 (pull request 2488) and, with `VALIDATE`, costs two statements for every shard, TRUNCATE in
//! the transaction that fills the table locks all servers, and rows that the coordinator only
//! forwards cannot be frozen there. Such tables get the archive's own statements.

use std::collections::HashSet;

use crate::server::{Result, Session};

/// Schema and name of the tables that are distributed, or copied to every server.
///
/// Citus lists them in `pg_dist_partition`: in `pg_catalog`, unless a schema `citus` has it.
pub(crate) async fn tables(session: &Session) -> Result<HashSet<(String, String)>> {
    let catalogue = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) \
                     FROM pg_catalog.pg_class c \
                     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                     WHERE c.relname = 'pg_dist_partition' AND c.relkind = 'r' \
                       AND n.nspname IN ('citus', 'pg_catalog') ORDER BY n.nspname";
    let Some(catalogue) = session.query_value(catalogue).await? else {
        return Ok(HashSet::new());
    };
    let tables = format!(
        "SELECT n.nspname, c.relname FROM {catalogue} d \
         JOIN pg_catalog.pg_class c ON c.oid = d.logicalrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    );
    let pair = |row: Vec<Option<String>>| {
        let [schema, table] = row.try_into().ok()?;
        Some((schema?, table?))
    };
    Ok(session.query_text(&tables).await?.into_iter().filter_map(pair).collect())
}
