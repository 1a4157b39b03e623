//! Allows one run at a time per target.
//!
//! The host starts a new container before it stops the old one, and a user may start a run by hand:
//! two runs on one target would drop what the other restores. A session-level advisory lock on the
//! target's server prevents that (PostgreSQL documentation, "Advisory Locks"): it belongs to the
//! database, needs no table, and ends with its session, however that ends.
//!
//! A server does not notice at once that the client of an idle session is gone: such a ghost
//! session keeps holding the lock. So TCP keepalives check the connection every half minute, and a
//! client that lost its session terminates the ghost, identified by its backend process and start
//! time.

use std::time::Duration;

use crate::error::chain;
use crate::server::{self, Backend, LOCKS, Retry, Session, SessionSettings, Target, once_ready};

/// The second half of the lock key: the kind of lock. Advisory locks are per database, so the key
/// does not include the database.
const KIND: u32 = 1;

/// How long to wait for a terminated ghost session to end.
const GHOST_LEAVES_WITHIN: Duration = Duration::from_secs(10);

/// Who else may hold the lock at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// No one.
    Exclusive,
    /// Others that take it in this mode.
    Shared,
}

/// A lock on a target, held until this is dropped.
pub struct TargetLock {
    session: Session,
    mode: Mode,
    /// The session's backend process, if the server shows it.
    backend: Option<Backend>,
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another run holds it.
    #[error("another run is using this target{}", said(.holder.as_ref()))]
    Taken {
        /// The holder, if the server shows it.
        holder: Option<Holder>,
    },
    /// The server could not be queried.
    #[error("cannot lock the target")]
    Target(#[from] server::SessionError),
    /// The session that held it is gone.
    #[error("lost the lock on the target: its session ended")]
    Lost,
}

/// Who holds the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The backend process.
    pub pid: String,
    /// The client address of the session.
    pub address: Option<String>,
    /// When the session started, in the server's format.
    pub since: Option<String>,
}

/// `: process 1 from 10.0.0.1 since 2026-03-02 05:10:00`, to append to a message.
pub(in crate::replicate) fn said(holder: Option<&Holder>) -> String {
    let Some(Holder { pid, address, since }) = holder else { return String::new() };
    let mut text = format!(": process {pid}");
    if let Some(address) = address {
        text.push_str(&format!(" from {address}"));
    }
    if let Some(since) = since {
        text.push_str(&format!(" since {since}"));
    }
    text
}

/// The holder of the lock on a session's database, if it is taken and the server shows it.
///
/// # Errors
/// If the server cannot be queried.
pub async fn holder(session: &Session) -> server::Result<Option<Holder>> {
    let sql = format!(
        "SELECT l.pid, a.client_addr, pg_catalog.date_trunc('second', a.backend_start) \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {LOCKS} \
           AND l.objid = {KIND} AND l.objsubid = 2 AND l.database = \
             (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
    );
    Ok(session.query_text(&sql).await?.into_iter().next().and_then(|row| {
        let [pid, address, since] = row.try_into().ok()?;
        Some(Holder { pid: pid?, address, since })
    }))
}

impl TargetLock {
    /// Takes the lock, or returns who holds it. Does not wait.
    ///
    /// # Errors
    /// [`LockError::Taken`] and [`LockError::Target`].
    pub async fn take(target: &Target) -> Result<Self, LockError> {
        Self::take_as(Mode::Exclusive, target).await
    }

    /// Takes the lock in shared mode: for work that can run concurrently with other sharers, but
    /// not with a whole run. Does not wait.
    ///
    /// # Errors
    /// [`LockError::Taken`] and [`LockError::Target`].
    pub async fn share(target: &Target) -> Result<Self, LockError> {
        Self::take_as(Mode::Shared, target).await
    }

    async fn take_as(mode: Mode, target: &Target) -> Result<Self, LockError> {
        let settings = SessionSettings::default();
        let connect = || Session::connect(target, &settings);
        let waits = |error: &server::SessionError| {
            tracing::warn!("waiting for the server: {}", chain(error));
        };
        let session = once_ready(connect, waits).await?;
        // The session is idle all night: no timeout may end it, except keepalives if the client is
        // gone.
        session
            .execute(
                "SET application_name = 'nocturne lock'; SET statement_timeout = 0; \
                 SET idle_in_transaction_session_timeout = 0; SET tcp_keepalives_idle = 30; \
                 SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3",
            )
            .await?;
        let lock = match mode {
            Mode::Exclusive => "pg_try_advisory_lock",
            Mode::Shared => "pg_try_advisory_lock_shared",
        };
        let backend = Backend::of(&session).await?;
        let sql = format!("SELECT pg_catalog.{lock}({LOCKS}, {KIND})");
        if session.query_value(&sql).await?.as_deref() == Some("t") {
            return Ok(Self { session, mode, backend });
        }
        Err(LockError::Taken { holder: holder(&session).await? })
    }

    /// Takes the lock again, to replace this one, whose session was lost. If the server has not
    /// noticed the loss, the old session is terminated.
    ///
    /// # Errors
    /// [`LockError::Taken`] if another run holds it, and [`LockError::Target`].
    pub async fn take_again(&self, target: &Target) -> Result<Self, LockError> {
        let taken = match Self::take_as(self.mode, target).await {
            Err(taken @ LockError::Taken { .. }) => taken,
            result => return result,
        };
        let Some(lost) = &self.backend else {
            return Err(taken);
        };
        let session = Session::connect(target, &SessionSettings::default()).await?;
        if !lost.end(&session, GHOST_LEAVES_WITHIN).await? {
            return Err(taken);
        }
        tracing::warn!("terminated the lost session that still held the lock on the target");
        Self::take_as(self.mode, target).await
    }

    /// The session that holds the lock. It must stay open.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Checks that the lock is still held: the loss of a session goes unnoticed until it is used.
    ///
    /// # Errors
    /// [`LockError::Lost`].
    pub async fn check(&self) -> Result<(), LockError> {
        self.session.execute("SELECT 1").await.map_err(|_| LockError::Lost)
    }
}

impl LockError {
    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Taken { .. } | Self::Lost => Retry::LaterAttempt,
            Self::Target(error) => error.retry(),
        }
    }
}
