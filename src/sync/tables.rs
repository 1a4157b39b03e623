//! The tables of an archive that have rows, and what may be done with each.

use std::collections::{HashMap, HashSet};

use crate::archive::{Desc, Entry, Place, Toc};
use crate::restore::{distributed, row_callers};
use crate::rows::{CopyStatement, RowSet, table_name};
use crate::select::Selection;
use crate::server::{self, Session};
use crate::sql::ident::{qualified, quoted};
use crate::sync::close;
use crate::sync::manifest::{Manifest, Rel};
use crate::sync::names::Names;
use crate::sync::reason::Reason;

/// The columns of a table `c` that have values of their own, as JSON. `attgenerated` is read through
/// JSON because PostgreSQL before 12 lacks it.
const COLUMNS: &str = "(SELECT pg_catalog.json_agg(a.attname ORDER BY a.attnum) \
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 \
     AND NOT a.attisdropped AND COALESCE(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') = '')";

/// What may be done with a table's rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TableKind {
    /// They may be patched or replaced.
    Plain,
    /// If they changed, or any other table did, they are all replaced.
    Whole(Reason),
    /// They can only be left. If they changed, everything is restored.
    Fixed(Reason),
}

/// A table of the archive whose rows are wanted, and its counterpart in the database.
#[derive(Clone, Debug)]
pub(super) struct SyncTable {
    /// The number of the table in this sync, its place in the list of tables.
    pub(super) number: usize,
    /// Its data in the table of contents.
    pub(super) data: Place,
    /// Its schema.
    pub(super) schema: String,
    /// Its name.
    pub(super) name: String,
    /// The OID of the table in the database.
    pub(super) oid: u32,
    /// The columns of the archive's rows, in their order.
    pub(super) columns: Vec<String>,
    /// What may be done with its rows.
    pub(super) kind: TableKind,
    /// What the last sync recorded of it.
    pub(super) known: Option<Rel>,
}

impl SyncTable {
    /// The name in SQL.
    pub(super) fn sql(&self) -> String {
        qualified(Some(&self.schema), &self.name)
    }

    /// The columns in SQL: `"id", "name"`.
    pub(super) fn column_list(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|name| quoted(name)).collect();
        columns.join(", ")
    }

    /// The table with the rows that are to be inserted: the archive's columns, and
    /// [`SyncTable::ordinal`].
    pub(super) fn stage(&self) -> String {
        format!("nocturne.stage_{}", self.number)
    }

    /// The staging table's last column in SQL, a `bigint`: the place of a row among the staged ones,
    /// or NULL.
    pub(super) fn ordinal(&self) -> String {
        let mut name = "nocturne_row".to_owned();
        while self.columns.contains(&name) {
            name.push('_');
        }
        quoted(&name).into_owned()
    }
}

/// What was found out about a table's rows.
#[derive(Debug)]
pub(super) enum Scanned {
    /// The archive's data is that of the last sync, and no one has written to the table since.
    Unchanged,
    /// Some rows differ.
    Patch(Patch),
    /// All rows are to be replaced.
    Whole(Whole),
}

/// The changes of a table that was held and read.
#[derive(Debug)]
pub(super) struct Patch {
    /// The rows read from the database.
    pub(super) old: RowSet,
    /// The rows of the archive.
    pub(super) new: RowSet,
    /// Rows in the staging table; it may not exist if there are none.
    pub(super) staged: u64,
    /// The rows to delete.
    pub(super) gone: Vec<Tid>,
    /// The time zone in which the rows were read; `None` is UTC.
    pub(super) zone: Option<String>,
}

/// The rows that replace all others of a table.
#[derive(Debug)]
pub(super) struct Whole {
    /// The rows of the archive, all of which are in the staging table, which exists.
    pub(super) new: RowSet,
}

/// The place of a row in a table, a `tid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Tid {
    /// The block, from 0.
    pub(super) block: u32,
    /// The line pointer in the block, from 1.
    pub(super) offset: u16,
}

impl std::fmt::Display for Tid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({},{})", self.block, self.offset)
    }
}

/// Why there is no list of tables.
#[derive(Debug)]
pub(super) enum NoTables {
    /// The archive's tables are not those of the database.
    Differ(Reason),
    /// A query failed.
    Server(server::SessionError),
}

impl From<server::SessionError> for NoTables {
    fn from(error: server::SessionError) -> Self {
        Self::Server(error)
    }
}

/// A table of the database.
struct Here {
    oid: u32,
    is_ordinary: bool,
    has_rules: bool,
    is_secured: bool,
    is_of_extension: bool,
    columns: Vec<String>,
}

