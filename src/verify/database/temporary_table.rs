//! An entry's data on its way into a temporary table.

use std::io::Read;

use bytes::Bytes;

use super::subjects::ComparedTable;
use crate::archive::encoding::Decoding;
use crate::archive::{ArchiveError, Data, Entry, Result, Toc};
use crate::rows::{CopyStatement, CopyText, insert_into, table_name};
use crate::sql::ident::literal;
use crate::sql::split::{Batches, Ends};

/// A step of loading.
#[derive(Debug)]
pub(super) enum Fill {
    /// Start a COPY with this statement.
    Copy(String),
    /// Rows for the COPY.
    Rows(Bytes),
    /// INSERT statements.
    Statements(String),
    /// The entry's data has ended.
    End,
    /// The archive cannot be read further.
    Failed(String),
    /// All entries are loaded.
    Done,
}

/// The way to load an entry's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// COPY, with this statement.
    Copy(String),
    /// INSERT, with its start replaced.
    Inserts {
        /// The table's schema in the archive's statements. Before 2018 pg_dump wrote none.
        schema: String,
        /// The name of that table.
        name: String,
        /// The new start of the statements.
        into: String,
    },
}

impl Load {
    /// How to load an entry of `table` into the table `temporary`.
    pub(super) fn new(entry: &Entry, table: &ComparedTable, temporary: &str, toc: &Toc) -> Self {
        if entry.copy_stmt.is_empty() {
            let (schema, name) = (table.schema.clone(), table.name.clone());
            return Self::Inserts { schema, name, into: format!("INSERT INTO {temporary}") };
        }
        let columns = CopyStatement::parse(&entry.copy_stmt).map(|copy| copy.columns);
        let columns = columns.unwrap_or_default();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let columns = match columns.as_slice() {
            [] => String::new(),
            columns => format!(" ({})", super::found_tables::list(columns)),
        };
        let encoding = literal(toc.encoding.name());
        Self::Copy(format!("COPY {temporary}{columns} FROM STDIN WITH (ENCODING {encoding})"))
    }
}

/// Reads an entry's data to the end. `send` returns false when the receiver is gone.
pub(super) fn feed(
    data: Data,
    load: &Load,
    toc: &Toc,
    send: &mut dyn FnMut(Fill) -> bool,
) -> Result<()> {
    let Data::Rows(reader) = data else {
        return Err(ArchiveError::malformed("large objects where rows are expected"));
    };
    match load {
        Load::Copy(statement) => rows(reader, statement, send),
        Load::Inserts { schema, name, into } => inserts(reader, (schema, name), into, toc, send),
    }
}

fn rows(reader: impl Read, statement: &str, send: &mut dyn FnMut(Fill) -> bool) -> Result<()> {
    let mut text = CopyText::new(reader);
    let mut wanted = send(Fill::Copy(statement.to_owned()));
    while wanted {
        wanted = match text.next_piece()? {
            Some(piece) => send(Fill::Rows(piece)),
            None => {
                send(Fill::End);
                false
            }
        };
    }
    Ok(())
}

fn inserts(
    reader: impl Read,
    (schema, name): (&str, &str),
    into: &str,
    toc: &Toc,
    send: &mut dyn FnMut(Fill) -> bool,
) -> Result<()> {
    let reader = Decoding::new(reader, toc.encoding.clone());
    for batch in Batches::new(reader, toc.standard_conforming_strings, Ends::WithBlankLines) {
        let batch = batch.map_err(ArchiveError::from_statements)?;
        let mut sql = String::with_capacity(batch.sql().len() + batch.len() * into.len());
        for statement in batch.statements() {
            let text = String::from_utf8_lossy(statement);
            let Some(values) = values(&text, schema, name) else {
                let what = format!("a statement that does not insert into {schema}.{name}");
                return Err(ArchiveError::malformed(what));
            };
            sql.push_str(into);
            sql.push_str(values);
            sql.push('\n');
        }
        if !send(Fill::Statements(sql)) {
            break;
        }
    }
    send(Fill::End);
    Ok(())
}

/// The text after the table's name, if the statement inserts into this table.
fn values<'a>(statement: &'a str, schema: &str, name: &str) -> Option<&'a str> {
    let (table, values) = insert_into(statement)?;
    let (its_schema, its_name) = table_name(table)?;
    (its_name == name && its_schema.is_none_or(|its| its == schema)).then_some(values)
}
