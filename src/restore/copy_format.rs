//! Text or binary: in which format a table's rows are sent.
//!
//! Binary rows save the server the reading of text, which is much of what loading costs. It takes
//! a look at the catalogue for each table, so small tables stay text, as do tables with a column
//! whose type has no codec, and archives that are not in UTF-8.

use std::collections::HashMap;

use super::context::Context;
use super::options::CopyFormat;
use crate::archive::Entry;
use crate::rows::{COLUMNS_QUERY, CatalogType, ColumnType};
use crate::sql::ident::literal;
use crate::sql::scan::{names, names_in_parentheses, qualified};
use crate::target::Session;

/// Bytes of archived data from which a look at the catalogue pays.
const BINARY_FROM: u64 = 64 * 1024;

/// The columns of a COPY statement if its rows are to be sent in binary format.
pub(super) async fn binary_columns(
    ctx: &Context,
    session: &Session,
    entry: &Entry,
) -> Option<Vec<ColumnType>> {
    if !ctx.toc.encoding.is_utf8() || entry.copy_stmt.is_empty() {
        return None;
    }
    match ctx.options.copy_format {
        CopyFormat::Text => return None,
        CopyFormat::Auto => {
            let size = ctx.random.as_ref().and_then(|random| random.size(entry));
            // A stream does not tell sizes.
            if size.is_some_and(|size| size < BINARY_FROM) {
                return None;
            }
        }
        CopyFormat::Binary => {}
    }
    let Copied { table, columns } = Copied::of(&entry.copy_stmt)?;
    // Whatever is wrong with the table, COPY itself will say.
    let query = COLUMNS_QUERY.replace("{table}", &literal(table));
    let rows = session.query_text(&query).await.ok()?;
    let mut types: HashMap<String, ColumnType> = HashMap::with_capacity(rows.len());
    for row in rows {
        let [Some(name), Some(oids), Some(kinds)] = &row[..] else {
            return None;
        };
        if let Some(column) = ColumnType::for_catalog(&CatalogType::chain(oids, kinds)?) {
            types.insert(name.clone(), column);
        }
    }
    columns.iter().map(|name| types.get(name).cloned()).collect()
}

/// What a COPY statement of pg_dump names: `COPY table (columns) FROM stdin;`.
#[derive(Debug, PartialEq, Eq)]
struct Copied<'a> {
    table: &'a str,
    columns: Vec<String>,
}

impl<'a> Copied<'a> {
    fn of(statement: &'a str) -> Option<Self> {
        let rest = statement.strip_prefix("COPY ")?;
        let (table, rest) = rest.split_at(qualified(rest)?);
        let (list, rest) = names_in_parentheses(rest.strip_prefix(' ')?)?;
        (rest.trim_end() == " FROM stdin;").then_some(Self { table, columns: names(list)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_columns_are_those_of_the_statement() {
        let copied =
            Copied::of("COPY public.\"knowledge-elements\" (id, \"userId\") FROM stdin;\n");
        let columns = vec!["id".to_owned(), "userId".to_owned()];
        assert_eq!(copied, Some(Copied { table: "public.\"knowledge-elements\"", columns }));
    }

    #[test]
    fn statements_of_another_form_are_left_as_they_are() {
        for statement in [
            "COPY public.t  FROM stdin;\n",
            "COPY t FROM stdin;",
            "COPY t (a) FROM stdin WITH DELIMITER ',';",
            "COPY t (a) TO stdout;",
            "",
        ] {
            assert_eq!(Copied::of(statement), None, "{statement}");
        }
    }
}
