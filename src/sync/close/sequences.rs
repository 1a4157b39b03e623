//! Sets sequences within the closing transaction.
//!
//! `setval` alone is not transactional. `ALTER SEQUENCE … RESTART` gives the sequence a new file
//! ("making the state changes transactional", `AlterSequence` in `src/backend/commands/sequence.c`,
//! since PostgreSQL 10), so a `setval` after it is rolled back with it. Its lock keeps other
//! sessions from calling `nextval` until the end, but not from reading the sequence.

use crate::archive::{Entry, Place, Toc};
use crate::server::{Result, Session, SessionError};
use crate::sql::ident::{literal, qualified};
use crate::verify::sequence_value;

/// Sequences read by one query.
const BATCH: usize = 100;

/// Sets the sequences of these entries (`SEQUENCE SET`) that have another value. Returns how many
/// were set.
///
/// # Errors
/// When a sequence does not exist, the role may not alter it, or the session fails.
pub(super) async fn set(session: &Session, toc: &Toc, entries: &[Place]) -> Result<usize> {
    let mut set = 0;
    for batch in entries.chunks(BATCH) {
        let batch: Vec<&Entry> = batch.iter().map(|place| toc.at(*place)).collect();
        let query: Vec<String> = batch
            .iter()
            .enumerate()
            .map(|(at, entry)| format!("SELECT {at}, last_value, is_called FROM {}", name(entry)))
            .collect();
        for row in session.query_text(&query.join(" UNION ALL ")).await? {
            let [Some(at), Some(last), Some(called)] = &row[..] else { continue };
            let Some(entry) = at.parse().ok().and_then(|at: usize| batch.get(at)) else { continue };
            let Some(wanted) = sequence_value(&entry.defn) else {
                let what = format!("{}: unrecognized setval statement", entry.label());
                return Err(SessionError::Protocol(what, None));
            };
            if (last, called == "t") != (&wanted.0, wanted.1) {
                session.execute(&statement(entry, &wanted)).await?;
                set += 1;
            }
        }
    }
    Ok(set)
}

fn name(entry: &Entry) -> String {
    qualified(entry.namespace.as_deref(), &entry.tag)
}

fn statement(entry: &Entry, (last, called): &(String, bool)) -> String {
    let name = name(entry);
    format!(
        "ALTER SEQUENCE {name} RESTART; SELECT pg_catalog.setval({}, {last}, {called})",
        literal(&name)
    )
}
