//! nocturne's own objects in a target: a schema for its records, and a family of advisory locks.

mod lock;

use super::sqlstate::UNIQUE_VIOLATION;
use super::{Result, Session, SessionError};
use crate::sql::ident::literal;

pub(crate) use lock::{AdvisoryLock, LOCKS, LockSharing, USED_EVERY};

/// The schema of nocturne's records.
pub const BOOKKEEPING: &str = "nocturne";

/// Whether the schema exists.
///
/// # Errors
/// [`SessionError::NotOurs`] if another role owns it or something in it; otherwise if the query fails.
pub async fn has_bookkeeping(session: &Session) -> Result<bool> {
    refuse_others(session).await?;
    let sql = format!("SELECT pg_catalog.to_regnamespace('{BOOKKEEPING}') IS NOT NULL");
    Ok(session.query_value(&sql).await?.as_deref() == Some("t"))
}

/// Whether the schema has this table. Must be checked before anything reads or writes the table.
///
/// # Errors
/// [`SessionError::NotOurs`] if another role owns the schema or something in it; otherwise if the query
/// fails.
pub async fn has_record(session: &Session, table: &str) -> Result<bool> {
    refuse_others(session).await?;
    // Through the catalog: looking up a name requires USAGE on the schema, which a superuser's
    // schema may not grant.
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c \
           JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
           WHERE n.nspname = '{BOOKKEEPING}' AND c.relname = {})",
        literal(table)
    );
    Ok(session.query_value(&sql).await?.as_deref() == Some("t"))
}

/// Refuses a schema that another role owns, or in which it has a table: its triggers, rules,
/// defaults and policies would run with the privileges of this session. Membership in the owning
/// role does not make them harmless. A superuser's are harmless: it already has all privileges. The
/// owner of the database is refused as well: it has no reason to create them.
async fn refuse_others(session: &Session) -> Result<()> {
    let sql = format!(
        "SELECT o.what, r.rolname, current_user FROM ( \
             SELECT 'schema {BOOKKEEPING}' AS what, nspowner AS owner \
               FROM pg_catalog.pg_namespace WHERE nspname = '{BOOKKEEPING}' \
             UNION ALL SELECT '{BOOKKEEPING}.' OPERATOR(pg_catalog.||) c.relname, c.relowner \
               FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
               WHERE n.nspname = '{BOOKKEEPING}') o \
           JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) o.owner \
         WHERE NOT r.rolsuper AND r.rolname NOT IN (current_user, session_user) LIMIT 1"
    );
    let row = session.query_text(&sql).await?.into_iter().next();
    match row.and_then(|row| <[Option<String>; 3]>::try_from(row).ok()) {
        Some([Some(what), Some(owner), Some(role)]) => {
            Err(SessionError::NotOurs { what, owner, role })
        }
        _ => Ok(()),
    }
}

/// Creates the schema if it does not exist. `IF NOT EXISTS` requires the privilege to create it
/// even if it exists.
///
/// # Errors
/// When the role may not create it, or the query fails.
pub async fn make_bookkeeping(session: &Session) -> Result<()> {
    if has_bookkeeping(session).await? {
        return Ok(());
    }
    match session.execute(&format!("CREATE SCHEMA IF NOT EXISTS {BOOKKEEPING}")).await {
        // Another session created it at the same time.
        Err(error) if error.sqlstate() == Some(UNIQUE_VIOLATION) => Ok(()),
        created => created,
    }
}
