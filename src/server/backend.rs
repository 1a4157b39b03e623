//! The server process of a session, which may outlive a lost session.

use std::time::{Duration, Instant};

use super::error::{Result, SessionError};
use super::session::Session;
use crate::sql::ident::literal;

/// How often to check whether a process is gone.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A session's server process.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    pid: String,
    /// Process IDs are reused.
    started: String,
}

impl Backend {
    /// The process of a session; `None` if the server does not show it.
    pub(crate) async fn of(session: &Session) -> Result<Option<Self>> {
        let query = "SELECT pid, backend_start FROM \
                     pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())";
        let rows = match session.query_text(query).await {
            // Servers before 9.2 have different columns.
            Err(error @ SessionError::Server(_)) if !error.is_connection_lost() => return Ok(None),
            rows => rows?,
        };
        let of_row = |row: Vec<Option<String>>| {
            let [pid, started] = row.try_into().ok()?;
            Some(Self { pid: pid?, started: started? })
        };
        Ok(rows.into_iter().next().and_then(of_row))
    }

    /// Whether it is running a statement and waits neither for a lock nor for its client
    /// (PostgreSQL documentation, "Wait Event Tables"). Also false if the server does not show
    /// that.
    pub(crate) async fn is_working(&self, session: &Session) -> Result<bool> {
        let Self { pid, started } = self;
        let sql = format!(
            "SELECT state = 'active' \
                 AND coalesce(wait_event_type, '') NOT IN ('Lock', 'Client') \
             FROM pg_catalog.pg_stat_get_activity({pid}) \
             WHERE backend_start = {}::pg_catalog.timestamptz",
            literal(started)
        );
        Ok(session.query_value(&sql).await?.as_deref() == Some("t"))
    }

    /// Whether it exists.
    pub(crate) async fn exists(&self, session: &Session) -> Result<bool> {
        let Self { pid, started } = self;
        let sql = format!(
            "SELECT true FROM pg_catalog.pg_stat_get_activity({pid}) \
             WHERE backend_start = {}::pg_catalog.timestamptz",
            literal(started)
        );
        Ok(session.query_value(&sql).await?.is_some())
    }

    /// Terminates it through another session of the same role, and waits up to `within` until it is
    /// gone. Returns whether it existed and is gone.
    pub(crate) async fn end(&self, session: &Session, within: Duration) -> Result<bool> {
        let Self { pid, started } = self;
        let sql = format!(
            "SELECT pg_catalog.pg_terminate_backend(pid) \
             FROM pg_catalog.pg_stat_get_activity({pid}) \
             WHERE backend_start = {}::pg_catalog.timestamptz",
            literal(started)
        );
        let since = Instant::now();
        let mut was_there = false;
        while session.query_value(&sql).await?.is_some() {
            if since.elapsed() >= within {
                return Ok(false);
            }
            was_there = true;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(was_there)
    }
}
