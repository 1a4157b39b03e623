//! Ensures that one process at a time writes a journal, and that a process presumed dead no longer
//! does.
//!
//! Two advisory locks of the database:
//!
//! - [`Journal`] is held by a dedicated session that does nothing else: the server notices the death
//!   of an idle client at once, but not while it runs a statement. A run that does not get the lock
//!   is refused.
//! - [`AtWork`] is shared by all sessions of a restore. A new run holds `Journal`, so the process of
//!   any sessions that still hold `AtWork` is dead or has lost its lock. They are terminated, and
//!   the journal is read only once `AtWork` could be taken exclusively: no COMMIT of an earlier run
//!   can follow. Then the run number is incremented. A session of an older run, reopened by a
//!   process that is alive after all, finds a different number and gives up.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::restore::error::JournalError;
use crate::restore::journal::store;
use crate::server::AdvisoryLock::{AtWork, Journal};
use crate::server::LockSharing::Exclusive;
use crate::server::{Result, Session, SessionError, SessionSettings, Target, USED_EVERY};

/// How long the sessions of an earlier run may take to end, including the rollback of their work.
const END_WITHIN: Duration = Duration::from_secs(60);

/// How long the server may take to answer the query that keeps the session of [`Journal`] in use.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// The session that holds [`Journal`]; it is replaced after a loss, when another session is
/// reopened.
pub(crate) struct JournalLock(Mutex<Session>);

impl std::fmt::Debug for JournalLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JournalLock")
    }
}

impl JournalLock {
    /// The session, and whether it has the lock.
    async fn take(target: &Target) -> Result<(Session, bool)> {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        let is_held = Journal.try_hold(&session, "nocturne journal", Exclusive).await?;
        Ok((session, is_held))
    }

    /// Keeps the restore's lock as long as it is polled.
    pub(crate) async fn keep(&self) -> Infallible {
        loop {
            tokio::time::sleep(USED_EVERY).await;
            let target = {
                let held = self.0.lock().await;
                // `renew` checks the outcome.
                let _ = tokio::time::timeout(ANSWERED_WITHIN, held.execute("SELECT 1")).await;
                held.target().clone()
            };
            self.renew(&target).await;
        }
    }

    /// Takes the lock again if the session is lost. If that fails, another process may resume the
    /// restore; it terminates this one's sessions first.
    async fn renew(&self, target: &Target) {
        let mut held = self.0.lock().await;
        if held.is_closed()
            && let Ok((session, true)) = Self::take(target).await
        {
            *held = session;
        }
    }

    /// Registers a new session as active in this run.
    ///
    /// # Errors
    /// When another process has resumed the restore in the meantime.
    pub(crate) async fn admit(&self, session: &Session, run: u32) -> Result<()> {
        self.renew(session.target()).await;
        let lock = format!("SELECT pg_catalog.pg_advisory_lock_shared({})", AtWork.key());
        session.execute(&lock).await?;
        if store::run(session).await? != Some(run) {
            return Err(SessionError::Unsuitable("another process has resumed this restore"));
        }
        Ok(())
    }
}

/// Refuses a second restore, and terminates what is left of an earlier one. No session of any
/// restore is active until [`let_work`].
pub(crate) async fn alone(session: &Session) -> Result<JournalLock, JournalError> {
    let lock = match JournalLock::take(session.target()).await? {
        (holder, true) => JournalLock(Mutex::new(holder)),
        (other, false) => {
            return Err(JournalError::Busy { pid: other.query_value(&Journal.holders()).await? });
        }
    };
    let started = Instant::now();
    while !AtWork.try_take(session, Exclusive).await? {
        if started.elapsed() > END_WITHIN {
            let pids = session.query_text(&AtWork.holders()).await?;
            let pids: Vec<String> = pids.into_iter().flatten().flatten().collect();
            return Err(JournalError::StillThere { pids: pids.join(", ") });
        }
        let end =
            format!("SELECT pg_catalog.pg_terminate_backend(pid) FROM ({}) s", AtWork.holders());
        match session.execute(&end).await {
            // They belong to another role or a superuser: wait for them to end.
            Err(error) if error.is_connection_lost() => return Err(error.into()),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    Ok(lock)
}

/// Lets the sessions of this run start, this one first.
pub(crate) async fn let_work(session: &Session) -> Result<()> {
    let key = AtWork.key();
    session
        .execute(&format!(
            "SELECT pg_catalog.pg_advisory_lock_shared({key}); \
             SELECT pg_catalog.pg_advisory_unlock({key})"
        ))
        .await
}
