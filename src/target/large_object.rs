//! Writing large objects.
//!
//! As `pg_restore` does (`StartRestoreLO`, `dump_lo_buf` and `EndRestoreLO` in
//! `src/bin/pg_dump/pg_backup_archiver.c`), but through prepared statements with binary parameters,
//! several in flight. All of it must happen in a transaction: a descriptor lives no longer.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use super::driver::Driver;
use super::error::{Error, Result};
use super::session::Session;

/// `INV_WRITE` (`src/include/libpq/libpq-fs.h`).
const INV_WRITE: i32 = 0x0002_0000;

/// Most bytes in one `lowrite`.
const CHUNK: usize = 256 * 1024;

/// Chunks under way before waiting for the oldest.
const IN_FLIGHT: usize = 4;

const LO_OPEN: &str = "SELECT pg_catalog.lo_open($1, $2)";
const LO_CLOSE: &str = "SELECT pg_catalog.lo_close($1)";
const LOWRITE: &str = "SELECT pg_catalog.lowrite($1, $2)";

/// The statements that a session prepares once.
#[derive(Clone)]
pub(super) struct Statements {
    open: Statement,
    write: Statement,
    close: Statement,
}

impl Statements {
    async fn prepare(driver: &Driver) -> Result<Self> {
        let prepare = async |sql: &str| match driver.client.prepare(sql).await {
            Ok(statement) => Ok(statement),
            Err(error) => Err(driver.error(error, Some(sql)).await),
        };
        Ok(Self {
            open: prepare(LO_OPEN).await?,
            write: prepare(LOWRITE).await?,
            close: prepare(LO_CLOSE).await?,
        })
    }
}

impl Session {
    /// Creates an empty large object with this OID, for archives older than format 1.12, whose
    /// TOC has no statement that does.
    ///
    /// # Errors
    /// [`Error::Server`], with SQLSTATE 23505 if it is there already.
    pub async fn create_large_object(&self, oid: u32) -> Result<()> {
        self.execute(&format!("SELECT pg_catalog.lo_create('{oid}')")).await
    }

    /// Removes a large object if there is one of this OID.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn unlink_large_object(&self, oid: u32) -> Result<()> {
        self.execute(&format!(
            "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata \
             WHERE oid = '{oid}'"
        ))
        .await
    }

    /// Opens a large object for writing at its start. Must be in a transaction.
    ///
    /// # Errors
    /// [`Error::Server`], with SQLSTATE 42704 if there is none of this OID.
    pub async fn open_large_object(&self, oid: u32) -> Result<LargeObject<'_>> {
        let driver = &self.driver;
        driver.usable()?;
        let statements =
            self.large_objects.get_or_try_init(|| Statements::prepare(driver)).await?.clone();
        let descriptor = call(driver, &statements.open, LO_OPEN, &[&oid, &INV_WRITE]).await?;
        Ok(LargeObject { driver, statements, descriptor, bytes: 0, writes: FuturesOrdered::new() })
    }
}

/// A large object being written. It ends with [`LargeObject::close`], or with the transaction.
pub struct LargeObject<'a> {
    driver: &'a Driver,
    statements: Statements,
    descriptor: i32,
    bytes: u64,
    writes: FuturesOrdered<Write<'a>>,
}

/// One chunk under way; gives its length when the server has written all of it.
type Write<'a> = Pin<Box<dyn Future<Output = Result<usize>> + Send + 'a>>;

impl LargeObject<'_> {
    /// Appends bytes, any number of them; waits while the server is slower.
    ///
    /// # Errors
    /// [`Error::Server`], possibly of an earlier chunk; [`Error::ShortWrite`] if the server
    /// wrote less than it was sent; [`Error::Lost`].
    pub async fn write(&mut self, mut data: Bytes) -> Result<()> {
        while !data.is_empty() {
            while self.writes.len() >= IN_FLIGHT {
                self.settle_one().await?;
            }
            let chunk = data.split_to(data.len().min(CHUNK));
            self.writes.push_back(write(
                self.driver,
                self.statements.write.clone(),
                self.descriptor,
                chunk,
            ));
            // A future does nothing until it is polled: this sends the chunk.
            if let std::task::Poll::Ready(Some(written)) = futures::poll!(self.writes.next()) {
                self.bytes += written? as u64;
            }
        }
        Ok(())
    }

    /// Waits for all writes, closes the descriptor, and gives the bytes written.
    ///
    /// # Errors
    /// As [`LargeObject::write`].
    pub async fn close(mut self) -> Result<u64> {
        while !self.writes.is_empty() {
            self.settle_one().await?;
        }
        call(self.driver, &self.statements.close, LO_CLOSE, &[&self.descriptor]).await?;
        Ok(self.bytes)
    }

    async fn settle_one(&mut self) -> Result<()> {
        if let Some(written) = self.writes.next().await {
            self.bytes += written? as u64;
        }
        Ok(())
    }
}

impl std::fmt::Debug for LargeObject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LargeObject")
            .field("bytes", &self.bytes)
            .field("in_flight", &self.writes.len())
            .finish_non_exhaustive()
    }
}

fn write(driver: &Driver, statement: Statement, descriptor: i32, chunk: Bytes) -> Write<'_> {
    Box::pin(async move {
        let written = call(driver, &statement, LOWRITE, &[&descriptor, &chunk.as_ref()]).await?;
        if usize::try_from(written) == Ok(chunk.len()) {
            Ok(chunk.len())
        } else {
            Err(Error::ShortWrite { sent: chunk.len(), written })
        }
    })
}

/// Runs a prepared function that gives an integer.
async fn call(
    driver: &Driver,
    statement: &Statement,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<i32> {
    let answer = match driver.client.query_one(statement, parameters).await {
        Ok(row) => row.try_get(0),
        Err(error) => Err(error),
    };
    match answer {
        Ok(value) => Ok(value),
        Err(error) => Err(driver.error(error, Some(sql)).await),
    }
}
