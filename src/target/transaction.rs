//! Transactions by their numbers: whether one was committed can be asked later, from another
//! session, when the answer to its COMMIT never came.

use super::error::Result;
use super::session::Session;

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
