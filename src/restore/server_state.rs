//! The server as a restore finds it, and what all its sessions share.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rayon::ThreadPool;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::archive::{Desc, DumpId, Entry};
use crate::restore::error::{RestoreError, Result, WorkError};
use crate::restore::event::LaneId;
use crate::restore::facts::Facts;
use crate::server::CancelHandle;
use crate::server::life::ServerLife;

/// What is known of the server. Most of it is found out once, by the first session.
pub(crate) struct ServerState {
    facts: Arc<Facts>,
    /// Decoders and the conversion of rows to binary run here: two threads for each session.
    /// Started once the number of sessions is known.
    pool: OnceLock<ThreadPool>,
    /// How many sessions the server has room for, including the first.
    room: OnceLock<usize>,
    /// Known after the preflight check.
    missing: OnceLock<Missing>,
    /// Tables that are distributed over other servers, by schema and name; known once the tables
    /// exist.
    distributed: OnceLock<HashSet<(String, String)>>,
    /// Tables whose rows call functions that read tables; known before the first rows are loaded.
    reading: OnceLock<HashSet<DumpId>>,
    /// See [`ServerLife`].
    life: OnceLock<ServerLife>,
    /// Whether we may choose the number of parallel workers of an index build.
    workers_are_ours: AtomicBool,
    /// A cancel handle for each session.
    cancels: Mutex<HashMap<LaneId, CancelHandle>>,
    /// Read-locked while related transactions of several sessions are committed; to end the restore
    /// early, the write lock is needed.
    commits: RwLock<()>,
    /// Why no more sessions can be opened, if that is the case.
    lost: Mutex<Option<String>>,
}

/// What the target lacks.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    pub(crate) roles: HashSet<String>,
    /// Extensions that cannot be installed.
    pub(crate) extensions: HashSet<String>,
}

impl ServerState {
    pub(crate) fn new(facts: Arc<Facts>) -> Self {
        Self {
            facts,
            pool: OnceLock::new(),
            room: OnceLock::new(),
            missing: OnceLock::new(),
            distributed: OnceLock::new(),
            reading: OnceLock::new(),
            life: OnceLock::new(),
            workers_are_ours: AtomicBool::new(false),
            cancels: Mutex::default(),
            commits: RwLock::default(),
            lost: Mutex::default(),
        }
    }

    /// Records how many sessions the server has room for.
    pub(crate) fn note_room(&self, sessions: usize) {
        let _ = self.room.set(sessions);
    }

    /// How many sessions the server should work for at a time.
    pub(crate) fn jobs(&self) -> usize {
        let jobs = self.facts.options.jobs;
        self.room.get().map_or(jobs, |room| jobs.min(*room)).max(1)
    }

    /// How many sessions are worth opening.
    pub(crate) fn sessions(&self) -> usize {
        self.jobs().min(self.facts.most_sessions)
    }

    /// Starts the decoders' threads.
    pub(crate) fn start_pool(&self) -> Result<()> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.sessions() * 2)
            .thread_name(|number| format!("decode-{number}"))
            .build()
            .map_err(|error| RestoreError::Internal(format!("cannot start threads: {error}")))?;
        let _ = self.pool.set(pool);
        Ok(())
    }

    pub(crate) fn pool(&self) -> Result<&ThreadPool, WorkError> {
        let missing = || WorkError::Other("internal error: no decoder was started".to_owned());
        self.pool.get().ok_or_else(missing)
    }

    /// Records what the target lacks.
    pub(crate) fn note_missing(&self, missing: Missing) {
        let _ = self.missing.set(missing);
    }

    /// Whether the target is known to lack this role.
    pub(crate) fn lacks_role(&self, role: &str) -> bool {
        self.missing.get().is_some_and(|missing| missing.roles.contains(role))
    }

    /// Whether the target is known to lack this extension.
    pub(crate) fn lacks_extension(&self, extension: &str) -> bool {
        self.missing.get().is_some_and(|missing| missing.extensions.contains(extension))
    }

    /// Records the tables that are distributed, by schema and name.
    pub(crate) fn note_distributed(&self, tables: HashSet<(String, String)>) {
        let _ = self.distributed.set(tables);
    }

    /// Whether the table of an entry (rows, an index or a constraint) is distributed.
    pub(crate) fn is_distributed(&self, entry: &Entry) -> bool {
        let Some(distributed) = self.distributed.get().filter(|tables| !tables.is_empty()) else {
            return false;
        };
        let is_one = |schema: Option<&String>, name: &str| {
            let key = (schema.cloned().unwrap_or_default(), name.to_owned());
            distributed.contains(&key)
        };
        let tables = entry.dependencies.iter().filter_map(|id| self.facts.toc.get(*id));
        let mut tables = tables.filter(|table| table.desc == Desc::Table);
        // The archive need not contain the table.
        let named = entry.desc == Desc::TableData && is_one(entry.namespace.as_ref(), &entry.tag);
        named || tables.any(|table| is_one(table.namespace.as_ref(), &table.tag))
    }

    /// Records the tables whose rows call functions that read tables.
    pub(crate) fn note_reading(&self, tables: HashSet<DumpId>) {
        let _ = self.reading.set(tables);
    }

    /// Whether a table's rows call functions that read tables.
    pub(crate) fn is_reading(&self, table: DumpId) -> bool {
        self.reading.get().is_some_and(|tables| tables.contains(&table))
    }

    /// Records the server's state at the first session.
    pub(crate) fn note_life(&self, life: ServerLife) {
        let _ = self.life.set(life);
    }

    /// Whether the server has neither crashed nor been replaced since the first session.
    pub(crate) fn is_same_life(&self, life: &ServerLife) -> bool {
        self.life.get().is_none_or(|first| first.lasts(life))
    }

    /// Records whether we may choose the number of parallel workers of an index build.
    pub(crate) fn note_workers(&self, are_ours: bool) {
        self.workers_are_ours.store(are_ours, Ordering::Relaxed);
    }

    /// Whether workers are assigned here: a single session leaves that to the server, and someone
    /// may have set their number.
    pub(crate) fn shares_workers(&self) -> bool {
        self.facts.options.jobs > 1 && self.workers_are_ours.load(Ordering::Relaxed)
    }

    /// Records how to cancel what a new session runs.
    pub(crate) fn note_session(&self, lane: LaneId, handle: CancelHandle) {
        self.cancels.lock().unwrap_or_else(PoisonError::into_inner).insert(lane, handle);
    }

    /// The cancel handles of all sessions.
    pub(crate) fn take_cancel_handles(&self) -> Vec<CancelHandle> {
        let mut cancels = self.cancels.lock().unwrap_or_else(PoisonError::into_inner);
        cancels.drain().map(|(_, handle)| handle).collect()
    }

    /// Keeps the restore from ending early while related transactions are committed.
    pub(crate) async fn committing(&self) -> RwLockReadGuard<'_, ()> {
        self.commits.read().await
    }

    /// Waits for related commits; no new ones start while the guard lives.
    pub(crate) async fn no_more_commits(&self) -> RwLockWriteGuard<'_, ()> {
        self.commits.write().await
    }

    /// Records why no more sessions can be opened.
    pub(crate) fn lose(&self, why: String) {
        *self.lost() = Some(why);
    }

    /// Whether no more sessions can be opened.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost().is_some()
    }

    /// Why no more sessions can be opened, if that is the case; once.
    pub(crate) fn take_lost(&self) -> Option<String> {
        self.lost().take()
    }

    fn lost(&self) -> MutexGuard<'_, Option<String>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
