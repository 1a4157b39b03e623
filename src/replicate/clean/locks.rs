//! How long a drop waits for locks, and who is in its way.
//!
//! The server's own `lock_timeout` ends a wait without naming the holder of the lock, and a lock
//! that a foreign key leads to is on another table than the one that is dropped. So the time is kept
//! here: while the statement still waits, a second session asks the server what blocks it.

use std::time::{Duration, Instant};

use super::error::Holder;
use super::plan::Drop;
use crate::target::{self, Session, SessionSettings};

/// How often the server is asked whether a drop waits. The first answer is logged.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What came of a drop.
pub(super) enum Waited {
    /// The server's answer.
    Done(target::Result<()>),
    /// It was cancelled.
    TooLong {
        /// The relation that is locked, where it is not the dropped one.
        relation: Option<String>,
        /// Who is in the way.
        holders: Vec<Holder>,
    },
}

/// Runs drops on a session, with a second one beside it.
pub(super) struct Locks<'a> {
    session: &'a Session,
    timeout: Option<Duration>,
    /// None if no second session could be opened: the holders are not named then.
    witness: Option<Session>,
}

impl<'a> Locks<'a> {
    pub(super) async fn new(session: &'a Session, timeout: Option<Duration>) -> Self {
        let witness = Session::connect(session.target(), &SessionSettings::default()).await;
        let witness = witness.map_err(untold).ok();
        Self { session, timeout, witness }
    }

    /// Drops an object in the open transaction, with patience for those who use it.
    pub(super) async fn wait(&self, drop: &Drop) -> Waited {
        // A pooler may give every transaction another process.
        let process = match self.session.query_value("SELECT pg_catalog.pg_backend_pid()").await {
            Ok(process) => process.unwrap_or_default(),
            Err(error) => return Waited::Done(Err(error)),
        };
        let work = self.session.execute(&drop.sql);
        tokio::pin!(work);
        let started = Instant::now();
        let mut told = Vec::new();
        loop {
            let left = self.timeout.map(|timeout| timeout.saturating_sub(started.elapsed()));
            let pause = left.filter(|left| !left.is_zero()).unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
            let look = async {
                tokio::time::sleep(pause).await;
                self.blockers(drop, &process).await
            };
            let blocked = tokio::select! {
                biased;
                result = &mut work => return Waited::Done(result),
                blocked = look => blocked,
            };
            // Without an answer a drop that takes that long is one that waits.
            let is_blocked = blocked.as_ref().is_none_or(|(_, holders)| !holders.is_empty());
            let is_over = self.timeout.is_some_and(|timeout| started.elapsed() >= timeout);
            let (relation, holders) = blocked.unwrap_or_default();
            if is_blocked && is_over {
                let _ = self.session.cancel().await;
                // Whatever it says: a late signal may still hit the next statement, so this is the
                // end of the transaction.
                let _ = work.await;
                return Waited::TooLong { relation, holders };
            }
            if !holders.is_empty() && holders != told {
                tracing::warn!("waiting to drop {drop}: in use{}", Holder::list(&holders));
                told = holders;
            }
        }
    }

    /// The relation that the drop waits for, and who keeps it from having it. None if the server
    /// does not tell.
    async fn blockers(&self, drop: &Drop, process: &str) -> Option<(Option<String>, Vec<Holder>)> {
        let witness = self.witness.as_ref()?;
        // A prepared transaction is listed as process 0.
        let sql = format!(
            "SELECT DISTINCT b.pid, a.usename, \
                 COALESCE(NULLIF(a.application_name, ''), NULLIF(a.backend_type, 'client backend')), \
                 pg_catalog.date_trunc('second', a.xact_start), \
                 (SELECT pg_catalog.min(NULLIF(l.relation, {oid})::pg_catalog.regclass::pg_catalog.text) \
                  FROM pg_catalog.pg_locks l WHERE l.pid = {process} AND NOT l.granted) \
             FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids({process})) b (pid) \
             LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid ORDER BY 1",
            oid = drop.oid,
        );
        let rows = witness.query_text(&sql).await.map_err(untold).ok()?;
        let mut relation = None;
        let holder = |row: Vec<Option<String>>| {
            let [pid, user, application, since, other] = row.try_into().ok()?;
            relation = other;
            Some(Holder { pid: pid?, user, application, since })
        };
        let holders = rows.into_iter().filter_map(holder).collect();
        Some((relation, holders))
    }
}

fn untold(error: target::Error) {
    tracing::debug!("cannot find out who blocks a drop: {error}");
}
