//! Waits for transactions of the source that may still commit keys below the copied ones.
//!
//! A sequence assigns keys before transactions commit, so lower keys than the highest one may
//! appear later. Like `CREATE INDEX CONCURRENTLY` (`WaitForLockersMultiple` in
//! `src/backend/storage/lmgr/lmgr.c`), the run first records the highest keys, then the
//! transactions that may be writing at that moment, and takes its snapshot when these have ended.
//! It copies up to the recorded keys: above them, there may again be open transactions with lower
//! keys, so the next run copies those.
//!
//! A writer holds a lock on the table until its transaction ends, and so does a transaction that
//! has taken a key from its sequence on that sequence (`init_sequence` in
//! `src/backend/commands/sequence.c`). A standby does not have these locks; there, the run waits
//! for all transactions that are known to be open.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::key::KeyColumn;
use super::settings::{CopySettings, IncrementalTable};
use super::snapshot::{common, statement_timeout};
use super::table_definition::Relation;
use crate::error::chain;
use crate::report::units::first_of;
use crate::server::{self, Session};

/// The longest pause between two checks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many transactions a message lists.
const LISTED_TRANSACTIONS: usize = 10;

/// The key at which the copy of each readable table ends: the highest one, or `None` in an empty
/// table.
pub(super) type Limits = HashMap<IncrementalTable, Option<String>>;

/// Records the highest keys and waits until no open transaction can commit lower ones.
///
/// # Errors
/// A lost connection.
pub(super) async fn settle(settings: &CopySettings, session: &Session) -> server::Result<Limits> {
    let mut limits = Limits::new();
    let Some(timeout) = settings.late_commits_timeout else { return Ok(limits) };
    let mut oids = Vec::new();
    for table in &settings.tables {
        match highest(settings, session, table).await {
            Ok(Some((oid, key))) => {
                oids.push(oid.to_string());
                limits.insert(table.clone(), key);
            }
            Err(error) if error.is_connection_lost() => return Err(error),
            // The copy of the table will fail with the same error, and report it.
            Ok(None) | Err(_) => {}
        }
    }
    if oids.is_empty() {
        return Ok(limits);
    }
    match wait(session, &oids.join(","), timeout).await {
        Err(error) if error.is_connection_lost() => return Err(error),
        Err(error) => tracing::warn!(
            "cannot list the open transactions of the source: rows that are committed late may be \
             missed ({})",
            chain(&error)
        ),
        Ok(()) => {}
    }
    Ok(limits)
}

/// The OID of a table of the source, and its highest key.
async fn highest(
    settings: &CopySettings,
    session: &Session,
    table: &IncrementalTable,
) -> server::Result<Option<(u32, Option<String>)>> {
    let relation = Relation::read(session, table).await?;
    let key = relation.and_then(|relation| {
        let key = KeyColumn::of_source(relation.column(&table.key)?);
        Some((relation.oid, key))
    });
    match key {
        Some((oid, key)) => {
            // Sent together, the statements are one transaction, which a pooler keeps together.
            let query = format!(
                "{}; {}; {}",
                common(settings),
                statement_timeout(settings),
                key.highest(table, None, None)
            );
            let highest = session.query_value(&query).await?;
            Ok(Some((oid, highest)))
        }
        None => Ok(None),
    }
}

/// Waits until the transactions that may be writing to these tables now have ended.
async fn wait(session: &Session, tables: &str, timeout: Duration) -> server::Result<()> {
    let writers = include_str!("writers.sql").replace("{tables}", tables);
    let is_standby = session.query_value("SELECT pg_catalog.pg_is_in_recovery()").await?;
    let writers = match is_standby.as_deref() {
        Some("t") => None,
        _ => match session.query_text(&writers).await {
            Ok(rows) => Some(rows),
            Err(error) if error.is_connection_lost() => return Err(error),
            // The role may lack access to pg_locks.
            Err(error) => {
                tracing::debug!("{}", chain(&error));
                None
            }
        },
    };
    let still_open = match writers {
        Some(rows) => of_writers(rows),
        None => of_transactions(session.query_text(TRANSACTIONS).await?),
    };
    let Some(still_open) = still_open else { return Ok(()) };
    let started = Instant::now();
    let mut pause = Duration::from_millis(20);
    let mut is_told = false;
    loop {
        let open = session.query_text(&still_open).await?;
        if open.is_empty() {
            return Ok(());
        }
        if started.elapsed() >= timeout {
            tracing::warn!(
                "transactions of the source are still open after {}s: {}; rows that they commit \
                 below the highest keys are not copied (hint: INCREMENTAL_FILL_GAPS copies them \
                 later)",
                started.elapsed().as_secs(),
                names(&open)
            );
            return Ok(());
        }
        if !is_told && pause >= LOOK_EVERY {
            tracing::info!("waiting for open transactions of the source: {}", names(&open));
            is_told = true;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK_EVERY);
    }
}

/// All open transactions of the server, including those in other databases.
const TRANSACTIONS: &str = "SELECT * FROM \
     pg_catalog.txid_snapshot_xip(pg_catalog.txid_current_snapshot())";

/// A query for a description of those writers whose transaction is still open.
fn of_writers(writers: Vec<Vec<Option<String>>>) -> Option<String> {
    let writers = list(writers)?;
    Some(format!(
        "SELECT DISTINCT CASE WHEN l.pid IS NULL \
             THEN 'prepared transaction ' || pg_catalog.split_part(l.virtualtransaction, '/', 2) \
             ELSE pg_catalog.concat('process ', l.pid, ' of ' || a.usename, \
                 ' (' || NULLIF(a.application_name, '') || ')', \
                 ' since ' || pg_catalog.date_trunc('second', a.xact_start)) END \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.virtualtransaction = ANY ('{{{writers}}}') ORDER BY 1"
    ))
}

/// A query for a description of those transactions that are still open.
fn of_transactions(transactions: Vec<Vec<Option<String>>>) -> Option<String> {
    let open = list(transactions)?;
    Some(format!(
        "SELECT 'transaction ' || x FROM ({TRANSACTIONS}) t (x) WHERE x = ANY ('{{{open}}}')"
    ))
}

/// The values of the first column; `None` if there are none.
fn list(rows: Vec<Vec<Option<String>>>) -> Option<String> {
    let values: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next()?).collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn names(rows: &[Vec<Option<String>>]) -> String {
    let named: Vec<&str> = rows.iter().filter_map(|row| row.first()?.as_deref()).collect();
    first_of(&named, LISTED_TRANSACTIONS)
}
