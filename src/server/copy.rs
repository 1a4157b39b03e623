//! `COPY … FROM STDIN`: bytes in, a row count out.

use std::pin::Pin;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::CopyInSink;

use super::driver::Driver;
use super::error::{Result, SessionError};
use super::session::Session;

impl Session {
    /// Starts a `COPY … FROM STDIN`.
    ///
    /// A refusal leaves the session usable, unless the server has already asked for data (a BEFORE
    /// STATEMENT trigger that raises, FREEZE where it is not allowed): then the driver gives up on
    /// a second ReadyForQuery (see `src/server/refused_copy.rs`).
    ///
    /// # Errors
    /// [`SessionError::Server`] if the server refuses, [`SessionError::Lost`] if the connection is gone.
    pub async fn copy_in(&self, copy_sql: &str) -> Result<CopyIn<'_>> {
        let driver = &self.driver;
        driver.usable()?;
        let statement = match driver.client.prepare(copy_sql).await {
            Ok(statement) => statement,
            Err(error) => return Err(driver.error(error, Some(copy_sql)).await),
        };
        driver.watch().copy.ask();
        match driver.client.copy_in(&statement).await {
            Ok(sink) => {
                Ok(CopyIn {
                    driver,
                    sink: Box::pin(sink),
                    // From here to the end of the COPY, the server answers nothing else.
                    errors: driver.watch().errors(),
                    statement: copy_sql.to_owned(),
                })
            }
            Err(error) => Err(driver.error(error, Some(copy_sql)).await),
        }
    }
}

/// A COPY that accepts data. Dropping it aborts the COPY; the session stays usable.
///
/// Chunks may end anywhere, even within a row. 256 KiB is the cheapest size.
pub struct CopyIn<'a> {
    driver: &'a Driver,
    sink: Pin<Box<CopyInSink<Bytes>>>,
    /// The session's ErrorResponses when the COPY started: one more belongs to this COPY.
    errors: u64,
    statement: String,
}

impl CopyIn<'_> {
    /// Sends a chunk; waits if the server is slower.
    ///
    /// A server error is noticed at the next call, not only at the end: the server keeps reading
    /// and discarding the data, and the driver would let it, but the stream below the driver sees
    /// the ErrorResponse arrive.
    ///
    /// # Errors
    /// [`SessionError::Server`] with the bad row's line in `context`; the COPY has then ended and no call
    /// may follow. [`SessionError::Lost`] if the connection is gone.
    pub async fn send(&mut self, chunk: Bytes) -> Result<()> {
        if self.driver.watch().errors() != self.errors {
            return Err(match self.close().await {
                Err(error) => error,
                Ok(_) => SessionError::Protocol("COPY succeeded in spite of an error".into(), None),
            });
        }
        match self.sink.send(chunk).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.driver.error(error, Some(&self.statement)).await),
        }
    }

    /// Ends the data and returns the number of rows that the server stored.
    ///
    /// # Errors
    /// As [`CopyIn::send`]; nothing is stored then.
    pub async fn finish(mut self) -> Result<u64> {
        self.close().await
    }

    async fn close(&mut self) -> Result<u64> {
        match self.sink.as_mut().finish().await {
            Ok(rows) => Ok(rows),
            Err(error) => Err(self.driver.error(error, Some(&self.statement)).await),
        }
    }
}

impl std::fmt::Debug for CopyIn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyIn").field("statement", &self.statement).finish_non_exhaustive()
    }
}
