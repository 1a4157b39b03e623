//! One process at a time writes a journal, and none that was thought dead writes it any more.
//!
//! Two advisory locks of the database (PostgreSQL documentation, "Advisory Locks"), both ended by
//! the server with their session:
//!
//! - [`ALONE`] is held by a session of its own, which does nothing else: the server notices at once
//!   when its client dies, which it does not while it works for one. Who does not get the lock is
//!   refused.
//! - [`AT_WORK`] is shared by all sessions of a restore. Who begins a run has `ALONE`, so the
//!   process of sessions that still hold `AT_WORK` is dead or has lost its guard. They are
//!   ended, and only when `AT_WORK` can be had alone is the journal read: no COMMIT of an earlier
//!   run comes behind. Then the run is counted up. A session of an older run, opened again by a
//!   process that lives after all, finds another number and gives up.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::error::JournalError;
use super::store;
use crate::restore::context::Context;
use crate::target::{Error, LOCKS, Result, Session, SessionSettings, Target};

/// The lock of the one restore.
const ALONE: Key = Key(2);

/// The lock of its sessions.
const AT_WORK: Key = Key(3);

/// How long the sessions of an earlier run may take to end: what they run is rolled back.
const END_WITHIN: Duration = Duration::from_secs(60);

/// The first version of the server with `idle_session_timeout` (release notes of PostgreSQL 14).
const IDLE_LIMIT_SINCE: u32 = 140_000;

/// How often the session of [`ALONE`] says something.
const WATCH_EVERY: Duration = Duration::from_secs(60);

/// How long the server may take to answer that.
const WATCH_WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
struct Key(u32);

impl Key {
    fn arguments(self) -> String {
        format!("{LOCKS}, {}", self.0)
    }

    /// The processes that hold it, but for this one's.
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

async fn try_lock(session: &Session, key: Key) -> Result<bool> {
    let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({})", key.arguments());
    Ok(session.query_value(&sql).await?.as_deref() == Some("t"))
}

/// The session that holds [`ALONE`]; a lost one is replaced when another session is opened anew.
pub(super) struct Guard(Mutex<Session>);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Guard {
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
        // It is idle all night, which must not end it; a client whose machine is gone must.
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

    /// Says something to the server, for those between that end silent connections, and takes the
    /// lock again if the session is lost all the same.
    async fn watch(&self) {
        let target = {
            let held = self.0.lock().await;
            // What becomes of it is seen below.
            let _ = tokio::time::timeout(WATCH_WITHIN, held.execute("SELECT 1")).await;
            held.target().clone()
        };
        self.renew(&target).await;
    }

    /// Takes the lock again if the session is lost. If that cannot be had another process may go
    /// on, which ends this one's sessions first.
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

/// Refuses a second restore, and ends what is left of an earlier one. Until [`let_work`] no session
/// of any restore is at work.
pub(super) async fn alone(session: &Session) -> Result<Guard, JournalError> {
    let guard = Guard::take(session.target()).await?;
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
            // Another role's, or a superuser's: they end by themselves.
            Err(error) if error.is_connection_lost() => return Err(error.into()),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    Ok(guard)
}

/// Lets the sessions of this run begin, this one first.
pub(super) async fn let_work(session: &Session) -> Result<()> {
    let key = AT_WORK.arguments();
    session
        .execute(&format!(
            "SELECT pg_catalog.pg_advisory_lock_shared({key}); \
             SELECT pg_catalog.pg_advisory_unlock({key})"
        ))
        .await
}

/// Keeps the lock of the one restore as long as it is polled.
pub(in crate::restore) async fn stay_alone(ctx: &Context) -> Infallible {
    let Some(journal) = ctx.journal() else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(WATCH_EVERY).await;
        journal.guard.watch().await;
    }
}

/// Counts a new session among those at work.
///
/// # Errors
/// When another process has gone on with the restore meanwhile.
pub(in crate::restore) async fn enter(ctx: &Context, session: &Session) -> Result<()> {
    let Some(journal) = ctx.journal() else {
        return Ok(());
    };
    journal.guard.renew(session.target()).await;
    let lock = format!("SELECT pg_catalog.pg_advisory_lock_shared({})", AT_WORK.arguments());
    session.execute(&lock).await?;
    if store::run(session).await? != Some(journal.run) {
        return Err(Error::Unsuitable("another process has resumed this restore"));
    }
    Ok(())
}
