//! The database's counterparts of the archive's tables: whether they exist, their kind and columns,
//! and the statements that read them.

use std::collections::{HashMap, HashSet};

use super::names;
use super::subjects::ComparedTable;
use crate::archive::{Desc, Toc};
use crate::error::chain;
use crate::server::{Result, Session};
use crate::sql::ident::{literal, quoted};

/// A table of the archive and its counterpart in the database.
#[derive(Clone, Debug)]
pub(super) struct FoundTable<'a> {
    /// The archive's table.
    pub(super) table: &'a ComparedTable,
    /// The database's relation; `None` if there is none.
    pub(super) here: Option<Here>,
}

/// A relation of the database.
#[derive(Clone, Debug)]
pub(super) struct Here {
    oid: u32,
    /// `pg_class.relkind`.
    kind: char,
    /// Bytes of its main fork, without TOAST.
    pub(super) size: u64,
    columns: Vec<Column>,
    /// Partitions that the archive loads directly, not through this root.
    apart: Vec<u32>,
    /// The rows of an extension's table that pg_dump writes: `WHERE …`, or empty for all.
    condition: String,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    is_generated: bool,
    is_stored: bool,
}

/// Looks up tables, by schema and name.
pub(super) async fn look_up<'a>(
    session: &Session,
    toc: &Toc,
    tables: &'a [ComparedTable],
) -> Result<Vec<FoundTable<'a>>> {
    let mut found: Vec<FoundTable<'_>> =
        tables.iter().map(|table| FoundTable { table, here: None }).collect();
    let names: Vec<String> = tables
        .iter()
        .enumerate()
        .map(|(at, table)| format!("({at}, {}, {})", literal(&table.schema), literal(&table.name)))
        .collect();
    let query = |wanted: &str| include_str!("relations.sql").replace("{wanted}", wanted);
    for row in names::look_up(session, &names, query).await? {
        let [Some(at), Some(oid), Some(kind), Some(size), column, generated, condition] = &row[..]
        else {
            continue;
        };
        let Some(found) = at.parse().ok().and_then(|at: usize| found.get_mut(at)) else {
            continue;
        };
        let here = found.here.get_or_insert_with(|| Here {
            oid: oid.parse().unwrap_or_default(),
            kind: kind.chars().next().unwrap_or_default(),
            size: size.parse().unwrap_or_default(),
            columns: Vec::new(),
            apart: Vec::new(),
            condition: condition.clone().unwrap_or_default(),
        });
        if let Some(name) = column {
            let is_generated = generated.as_deref().is_some_and(|kind| !kind.is_empty());
            let is_stored = generated.as_deref() == Some("s");
            here.columns.push(Column { name: name.clone(), is_generated, is_stored });
        }
    }
    let direct: HashSet<(&str, &str)> = toc
        .entries
        .iter()
        .filter(|entry| entry.desc == Desc::TableData && !entry.is_load_via_partition_root())
        .map(|entry| (entry.namespace.as_deref().unwrap_or_default(), entry.tag.as_str()))
        .collect();
    let roots: HashMap<u32, usize> = found
        .iter()
        .enumerate()
        .filter(|(_, found)| found.table.is_root)
        .filter_map(|(at, found)| Some((found.here.as_ref()?.oid, at)))
        .collect();
    for (oid, at) in roots {
        let query = include_str!("partitions.sql").replace("{root}", &oid.to_string());
        for row in session.query_text(&query).await? {
            if let [Some(oid), Some(schema), Some(name)] = &row[..]
                && direct.contains(&(schema, name))
                && let (Some(here), Ok(oid)) = (&mut found[at].here, oid.parse())
            {
                here.apart.push(oid);
            }
        }
    }
    Ok(found)
}

