//! What a table's definition says about its rows: their width, and how their columns compare.

use std::collections::HashMap;

use crate::sql::scan::{identifier, unquoted};

/// How values of a type are compared in an index sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// As machine numbers: integers, dates, times, UUIDs.
    Number,
    /// By a function that works on a few bytes: `numeric`, enums, types unknown here.
    Function,
    /// By the rules of a collation, which is expensive: about ten times as much as a number,
    /// measured on 3 million rows.
    Collation,
    /// Large values: documents, arrays.
    Document,
}

/// A column, as far as its cost is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) comparison: Comparison,
    /// Bytes of a value as COPY text, including the tab after it. An estimate.
    width: u32,
}

impl Column {
    /// From a type as `format_type` writes it.
    fn of(sql_type: &str) -> Self {
        use Comparison::{Collation, Document, Function, Number};
        let (comparison, width) = match sql_type {
            array if array.ends_with("[]") => (Document, 60),
            "boolean" => (Number, 2),
            "smallint" => (Number, 4),
            "integer" | "oid" => (Number, 7),
            "bigint" => (Number, 9),
            "real" | "double precision" => (Number, 12),
            "date" => (Number, 11),
            "uuid" => (Number, 37),
            "text" => (Collation, 24),
            "json" | "jsonb" | "xml" | "bytea" | "tsvector" => (Document, 200),
            other if other.starts_with("time") => (Number, 28),
            other if other.starts_with("character") => (Collation, 20),
            other if other.starts_with("numeric") => (Function, 9),
            other if other.ends_with(".citext") || other == "citext" => (Collation, 24),
            _ => (Function, 12),
        };
        Self { comparison, width }
    }
}

/// The columns of a table by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns(HashMap<String, Column>);

impl Columns {
    /// From a `CREATE TABLE` as pg_dump writes it: a column a line, four spaces before it
    /// (`dumpTableSchema` in `pg_dump.c`). Anything else is not a column.
    pub(super) fn of(definition: &str) -> Self {
        Self(definition.lines().filter_map(column).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<Column> {
        self.0.get(name).copied()
    }

    /// Bytes of a row as COPY text; `None` when no column is known.
    pub(super) fn width(&self) -> Option<u32> {
        (!self.0.is_empty()).then(|| self.0.values().map(|column| column.width).sum())
    }
}

fn column(line: &str) -> Option<(String, Column)> {
    let line = line.strip_prefix("    ")?;
    let (name, rest) = line.split_at(identifier(line)?);
    let rest = rest.strip_prefix(' ')?;
    // Constraints and a comma follow the type; types contain none of these words.
    let ends = [" DEFAULT ", " NOT NULL", " GENERATED ", " COLLATE ", " CONSTRAINT "];
    let end = ends.iter().filter_map(|word| rest.find(word)).min().unwrap_or(rest.len());
    let sql_type = rest[..end].trim_end_matches(',');
    let is_constraint = matches!(name, "CONSTRAINT" | "CHECK" | "PRIMARY" | "UNIQUE" | "FOREIGN");
    (!is_constraint).then(|| (unquoted(name), Column::of(sql_type)))
}

#[cfg(test)]
mod tests {
    use super::Comparison::{Collation, Document, Function, Number};
    use super::*;

    #[test]
    fn columns_are_read_from_the_definition() {
        let definition = "CREATE TABLE public.answers (\n    id bigint NOT NULL,\n    \
            value text DEFAULT ''::text NOT NULL,\n    \"assessment\"\"Id\" integer,\n    \
            \"challengeId\" character varying(255) COLLATE pg_catalog.\"C\" NOT NULL,\n    \
            tags text[],\n    score numeric(10,2),\n    \
            \"createdAt\" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,\n    \
            state public.\"a state\",\n    snapshot jsonb\n    CONSTRAINT x CHECK ((id > 0))\n);\n";
        let columns = Columns::of(definition);
        for (name, comparison) in [
            ("id", Number),
            ("value", Collation),
            ("assessment\"Id", Number),
            ("challengeId", Collation),
            ("tags", Document),
            ("score", Function),
            ("createdAt", Number),
            ("state", Function),
            ("snapshot", Document),
        ] {
            assert_eq!(columns.get(name).map(|c| c.comparison), Some(comparison), "{name}");
        }
        assert_eq!(columns.0.len(), 9);
        assert_eq!(columns.width(), Some(9 + 24 + 7 + 20 + 60 + 9 + 28 + 12 + 200));
    }

    #[test]
    fn definition_without_columns_has_no_width() {
        assert_eq!(Columns::of("CREATE TABLE public.part PARTITION OF whole;\n").width(), None);
        assert_eq!(Columns::of("").width(), None);
    }
}
