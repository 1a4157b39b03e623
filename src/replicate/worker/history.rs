//! Stores the records of runs: in the target, in its own schema.
//!
//! The web process is another container, with another disk, and both lose their disk at each
//! deployment. What they share is the target. So `nocturne.runs` is a table there, and dropping the
//! target's objects spares the schema `nocturne`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use super::record::{RunOutcome, RunRecord};
use crate::server::{self, Session, SessionSettings, Target, has_record, make_bookkeeping};
use crate::sql::ident::literal;

/// Timeout of reading or writing, including the connection.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Older records are deleted when another one is written.
const KEPT: &str = "400 days";

/// Records per INSERT statement when copying; each has a few kilobytes.
const COPIED_AT_ONCE: usize = 100;

/// The error in the record of a run whose process was killed.
pub(super) const KILLED: &str = "the process ended unexpectedly";

/// Why records could not be saved or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The database rejected a statement or cannot be reached.
    #[error("cannot access the records of runs (table nocturne.runs)")]
    Database(#[from] server::SessionError),
    /// It took too long.
    #[error(
        "cannot access the records of runs (table nocturne.runs): no response within {} s",
        TIME_LIMIT.as_secs()
    )]
    Slow,
    /// The record cannot be serialised; this does not happen.
    #[error("cannot serialise the record of a run")]
    Json(#[from] serde_json::Error),
}

/// Storage of the records of runs.
pub trait History: Send + Sync {
    /// Saves a record; replaces an earlier one of the same run.
    fn save<'a>(&'a self, record: &'a RunRecord) -> BoxFuture<'a, Result<(), HistoryError>>;
    /// The latest records, newest first.
    fn latest(&self, count: usize) -> BoxFuture<'_, Result<Vec<RunRecord>, HistoryError>>;
}

/// Saves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

impl History for NoHistory {
    fn save<'a>(&'a self, _: &'a RunRecord) -> BoxFuture<'a, Result<(), HistoryError>> {
        async { Ok(()) }.boxed()
    }

    fn latest(&self, _: usize) -> BoxFuture<'_, Result<Vec<RunRecord>, HistoryError>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

/// Saves records in the table `nocturne.runs` of a database, and creates the table if needed.
///
/// Each call opens a new session: there are few calls, and the database may have been replaced in
/// between.
#[derive(Clone, Debug)]
pub struct DatabaseHistory {
    target: Target,
}

impl DatabaseHistory {
    /// A history in this database.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self { target }
    }

