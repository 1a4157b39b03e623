//! nocturne's advisory locks (PostgreSQL documentation, "Advisory Locks"). They belong to the
//! database, need no table, and end with the session that holds them, however that ends.

// The nightly run alone takes the lock of a target, and shares it.
#![cfg_attr(not(feature = "replicate"), allow(dead_code))]

use std::time::Duration;

use crate::server::error::Result;
use crate::server::session::Session;

/// The first half of the keys. The second half is that of an [`AdvisoryLock`]; for a swap, whose
/// locks are in another database, it is a hash of the name of the swapped database.
pub(crate) const LOCKS: u32 = 0x6e6f_6374;

/// How often the idle session of a lock is used, because a proxy may close it.
pub(crate) const USED_EVERY: Duration = Duration::from_secs(60);

/// The first server version with `idle_session_timeout` (release notes of PostgreSQL 14).
const IDLE_LIMIT_SINCE: u32 = 140_000;

/// Who else may hold a lock at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockSharing {
    /// No one.
    Exclusive,
    /// Others that take it in this mode.
    Shared,
}

/// A lock, with the second half of its key. Advisory locks are per database, so the key does not
/// include the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdvisoryLock {
    /// Of a run that uses a target.
    Target = 1,
    /// Of a restore with a journal.
    Journal = 2,
    /// Of the sessions of such a restore.
    AtWork = 3,
}

impl AdvisoryLock {
    /// The key, as arguments of the server's functions.
    pub(crate) fn key(self) -> String {
        format!("{LOCKS}, {}", self as u32)
    }

    /// Takes the lock if it is free. Does not wait.
    pub(crate) async fn try_take(self, session: &Session, sharing: LockSharing) -> Result<bool> {
        let suffix = match sharing {
            LockSharing::Exclusive => "",
            LockSharing::Shared => "_shared",
        };
        let sql = format!("SELECT pg_catalog.pg_try_advisory_lock{suffix}({})", self.key());
        Ok(session.query_value(&sql).await?.as_deref() == Some("t"))
    }

    /// The same, in a session that only holds the lock: it is idle all night, which must not end
    /// it. The loss of the client's machine must.
    pub(crate) async fn try_hold(
        self,
        session: &Session,
        name: &str,
        sharing: LockSharing,
    ) -> Result<bool> {
        session
            .execute(&format!(
                "SET application_name = '{name}'; SET statement_timeout = 0; \
                 SET idle_in_transaction_session_timeout = 0; SET tcp_keepalives_idle = 30; \
                 SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
            ))
            .await?;
        if session.server_version_num() >= IDLE_LIMIT_SINCE {
            session.execute("SET idle_session_timeout = 0").await?;
        }
        self.try_take(session, sharing).await
    }

    /// A query for the processes (`pid`) that hold it, except this session's.
    pub(crate) fn holders(self) -> String {
        format!(
            "SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted \
               AND classid = {LOCKS} AND objid = {} AND objsubid = 2 \
               AND pid <> pg_catalog.pg_backend_pid() AND database = (SELECT oid \
                 FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
            self as u32
        )
    }
}
