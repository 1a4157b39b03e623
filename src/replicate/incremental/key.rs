//! The key of a table, and how its values are compared in SQL.

use super::error::{IncrementalError, Side};
use super::ranges::Range;
use super::settings::{CopySettings, IncrementalTable};
use super::table_definition::{Column, Relation};
use crate::error::chain;
use crate::server::{self, Session};
use crate::sql::ident::{literal, quoted};

/// The key of a table.
///
/// Values are read as the servers' text output, and sent back as literals of the key's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyColumn {
    /// The column, quoted where SQL needs it.
    column: String,
    /// The base type below all domains.
    type_name: String,
    has_collation: bool,
    /// Whether a B-tree index of the source starts with it.
    pub(super) has_index: bool,
    /// Whether it is unique in the source.
    pub(super) is_unique: bool,
}

impl KeyColumn {
    /// The key of a table that exists on both sides.
    ///
    /// # Errors
    /// If the key is missing or cannot be compared.
    pub(super) fn of(
        table: &IncrementalTable,
        source: &Relation,
        target: &Relation,
    ) -> Result<Self, IncrementalError> {
        let key = Self::in_source(table, source)?;
        match target.column(&table.key) {
            Some(_) => Ok(key),
            None => Err(IncrementalError::NoKey { table: table.clone(), side: Side::Target }),
        }
    }

    /// The key of a table that so far only the source has.
    ///
    /// # Errors
    /// A key that is missing or cannot be compared.
    pub(super) fn in_source(
        table: &IncrementalTable,
        source: &Relation,
    ) -> Result<Self, IncrementalError> {
        let side = Side::Source;
        let column = source.column(&table.key);
        let column =
            column.ok_or_else(|| IncrementalError::NoKey { table: table.clone(), side })?;
        // The search path is empty, so that operators of other schemas are not found.
        if !column.is_built_in {
            let (table, type_name) = (table.clone(), column.type_name.clone());
            return Err(IncrementalError::KeyType { table, type_name });
        }
        Ok(Self::of_source(column))
    }

    /// A column of the source as key.
    pub(super) fn of_source(column: &Column) -> Self {
        Self {
            column: quoted(&column.name).into_owned(),
            type_name: column.base_type.clone(),
            has_collation: column.has_collation,
            has_index: column.has_index,
            is_unique: column.is_unique,
        }
    }

    /// Rejects a lag if the keys are not integers.
    pub(super) fn check_lag(
        &self,
        table: &IncrementalTable,
        lag: u64,
    ) -> Result<(), IncrementalError> {
        if lag == 0 || self.is_integer() {
            return Ok(());
        }
        Err(IncrementalError::Lag { table: table.clone(), type_name: self.type_name.clone() })
    }

    /// Checks that the source reaches the target's highest key: another or older source would
    /// assign keys below it again, and their rows would be skipped.
    pub(super) async fn not_behind(
        &self,
        settings: &CopySettings,
        table: &IncrementalTable,
        before: &str,
        source: &Session,
    ) -> Result<(), IncrementalError> {
        let refused = |error| settings.refused(table, Side::Source, error);
        let reaches = source.query_value(&self.reaches(table, before)).await;
        if reaches.map_err(refused)?.as_deref() == Some("t") {
            return Ok(());
        }
        let source_key =
            source.query_value(&self.highest(table, None, None)).await.map_err(refused)?;
        let target = before.to_owned();
        let behind = IncrementalError::Behind { table: table.clone(), source_key, target };
        if !settings.allow_behind {
            return Err(behind);
        }
        tracing::warn!(table_name = table.name, "{}", chain(&behind));
        Ok(())
    }

    /// Whether its values are integers of at most 64 bits.
    pub(super) fn is_integer(&self) -> bool {
        matches!(self.type_name.as_str(), "smallint" | "integer" | "bigint")
    }

    /// The key as an expression on a table called `r`: with the bare name, ORDER BY would use the
    /// column of the result, which is text. Two servers may sort text differently, so text is
    /// compared by its bytes.
    pub(super) fn sql(&self) -> String {
        self.sql_of("r")
    }

    /// The key as an expression on a table of another name.
    pub(super) fn sql_of(&self, table: &str) -> String {
        let collation = if self.has_collation { " COLLATE pg_catalog.\"C\"" } else { "" };
        format!("{table}.{}{collation}", self.column)
    }

    /// A query for the lowest key of a table.
    pub(super) fn lowest(&self, table: &IncrementalTable) -> String {
        let (column, key) = (&self.column, self.sql());
        format!(
            "SELECT r.{column}::pg_catalog.text FROM {table} r WHERE r.{column} IS NOT NULL \
             ORDER BY {key} LIMIT 1"
        )
    }

    /// A query for the highest key of a table, above one and up to another, if given.
    pub(super) fn highest(
        &self,
        table: &IncrementalTable,
        after: Option<&str>,
        through: Option<&str>,
    ) -> String {
        let (column, key) = (&self.column, self.sql());
        let condition = match (after, through) {
            (_, Some(through)) => self.between(after, through),
            (Some(after), None) => format!("{key} > {}", self.literal(after)),
            (None, None) => format!("r.{column} IS NOT NULL"),
        };
        format!(
            "SELECT r.{column}::pg_catalog.text FROM {table} r WHERE {condition} \
             ORDER BY {key} DESC LIMIT 1"
        )
    }

