//! Finds what would prevent the copy of a table, without copying, before anything is dropped.

use std::collections::HashSet;

use super::drift::Drift;
use super::error::{IncrementalError, Side};
use super::key::{KeyColumn, doubts};
use super::partitions;
use super::settings::{CopySettings, IncrementalTable};
use super::snapshot::common;
use super::table_definition::{Relation, definition};
use crate::server::{self, Session, SessionSettings, Target};

/// The result of the check.
#[derive(Debug, Default)]
pub struct Prechecked {
    /// Errors that would prevent the copy of a table.
    pub errors: Vec<IncrementalError>,
    /// Reasons why rows could be missed, or why the copy would be slow. The copy also logs them.
    pub doubts: Vec<String>,
}

/// Compares the tables on both sides and checks the privileges that the copy needs. Changes
/// nothing. `loaded` are the tables (schema, name) that are not yet in the target, or will be
/// loaded again: only their source is checked.
///
/// # Errors
/// [`IncrementalError::Connect`]. Errors of single tables are in the result.
pub async fn precheck(
    settings: &CopySettings,
    loaded: &HashSet<(String, String)>,
) -> Result<Prechecked, IncrementalError> {
    let source = connect(&settings.source, Side::Source).await?;
    let target = connect(&settings.target, Side::Target).await?;
    let mut found = Prechecked::default();
    for table in &settings.tables {
        let is_kept = !loaded.contains(&(table.schema.clone(), table.name.clone()));
        let target = is_kept.then_some(&target);
        match check(settings, table, &source, target).await {
            Ok(doubts) => {
                found.doubts.extend(doubts.iter().map(|doubt| format!("table {table}: {doubt}")));
            }
            Err(error) => found.errors.push(error),
        }
    }
    Ok(found)
}

async fn connect(target: &Target, side: Side) -> Result<Session, IncrementalError> {
    let session = Session::connect(target, &SessionSettings::default()).await;
    session.map_err(|source| IncrementalError::Connect { side, source })
}

/// The doubts about a table that can be copied.
async fn check(
    settings: &CopySettings,
    table: &IncrementalTable,
    source: &Session,
    target: Option<&Session>,
) -> Result<Vec<String>, IncrementalError> {
    let of_source = |error| settings.refused(table, Side::Source, error);
    let of_target = |error| settings.refused(table, Side::Target, error);
    let relation = definition(settings, source, table, Side::Source).await?;
    let read = format!("SELECT {} FROM {table}", relation.copied_names());
    may(settings, source, &read).await.map_err(of_source)?;
    let key_column = relation.column(&table.key);
    let Some(target) = target else {
        let key = KeyColumn::in_source(table, &relation)?;
        key.check_lag(table, settings.lag)?;
        may(settings, source, &key.highest(table, None, None)).await.map_err(of_source)?;
        return Ok(key_column.map_or_else(Vec::new, |column| doubts(column, None)));
    };
    let kept = definition(settings, target, table, Side::Target).await?;
    if !matches!(kept.kind.as_str(), "r" | "p") {
        return Err(IncrementalError::NotATable { table: table.clone() });
    }
    if let Some(drift) = Drift::between(table, &relation, &kept)
        && !(settings.add_columns && drift.is_addable())
    {
        return Err(IncrementalError::Drift(Box::new(drift)));
    }
    let key = KeyColumn::of(table, &relation, &kept)?;
    key.check_lag(table, settings.lag)?;
    may(settings, target, &key.highest(table, None, None)).await.map_err(of_target)?;
    if !may_insert(target, &kept).await.map_err(of_target)? {
        return Err(settings.no_insert(table));
    }
    if settings.fill_gaps {
        let sql = "SELECT pg_catalog.has_database_privilege(\
                   pg_catalog.current_database()::pg_catalog.text, 'TEMPORARY')";
        let may = target.query_value(sql).await.map_err(of_target)?;
        if may.as_deref() != Some("t") {
            return Err(settings.no_temporary(table));
        }
    }
    // Without an index, this reads the whole table, which the copy does again.
    let is_cheap = key.has_index && kept.column(&table.key).is_some_and(|column| column.has_index);
    let mut found =
        key_column.map_or_else(Vec::new, |column| doubts(column, kept.column(&table.key)));
    let new = partitions::find(settings, table, (source, &relation), (target, &kept)).await?;
    found.extend(new.iter().map(ToString::to_string));
    if is_cheap && !settings.allow_behind {
        let before =
            target.query_value(&key.highest(table, None, None)).await.map_err(of_target)?;
        if let Some(before) = before {
            key.not_behind(settings, table, &before, source).await?;
        }
    }
    Ok(found)
}

/// Whether the role may write the copied columns with COPY, which needs INSERT on each of them.
/// Nothing is planned: the plan of an INSERT includes the table's rules and the defaults of other
/// columns, whose functions may fail without a search path.
async fn may_insert(session: &Session, relation: &Relation) -> server::Result<bool> {
    let sql = format!(
        "SELECT pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AND NOT EXISTS ( \
             SELECT FROM pg_catalog.pg_attribute a \
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             AND a.attgenerated = '' \
             AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'INSERT')) \
         FROM pg_catalog.pg_class c WHERE c.oid = {}",
        relation.oid
    );
    Ok(session.query_value(&sql).await?.as_deref() == Some("t"))
}

/// Checks that the role may run a statement. EXPLAIN without ANALYZE checks the privileges
/// (`ExecCheckPermissions` in `src/backend/executor/execMain.c`) and runs nothing.
async fn may(settings: &CopySettings, session: &Session, sql: &str) -> server::Result<()> {
    let sql = format!("BEGIN TRANSACTION READ ONLY; {}; EXPLAIN {sql}; ROLLBACK", common(settings));
    let result = session.query_text(&sql).await;
    if result.is_err() && session.is_usable() {
        session.rollback().await?;
    }
    result.map(drop)
}
