//! Queries for the archive's names.

use super::tables::is_encoding;
use crate::server::{Result, Session, TransactionStatus};

/// Names per query, so that no query exceeds what the server accepts.
const AT_A_TIME: usize = 500;

/// The combined rows of queries for batches of `names`, which `query` receives as a list. A name
/// that the database's encoding cannot represent matches nothing, without affecting the others.
pub(super) async fn look_up(
    session: &Session,
    names: &[String],
    query: impl Fn(&str) -> String,
) -> Result<Vec<Vec<Option<String>>>> {
    let mut found = Vec::new();
    for some in names.chunks(AT_A_TIME) {
        match attempt(session, &query(&some.join(", "))).await {
            Err(error) if is_encoding(&error) => {
                for name in some {
                    match attempt(session, &query(name)).await {
                        Err(error) if is_encoding(&error) => {}
                        rows => found.extend(rows?),
                    }
                }
            }
            rows => found.extend(rows?),
        }
    }
    Ok(found)
}

/// Runs a query whose failure does not abort the transaction.
async fn attempt(session: &Session, query: &str) -> Result<Vec<Vec<Option<String>>>> {
    if session.transaction_status() == TransactionStatus::Idle {
        return session.query_text(query).await;
    }
    session.execute("SAVEPOINT names").await?;
    let rows = session.query_text(query).await;
    if session.is_usable() {
        session.execute("ROLLBACK TO SAVEPOINT names; RELEASE SAVEPOINT names").await?;
    }
    rows
}
