//! What is nocturne's own in a target: a schema for its records, and a family of advisory locks.

use super::{Result, Session};

/// The schema of nocturne's own records.
pub const BOOKKEEPING: &str = "nocturne";

/// The first half of the keys of its advisory locks (PostgreSQL documentation, "Advisory Locks").
/// The second half says which: 1 a nightly run, 2 a restore with a journal, 3 its sessions; in the
/// database beside those of a swap, a sum of the name of what is swapped.
pub(crate) const LOCKS: u32 = 0x6e6f_6374;

/// `ERRCODE_UNIQUE_VIOLATION`: of the catalogue, when two sessions create the same thing.
const UNIQUE_VIOLATION: &str = "23505";

/// Whether the schema is there.
///
/// # Errors
/// When the server cannot be asked.
pub(crate) async fn has_bookkeeping(session: &Session) -> Result<bool> {
    let sql = format!("SELECT pg_catalog.to_regnamespace('{BOOKKEEPING}') IS NOT NULL");
    Ok(session.query_value(&sql).await?.as_deref() == Some("t"))
}

/// Makes the schema, if it is not there. `IF NOT EXISTS` alone wants the right to create it even
/// then.
///
/// # Errors
/// When the role may not create it, or the server cannot be asked.
pub(crate) async fn make_bookkeeping(session: &Session) -> Result<()> {
    if has_bookkeeping(session).await? {
        return Ok(());
    }
    match session.execute(&format!("CREATE SCHEMA IF NOT EXISTS {BOOKKEEPING}")).await {
        // Another session makes it at the same time, and was quicker.
        Err(error) if error.sqlstate() == Some(UNIQUE_VIOLATION) => Ok(()),
        created => created,
    }
}
