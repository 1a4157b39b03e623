//! One run at a time for a target.
//!
//! The host starts the new container before it stops the old one, and somebody may start a run by
//! hand: two runs on one target would drop what the other restores. A session-level advisory lock
//! of the target's server prevents it (PostgreSQL documentation, "Advisory Locks"): it belongs to
//! the database, needs no table, and ends with its session, however that ends.
//!
//! A server does not know at once that the client of an idle session is gone: such a session is a
//! ghost that holds the lock for nobody. So the server is asked to look after the connection every
//! half minute, and whoever has lost a session ends what is left of it, by the process and the
//! time that it was started.

use std::time::Duration;

use crate::restore::chain;
use crate::target::{self, Backend, LOCKS, Session, SessionSettings, Target, once_ready};

/// The second half of the lock's key: the kind of lock. Advisory locks are per database, so the key
/// does not name the database.
const KIND: u32 = 1;

/// How long the end of a session of this process's own is waited for.
const GHOST_LEAVES_WITHIN: Duration = Duration::from_secs(10);

/// Who else may have the lock at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Nobody.
    Exclusive,
    /// Those who take it in this mode.
    Shared,
}

/// A lock on a target that is held until this is dropped.
pub struct TargetLock {
    session: Session,
    mode: Mode,
    /// The session's process, if the server shows it.
    backend: Option<Backend>,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another run has it.
    #[error("another run is at work on this target{}", said(.holder.as_ref()))]
    Taken {
        /// Who, if the server tells.
        holder: Option<Holder>,
    },
    /// The server could not be asked.
    #[error("cannot lock the target")]
    Target(#[from] target::Error),
    /// The session that held it is gone.
    #[error("the lock on the target is lost: its session ended")]
    Lost,
}

/// Who holds the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process of the server.
    pub pid: String,
    /// Where the session comes from.
    pub address: Option<String>,
    /// Since when the session is there, as the server writes times.
    pub since: Option<String>,
}

/// `: process 1 from 10.0.0.1 since 2026-03-02 05:10:00`, to be put behind what that process does.
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

/// Who holds the lock on a session's database, if anyone does and the server shows it.
///
/// # Errors
/// When the server cannot be asked.
pub async fn holder(session: &Session) -> target::Result<Option<Holder>> {
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
    /// Takes the lock, or says who has it. Does not wait.
    ///
    /// # Errors
    /// [`LockError::Taken`] and [`LockError::Target`].
    pub async fn take(target: &Target) -> Result<Self, LockError> {
        Self::take_as(Mode::Exclusive, target).await
    }

    /// Takes the lock beside others who take it by this function: for work that does not disturb
    /// them, but that a whole run would disturb. Does not wait.
    ///
    /// # Errors
    /// [`LockError::Taken`] and [`LockError::Target`].
    pub async fn share(target: &Target) -> Result<Self, LockError> {
        Self::take_as(Mode::Shared, target).await
    }

    async fn take_as(mode: Mode, target: &Target) -> Result<Self, LockError> {
        let settings = SessionSettings::default();
        let connect = || Session::connect(target, &settings);
        let waits = |error: &target::Error| {
            tracing::warn!("the server is waited for: {}", chain(error));
        };
        let session = once_ready(connect, waits).await?;
        // The session is idle all night: nothing may end it for that, but for a client that is
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

    /// Takes the lock anew, in the place of this one, whose session was lost. If the server has not
    /// noticed that, the old session is ended there.
    ///
    /// # Errors
    /// [`LockError::Taken`], by another run, and [`LockError::Target`].
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
        tracing::warn!("the lost session that held the lock on the target is ended");
        Self::take_as(self.mode, target).await
    }

    /// Whether the lock is still held: a session can be lost with nobody noticing until it is
    /// used.
    ///
    /// # Errors
    /// [`LockError::Lost`].
    pub async fn check(&self) -> Result<(), LockError> {
        self.session.execute("SELECT 1").await.map_err(|_| LockError::Lost)
    }
}

impl LockError {
    /// Whether time may heal it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Taken { .. } | Self::Lost => true,
            Self::Target(error) => error.is_passing(),
        }
    }
}
