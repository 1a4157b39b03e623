//! Ensures that one process at a time writes a journal, and that a process presumed dead no longer
//! does.
//!
//! Two advisory locks of the database (PostgreSQL documentation, "Advisory Locks"), both released
//! by the server with their session:
//!
//! - [`ALONE`] is held by a dedicated session that does nothing else: the server notices the death
//!   of an idle client at once, but not while it runs a statement. A run that does not get the lock
//!   is refused.
//! - [`AT_WORK`] is shared by all sessions of a restore. A new run holds `ALONE`, so the process of
//!   any sessions that still hold `AT_WORK` is dead or has lost its guard. They are terminated, and
//!   the journal is read only once `AT_WORK` could be taken exclusively: no COMMIT of an earlier
//!   run can follow. Then the run number is incremented. A session of an older run, reopened by a
//!   process that is alive after all, finds a different number and gives up.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::restore::error::JournalError;
use crate::restore::journal::store;
use crate::server::{LOCKS, Result, Session, SessionError, SessionSettings, Target};

/// The lock of the one restore.
const ALONE: LockKey = LockKey(2);

/// The lock of its sessions.
const AT_WORK: LockKey = LockKey(3);

/// How long the sessions of an earlier run may take to end, including the rollback of their work.
const END_WITHIN: Duration = Duration::from_secs(60);

/// The first server version with `idle_session_timeout` (release notes of PostgreSQL 14).
const IDLE_LIMIT_SINCE: u32 = 140_000;

/// How often the session of [`ALONE`] sends a query.
const WATCH_EVERY: Duration = Duration::from_secs(60);

/// How long the server may take to answer it.
const WATCH_WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
struct LockKey(u32);

impl LockKey {
    fn arguments(self) -> String {
        format!("{LOCKS}, {}", self.0)
    }

    /// A query for the processes that hold it, except this session's.
    fn holders(self) -> String {
        format!(
            "SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted \
               AND classid = {LOCKS} AND objid = {} AND objsubid = 2 \
               AND pid <> pg_catalog.pg_backend_pid() AND database = (SELECT oid \
                 FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
            self.0
        )
    }
}

async fn try_lock(session: &Session, key: LockKey) -> Result<bool> {
    let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({})", key.arguments());
    Ok(session.query_value(&sql).await?.as_deref() == Some("t"))
}

/// The session that holds [`ALONE`]; it is replaced after a loss, when another session is reopened.
pub(super) struct JournalLock(Mutex<Session>);

impl std::fmt::Debug for JournalLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl JournalLock {
    /// Refuses a second restore.
    async fn take(target: &Target) -> Result<Self, JournalError> {
        let session = Self::session(target).await?;
        if try_lock(&session, ALONE).await? {
            return Ok(Self(Mutex::new(session)));
        }
        Err(JournalError::Busy { pid: session.query_value(&ALONE.holders()).await? })
    }

    async fn session(target: &Target) -> Result<Session> {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        // It is idle all night, which must not end it; the loss of the client's machine must.
        session
            .execute(
                "SET application_name = 'nocturne journal'; SET tcp_keepalives_idle = 30; \
                 SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3",
            )
            .await?;
        if session.server_version_num() >= IDLE_LIMIT_SINCE {
            session.execute("SET idle_session_timeout = 0").await?;
        }
        Ok(session)
    }

    /// Sends the server a query, so that proxies do not close the connection as idle, and takes the
    /// lock again if the session is lost nevertheless.
    async fn watch(&self) {
        let target = {
            let held = self.0.lock().await;
            // The outcome is checked below.
            let _ = tokio::time::timeout(WATCH_WITHIN, held.execute("SELECT 1")).await;
            held.target().clone()
        };
        self.renew(&target).await;
    }

    /// Takes the lock again if the session is lost. If that fails, another process may resume the
    /// restore; it terminates this one's sessions first.
    async fn renew(&self, target: &Target) {
        let mut held = self.0.lock().await;
        if held.is_closed()
            && let Ok(session) = Self::session(target).await
            && let Ok(true) = try_lock(&session, ALONE).await
        {
            *held = session;
        }
    }
}

impl JournalLock {
    /// Keeps the restore's lock as long as it is polled.
    pub(super) async fn keep(&self) -> Infallible {
        loop {
            tokio::time::sleep(WATCH_EVERY).await;
            self.watch().await;
        }
    }

    /// Registers a new session as active in this run.
    ///
    /// # Errors
    /// When another process has resumed the restore in the meantime.
    pub(super) async fn admit(&self, session: &Session, run: u32) -> Result<()> {
        self.renew(session.target()).await;
        let lock = format!("SELECT pg_catalog.pg_advisory_lock_shared({})", AT_WORK.arguments());
        session.execute(&lock).await?;
        if store::run(session).await? != Some(run) {
            return Err(SessionError::Unsuitable("another process has resumed this restore"));
        }
        Ok(())
    }
}

/// Refuses a second restore, and terminates what is left of an earlier one. No session of any
/// restore is active until [`let_work`].
pub(super) async fn alone(session: &Session) -> Result<JournalLock, JournalError> {
    let guard = JournalLock::take(session.target()).await?;
    let started = Instant::now();
    while !try_lock(session, AT_WORK).await? {
        if started.elapsed() > END_WITHIN {
            let pids = session.query_text(&AT_WORK.holders()).await?;
            let pids: Vec<String> = pids.into_iter().flatten().flatten().collect();
            return Err(JournalError::StillThere { pids: pids.join(", ") });
        }
        let end =
            format!("SELECT pg_catalog.pg_terminate_backend(pid) FROM ({}) s", AT_WORK.holders());
        match session.execute(&end).await {
            // They belong to another role or a superuser: wait for them to end.
            Err(error) if error.is_connection_lost() => return Err(error.into()),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    Ok(guard)
}

/// Lets the sessions of this run start, this one first.
pub(super) async fn let_work(session: &Session) -> Result<()> {
    let key = AT_WORK.arguments();
    session
        .execute(&format!(
            "SELECT pg_catalog.pg_advisory_lock_shared({key}); \
             SELECT pg_catalog.pg_advisory_unlock({key})"
        ))
        .await
}