    /// Copies all records to another database, which is about to replace this one.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn copy_to(&self, other: &Self) -> Result<(), HistoryError> {
        limited(async {
            let session = self.connect().await?;
            if !exists(&session).await? {
                return Ok(());
            }
            // As text, to include records of other versions of the program that this one cannot
            // read.
            let sql = "SELECT id, started_at, ended_at, outcome, record FROM nocturne.runs";
            let rows = session.query_text(sql).await?;
            let new = other.connect().await?;
            if !exists(&new).await? {
                make_bookkeeping(&new).await?;
                new.execute(include_str!("runs.sql")).await?;
            }
            for rows in rows.chunks(COPIED_AT_ONCE) {
                let value = |value: &Option<String>| {
                    value.as_deref().map_or_else(|| "NULL".to_owned(), literal)
                };
                let row = |row: &Vec<Option<String>>| {
                    format!("({})", row.iter().map(value).collect::<Vec<_>>().join(", "))
                };
                let rows: Vec<String> = rows.iter().map(row).collect();
                let sql = format!(
                    "INSERT INTO nocturne.runs (id, started_at, ended_at, outcome, record) \
                     VALUES {} ON CONFLICT (id) DO UPDATE SET \
                     ended_at = excluded.ended_at, outcome = excluded.outcome, \
                     record = excluded.record",
                    rows.join(", ")
                );
                new.execute(&sql).await?;
            }
            Ok(())
        })
        .await
    }

    /// Closes the records of all other runs that are marked as running: their processes were
    /// killed. A run that only waits for its next attempt will overwrite this later.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn close_others(&self, id: &str) -> Result<(), HistoryError> {
        limited(async {
            let session = self.connect().await?;
            if exists(&session).await? {
                let outcome = literal(RunOutcome::Interrupted.word());
                let sql = format!(
                    "UPDATE nocturne.runs SET outcome = {outcome}, record = record || \
                         pg_catalog.jsonb_build_object('outcome', {outcome}, 'error', {}) \
                     WHERE outcome = {} AND id <> {}",
                    literal(KILLED),
                    literal(RunOutcome::Running.word()),
                    literal(id)
                );
                session.execute(&sql).await?;
            }
            Ok(())
        })
        .await
    }

    async fn connect(&self) -> Result<Session, HistoryError> {
        Ok(Session::connect(&self.target, &SessionSettings::default()).await?)
    }

    async fn write(&self, record: &RunRecord) -> Result<(), HistoryError> {
        let session = self.connect().await?;
        if !exists(&session).await? {
            make_bookkeeping(&session).await?;
            session.execute(include_str!("runs.sql")).await?;
        }
        let time = |time: Option<DateTime<Utc>>| {
            time.map_or_else(|| "NULL".to_owned(), |time| literal(&time.to_rfc3339()))
        };
        // The record of a running run may arrive after the record of its end: the server executes a
        // statement even if its client no longer waits for it.
        let sql = format!(
            "INSERT INTO nocturne.runs (id, started_at, ended_at, outcome, record) \
             VALUES ({}, {}, {}, {}, {}) ON CONFLICT (id) DO UPDATE SET \
             ended_at = excluded.ended_at, outcome = excluded.outcome, record = excluded.record \
             WHERE excluded.outcome <> 'running' OR runs.outcome IN ('running', 'interrupted');\n\
             DELETE FROM nocturne.runs WHERE started_at < pg_catalog.now() - interval '{KEPT}'",
            literal(&record.id),
            time(Some(record.started)),
            time(record.ended),
            literal(record.outcome.word()),
            literal(&storable(record)?),
        );
        session.execute(&sql).await?;
        Ok(())
    }

    async fn read(&self, count: usize) -> Result<Vec<RunRecord>, HistoryError> {
        let session = self.connect().await?;
        if !exists(&session).await? {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT record FROM nocturne.runs ORDER BY started_at DESC, id DESC LIMIT {count}"
        );
        let rows = session.query_text(&sql).await?;
        let records = rows.into_iter().filter_map(|row| {
            let text = row.into_iter().next().flatten()?;
            // An unreadable record, for example of another version of the program, must not hide
            // the others.
            serde_json::from_str(&text)
                .inspect_err(
                    |error| tracing::warn!(%error, "skipping an unreadable record of a run"),
                )
                .ok()
        });
        Ok(records.collect())
    }
}

/// The record as JSON that jsonb accepts: without NUL characters.
fn storable(record: &RunRecord) -> Result<String, HistoryError> {
    let mut value = serde_json::to_value(record)?;
    without_zeros(&mut value);
    Ok(value.to_string())
}

fn without_zeros(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => {
            *text = text.replace('\0', "\u{fffd}");
        }
        Value::Array(items) => items.iter_mut().for_each(without_zeros),
        Value::Object(members) => members.values_mut().for_each(without_zeros),
        _ => {}
    }
}

async fn exists(session: &Session) -> Result<bool, HistoryError> {
    Ok(has_record(session, "runs").await?)
}

/// Applies the timeout.
async fn limited<T>(
    work: impl Future<Output = Result<T, HistoryError>> + Send,
) -> Result<T, HistoryError> {
    tokio::time::timeout(TIME_LIMIT, work).await.unwrap_or(Err(HistoryError::Slow))
}

impl History for DatabaseHistory {
    fn save<'a>(&'a self, record: &'a RunRecord) -> BoxFuture<'a, Result<(), HistoryError>> {
        limited(self.write(record)).boxed()
    }

    fn latest(&self, count: usize) -> BoxFuture<'_, Result<Vec<RunRecord>, HistoryError>> {
        limited(self.read(count)).boxed()
    }
}