/// The tables whose rows are wanted, in the archive's order.
pub(super) async fn tables(
    session: &Session,
    toc: &Toc,
    selection: &Selection,
    manifest: Option<&Manifest>,
) -> Result<Vec<SyncTable>, NoTables> {
    let mut places: Vec<Place> = selection
        .wanted()
        .filter(|place| selection.want(*place).data && toc.at(*place).desc == Desc::TableData)
        .collect();
    places.sort_unstable();
    let here = look_up(session).await?;
    let callers = row_callers(session).await?;
    let distributed = distributed::tables(session).await?;
    let known: HashMap<u32, &Rel> =
        manifest.iter().flat_map(|manifest| &manifest.rels).map(|rel| (rel.oid, rel)).collect();
    let oids: Vec<u32> =
        places.iter().filter_map(|place| Some(here.get(&name(toc.at(*place)))?.oid)).collect();
    let locked_in = close::locked_in(session, &oids).await?;
    let mut names = HashSet::new();
    let mut tables = Vec::with_capacity(places.len());
    for data in places {
        let entry = toc.at(data);
        let name = name(entry);
        if !names.insert(name.clone()) {
            return Err(NoTables::Differ(Reason::InParts));
        }
        let differs = || NoTables::Differ(Reason::ChangedByOthers(vec![entry.label()]));
        let here = here.get(&name).ok_or_else(differs)?;
        let copy = CopyStatement::parse(&entry.copy_stmt);
        let kind = match locked_in.get(&here.oid) {
            _ if distributed.contains(&name) => TableKind::Fixed(Reason::Distributed),
            Some(reason) => TableKind::Fixed(reason.clone()),
            None => here.kind(entry, copy.as_ref(), callers.contains(&here.oid)),
        };
        let columns = copy.map_or_else(|| here.columns.clone(), |copy| copy.columns);
        if columns.iter().collect::<HashSet<_>>() != here.columns.iter().collect() {
            return Err(differs());
        }
        let (number, known) = (tables.len(), known.get(&here.oid).map(|rel| (*rel).clone()));
        let (schema, name) = name;
        tables.push(SyncTable { number, data, schema, name, oid: here.oid, columns, kind, known });
    }
    Ok(tables)
}

impl Here {
    fn kind(
        &self,
        entry: &Entry,
        copy: Option<&CopyStatement<'_>>,
        is_computed: bool,
    ) -> TableKind {
        let Some(copy) = copy else { return TableKind::Fixed(Reason::Inserts) };
        let is_own = table_name(copy.table).is_some_and(|(schema, name)| {
            name == entry.tag && schema.is_none_or(|schema| Some(schema) == entry.namespace)
        });
        let obstacles = [
            (!is_own, Reason::ThroughRoot),
            (copy.columns.is_empty(), Reason::NoColumns),
            (!self.is_ordinary, Reason::NotPlain),
            (self.has_rules, Reason::HasRules),
            (self.is_secured, Reason::RowSecurity),
            (self.is_of_extension, Reason::OfExtension),
        ];
        match obstacles.into_iter().find(|(stands, _)| *stands) {
            Some((_, reason)) => TableKind::Fixed(reason),
            None if is_computed => TableKind::Whole(Reason::Computed),
            None => TableKind::Plain,
        }
    }
}

/// Schema and name of the table that an entry fills.
fn name(entry: &Entry) -> (String, String) {
    (entry.namespace.clone().unwrap_or_default(), entry.tag.clone())
}

/// The database's tables, by schema and name.
async fn look_up(session: &Session) -> server::Result<HashMap<(String, String), Here>> {
    let mut all = HashMap::new();
    let names = Names::of(session);
    let query = include_str!("tables.sql")
        .replace("{schema}", &names.sql("n.nspname"))
        .replace("{name}", &names.sql("c.relname"))
        .replace("{columns}", &names.sql(COLUMNS));
    for row in session.query_text(&query).await? {
        let [Some(schema), Some(name), Some(oid), Some(kind), method, flags @ .., columns] =
            &row[..]
        else {
            continue;
        };
        let text = |value: &String| names.text(value.clone());
        let (Some(schema), Some(name)) = (text(schema), text(name)) else { continue };
        let is = |at: usize| flags.get(at).is_some_and(|flag| flag.as_deref() == Some("t"));
        let columns = columns.as_ref().and_then(text);
        let columns = columns.and_then(|json| serde_json::from_str(&json).ok());
        let here = Here {
            oid: oid.parse().unwrap_or_default(),
            is_ordinary: kind == "r" && method.as_deref().is_none_or(|method| method == "heap"),
            has_rules: is(0),
            is_secured: is(1),
            is_of_extension: is(2),
            columns: columns.unwrap_or_default(),
        };
        all.insert((schema, name), here);
    }
    Ok(all)
}
