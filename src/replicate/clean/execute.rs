//! Carries a plan out.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::{CleanError, Holder};
use super::plan::{Drop, DropPlan, array};
use crate::target::{self, Session};

/// The SQLSTATE of a lock that was waited for too long (`ERRCODE_LOCK_NOT_AVAILABLE`).
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// What has happened so far.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What has been dropped.
    pub drop: &'a Drop,
    /// How many are done, this one included.
    pub done: usize,
    /// How many there are.
    pub of: usize,
}

/// Drops the objects of a plan, each in a transaction of its own: no lock table is too small for
/// that, and what is done stays done when something goes wrong later.
///
/// `timeout` is how long each drop may wait for a lock; None waits without end.
///
/// # Errors
/// The first object that cannot be dropped. Those before it are gone.
pub async fn execute(
    session: &Session,
    plan: &DropPlan,
    timeout: Option<Duration>,
    stop: &CancellationToken,
    progress: impl Fn(Progress<'_>),
) -> Result<(), CleanError> {
    let timeout = timeout.map_or(0, |timeout| timeout.as_millis());
    // Nothing is lost if a crash brings an object back: it is dropped again.
    let settings = format!("SET lock_timeout = {timeout}; SET synchronous_commit = off");
    session.execute(&settings).await.map_err(CleanError::Catalogue)?;
    let shape = shape(session, plan).await.map_err(CleanError::Catalogue)?;
    for (number, drop) in plan.drops.iter().enumerate() {
        if stop.is_cancelled() {
            return Err(CleanError::Stopped);
        }
        let dropped = tokio::select! {
            biased;
            dropped = drop_one(session, plan, drop, shape.as_deref()) => dropped,
            () = stop.cancelled() => {
                // It may wait for a lock; the session ends with this run anyhow.
                let _ = session.cancel().await;
                Err(CleanError::Stopped)
            }
        };
        dropped?;
        progress(Progress { drop, done: number + 1, of: plan.drops.len() });
    }
    session
        .execute("RESET lock_timeout; RESET synchronous_commit")
        .await
        .map_err(CleanError::Catalogue)
}

async fn drop_one(
    session: &Session,
    plan: &DropPlan,
    drop: &Drop,
    expected: Option<&str>,
) -> Result<(), CleanError> {
    let refused = |source| CleanError::Drop { object: drop.to_string(), source };
    session.begin().await.map_err(refused)?;
    if let Err(source) = session.execute(&drop.sql).await {
        if session.is_usable() {
            session.rollback().await.map_err(refused)?;
        }
        return Err(match source.sqlstate() {
            Some(LOCK_NOT_AVAILABLE) => {
                let holders = holders(session, drop).await.unwrap_or_default();
                CleanError::InUse { object: drop.to_string(), holders, source }
            }
            // Gone already, but not in a way that IF EXISTS knows.
            Some(state) if drop.kind.0 == "large object" && state == UNDEFINED_OBJECT => {
                return Ok(());
            }
            _ => refused(source),
        });
    }
    if shape(session, plan).await.map_err(refused)?.as_deref() != expected {
        session.rollback().await.map_err(refused)?;
        return Err(CleanError::TouchesKept { object: drop.to_string() });
    }
    session.commit().await.map_err(refused)
}

const UNDEFINED_OBJECT: &str = "42704";

/// What the kept tables are made of.
async fn shape(session: &Session, plan: &DropPlan) -> target::Result<Option<String>> {
    if plan.kept_oids.is_empty() {
        return Ok(None);
    }
    let sql = include_str!("shape.sql").replace("{tables}", &array(&plan.kept_oids));
    session.query_value(&sql).await
}

/// Who holds a lock on the object.
async fn holders(session: &Session, drop: &Drop) -> target::Result<Vec<Holder>> {
    let sql = format!(
        "SELECT DISTINCT l.pid, a.usename, NULLIF(a.application_name, ''), \
             pg_catalog.date_trunc('second', a.xact_start) \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.granted AND l.pid <> pg_catalog.pg_backend_pid() \
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
           AND (l.relation = {oid} OR l.objid = {oid}) ORDER BY 1",
        oid = drop.oid
    );
    let holder = |row: Vec<Option<String>>| {
        let [pid, user, application, since] = row.try_into().ok()?;
        Some(Holder { pid: pid?, user, application, since })
    };
    Ok(session.query_text(&sql).await?.into_iter().filter_map(holder).collect())
}
