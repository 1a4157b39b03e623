//! Reads the definition of a table from a server.

use super::error::{IncrementalError, Side};
use super::settings::{CopySettings, IncrementalTable};
use crate::server::{self, Session, TRUSTED};
use crate::sql::ident::{literal, qualified, quoted};

/// The definition of a table on one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) oid: u32,
    /// `pg_class.relkind`: `r`, `p`, `v` …
    pub(super) kind: String,
    /// Whether row security applies to the role. No COPY goes around it.
    pub(super) has_row_security: bool,
    /// Whether the role has the rights of the owner.
    pub(super) is_owned: bool,
    pub(super) columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// With modifiers and, outside `pg_catalog`, with its schema.
    pub(super) type_name: String,
    pub(super) not_null: bool,
    /// The default value, unless the column is generated.
    pub(super) default: Option<String>,
    /// The expression of a generated column.
    pub(super) generated: Option<Generated>,
    /// Whether its binary values mean the same on every server.
    pub(super) binary: bool,
    /// The base type below all domains.
    pub(super) base_type: String,
    pub(super) is_built_in: bool,
    pub(super) has_collation: bool,
    /// Its enum type, also if it is an array of it.
    pub(super) labels: Option<Labels>,
    /// Whether a B-tree index starts with it.
    pub(super) has_index: bool,
    /// Whether it is unique.
    pub(super) is_unique: bool,
}

/// How a column is generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generated {
    pub(super) expression: String,
    pub(super) is_stored: bool,
}

/// An enum and its labels, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) type_name: String,
    pub(super) labels: Vec<String>,
}

/// The table on one side.
pub(super) async fn definition(
    settings: &CopySettings,
    session: &Session,
    table: &IncrementalTable,
    side: Side,
) -> Result<Relation, IncrementalError> {
    let found = Relation::read(session, table).await;
    let found = found.map_err(|source| settings.refused(table, side, source))?;
    let found = found.ok_or_else(|| IncrementalError::Missing { table: table.clone(), side })?;
    if side == Side::Target {
        let foreign = foreign(session, found.oid).await;
        let foreign = foreign.map_err(|source| settings.refused(table, side, source))?;
        if let Some((relation, owner)) = foreign {
            let (table, role) = (table.clone(), settings.target.user().into());
            let (relation, owner) = (relation.into(), owner.into());
            return Err(IncrementalError::NotOurs { table, relation, owner, role });
        }
    }
    if found.has_row_security {
        return Err(settings.row_security(table, side, found.is_owned));
    }
    Ok(found)
}

/// The first of a table and its partitions that belongs to a role which is not
/// [trusted](TRUSTED), and that role: its triggers, rules and policies would run with the privileges
/// of this session.
async fn foreign(session: &Session, table: u32) -> server::Result<Option<(String, String)>> {
    let sql = format!(
        "SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.oid IN (SELECT {table}::oid UNION \
             SELECT relid FROM pg_catalog.pg_partition_tree({table}::oid)) \
           AND c.relowner NOT IN ({TRUSTED}) ORDER BY c.oid <> {table}::oid, 1, 2 LIMIT 1"
    );
    let row = session.query_text(&sql).await?.into_iter().next().unwrap_or_default();
    match <[Option<String>; 3]>::try_from(row) {
        Ok([Some(schema), Some(name), Some(owner)]) => {
            Ok(Some((qualified(Some(&schema), &name), owner)))
        }
        _ => Ok(None),
    }
}

impl Relation {
    /// Looks up a table; `None` if it does not exist.
    pub(super) async fn read(
        session: &Session,
        table: &IncrementalTable,
    ) -> server::Result<Option<Self>> {
        let (schema, name) = (literal(&table.schema), literal(&table.name));
        let sql = format!(
            "SELECT c.oid, c.relkind, pg_catalog.row_security_active(c.oid), \
                 pg_catalog.pg_has_role(c.relowner, 'USAGE') \
             FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = {schema} AND c.relname = {name}"
        );
        let found = session.query_text(&sql).await?;
        let Some([Some(oid), Some(kind), active, owned]) = found.first().map(Vec::as_slice) else {
            return Ok(None);
        };
        let odd = || {
            let what = format!("inconsistent catalog entry for {table}");
            server::SessionError::Protocol(what, None)
        };
        // The OID is inserted instead of the name: a line break in a name would end the SQL comment
        // that contains it.
        let oid: u32 = oid.parse().map_err(|_| odd())?;
        let sql = include_str!("columns.sql").replace("{table}", &oid.to_string());
        // Both sides write names and expressions alike. The rows of the session keep its settings.
        let sql =
            format!("SET LOCAL search_path = ''; SET LOCAL quote_all_identifiers = off; {sql}");
        let columns = session.query_text(&sql).await?;
        let columns: Option<Vec<Column>> = columns.into_iter().map(Column::of).collect();
        let columns = columns.ok_or_else(odd)?;
        Ok(Some(Self {
            oid,
            kind: kind.clone(),
            has_row_security: active.as_deref() == Some("t"),
            is_owned: owned.as_deref() == Some("t"),
            columns,
        }))
    }

    /// The copied columns: all except generated ones.
    pub(super) fn copied(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.generated.is_none())
    }

    /// Their names, as an SQL list.
    pub(super) fn copied_names(&self) -> String {
        self.copied().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Column {
    /// From a row of `columns.sql`.
    fn of(row: Vec<Option<String>>) -> Option<Self> {
        let row: [Option<String>; 13] = row.try_into().ok()?;
        let [
            name,
            type_name,
            not_null,
            generated,
            expression,
            binary,
            base_type,
            is_built_in,
            has_collation,
            enum_name,
            labels,
            has_index,
            is_unique,
        ] = row;
        let is_true = |value: Option<String>| value.as_deref() == Some("t");
        let (default, generated) = match generated.filter(|kind| !kind.is_empty()) {
            None => (expression, None),
            Some(kind) => {
                let expression = expression.unwrap_or_default();
                (None, Some(Generated { expression, is_stored: kind == "s" }))
            }
        };
        let labels = enum_name.map(|type_name| Labels {
            type_name,
            labels: labels.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
        });
        Some(Self {
            name: name?,
            type_name: type_name?,
            not_null: is_true(not_null),
            default,
            generated,
            binary: is_true(binary),
            base_type: base_type?,
            is_built_in: is_true(is_built_in),
            has_collation: is_true(has_collation),
            labels,
            has_index: is_true(has_index),
            is_unique: is_true(is_unique),
        })
    }
}
