//! Transactions by their numbers: whether one was committed can be asked later, from another
//! session, when the answer to its COMMIT never came.

use std::pin::pin;
use std::task::Poll;

use futures::{join, poll};
use tokio::sync::oneshot;

use super::error::{Error, Result};
use super::session::Session;
use super::watch::TransactionStatus;

/// The first version of the server with `txid_status` (release notes of PostgreSQL 10).
const STATUS_SINCE: u32 = 100_000;

/// A transaction's number with the epoch, as `txid_current` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionId(String);

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// It is committed.
    Committed,
    /// It is rolled back, or was lost in a crash.
    Aborted,
    /// It has not ended: the server may not have noticed yet that its client is gone.
    InProgress,
    /// The server does not say: it is too old, or has forgotten.
    Unknown,
}

/// Why what was to be done in a transaction of its own is not known to be done:
/// [`Session::execute_numbered`].
#[derive(Debug)]
pub struct NotDone {
    /// What went wrong.
    pub error: Error,
    /// The transaction, if its COMMIT was sent and no answer came: it may be committed. If not,
    /// nothing of it is in the database, nor will be.
    pub unsettled: Option<TransactionId>,
}

impl Session {
    /// BEGIN, and the number of the transaction, in one round trip. Not for transactions that do
    /// not write: they would not need a number.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn begin_numbered(&self) -> Result<TransactionId> {
        let number = self.query_value("BEGIN; SELECT pg_catalog.txid_current()").await?;
        Ok(TransactionId(number.unwrap_or_default()))
    }

    /// Runs one or more statements in a transaction of their own, and commits it. Whatever becomes
    /// of the session, whether that was done can be known.
    ///
    /// The statements follow BEGIN without waiting for its answer, which the server sends before it
    /// reads on (`ReadyForQuery` in `src/backend/tcop/dest.c` flushes). COMMIT follows as soon as
    /// that has brought the number, most often while the statements still run. So this takes the
    /// time of the statements and one round trip, of two if they take less than one.
    ///
    /// # Errors
    /// [`NotDone`], as [`Session::execute`] and [`Session::commit`]; the transaction is rolled
    /// back then, unless it is said to be unsettled. SQLSTATE 25001 is of statements that cannot
    /// run in a transaction block.
    pub async fn execute_numbered(&self, sql: &str) -> Result<(), NotDone> {
        let (sent, is_sent) = oneshot::channel();
        let around = async {
            let id = self.begin_numbered().await?;
            // The answer may be there before the statements have been given to the driver.
            let _ = is_sent.await;
            let committed = self.execute("COMMIT").await;
            Ok::<_, Error>((id, committed))
        };
        let inside = async {
            let mut inside = pin!(self.execute(sql));
            // A message goes out when its future is polled first.
            let first = poll!(inside.as_mut());
            let _ = sent.send(());
            match first {
                Poll::Ready(done) => done,
                Poll::Pending => inside.await,
            }
        };
        // The first is polled first.
        let not_done = match join!(around, inside) {
            (Ok((_, Ok(()))), Ok(())) => return Ok(()),
            // BEGIN itself was refused, a moment before it would not have been. The statements
            // were a transaction all the same.
            (Err(_), Ok(())) => return Ok(()),
            // COMMIT of what was refused is a rollback.
            (Ok((_, Ok(()))), Err(error)) => NotDone { error, unsettled: None },
            (Ok((id, Err(_))), Err(error)) | (Ok((id, Err(error))), Ok(())) => {
                let unsettled = error.is_connection_lost().then_some(id);
                NotDone { error, unsettled }
            }
            (Err(error), Err(_)) => NotDone { error, unsettled: None },
        };
        if self.transaction_status() != TransactionStatus::Idle && self.is_usable() {
            // Nothing more can be done about it: the session tells the next who uses it.
            drop(self.rollback().await);
        }
        Err(not_done)
    }

    /// What became of a transaction of this server (PostgreSQL documentation, "Transaction ID and
    /// Snapshot Information Functions"). Numbers that a crash has lost are given again: ask only
    /// a server that did not crash since.
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
