//! Orphaned rows: a foreign key that they violate stays `NOT VALID`, so that it holds for new
//! writes, and some of the rows are reported.

use crate::archive::{Desc, Entry};
use crate::restore::error::WorkError;
use crate::restore::event::Failure;
use crate::restore::journal::line::Mark;
use crate::restore::session::lane::Lane;
use crate::server::Session;
use crate::server::sqlstate::FOREIGN_KEY_VIOLATION;
use crate::sql::constraint::{self, ForeignKey};
use crate::sql::ident::literal;

/// Appended to the message of a failure that leaves the key in place.
pub(crate) const NOT_VALID: &str = "; the foreign key was kept NOT VALID";

/// How many keys are shown.
const KEYS: usize = 5;

/// How many characters of a value are shown.
const VALUE: usize = 60;

/// How long the server may search for such rows, in seconds; applied twice, as counting them may
/// take too long when finding some does not.
const LOOK_FOR: u32 = 10;

/// Adds a key as `NOT VALID` after the server refused it because of its rows. Returns false for any
/// other error, and if that is not possible.
pub(crate) async fn keep_not_valid(lane: &mut Lane, entry: &Entry, error: &WorkError) -> bool {
    // A transaction for several entries has been aborted.
    if !are_the_reason(entry, error) || lane.in_group() {
        return false;
    }
    match constraint::foreign_key(&entry.defn) {
        // The next run only has to validate it.
        Some(key) => {
            let added = lane.execute_recorded(entry, &key.add_not_valid, Mark::FirstStep);
            added.await.is_ok()
        }
        None => false,
    }
}

/// Whether an entry is a foreign key that its rows violate.
pub(crate) fn are_the_reason(entry: &Entry, error: &WorkError) -> bool {
    let state = error.server().map(|error| error.sqlstate.as_str());
    entry.desc == Desc::FkConstraint && state == Some(FOREIGN_KEY_VIOLATION)
}

/// Adds to a failure that the key is `NOT VALID`, with some orphaned rows.
pub(crate) async fn tell(lane: &mut Lane, entry: &Entry, failure: &mut Failure) {
    failure.message.push_str(NOT_VALID);
    let Some(key) = constraint::foreign_key(&entry.defn) else {
        return;
    };
    let Ok(session) = lane.session().await else {
        return;
    };
    // The server has already reported one of them, in case no more can be found.
    if let Some(found) = look(session, &key).await {
        failure.add_detail(&found);
    }
}

/// The orphaned rows, in words.
async fn look(session: &Session, key: &ForeignKey) -> Option<String> {
    let (table, name) = (literal(&key.table), literal(&key.name));
    let is_key = format!("conrelid = {table}::pg_catalog.regclass AND conname = {name}");
    let rows = session.query_value(&rows_query(&is_key)).await.ok()??;
    let counted = format!(
        "SELECT key, pg_catalog.sum(n) OVER (), pg_catalog.count(*) OVER () \
         FROM (SELECT key, pg_catalog.count(*) AS n FROM ({rows}) AS orphans GROUP BY key) AS keys \
         ORDER BY n DESC, key LIMIT {KEYS}"
    );
    let some = format!(
        "SELECT DISTINCT key FROM (SELECT key FROM ({rows}) AS orphans LIMIT 1000) AS keys \
         ORDER BY key LIMIT {KEYS}"
    );
    for query in [counted, some] {
        let found = within_limits(session, &query).await.unwrap_or_default();
        if !found.is_empty() {
            return Some(in_words(&found));
        }
    }
    None
}

/// Runs a query that may take too long, in a separate transaction.
async fn within_limits(
    session: &Session,
    query: &str,
) -> crate::server::Result<Vec<Vec<Option<String>>>> {
    session.begin().await?;
    let limit = format!("SET LOCAL statement_timeout = '{LOOK_FOR}s'");
    let found = match session.execute(&limit).await {
        Ok(()) => session.query_text(query).await,
        Err(error) => Err(error),
    };
    // A lost session has nothing to roll back.
    let _ = session.rollback().await;
    found
}

