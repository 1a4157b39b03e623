//! The closing transaction: everything that a sync changes, in one session, committed once.
//!
//! Readers notice it only where materialized views are refreshed, at its very end; writers wait for
//! the tables that are compared and patched. Lost, it leaves the database as it was.

mod commit;
mod keys;
mod locks;
mod patch;
mod sequences;
mod triggers;
mod views;

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;

use super::manifest::{self, Baseline, Manifest, ObjectId, ObjectRecord, Rel};
use super::picture::Picture;
use super::proof;
use super::record::described;
use super::tables::{Patch, SyncTable, Whole};
use crate::archive::{Desc, Place, Toc};
use crate::restore::event::Events;
use crate::rows::RowSetKey;
use crate::select::Selection;
use crate::server::sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE;
use crate::server::{Backend, Retry, Session, SessionError, USED_EVERY};
use crate::sql::ident::literal;
use crate::sync::error::SyncError;
use crate::sync::reason::Reason;
use keys::Firing;
use locks::{Lock, Waiting};
use patch::{Change, Changed};

pub(super) use keys::locked_in;
pub(crate) use views::{Fed, MaterializedView, materialized_views};

/// The first server version that can import statistics (release notes of PostgreSQL 18).
const STATISTICS_SINCE: u32 = 180_000;

/// The session of the closing transaction. Dropping it rolls everything back.
pub(super) struct Closer {
    session: Session,
    backend: Option<Backend>,
    key: RowSetKey,
    events: Events,
    firing: Firing,
    /// The tables that are locked, by their OIDs.
    held: HashSet<u32>,
}

/// The result of changing a table.
#[derive(Debug)]
pub(super) enum Applied {
    /// Its rows are the archive's.
    Done {
        /// Rows inserted.
        rows_in: u64,
        /// Rows deleted.
        rows_out: u64,
        /// What the next sync compares it with.
        baseline: Baseline,
    },
    /// It is as it was.
    Refused(Reason),
}

/// What the closing transaction does after all tables.
pub(super) struct Closing<'a> {
    pub(super) toc: &'a Toc,
    pub(super) selection: &'a Selection,
    pub(super) picture: &'a Picture,
    pub(super) settings: BTreeMap<String, String>,
    /// The number of the manifest that was found; 0 if there was none.
    pub(super) night: u64,
    /// The objects that exist.
    pub(super) objects: BTreeMap<ObjectId, ObjectRecord>,
    /// All tables with rows.
    pub(super) rels: Vec<Rel>,
    /// The OIDs of those that were not simply left: views that read them are refreshed.
    pub(super) changed: Vec<u32>,
}

/// What the closing transaction did after all tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Closed {
    /// Sequences that had another value.
    pub(super) sequences: usize,
    /// Materialized views that were refreshed.
    pub(super) views: usize,
    /// Those that could not be.
    pub(super) stale: Vec<String>,
}

