//! Row triggers of an existing table when its rows are loaded (`--data-only`): they may skip, merge
//! or move a row, so that the server's count proves nothing.

use crate::archive::Entry;
use crate::server::{Result, Session};
use crate::sql::ident::{literal, qualified};

/// Whether a trigger of the entry's table, or of a partition, may keep COPY from storing a row: one
/// that fires for each row, before it or instead of it (`TRIGGER_TYPE_*` in
/// `src/include/catalog/pg_trigger.h`).
pub(crate) async fn triggers_take_rows(session: &Session, entry: &Entry) -> Result<bool> {
    let table = literal(&qualified(entry.namespace.as_deref(), &entry.tag));
    // Rows that go through the root may end up in any partition.
    let top = match entry.is_load_via_partition_root() {
        true => "pg_catalog.pg_partition_root(t)",
        false => "NULL",
    };
    let sql = format!(
        "WITH RECURSIVE tables (id) AS ( \
           SELECT COALESCE({top}, t)::pg_catalog.oid FROM pg_catalog.to_regclass({table}) t \
           UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tables ON inhparent = id) \
         SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger JOIN tables ON tgrelid = id \
           WHERE NOT tgisinternal AND tgtype & 5 = 5 AND tgtype & 66 <> 0 \
             AND tgenabled IN ('A', CASE pg_catalog.current_setting('session_replication_role') \
               WHEN 'replica' THEN 'R' ELSE 'O' END))"
    );
    Ok(session.query_value(&sql).await?.as_deref() == Some("t"))
}
