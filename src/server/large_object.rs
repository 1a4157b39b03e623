//! Writing large objects.
//!
//! `pg_restore` opens each object, writes it in pieces and closes it, and waits for each answer
//! (`StartRestoreLO`, `dump_lo_buf` and `EndRestoreLO` in `src/bin/pg_dump/pg_backup_archiver.c`).
//! Here, pieces of any number of objects go to the server together, each with its offset (`lo_put`,
//! PostgreSQL documentation, "Server-Side Functions" of large objects), and several such calls are
//! in flight: many small objects cost one call in all, not three each.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use tokio_postgres::Statement;

use super::driver::Driver;
use super::error::{Result, SessionError};
use super::session::Session;

/// Bytes after which pieces are sent.
const TOGETHER: usize = 256 * 1024;

/// Pieces after which they are sent, however short.
const PIECES_TOGETHER: usize = 256;

/// Calls in flight before waiting for the oldest. With [`TOGETHER`] and a last piece of any length,
/// this bounds the memory.
const IN_FLIGHT: usize = 4;

/// The arguments of each `lo_put`, in order. A multi-argument `unnest` works only under its bare
/// name, which the search path could redirect.
const PUT: &str = "SELECT pg_catalog.lo_put(piece.oid, piece.at, piece.bytes) FROM ROWS FROM (\
     pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int8[]), \
     pg_catalog.unnest($3::pg_catalog.bytea[])) AS piece(oid, at, bytes)";

impl Session {
    /// Creates an empty large object with this OID, for archives older than format 1.12, whose TOC
    /// has no such statement.
    ///
    /// # Errors
    /// [`SessionError::Server`], with SQLSTATE 23505 if it already exists.
    pub async fn create_large_object(&self, oid: u32) -> Result<()> {
        self.execute(&format!("SELECT pg_catalog.lo_create('{oid}')")).await
    }

    /// Removes the large object with this OID, if it exists.
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

    /// Starts writing large objects. Should be in a transaction: otherwise each call is one.
    ///
    /// # Errors
    /// As [`Session::execute`]; `lo_put` exists since PostgreSQL 9.4.
    pub async fn write_large_objects(&self) -> Result<LargeObjects<'_>> {
        let driver = &self.driver;
        driver.usable()?;
        let prepare = || async {
            match driver.client.prepare(PUT).await {
                Ok(statement) => Ok(statement),
                Err(error) => Err(driver.error(error, Some(PUT)).await),
            }
        };
        let put = self.put_large_objects.get_or_try_init(prepare).await?.clone();
        Ok(LargeObjects {
            driver,
            put,
            current: None,
            pieces: ObjectPieces::default(),
            calls: FuturesOrdered::new(),
        })
    }
}

/// Large objects being written, one after another, each from its start. [`LargeObjects::finish`]
/// returns whether everything has reached the server.
pub struct LargeObjects<'a> {
    driver: &'a Driver,
    put: Statement,
    current: Option<Current>,
    /// What is sent next.
    pieces: ObjectPieces,
    calls: FuturesOrdered<Call<'a>>,
}

/// The object being written.
struct Current {
    oid: u32,
    /// The offset of the next byte.
    at: i64,
}

/// A call in flight.
type Call<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Pieces of large objects, as the parameters of [`PUT`].
#[derive(Default)]
struct ObjectPieces {
    oids: Vec<u32>,
    at: Vec<i64>,
    bytes: Vec<Bytes>,
    /// The total length of the pieces.
    length: usize,
}

impl ObjectPieces {
    fn push(&mut self, oid: u32, at: i64, bytes: Bytes) {
        self.length += bytes.len();
        self.oids.push(oid);
        self.at.push(at);
        self.bytes.push(bytes);
    }

    fn is_full(&self) -> bool {
        self.length >= TOGETHER || self.oids.len() >= PIECES_TOGETHER
    }
}

impl LargeObjects<'_> {
    /// Moves on to another object, which must exist.
    ///
    /// # Errors
    /// As [`LargeObjects::write`].
    pub async fn begin(&mut self, oid: u32) -> Result<()> {
        self.end_object().await?;
        self.current = Some(Current { oid, at: 0 });
        Ok(())
    }

    /// Appends bytes to the object; waits if the server is slower.
    ///
    /// # Errors
    /// [`SessionError::Server`], possibly about an earlier object, with SQLSTATE 42704 if one does not
    /// exist; [`SessionError::Protocol`] if no object was started or it would be too large;
    /// [`SessionError::Lost`].
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let Some(Current { oid, at }) = &mut self.current else {
            return Err(SessionError::Protocol("data without a large object".to_owned(), None));
        };
        let end = i64::try_from(bytes.len()).ok().and_then(|length| at.checked_add(length));
        let Some(end) = end else {
            return Err(SessionError::Protocol(format!("large object {oid} is too large"), None));
        };
        if !bytes.is_empty() {
            self.pieces.push(*oid, *at, bytes);
            *at = end;
        }
        self.send_if_full().await
    }

    /// Waits until the server has written everything.
    ///
    /// # Errors
    /// As [`LargeObjects::write`].
    pub async fn finish(mut self) -> Result<()> {
        self.end_object().await?;
        self.send().await?;
        while let Some(done) = self.calls.next().await {
            done?;
        }
        Ok(())
    }

    /// Empty objects must be sent to the server as well: they may be missing, or belong to another
    /// role.
    async fn end_object(&mut self) -> Result<()> {
        if let Some(Current { oid, at: 0 }) = self.current.take() {
            self.pieces.push(oid, 0, Bytes::new());
        }
        self.send_if_full().await
    }

    async fn send_if_full(&mut self) -> Result<()> {
        if self.pieces.is_full() { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<()> {
        if self.pieces.oids.is_empty() {
            return Ok(());
        }
        while self.calls.len() >= IN_FLIGHT {
            if let Some(done) = self.calls.next().await {
                done?;
            }
        }
        let pieces = std::mem::take(&mut self.pieces);
        self.calls.push_back(call(self.driver, self.put.clone(), pieces));
        // A future does nothing until it is polled: this sends the call.
        match futures::poll!(self.calls.next()) {
            std::task::Poll::Ready(Some(done)) => done,
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for LargeObjects<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LargeObjects")
            .field("current", &self.current.as_ref().map(|current| current.oid))
            .field("in_flight", &self.calls.len())
            .finish_non_exhaustive()
    }
}

fn call(driver: &Driver, put: Statement, pieces: ObjectPieces) -> Call<'_> {
    Box::pin(async move {
        let bytes: Vec<&[u8]> = pieces.bytes.iter().map(AsRef::as_ref).collect();
        match driver.client.execute(&put, &[&pieces.oids, &pieces.at, &bytes]).await {
            Ok(written) if written == pieces.oids.len() as u64 => Ok(()),
            Ok(written) => {
                let what = format!("large objects: {} pieces sent, {written} written", bytes.len());
                Err(SessionError::Protocol(what, None))
            }
            Err(error) => Err(driver.error(error, Some(PUT)).await),
        }
    })
}
