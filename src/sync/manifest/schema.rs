//! The tables of the manifest.

use crate::restore::journal::quiet::Quiet;
use crate::server::{Result, Session, TransactionStatus, has_record, make_bookkeeping};
use crate::sync::manifest::trust;

/// A table of the manifest.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Each with its type as the server writes it, and whether it may be NULL.
    columns: &'static [(&'static str, &'static str, bool)],
    key: &'static str,
}

impl Table {
    /// The columns, as in CREATE TABLE.
    pub(super) fn column_list(&self) -> String {
        let column = |(name, kind, nullable): &(&str, &str, bool)| {
            format!("{name} {kind}{}", if *nullable { "" } else { " NOT NULL" })
        };
        self.columns.iter().map(column).collect::<Vec<_>>().join(", ")
    }
}

/// Their names in SQL.
pub(in crate::sync) fn table_list() -> String {
    TABLES.iter().map(|table| format!("nocturne.{}", table.name)).collect::<Vec<_>>().join(", ")
}

/// All of them.
pub(super) const TABLES: [Table; 4] = [
    Table {
        name: "sync_head",
        columns: &[
            ("format", "integer", false),
            ("night", "bigint", false),
            ("made_at", "timestamp with time zone", false),
            ("made_by", "text", false),
            ("database", "oid", false),
            ("archive", "text", false),
            ("settings", "text", false),
            ("xid", "bigint", false),
            ("checksum", "bytea", false),
        ],
        key: "format",
    },
    Table {
        name: "sync_entry",
        columns: &[
            ("ident", "text", false),
            ("position", "integer", false),
            ("definition", "bytea", false),
            ("drop_stmt", "text", false),
        ],
        key: "ident",
    },
    Table {
        name: "sync_object",
        columns: &[
            ("class", "oid", false),
            ("id", "oid", false),
            ("sub", "integer", false),
            ("ident", "text", false),
            ("shape", "bytea", false),
        ],
        key: "class, id, sub",
    },
    Table {
        name: "sync_rel",
        columns: &[
            ("oid", "oid", false),
            ("schema", "text", false),
            ("name", "text", false),
            ("data", "bytea", true),
            ("filenode", "oid", false),
            ("rows", "bigint", false),
            ("oldest", "bigint", false),
            ("xids", "bigint[]", true),
        ],
        key: "oid",
    },
];

/// Creates the tables, unless they exist as they should be. In its own transaction.
///
/// # Errors
/// When the role may not create them, someone else owns one, or the query fails.
pub(in crate::sync) async fn create(session: &Session) -> Result<()> {
    if has_record(session, TABLES[0].name).await? && trust::flaw(session).await?.is_none() {
        return Ok(());
    }
    make_bookkeeping(session).await?;
    let quiet = Quiet::of(session).await?.setting();
    let mut sql = format!("SET LOCAL synchronous_commit = on; {quiet}");
    for table in &TABLES {
        let (name, key) = (table.name, table.key);
        sql.push_str(&format!(
            "DROP TABLE IF EXISTS nocturne.{name}; \
             CREATE TABLE nocturne.{name} ({}, PRIMARY KEY ({key}));",
            table.column_list()
        ));
    }
    session.begin().await?;
    let created = async {
        session.execute(&sql).await?;
        // Default privileges may have granted some.
        let revoke: String =
            session.query_text(GRANTED).await?.into_iter().flatten().flatten().collect();
        session.execute_and_commit(&revoke, "").await
    };
    let created = created.await;
    if created.is_err()
        && session.transaction_status() != TransactionStatus::Idle
        && session.is_usable()
    {
        // The first error is the one to report.
        drop(session.rollback().await);
    }
    created
}

/// The statements that take all privileges on the tables from all roles but their owner.
const GRANTED: &str = "SELECT DISTINCT pg_catalog.format('REVOKE ALL ON nocturne.%I FROM %s;', c.relname, \
         CASE a.grantee WHEN 0 THEN 'PUBLIC' \
             ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) \
     FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a \
     WHERE c.relnamespace = pg_catalog.to_regnamespace('nocturne') AND c.relname LIKE 'sync\\_%' \
       AND a.grantee <> c.relowner";

/// Deletes the manifest, in the open transaction if there is one. The tables stay, empty: rows fire
/// no event triggers.
///
/// # Errors
/// When the query fails.
pub(in crate::sync) async fn delete(session: &Session) -> Result<()> {
    if !has_record(session, TABLES[0].name).await? {
        return Ok(());
    }
    let sql = match trust::flaw(session).await? {
        None => EMPTY.to_owned(),
        // The code of triggers or rules on them would run.
        Some(_) => {
            TABLES.iter().map(|it| format!("DROP TABLE IF EXISTS nocturne.{};", it.name)).collect()
        }
    };
    session.execute(&format!("SET LOCAL synchronous_commit = on; {sql}")).await
}

/// The statements that delete all rows.
pub(super) const EMPTY: &str = "DELETE FROM nocturne.sync_head; DELETE FROM nocturne.sync_entry; \
     DELETE FROM nocturne.sync_object; DELETE FROM nocturne.sync_rel;";
