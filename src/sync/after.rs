//! What follows the COMMIT. None of it is needed for the database to be right: failures are
//! warnings.

use std::collections::HashMap;

use crate::error::chain;
use crate::restore::event::{Event, Events};
use crate::server::{Result, Session};
use crate::sql::ident::oid_array;
use crate::sync::manifest;

/// The share of a table's rows, in percent, from which dead ones are removed.
const DEAD: u64 = 2;

/// Fewer dead rows are left to autovacuum.
const DEAD_AT_LEAST: u64 = 1000;

/// The share of a table's rows, in percent, whose change makes its statistics stale.
const STALE: u64 = 5;

/// A table whose rows were changed.
#[derive(Clone, Debug)]
pub(super) struct ChangedTable {
    /// Its name in SQL.
    pub(super) name: String,
    /// Its OID.
    pub(super) oid: u32,
    /// Rows that it has now.
    pub(super) rows: u64,
    /// Rows inserted.
    pub(super) rows_in: u64,
    /// Rows deleted.
    pub(super) rows_out: u64,
}

impl ChangedTable {
    /// The statement that cleans up behind the changes, if it pays off. `dead` are the dead rows
    /// that the server counted.
    fn statement(&self, dead: u64, analyze: bool) -> Option<String> {
        let dead = dead.max(self.rows_out);
        let is_stale = (self.rows_in + self.rows_out) * 100 > self.rows * STALE;
        let vacuum = dead > DEAD_AT_LEAST && dead * 100 > self.rows * DEAD;
        let analyze = analyze && is_stale;
        // Truncating the file would lock readers out.
        Some(match (vacuum, analyze) {
            (true, true) => format!("VACUUM (SKIP_LOCKED, TRUNCATE false, ANALYZE) {}", self.name),
            (true, false) => format!("VACUUM (SKIP_LOCKED, TRUNCATE false) {}", self.name),
            (false, true) => format!("ANALYZE (SKIP_LOCKED) {}", self.name),
            (false, false) => return None,
        })
    }
}

/// Makes the space of deleted rows usable for the next sync's, and, if `analyze`, gathers statistics
/// about tables that changed much.
pub(super) async fn tidy(
    session: &Session,
    tables: &[ChangedTable],
    analyze: bool,
    events: &Events,
) {
    let dead = dead_rows(session, tables).await.unwrap_or_default();
    let statements = tables
        .iter()
        .filter_map(|table| table.statement(dead.get(&table.oid).copied().unwrap_or(0), analyze));
    // Each sync replaces all of its rows.
    let manifest = format!("VACUUM (SKIP_LOCKED, TRUNCATE false) {}", manifest::table_list());
    for statement in statements.chain([manifest]) {
        match session.execute(&statement).await {
            Ok(()) => {}
            Err(error) => {
                let message = format!("{statement} failed: {}", chain(&error));
                events.send(Event::Warning { message });
                if error.is_connection_lost() {
                    return;
                }
            }
        }
    }
}

async fn dead_rows(session: &Session, tables: &[ChangedTable]) -> Result<HashMap<u32, u64>> {
    let sql = format!(
        "SELECT oid, pg_catalog.pg_stat_get_dead_tuples(oid) \
         FROM pg_catalog.unnest({}) AS oid",
        oid_array(tables.iter().map(|table| table.oid))
    );
    let pair = |row: Vec<Option<String>>| {
        let [oid, dead] = <[_; 2]>::try_from(row).ok()?;
        Some((oid?.parse().ok()?, dead?.parse().ok()?))
    };
    Ok(session.query_text(&sql).await?.into_iter().filter_map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_vacuumed_if_many_rows_are_dead() {
        let table = |rows, rows_in, rows_out| ChangedTable {
            name: "t".to_owned(),
            oid: 1,
            rows,
            rows_in,
            rows_out,
        };
        let vacuum = "VACUUM (SKIP_LOCKED, TRUNCATE false) t";
        let both = "VACUUM (SKIP_LOCKED, TRUNCATE false, ANALYZE) t";
        for (table, dead, analyze, statement) in [
            (table(100_000, 0, 1500), 0, true, None),
            (table(100_000, 0, 2500), 0, true, Some(vacuum)),
            (table(100_000, 0, 100), 2500, true, Some(vacuum)),
            (table(10_000, 900, 900), 0, true, Some("ANALYZE (SKIP_LOCKED) t")),
            (table(10_000, 900, 900), 0, false, None),
            (table(10_000, 1500, 1500), 0, true, Some(both)),
            (table(0, 0, 2000), 0, false, Some(vacuum)),
        ] {
            assert_eq!(table.statement(dead, analyze).as_deref(), statement, "{table:?}");
        }
    }
}
