//! Transactions by ID: whether one was committed can be looked up later, from another session, if
//! the reply to its COMMIT never arrived.

use super::error::{Result, SessionError};
use super::session::Session;
use super::watch::TransactionStatus;

/// The first server version with `txid_status` (release notes of PostgreSQL 10).
const STATUS_SINCE: u32 = 100_000;

/// A transaction ID with its epoch, as returned by `txid_current`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionId(String);

/// The outcome of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// It is committed.
    Committed,
    /// It was rolled back, or lost in a crash.
    Aborted,
    /// It has not ended: the server may not have noticed yet that its client is gone.
    InProgress,
    /// The server cannot tell: it is too old, or has discarded the status.
    Unknown,
}

/// Why [`Session::execute_numbered`] is not known to have succeeded.
#[derive(Debug)]
pub struct NotDone {
    /// What went wrong.
    pub error: SessionError,
    /// The transaction, if its COMMIT was sent but no reply arrived: it may be committed. If
    /// `None`, nothing of it is in the database, nor will be.
    pub unsettled: Option<TransactionId>,
}

impl Session {
    /// BEGIN, and the transaction ID, in one round trip. Not for read-only transactions: they would
    /// not need an ID.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn begin_numbered(&self) -> Result<TransactionId> {
        let number = self.query_value("BEGIN; SELECT pg_catalog.txid_current()").await?;
        Ok(TransactionId(number.unwrap_or_default()))
    }

    /// Runs one or more statements in a separate transaction, and commits it. Whatever happens to
    /// the session, the outcome can be looked up: the ID arrives before COMMIT is sent.
    ///
    /// # Errors
    /// [`NotDone`], as [`Session::execute`] and [`Session::commit`]; the transaction is rolled back
    /// then, unless it is unsettled. SQLSTATE 25001 means statements that cannot run in a
    /// transaction block.
    pub async fn execute_numbered(&self, sql: &str) -> Result<(), NotDone> {
        let number = self.begin_numbered().await;
        let id = number.map_err(|error| NotDone { error, unsettled: None })?;
        self.execute_and_commit(sql, "").await.map_err(|error| {
            let unsettled = error.is_connection_lost().then_some(id);
            NotDone { error, unsettled }
        })
    }

    /// Runs the last statements of an open transaction and commits it, in one message: the server
    /// runs all of it even if its client is gone. It would notice that when it answers
    /// (`internal_flush_buffer` in `src/backend/libpq/pqcomm.c`), which it does after the last
    /// statement of a message. An error names only `sql`, not the statements in `at_last`.
    ///
    /// # Errors
    /// As [`Session::execute`] and [`Session::commit`]. The transaction is rolled back then; after
    /// [`SessionError::Lost`] it may be committed.
    pub async fn execute_and_commit(&self, sql: &str, at_last: &str) -> Result<()> {
        if self.transaction_status() == TransactionStatus::Failed {
            // COMMIT would roll back without an error. A server that is ending the session also
            // fails it: then the connection is lost.
            self.rollback().await?;
            return Err(SessionError::Aborted);
        }
        // On separate lines: a statement may end with a comment.
        let message = format!("{sql}\n;{at_last}\n;COMMIT");
        let done = self.driver.simple_query_naming(&message, sql, |_| {}).await;
        if done.is_err() && self.transaction_status() != TransactionStatus::Idle && self.is_usable()
        {
            // Nothing more can be done about it: the session reports it to its next user.
            drop(self.rollback().await);
        }
        done
    }

    /// The outcome of a transaction of this server (PostgreSQL documentation, "Transaction ID and
    /// Snapshot Information Functions"). IDs lost in a crash are reused: ask only a server that has
    /// not crashed since.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn transaction_outcome(&self, id: &TransactionId) -> Result<TransactionOutcome> {
        if self.server_version_num() < STATUS_SINCE || id.0.is_empty() {
            return Ok(TransactionOutcome::Unknown);
        }
        let sql = format!("SELECT pg_catalog.txid_status({})", id.0);
        Ok(match self.query_value(&sql).await?.as_deref() {
            Some("committed") => TransactionOutcome::Committed,
            Some("aborted") => TransactionOutcome::Aborted,
            Some("in progress") => TransactionOutcome::InProgress,
            _ => TransactionOutcome::Unknown,
        })
    }
}
