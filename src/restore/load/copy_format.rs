//! Chooses text or binary as the format in which a table's rows are sent.
//!
//! Binary rows save the server from parsing text, which is much of the cost of loading. Binary
//! needs a catalog query for each table, so small tables stay text, as do tables with a column
//! whose type has no codec, and archives that are not in UTF-8. If earlier runs have measured both,
//! the faster one is used (the rule is at [`crate::plan::history::Database::formats`]).

use std::collections::HashMap;

use crate::archive::{Desc, Entry, Place};
use crate::plan::history::RowFormat;
use crate::restore::facts::Facts;
use crate::restore::ledger::Ledger;
use crate::restore::options::CopyFormat;
use crate::rows::{COLUMNS_QUERY, CatalogType, ColumnType, CopyStatement};
use crate::server::Session;
use crate::sql::ident::literal;

/// Bytes of archived data from which the catalog query pays off.
const BINARY_FROM: u64 = 64 * 1024;

/// The formats that earlier runs favour, by the place of a table's data, if the format is chosen
/// automatically.
pub(crate) fn favoured_formats(facts: &Facts) -> HashMap<Place, RowFormat> {
    let past = facts.options.history.database(&facts.toc.header.dbname);
    let Some(past) = past.filter(|_| facts.options.copy_format == CopyFormat::Auto) else {
        return HashMap::new();
    };
    let places = facts.toc.places().filter(|place| facts.wants_archived_data(*place));
    let tables = places.map(|place| (place, facts.entry(place)));
    past.formats(tables.filter(|(_, entry)| entry.desc == Desc::TableData)).into_iter().collect()
}

/// The columns of a COPY statement if its rows are to be sent in binary format. `size` is the size
/// of the archived data, if known.
pub(crate) async fn binary_columns(
    ledger: &Ledger,
    session: &Session,
    entry: &Entry,
    size: Option<u64>,
) -> Option<Vec<ColumnType>> {
    if entry.copy_stmt.is_empty() {
        return None;
    }
    let wanted = wanted(&ledger.facts, entry, size);
    let columns = match wanted {
        RowFormat::Text => None,
        RowFormat::Binary => codecs(session, entry).await,
    };
    // Text for lack of a codec is not a choice, so there is nothing to learn from it.
    let is_choice = wanted == RowFormat::Text || columns.is_some();
    if let Some(place) = ledger.facts.toc.position(entry.dump_id).filter(|_| is_choice) {
        ledger.note_format(place, wanted);
    }
    columns
}

/// The preferred format, if the columns allow it.
fn wanted(facts: &Facts, entry: &Entry, size: Option<u64>) -> RowFormat {
    if !facts.toc.encoding.is_utf8() {
        return RowFormat::Text;
    }
    match facts.options.copy_format {
        CopyFormat::Text => RowFormat::Text,
        CopyFormat::Binary => RowFormat::Binary,
        CopyFormat::Auto => {
            // Streamed custom archives do not record sizes.
            if size.is_some_and(|size| size < BINARY_FROM) {
                return RowFormat::Text;
            }
            let learned =
                facts.toc.position(entry.dump_id).and_then(|place| facts.formats.get(&place));
            learned.copied().unwrap_or(RowFormat::Binary)
        }
    }
}

/// The codecs of the columns, if each has one.
async fn codecs(session: &Session, entry: &Entry) -> Option<Vec<ColumnType>> {
    let CopyStatement { table, columns } = CopyStatement::parse(&entry.copy_stmt)?;
    // COPY itself will report any problem with the table.
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