    /// A query that tells whether a table has a row at or above a key.
    pub(super) fn reaches(&self, table: &IncrementalTable, key: &str) -> String {
        let (own, key) = (self.sql(), self.literal(key));
        format!("SELECT EXISTS (SELECT FROM {table} r WHERE {own} >= {key})")
    }

    /// The condition for rows of a table called `r` above one key, if given, up to and including
    /// another.
    pub(super) fn between(&self, after: Option<&str>, through: &str) -> String {
        let key = self.sql();
        let through = format!("{key} <= {}", self.literal(through));
        match after {
            Some(after) => format!("{key} > {} AND {through}", self.literal(after)),
            None => through,
        }
    }

    /// How many rows the planner expects in a range. It uses the table's size even if the table was
    /// never analyzed.
    pub(super) async fn estimate(
        &self,
        table: &IncrementalTable,
        range: &Range,
        session: &Session,
    ) -> server::Result<u64> {
        let condition = self.between(range.after.as_deref(), &range.through);
        let sql = format!("EXPLAIN (FORMAT json) SELECT FROM {table} r WHERE {condition}");
        let json = session.query_value(&sql).await?.unwrap_or_default();
        let plan: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
        let rows = plan.pointer("/0/Plan/Plan Rows").and_then(serde_json::Value::as_f64);
        // The cast saturates at the largest integer.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(rows.unwrap_or_default() as u64)
    }

    /// A value as an SQL literal.
    fn literal(&self, value: &str) -> String {
        format!("{}::{}", literal(value), self.type_name)
    }
}

/// Reasons why rows could be missed with this key, or why the copy would be slow. `target` is
/// `None` if the table does not exist yet.
pub(super) fn doubts(source: &Column, target: Option<&Column>) -> Vec<String> {
    let key = quoted(&source.name);
    let mut doubts = Vec::new();
    if !ascends(&source.base_type) {
        doubts.push(format!(
            "key {key} is of type {}: unless it grows with every row, new rows below the highest \
             key so far are never copied (hint: choose a column that grows, such as a sequence \
             number or an insertion time, in INCREMENTAL_KEYS or with --table TABLE:KEY, or \
             restore the whole table, as \"full\" in BACKUP_MODE; INCREMENTAL_CHECK_GAPS counts \
             the missing rows)",
            source.type_name
        ));
    }
    if !source.is_unique {
        doubts.push(format!(
            "key {key} is not unique in the source: rows added later with the highest key so far \
             are missed"
        ));
    }
    if !source.not_null {
        doubts.push(format!("rows without a key ({key} is NULL) are not copied"));
    }
    for (column, side) in [(Some(source), Side::Source), (target, Side::Target)] {
        if column.is_some_and(|column| !column.has_index) {
            doubts.push(format!(
                "no index starts with key {key} in the {side}: the whole table is read there"
            ));
        }
    }
    doubts
}

/// Whether values of a type usually grow from row to row: numbers and points in time. Others are
/// usually random, such as UUIDs of version 4.
fn ascends(type_name: &str) -> bool {
    let name = type_name.split(['(', '[']).next().unwrap_or_default().trim_end();
    let is_array = type_name.contains('[');
    !is_array
        && matches!(
            name,
            "smallint"
                | "integer"
                | "bigint"
                | "numeric"
                | "real"
                | "double precision"
                | "oid"
                | "xid8"
                | "pg_lsn"
                | "date"
                | "timestamp"
                | "timestamp without time zone"
                | "timestamp with time zone"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(type_name: &str, has_collation: bool) -> KeyColumn {
        let (type_name, column) = (type_name.to_owned(), "\"createdAt\"".to_owned());
        KeyColumn { column, type_name, has_collation, has_index: true, is_unique: true }
    }

    fn table() -> IncrementalTable {
        IncrementalTable {
            schema: "public".into(),
            name: "Answers".into(),
            key: "createdAt".into(),
        }
    }

    #[test]
    fn values_are_literals_of_the_key_type() {
        let key = key("timestamp with time zone", false);
        assert_eq!(
            key.between(Some("2024-01-01 00:00:00+00"), "it's"),
            "r.\"createdAt\" > '2024-01-01 00:00:00+00'::timestamp with time zone \
             AND r.\"createdAt\" <= 'it''s'::timestamp with time zone"
        );
        assert_eq!(
            key.highest(&table(), None, None),
            "SELECT r.\"createdAt\"::pg_catalog.text FROM public.\"Answers\" r \
             WHERE r.\"createdAt\" IS NOT NULL ORDER BY r.\"createdAt\" DESC LIMIT 1"
        );
    }

    #[test]
    fn only_numbers_and_times_are_assumed_to_grow() {
        for (type_name, expected) in [
            ("bigint", true),
            ("numeric(20,4)", true),
            ("timestamp(3) with time zone", true),
            ("date", true),
            ("uuid", false),
            ("text", false),
            ("character(26)", false),
            ("bytea", false),
            ("boolean", false),
            ("bigint[]", false),
            ("time without time zone", false),
            ("interval", false),
            ("inet", false),
        ] {
            assert_eq!(ascends(type_name), expected, "{type_name}");
        }
    }

    #[test]
    fn text_is_compared_by_bytes() {
        assert_eq!(
            key("text", true).between(None, "z"),
            "r.\"createdAt\" COLLATE pg_catalog.\"C\" <= 'z'::text"
        );
    }
}