impl FoundTable<'_> {
    /// The columns to compare.
    pub(super) fn columns(&self) -> Vec<&str> {
        match (&self.table.columns, &self.here) {
            (Some(columns), _) => columns.iter().map(String::as_str).collect(),
            (None, Some(here)) => here
                .columns
                .iter()
                .filter(|column| !column.is_generated)
                .map(|column| column.name.as_str())
                .collect(),
            (None, None) => Vec::new(),
        }
    }

    /// All columns of the database's table, including generated ones.
    pub(super) fn every_column(&self) -> Vec<&str> {
        let own = self.here.iter().flat_map(|here| &here.columns);
        own.map(|column| column.name.as_str()).collect()
    }

    /// The first column of the archive that the database lacks.
    pub(super) fn missing_column(&self) -> Option<&str> {
        let here = self.here.as_ref()?;
        self.columns().into_iter().find(|name| here.columns.iter().all(|own| own.name != *name))
    }

    /// Columns of the database that the archive lacks, except generated ones.
    pub(super) fn further_columns(&self) -> Vec<&str> {
        let columns = self.columns();
        let own = self.here.iter().flat_map(|here| &here.columns);
        own.filter(|own| !own.is_generated && !columns.contains(&own.name.as_str()))
            .map(|own| own.name.as_str())
            .collect()
    }

    /// Whether the database has something to read.
    pub(super) fn is_comparable(&self) -> bool {
        self.here.is_some()
            && self.other_kind().is_none()
            && self.missing_column().is_none()
            && !self.table.is_partial
    }

    /// The kind of the relation if it is not a table. Only tables are read: any role can put a view
    /// in a table's place, and reading it would run its functions.
    pub(super) fn other_kind(&self) -> Option<&'static str> {
        match self.here.as_ref()?.kind {
            'r' | 'p' => None,
            'v' => Some("a view"),
            'm' => Some("a materialized view"),
            'f' => Some("a foreign table"),
            _ => Some("another kind of relation"),
        }
    }

    /// The stored generated columns; their values are not in the archive.
    pub(super) fn generated_columns(&self) -> Vec<&str> {
        let own = self.here.iter().flat_map(|here| &here.columns);
        own.filter(|own| own.is_stored).map(|own| own.name.as_str()).collect()
    }

    /// The columns of a temporary table for the archive's rows: `a integer, b text`.
    ///
    /// # Errors
    /// When loading the rows would run code that pg_dump does not run.
    pub(super) async fn definition(
        &self,
        session: &Session,
        columns: &[&str],
    ) -> std::result::Result<String, String> {
        let oid = self.here.as_ref().map_or(0, |here| here.oid);
        let query = include_str!("types.sql").replace("{table}", &oid.to_string());
        let rows = session.query_text(&query).await.map_err(|error| chain(&error))?;
        let mut definitions = HashMap::new();
        for row in &rows {
            let [Some(name), Some(kind), foreign] = &row[..] else { continue };
            if let Some(foreign) = foreign
                && columns.contains(&name.as_str())
            {
                return Err(format!(
                    "its rows differ as text, but the values may be equal; comparing values would \
                     run code of the type {foreign} of column {name}"
                ));
            }
            definitions.insert(name.as_str(), format!("{} {kind}", quoted(name)));
        }
        let defined = columns.iter().filter_map(|name| definitions.remove(name));
        Ok(defined.collect::<Vec<_>>().join(", "))
    }

    /// `COPY … TO STDOUT` of the columns, in this encoding.
    pub(super) fn copy_out(&self, encoding: &str) -> String {
        let options = format!("WITH (ENCODING {})", literal(encoding));
        let columns = self.columns();
        let is_generated = |name: &&str| {
            let own = self.here.iter().flat_map(|here| &here.columns);
            own.into_iter().any(|own| own.is_generated && own.name == **name)
        };
        let is_ordinary =
            self.here.as_ref().is_some_and(|here| here.kind == 'r' && here.condition.is_empty());
        // COPY of a table is faster than COPY of a query, but cannot read generated columns.
        if is_ordinary && !columns.is_empty() && !columns.iter().any(is_generated) {
            let (table, columns) = (self.table.sql(), list(&columns));
            return format!("COPY {table} ({columns}) TO STDOUT {options}");
        }
        format!("COPY ({}) TO STDOUT {options}", self.query(&columns))
    }

    /// A query for these columns of the rows that the archive loads into this table.
    pub(super) fn query(&self, columns: &[&str]) -> String {
        let (kind, apart, condition) = match &self.here {
            Some(here) => (here.kind, here.apart.as_slice(), here.condition.as_str()),
            None => ('r', &[][..], ""),
        };
        // The rows of an ordinary table's children belong to other entries.
        let only = if kind == 'r' { "ONLY " } else { "" };
        let mut query = format!("SELECT {} FROM {only}{}", list(columns), self.table.sql());
        if !apart.is_empty() {
            let oids: Vec<String> = apart.iter().map(u32::to_string).collect();
            query.push_str(&format!(" WHERE tableoid <> ALL ('{{{}}}')", oids.join(",")));
        } else if !condition.is_empty() {
            query.push_str(&format!(" {condition}"));
        }
        query
    }
}

/// Column names as an SQL list.
pub(super) fn list(columns: &[&str]) -> String {
    let quoted: Vec<_> = columns.iter().map(|name| quoted(name)).collect();
    quoted.join(", ")
}