/// Columns: the key and, if counted, the number of rows and of keys.
fn in_words(found: &[Vec<Option<String>>]) -> String {
    let keys: Vec<&str> = found.iter().filter_map(|row| row.first()?.as_deref()).collect();
    let keys = keys.join(", ");
    let number =
        |column: usize| -> Option<u64> { found.first()?.get(column)?.as_deref()?.parse().ok() };
    match (number(1), number(2)) {
        (Some(rows), Some(distinct)) => {
            let more = match distinct.saturating_sub(found.len() as u64) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let rows = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
            format!("ORPHANS: {rows} with the keys {keys}{more}")
        }
        _ => format!("ORPHANS: rows with the keys {keys}, among others"),
    }
}

/// A query that builds the query for the rows that violate the foreign key for which `is_key`, a
/// condition on `pg_constraint`, is true: the server knows which operators compare its columns. The
/// rows, with the column `key`, are the ones that `RI_Initial_Check` in `ri_triggers.c` looks for.
pub(crate) fn rows_query(is_key: &str) -> String {
    format!(
        "SELECT pg_catalog.format(\
             'SELECT pg_catalog.concat(''('', %s, '')'') AS key FROM %s%s AS fk \
              LEFT JOIN %s%s AS pk ON (%s) WHERE pk.%I IS NULL AND (%s)', \
             pg_catalog.string_agg(pg_catalog.format('COALESCE(pg_catalog.left(fk.%I::pg_catalog.text, {VALUE}), \
                 ''null'')', of_child.attname), ', '', '', ' ORDER BY place), \
             CASE child.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, conrelid::pg_catalog.regclass, \
             CASE parent.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, confrelid::pg_catalog.regclass, \
             pg_catalog.string_agg(pg_catalog.format('pk.%I OPERATOR(%I.%s) fk.%I', \
                 of_parent.attname, nspname, oprname, of_child.attname), ' AND '), \
             pg_catalog.min(of_parent.attname::pg_catalog.text), \
             pg_catalog.string_agg(pg_catalog.format('fk.%I IS NOT NULL', of_child.attname), \
                 CASE confmatchtype WHEN 'f' THEN ' OR ' ELSE ' AND ' END)) \
         FROM pg_catalog.pg_constraint \
         CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(conkey), pg_catalog.unnest(confkey), \
             pg_catalog.unnest(conpfeqop)) WITH ORDINALITY AS columns (own, other, operator, place) \
         JOIN pg_catalog.pg_attribute of_child ON (of_child.attrelid, of_child.attnum) = (conrelid, own) \
         JOIN pg_catalog.pg_attribute of_parent \
             ON (of_parent.attrelid, of_parent.attnum) = (confrelid, other) \
         JOIN pg_catalog.pg_operator o ON o.oid = operator \
         JOIN pg_catalog.pg_namespace n ON n.oid = oprnamespace \
         JOIN pg_catalog.pg_class child ON child.oid = conrelid \
         JOIN pg_catalog.pg_class parent ON parent.oid = confrelid \
         WHERE contype = 'f' AND {is_key} \
         GROUP BY conrelid, confrelid, confmatchtype, child.relkind, parent.relkind"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rows: &[&[&str]]) -> Vec<Vec<Option<String>>> {
        rows.iter().map(|row| row.iter().map(|value| Some((*value).to_owned())).collect()).collect()
    }

    #[test]
    fn orphans_are_counted_where_possible() {
        assert_eq!(
            in_words(&found(&[&["(7)", "12", "2"], &["(8)", "12", "2"]])),
            "ORPHANS: 12 rows with the keys (7), (8)"
        );
        assert_eq!(
            in_words(&found(&[&["(7, x)", "9", "4"]])),
            "ORPHANS: 9 rows with the keys (7, x) and 3 more"
        );
        assert_eq!(in_words(&found(&[&["(7)", "1", "1"]])), "ORPHANS: 1 row with the keys (7)");
        assert_eq!(
            in_words(&found(&[&["(7)"], &["(8)"]])),
            "ORPHANS: rows with the keys (7), (8), among others"
        );
    }
}
