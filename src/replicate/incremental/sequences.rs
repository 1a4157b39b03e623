//! Advances the sequences that a table owns, after copied rows bypassed them.

use super::settings::IncrementalTable;
use crate::error::chain;
use crate::server::{self, Session};
use crate::sql::ident::{literal, qualified, quoted};

/// The ascending sequences of columns that start an index: for others, every row would have to be
/// read.
const OWNED: &str = "\
SELECT n.nspname, s.relname, a.attname
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refobjid = {oid} AND d.deptype IN ('a', 'i')
    AND EXISTS (SELECT FROM pg_catalog.pg_index i
        WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid)";

/// In a transaction, advances the sequences of a target table, given by its OID, to the highest
/// values of their columns; never backwards. A failure is only a warning, because the rows are
/// copied.
pub(super) async fn advance(
    session: &Session,
    table: &IncrementalTable,
    oid: u32,
) -> server::Result<()> {
    let owned = session.query_text(&OWNED.replace("{oid}", &oid.to_string())).await?;
    for row in owned {
        let [Some(schema), Some(name), Some(column)] = &row[..] else { continue };
        let sequence = qualified(Some(schema), name);
        // A savepoint, because an error must not abort the session's transaction.
        let sql = format!(
            "SAVEPOINT sequence; \
             SELECT pg_catalog.setval({}::pg_catalog.regclass, rows.highest) FROM \
             (SELECT pg_catalog.max({})::bigint AS highest FROM {table}) rows, {sequence} \
             WHERE rows.highest > last_value OR (rows.highest = last_value AND NOT is_called); \
             RELEASE SAVEPOINT sequence",
            literal(&sequence),
            quoted(column)
        );
        match session.execute(&sql).await {
            Ok(()) => {}
            Err(error) if error.is_connection_lost() => return Err(error),
            Err(error) => {
                session.execute("ROLLBACK TO SAVEPOINT sequence").await?;
                tracing::warn!(
                    table_name = table.name,
                    "cannot advance sequence {sequence} to the highest {}: {}",
                    quoted(column),
                    chain(&error)
                );
            }
        }
    }
    Ok(())
}
