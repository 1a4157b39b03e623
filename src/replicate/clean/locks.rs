//! Limits how long a drop waits for locks, and finds the sessions that block it.
//!
//! The server's `lock_timeout` ends a wait without naming the holder of the lock, and a lock needed
//! because of a foreign key is on another table than the dropped one. So the timeout is implemented
//! here: while the statement is still waiting, a second session asks the server what blocks it.

use std::time::{Duration, Instant};

use super::error::Holder;
use super::plan::Drop;
use crate::server::{self, Session, SessionSettings};

/// How often to check whether a drop is blocked. The first result is logged.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The result of a drop.
pub(super) enum Waited {
    /// The server's result.
    Done(server::Result<()>),
    /// It was cancelled.
    TooLong {
        /// The locked relation, if it is not the dropped one.
        relation: Option<String>,
        /// The blocking sessions.
        holders: Vec<Holder>,
    },
}

/// Runs drops on one session, and watches them from a second one.
pub(super) struct LockWitness<'a> {
    session: &'a Session,
    timeout: Option<Duration>,
    /// `None` if no second session could be opened; blocking sessions are then not reported.
    witness: Option<Session>,
}

impl<'a> LockWitness<'a> {
    pub(super) async fn new(session: &'a Session, timeout: Option<Duration>) -> Self {
        let witness = Session::connect(session.target(), &SessionSettings::default()).await;
        let witness = witness.map_err(untold).ok();
        Self { session, timeout, witness }
    }

    /// Drops an object in the open transaction, and waits for sessions that use it.
    pub(super) async fn wait(&self, drop: &Drop) -> Waited {
        // A pooler may use another backend process for every transaction.
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
            // Without information, a drop that takes this long is assumed to be blocked.
            let is_blocked = blocked.as_ref().is_none_or(|(_, holders)| !holders.is_empty());
            let is_over = self.timeout.is_some_and(|timeout| started.elapsed() >= timeout);
            let (relation, holders) = blocked.unwrap_or_default();
            if is_blocked && is_over {
                let _ = self.session.cancel().await;
                // The result does not matter: a late cancel may still hit the next statement, so
                // the transaction ends here.
                let _ = work.await;
                return Waited::TooLong { relation, holders };
            }
            if !holders.is_empty() && holders != told {
                tracing::warn!("waiting to drop {drop}: in use{}", Holder::list(&holders));
                told = holders;
            }
        }
    }

    /// The relation that the drop waits for, and the sessions that block it. `None` if the server
    /// does not show it.
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

fn untold(error: server::SessionError) {
    tracing::debug!("cannot determine which sessions block a drop: {error}");
}
