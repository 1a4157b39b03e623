//! Carries out a plan.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::CleanError;
use super::locks::{LockWitness, Waited};
use super::plan::{Drop, DropPlan};
use crate::server::sqlstate::{OUT_OF_MEMORY, UNDEFINED_OBJECT};
use crate::server::{self, Session};
use crate::sql::ident::oid_array;

/// Progress of the drops.
#[derive(Clone, Copy, Debug)]
pub struct DropProgress<'a> {
    /// The object that was dropped.
    pub drop: &'a Drop,
    /// How many were dropped, including this one.
    pub done: usize,
    /// How many there are in total.
    pub of: usize,
}

/// Drops the objects of a plan: all in one transaction, so that the target stays intact if one of
/// them is in use.
///
/// If the server's lock table is too small for that, each object is dropped in its own transaction;
/// before the first one, every drop is tried and rolled back, which shows whether its locks can be
/// taken. Large objects are always dropped in their own transactions: there may be millions, and
/// readers do not lock them.
///
/// `timeout` is how long each drop may wait for locks; `None` is no limit.
///
/// # Errors
/// The first object that cannot be dropped.
pub async fn execute(
    session: &Session,
    plan: &DropPlan,
    timeout: Option<Duration>,
    stop: &CancellationToken,
    progress: impl Fn(DropProgress<'_>),
) -> Result<(), CleanError> {
    // If a crash brings an object back, it is dropped again, so that nothing is lost. Locks
    // implements the lock timeout.
    let settings = "SET lock_timeout = 0; SET synchronous_commit = off";
    session.execute(settings).await.map_err(CleanError::Catalogue)?;
    let shape = shape(session, plan).await.map_err(CleanError::Catalogue)?;
    let (large, others): (Vec<&Drop>, Vec<&Drop>) =
        plan.drops.iter().partition(|drop| drop.kind.0 == "large object");
    let work = DropRun { session, plan, locks: LockWitness::new(session, timeout).await, shape };
    let drops = async {
        let mut done = 0;
        let mut tell = |drop: &Drop| {
            done += 1;
            progress(DropProgress { drop, done, of: plan.drops.len() });
        };
        let at_once = match work.fits().await? {
            true => work.at_once(&others).await,
            false => Ok(false),
        };
        if at_once? {
            others.iter().for_each(|drop| tell(drop));
        } else {
            tracing::info!(
                "the server's lock table is too small to drop all objects in one transaction \
                 (max_locks_per_transaction): dropping them one by one"
            );
            for drop in &others {
                work.one(drop, End::RollBack).await?;
            }
            for (dropped, drop) in others.iter().enumerate() {
                work.one(drop, End::Commit).await.map_err(|error| error.after(dropped))?;
                tell(drop);
            }
        }
        for drop in large {
            work.one(drop, End::Commit).await?;
            tell(drop);
        }
        Ok(())
    };
    tokio::select! {
        biased;
        dropped = drops => dropped?,
        () = stop.cancelled() => {
            // The drop may be waiting for a lock. The session ends with this run in any case.
            let _ = session.cancel().await;
            return Err(CleanError::Stopped);
        }
    }
    session
        .execute("RESET lock_timeout; RESET synchronous_commit")
        .await
        .map_err(CleanError::Catalogue)
}

/// How the transaction of one drop ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Commit,
    RollBack,
}

struct DropRun<'a> {
    session: &'a Session,
    plan: &'a DropPlan,
    locks: LockWitness<'a>,
    /// The definition of the kept tables, as one value.
    shape: Option<String>,
}

impl DropRun<'_> {
    /// Whether the server's lock table has space to drop everything in one transaction, which also
    /// locks each part of a table (`AcquireDeletionLock` in `src/backend/catalog/dependency.c`). A
    /// quarter is left for other sessions, which would otherwise get an error.
    async fn fits(&self) -> Result<bool, CleanError> {
        let objects = |catalogue| {
            format!("(SELECT pg_catalog.count(*) FROM pg_catalog.{catalogue} WHERE oid >= 16384)")
        };
        let parts = ["pg_class", "pg_type", "pg_constraint", "pg_trigger", "pg_attrdef", "pg_proc"];
        let number = |name| format!("pg_catalog.current_setting('{name}')::bigint");
        let sql = format!(
            "SELECT {} <= {} * ({} + {}) * 3 / 4",
            parts.map(objects).join(" + "),
            number("max_locks_per_transaction"),
            number("max_connections"),
            number("max_prepared_transactions"),
        );
        let fits = self.session.query_value(&sql).await.map_err(CleanError::Catalogue)?;
        Ok(fits.as_deref() == Some("t"))
    }

    /// Drops all objects or none. Returns false if they do not fit into the server's lock table
    /// after all.
    async fn at_once(&self, drops: &[&Drop]) -> Result<bool, CleanError> {
        let Some(first) = drops.first() else { return Ok(true) };
        self.session.begin().await.map_err(|source| refused(first, source))?;
        for drop in drops {
            if let Err(error) = self.in_transaction(drop).await {
                self.roll_back(drop).await?;
                return match error.server().and_then(server::SessionError::sqlstate) {
                    Some(OUT_OF_MEMORY) => Ok(false),
                    _ => Err(error),
                };
            }
        }
        self.session.commit().await.map_err(|source| refused(first, source))?;
        Ok(true)
    }

    /// Drops an object in its own transaction.
    async fn one(&self, drop: &Drop, end: End) -> Result<(), CleanError> {
        self.session.begin().await.map_err(|source| refused(drop, source))?;
        match self.in_transaction(drop).await {
            Ok(()) if end == End::Commit => {
                self.session.commit().await.map_err(|source| refused(drop, source))
            }
            result => {
                self.roll_back(drop).await?;
                match result {
                    // Already dropped; `lo_unlink` has no IF EXISTS.
                    Err(CleanError::Drop { source, .. })
                        if drop.kind.0 == "large object"
                            && source.sqlstate() == Some(UNDEFINED_OBJECT) =>
                    {
                        Ok(())
                    }
                    result => result,
                }
            }
        }
    }

    async fn in_transaction(&self, drop: &Drop) -> Result<(), CleanError> {
        match self.locks.wait(drop).await {
            Waited::Done(result) => result.map_err(|source| refused(drop, source))?,
            Waited::TooLong { relation, holders } => {
                let object = drop.to_string();
                return Err(CleanError::InUse { object, relation, holders, dropped: 0 });
            }
        }
        let now = shape(self.session, self.plan).await.map_err(|source| refused(drop, source))?;
        if now != self.shape {
            return Err(CleanError::TouchesKept { object: drop.to_string() });
        }
        Ok(())
    }

    async fn roll_back(&self, drop: &Drop) -> Result<(), CleanError> {
        match self.session.is_usable() {
            true => self.session.rollback().await.map_err(|source| refused(drop, source)),
            false => Ok(()),
        }
    }
}

fn refused(drop: &Drop, source: server::SessionError) -> CleanError {
    CleanError::Drop { object: drop.to_string(), source }
}

/// The definition of the kept tables, as one value.
async fn shape(session: &Session, plan: &DropPlan) -> server::Result<Option<String>> {
    if plan.kept_oids.is_empty() {
        return Ok(None);
    }
    let sql = include_str!("shape.sql").replace("{tables}", &oid_array(&plan.kept_oids));
    session.query_value(&sql).await
}