enum Work<'a> {
    Patch(&'a Patch),
    Replace(&'a Whole),
}

impl Closer {
    /// Begins the transaction, and creates the manifest's tables before it.
    ///
    /// # Errors
    /// When the session fails, or the role may not create them.
    pub(super) async fn begin(
        session: Session,
        key: RowSetKey,
        events: Events,
    ) -> Result<Self, SyncError> {
        manifest::create(&session).await?;
        let backend = Backend::of(&session).await?;
        let firing = Firing::least(&session).await?;
        // What other sessions stage must be visible at once. All constraints are checked at the end
        // of each statement: what is checked at COMMIT has no table in its error, and triggers
        // cannot be altered while events wait (`CheckTableNotInUse` in
        // `src/backend/commands/tablecmds.c`).
        session
            .execute(&format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
                 SET LOCAL synchronous_commit = on; SET CONSTRAINTS ALL IMMEDIATE; {}",
                // A role that may not set it keeps the default.
                if firing == Firing::Replica { firing.setting() } else { "" }
            ))
            .await?;
        Ok(Self { session, backend, key, events, firing, held: HashSet::new() })
    }

    /// Locks a table until the end: others can read it, but not write to it.
    ///
    /// # Errors
    /// When writers do not end for some minutes, or the role may not lock it.
    pub(super) async fn hold(&mut self, table: &SyncTable) -> Result<(), SyncError> {
        if self.held.contains(&table.oid) {
            return Ok(());
        }
        let name = table.sql();
        let failed = |source| SyncError::Table { table: table.sql(), source };
        let lock = Lock {
            statements: &format!("LOCK TABLE ONLY {name} IN SHARE ROW EXCLUSIVE MODE"),
            what: &name,
            oids: &[table.oid],
        };
        lock.take(&self.session, &self.events, Waiting::Writers).await.map_err(failed)?;
        let query = format!("SELECT {}::pg_catalog.regclass::pg_catalog.oid", literal(&name));
        let oid = self.session.query_value(&query).await.map_err(failed)?;
        if oid != Some(table.oid.to_string()) {
            return Err(SyncError::NeedsFull(vec![Reason::ChangedByOthers(vec![name])]));
        }
        self.held.insert(table.oid);
        Ok(())
    }

    /// Patches a table that is held since before its rows were read.
    ///
    /// # Errors
    /// When the session fails, or the server is short of something.
    pub(super) async fn patch(
        &mut self,
        table: &SyncTable,
        patch: &Patch,
    ) -> Result<Applied, SyncError> {
        self.change(table, Work::Patch(patch)).await
    }

    /// Replaces all rows of a table.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) async fn replace(
        &mut self,
        table: &SyncTable,
        whole: &Whole,
    ) -> Result<Applied, SyncError> {
        self.hold(table).await?;
        self.change(table, Work::Replace(whole)).await
    }

    async fn change(&mut self, table: &SyncTable, work: Work<'_>) -> Result<Applied, SyncError> {
        let (session, key, firing) = (&self.session, &self.key, self.firing);
        let failed = |source| SyncError::Table { table: table.sql(), source };
        session.execute("SAVEPOINT nocturne_table").await.map_err(failed)?;
        let change = Change { session, key, firing, table };
        let (done, expected) = match &work {
            Work::Patch(patch) => (change.patch(patch).await, patch.new.rows),
            Work::Replace(whole) => (change.replace(whole).await, whole.new.rows),
        };
        let reason = match done {
            Ok(Changed::Done { rows_in, rows_out }) => {
                let baseline = proof::baseline(session, table.oid, &table.sql()).await;
                let baseline = baseline.map_err(failed)?;
                if baseline.rows == expected {
                    let release = "RELEASE SAVEPOINT nocturne_table";
                    session.execute(release).await.map_err(failed)?;
                    return Ok(Applied::Done { rows_in, rows_out, baseline });
                }
                Reason::Mismatch
            }
            Ok(Changed::Refused(reason)) => reason,
            Err(error) => match (work, &error) {
                (Work::Patch(_), SessionError::Server(refusal))
                    if error.retry() == Retry::Never && !error.is_connection_lost() =>
                {
                    match refusal.sqlstate.as_str() {
                        OBJECT_NOT_IN_PREREQUISITE_STATE => Reason::NoReplicaIdentity,
                        _ => Reason::Refused(refusal.message.clone()),
                    }
                }
                _ => return Err(failed(error)),
            },
        };
        let back = "ROLLBACK TO SAVEPOINT nocturne_table; RELEASE SAVEPOINT nocturne_table";
        session.execute(back).await.map_err(failed)?;
        Ok(Applied::Refused(reason))
    }

    /// Keeps the session in use, because a proxy may close an idle one.
    pub(super) async fn stay_alive(&self) -> Infallible {
        loop {
            tokio::time::sleep(USED_EVERY).await;
            // The next statement fails in the same way.
            let _ = self.session.execute("SELECT 1").await;
        }
    }

    /// Sets sequences, refreshes materialized views, writes the manifest, and commits.
    ///
    /// # Errors
    /// [`SyncError::Unsettled`] if it is not known whether it was committed. After any other error
    /// nothing has changed.
    pub(super) async fn finish(self, closing: Closing<'_>) -> Result<Closed, SyncError> {
        let Self { session, backend, events, firing, .. } = self;
        let Closing { toc, selection, picture, settings, night, objects, rels, changed } = closing;
        let all: Vec<u32> = rels.iter().map(|rel| rel.oid).collect();
        if firing == Firing::Replica {
            keys::check(&session, toc, &all, &changed).await?;
        }
        let wanted = |desc: Desc| -> Vec<Place> {
            selection.wanted().filter(|place| toc.at(*place).desc == desc).collect()
        };
        let sequences = sequences::set(&session, toc, &wanted(Desc::SequenceSet)).await?;
        // What views contain is known only since the first manifest.
        let is_unchanged = |oid: &u32| night > 0 && !changed.contains(oid);
        let unchanged: Vec<u32> = all.into_iter().filter(is_unchanged).collect();
        let (views, stale) =
            views::refresh(&session, &events, (toc, selection), &unchanged).await?;
        if session.server_version_num() >= STATISTICS_SINCE {
            for place in wanted(Desc::StatisticsData) {
                session.execute(&toc.at(place).defn).await?;
            }
        }
        if night > 0 && !manifest::lock(&session, night).await? {
            return Err(SyncError::Internal("another sync has written the manifest".to_owned()));
        }
        let entries = picture.entries.clone();
        let manifest = Manifest { night: night + 1, settings, entries, objects, rels };
        let last = manifest::store(&session, &manifest, &described(toc)).await?;
        commit::commit(session, backend, &last, manifest.night).await?;
        Ok(Closed { sequences, views, stale })
    }
}
