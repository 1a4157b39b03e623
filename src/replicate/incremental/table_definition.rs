//! Reads the definition of a table from a server.

use super::error::{IncrementalError, Side};
use super::settings::{CopySettings, IncrementalTable};
use crate::server::{self, MEMBERSHIPS, PG_CLASS, Session, TRUSTED, UntrustedUses};
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
        refuse_others(settings, session, table, found.oid).await?;
    }
    if found.has_row_security {
        return Err(settings.row_security(table, side, found.is_owned));
    }
    Ok(found)
}

/// Fails if another role's code would run when rows are written to a table of the target, given by its
/// OID: if the table or one of its partitions belongs to a role that is neither [trusted](TRUSTED) nor
/// one that this role is a member of, or uses [untrusted code](UntrustedUses).
pub(super) async fn refuse_others(
    settings: &CopySettings,
    session: &Session,
    table: &IncrementalTable,
    oid: u32,
) -> Result<(), IncrementalError> {
    let refused = |source| settings.refused(table, Side::Target, source);
    let tree = format!(
        "SELECT {oid}::oid UNION SELECT relid FROM pg_catalog.pg_partition_tree({oid}::oid)"
    );
    let owners = format!(
        "SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.oid IN ({tree}) AND c.relowner NOT IN ({TRUSTED}) \
           AND c.relowner NOT IN ({MEMBERSHIPS}) ORDER BY c.oid <> {oid}, 1, 2 LIMIT 1"
    );
    let row = session.query_text(&owners).await.map_err(refused)?.pop().unwrap_or_default();
    if let [Some(schema), Some(name), Some(owner)] = &row[..] {
        let relation = qualified(Some(schema), name).into();
        let (table, role) = (table.clone(), settings.target.user().into());
        return Err(IncrementalError::NotOurs { table, relation, owner: owner[..].into(), role });
    }
    let tables = session.query_text(&tree).await.map_err(refused)?;
    let tables = tables.iter().filter_map(|row| row.first()?.as_ref()?.parse().ok());
    let tables: Vec<_> = tables.map(|oid| (PG_CLASS, oid)).collect();
    let uses = UntrustedUses::of(session, &tables).await.map_err(refused)?;
    let code = tables.iter().find_map(|table| uses.perhaps_by(*table));
    code.map_or(Ok(()), |code| Err(IncrementalError::uses(table, code)))
}

/// Fails if a statement that the source's definition leads to would use code of another role in the
/// target. The statement itself may run it.
pub(super) async fn refuse_named(
    settings: &CopySettings,
    session: &Session,
    table: &IncrementalTable,
    statement: &str,
    what: (&str, &str),
) -> Result<(), IncrementalError> {
    let refused = |source| settings.refused(table, Side::Target, source);
    let named = UntrustedUses::named_in(session, statement, what).await.map_err(refused)?;
    named.map_or(Ok(()), |code| Err(IncrementalError::uses(table, &code)))
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
