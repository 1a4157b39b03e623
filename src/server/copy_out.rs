//! `COPY … TO STDOUT`: whole rows out, and the server's row count.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio_postgres::CopyOutStream;

use super::error::{Result, SessionError};
use super::session::Session;

/// A chunk is returned once it is this large: the cheapest size to forward.
const CHUNK: usize = 256 * 1024;

impl Session {
    /// Starts a `COPY … TO STDOUT`. The session cannot be used for anything else until its end.
    ///
    /// # Errors
    /// [`SessionError::Server`] if the server refuses, [`SessionError::Lost`] if the connection is gone. A
    /// refusal costs nothing but the transaction.
    pub async fn copy_out(&self, copy_sql: &str) -> Result<CopyOut<'_>> {
        let driver = &self.driver;
        driver.usable()?;
        let begun = async {
            let statement = driver.client.prepare(copy_sql).await?;
            // Discards the count of an earlier COPY.
            driver.watch().take_copied();
            driver.client.copy_out(&statement).await
        };
        match begun.await {
            Ok(stream) => Ok(CopyOut {
                session: self,
                stream: Some(Box::pin(stream)),
                // Room for the row that exceeds the chunk's size.
                buffer: BytesMut::with_capacity(CHUNK + CHUNK / 8),
                errors: driver.watch().errors(),
                rows: None,
                statement: copy_sql.to_owned(),
            }),
            Err(error) => Err(driver.error(error, Some(copy_sql)).await),
        }
    }
}

/// A COPY that returns data. The server sends no faster than the data is read.
///
/// Dropping it before its end asks the server to cancel the statement, so that it does not read the
/// rest of a table for nothing; the session is then unusable.
pub struct CopyOut<'a> {
    session: &'a Session,
    /// `None` once the data has ended.
    stream: Option<Pin<Box<CopyOutStream>>>,
    buffer: BytesMut,
    /// The session's ErrorResponses when the COPY started: one more belongs to this COPY.
    errors: u64,
    rows: Option<u64>,
    statement: String,
}

impl CopyOut<'_> {
    /// The next chunk: whole rows as the server sent them, about 256 KiB of them, more if a row is
    /// larger; or `None` when the data has ended properly.
    ///
    /// # Errors
    /// [`SessionError::Server`] or [`SessionError::Lost`]: the data is incomplete.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(stream) = &mut self.stream {
            match stream.next().await {
                Some(Ok(row)) => {
                    self.buffer.extend_from_slice(&row);
                    if self.buffer.len() >= CHUNK {
                        break;
                    }
                }
                Some(Err(error)) => {
                    // The server has already ended it: nothing is left to cancel.
                    self.stream = None;
                    return Err(self.session.driver.error(error, Some(&self.statement)).await);
                }
                None => self.end().await?,
            }
        }
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let chunk = self.buffer.split().freeze();
        self.buffer.reserve(CHUNK + CHUNK / 8);
        Ok(Some(chunk))
    }

    /// The number of rows that the server reports as sent; known once [`CopyOut::next`] has
    /// returned `None`.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// CopyDone has arrived, so the data is complete; the end of the command, with the count,
    /// follows right after it.
    async fn end(&mut self) -> Result<()> {
        // Before that, what a statement in the COPY leaves to its end may fail (a trigger). To the
        // driver, either message is an error: only the server's counts.
        if let Some(mut stream) = self.stream.take()
            && let Some(Err(error)) = stream.next().await
            && error.as_db_error().is_some()
        {
            return Err(self.session.driver.error(error, Some(&self.statement)).await);
        }
        // The answer to another statement comes after that end. The empty one does nothing.
        self.session.execute("").await?;
        let watch = self.session.driver.watch();
        match watch.take_copied() {
            Some(rows) if watch.errors() == self.errors => {
                self.rows = Some(rows);
                Ok(())
            }
            _ => Err(SessionError::Protocol("COPY ended without a count of rows".into(), None)),
        }
    }
}

impl Drop for CopyOut<'_> {
    fn drop(&mut self) {
        if self.stream.is_none() {
            return;
        }
        self.session.driver.spent.store(true, Ordering::Release);
        // Without a runtime, no one reads the connection any more: the server will notice by
        // itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let cancel = self.session.cancel_handle();
            runtime.spawn(async move {
                if let Err(error) = cancel.cancel().await {
                    tracing::debug!("cannot cancel a COPY: {error}");
                }
            });
        }
    }
}

impl fmt::Debug for CopyOut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOut")
            .field("statement", &self.statement)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}
