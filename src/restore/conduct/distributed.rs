//! Tables that are distributed over other servers (Citus), and the optimizations they do not get.
//!
//! These optimizations are made for tables on one server. On a distributed table a constraint
//! cannot be made from an index (citusdata/citus issues 1721 and 4774), `NOT VALID` came with Citus
//! 8.1 (pull request 2488) and, with `VALIDATE`, costs two statements for every shard, TRUNCATE in
//! the transaction that fills the table locks all servers, and rows that the coordinator only
//! forwards cannot be frozen there. Such tables get the archive's own statements.

use std::collections::HashSet;

use crate::archive::{Desc, Entry};
use crate::restore::context::Context;
use crate::target::{Result, Session};

/// Why a foreign key is validated despite `NOT VALID` having been requested.
pub(crate) const DISTRIBUTED: &str = "its table is distributed";

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

impl Context {
    /// Whether the table of an entry (rows, an index or a constraint) is distributed.
    pub(crate) fn is_distributed(&self, entry: &Entry) -> bool {
        let Some(distributed) = self.distributed.get().filter(|tables| !tables.is_empty()) else {
            return false;
        };
        let is_one = |schema: Option<&String>, name: &str| {
            let key = (schema.cloned().unwrap_or_default(), name.to_owned());
            distributed.contains(&key)
        };
        let tables = entry.dependencies.iter().filter_map(|id| self.toc.get(*id));
        let mut tables = tables.filter(|table| table.desc == Desc::Table);
        // The archive need not contain the table.
        let named = entry.desc == Desc::TableData && is_one(entry.namespace.as_ref(), &entry.tag);
        named || tables.any(|table| is_one(table.namespace.as_ref(), &table.tag))
    }
}
