//! Allows one run at a time per target.
//!
//! The host starts a new container before it stops the old one, and a user may start a run by hand:
//! two runs on one target would drop what the other restores. A session-level advisory lock of the
//! target prevents that.
//!
//! Its session is idle for hours, and a proxy in between may close it, so it is used once a minute.
//! If it is lost anyway, the lock is taken again; if another run was faster, this one must stop. A
//! server does not notice at once that the client of an idle session is gone: such a ghost session
//! keeps holding the lock. So TCP keepalives check the connection every half minute, and a client
//! that lost its session terminates the ghost, identified by its backend process and start time.

use std::pin::pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::chain;
use crate::server::{
    self, AdvisoryLock, Backend, LockSharing, Retry, Session, SessionSettings, Target, USED_EVERY,
    once_ready,
};

/// How long to wait for a terminated ghost session to end.
const GHOST_LEAVES_WITHIN: Duration = Duration::from_secs(10);

/// A lock on a target, held until this is dropped.
pub struct TargetLock {
    session: Session,
    sharing: LockSharing,
    /// The session's backend process, if the server shows it.
    backend: Option<Backend>,
    /// The time between two checks.
    between: Duration,
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
         FROM ({}) l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid",
        AdvisoryLock::Target.holders()
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
        Self::take_as(LockSharing::Exclusive, target).await
    }

    /// Takes the lock in shared mode: for work that can run concurrently with other sharers, but
    /// not with a whole run. Does not wait.
    ///
    /// # Errors
    /// [`LockError::Taken`] and [`LockError::Target`].
    pub async fn share(target: &Target) -> Result<Self, LockError> {
        Self::take_as(LockSharing::Shared, target).await
    }

    async fn take_as(sharing: LockSharing, target: &Target) -> Result<Self, LockError> {
        let settings = SessionSettings::default();
        let connect = || Session::connect(target, &settings);
        let waits = |error: &server::SessionError| {
            tracing::warn!("waiting for the server: {}", chain(error));
        };
        let session = once_ready(connect, waits).await?;
        let backend = Backend::of(&session).await?;
        if AdvisoryLock::Target.try_hold(&session, "nocturne lock", sharing).await? {
            return Ok(Self { session, sharing, backend, between: USED_EVERY });
        }
        Err(LockError::Taken { holder: holder(&session).await? })
    }

    /// Takes the lock again, to replace this one, whose session was lost. If the server has not
    /// noticed the loss, the old session is terminated.
    ///
    /// # Errors
    /// [`LockError::Taken`] if another run holds it, and [`LockError::Target`].
    pub async fn take_again(&self) -> Result<Self, LockError> {
        let target = self.session.target();
        let taken = match Self::take_as(self.sharing, target).await {
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
        Self::take_as(self.sharing, target).await
    }

    /// Checks the lock this often during the work, instead of once a minute.
    #[must_use]
    pub fn every(self, between: Duration) -> Self {
        Self { between, ..self }
    }

    /// The session that holds the lock, in the target. It must stay open. Unlike a new one, it also
    /// works when the target no longer accepts connections.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the lock is still held: the loss of a session goes unnoticed until it is used.
    pub async fn is_held(&self) -> bool {
        self.session.execute("SELECT 1").await.is_ok()
    }

    /// Checks that the lock is still held, or takes it again.
    ///
    /// # Errors
    /// Who holds it now, or why the target cannot be asked.
    pub async fn keep(&mut self) -> Result<(), LockError> {
        if self.is_held().await {
            return Ok(());
        }
        *self = self.take_again().await?.every(self.between);
        tracing::warn!("lost the session that held the lock on the target; took the lock again");
        Ok(())
    }

    /// Does the work. If another run takes the lock meanwhile, `halt` is cancelled, and the work
    /// gets the time that it needs to stop.
    ///
    /// # Errors
    /// The work's error, or who has taken the lock.
    pub async fn during<T, E: From<LockError>>(
        &mut self,
        halt: &CancellationToken,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut work = pin!(work);
        let lost = tokio::select! {
            biased;
            result = &mut work => return result,
            lost = self.watch() => lost,
        };
        tracing::error!("{}", chain(&lost));
        halt.cancel();
        // Whatever its result, the lost lock is the reason.
        let _ = work.await;
        Err(lost.into())
    }

    /// Ends when another run holds the lock.
    async fn watch(&mut self) -> LockError {
        loop {
            tokio::time::sleep(self.between).await;
            match self.keep().await {
                Ok(()) => {}
                Err(taken @ LockError::Taken { .. }) => return taken,
                // The server cannot be reached: the work itself will notice.
                Err(error) => tracing::warn!("{}", chain(&error)),
            }
        }
    }
}

impl LockError {
    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Taken { .. } => Retry::LaterAttempt,
            Self::Target(error) => error.retry(),
        }
    }
}
