//! Text or binary: in which format a table's rows are sent.
//!
//! Binary rows save the server the reading of text, which is much of what loading costs. It takes
//! a look at the catalogue for each table, so small tables stay text, as do tables with a column
//! whose type has no codec, and archives that are not in UTF-8.

use std::collections::HashMap;

use super::context::Context;
use super::options::CopyFormat;
use crate::archive::Entry;
use crate::rows::{COLUMNS_QUERY, CatalogType, ColumnType, CopyStatement};
use crate::sql::ident::literal;
use crate::target::Session;

/// Bytes of archived data from which a look at the catalogue pays.
const BINARY_FROM: u64 = 64 * 1024;

/// The columns of a COPY statement if its rows are to be sent in binary format. `size` is that of
/// the archived data, if known.
pub(super) async fn binary_columns(
    ctx: &Context,
    session: &Session,
    entry: &Entry,
    size: Option<u64>,
) -> Option<Vec<ColumnType>> {
    if !ctx.toc.encoding.is_utf8() || entry.copy_stmt.is_empty() {
        return None;
    }
    match ctx.options.copy_format {
        CopyFormat::Text => return None,
        CopyFormat::Auto => {
            // A custom archive that comes as a stream does not tell sizes.
            if size.is_some_and(|size| size < BINARY_FROM) {
                return None;
            }
        }
        CopyFormat::Binary => {}
    }
    let CopyStatement { table, columns } = CopyStatement::parse(&entry.copy_stmt)?;
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
