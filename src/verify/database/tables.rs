//! Reads tables of the database in parallel, largest first, and digests their rows.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use super::found_tables::FoundTable;
use super::sessions::{Purpose, Sessions, Zone};
use super::{Digested, TableError};
use crate::error::chain;
use crate::rows::{RowHasher, RowSet, RowSetKey};
use crate::server::sqlstate::{CHARACTER_NOT_IN_REPERTOIRE, UNTRANSLATABLE_CHARACTER};
use crate::server::{self, Session};

/// The context for reading tables.
#[derive(Clone)]
pub(super) struct ComparisonPass {
    /// Where sessions come from.
    pub(super) sessions: Arc<Sessions>,
    /// The key for hashing rows.
    pub(super) key: RowSetKey,
    /// Number of tables to read in parallel.
    pub(super) jobs: NonZeroUsize,
    /// The encoding of the archive's rows.
    pub(super) encoding: String,
}

impl ComparisonPass {
    /// Digests the rows of the comparable tables among `which`.
    pub(super) async fn read(
        &self,
        tables: &[FoundTable<'_>],
        which: &[usize],
        zone: Zone,
    ) -> HashMap<usize, Digested> {
        let mut queue: Vec<usize> =
            which.iter().copied().filter(|at| tables[*at].is_comparable()).collect();
        queue.sort_by_key(|at| std::cmp::Reverse(tables[*at].here.as_ref().map(|here| here.size)));
        let statements =
            queue.into_iter().map(|at| (at, tables[at].copy_out(&self.encoding))).collect();
        let pass = self.clone();
        side_by_side(self.jobs, statements, move |queue| {
            let pass = pass.clone();
            async move { pass.work(queue, zone).await }
        })
        .await
    }

    /// Takes tables from the queue until it is empty.
    async fn work(self, queue: Queue<String>, zone: Zone) -> Vec<(usize, Digested)> {
        let mut digested = Vec::new();
        let mut session = None;
        while let Some((at, statement)) = queue.next() {
            let result = self.one(&mut session, &statement, zone).await;
            digested.push((at, result.map_err(|error| table_error(&error))));
        }
        digested
    }

    async fn one(
        &self,
        session: &mut Option<Session>,
        statement: &str,
        zone: Zone,
    ) -> server::Result<RowSet> {
        let session = usable(&self.sessions, session).await?;
        let digested = async {
            self.sessions.begin(session, Purpose::Read, zone).await?;
            digest(session, statement, &self.key).await
        };
        let digested = digested.await;
        if session.is_usable() {
            session.rollback().await?;
        }
        digested
    }
}

/// The session, or a new one if it is missing or unusable.
pub(super) async fn usable<'s>(
    sessions: &Sessions,
    session: &'s mut Option<Session>,
) -> server::Result<&'s Session> {
    let usable = match session.take() {
        Some(session) if session.is_usable() => session,
        _ => sessions.connect().await?,
    };
    Ok(session.insert(usable))
}

/// Digests the rows of a `COPY … TO STDOUT`.
pub(super) async fn digest(
    session: &Session,
    statement: &str,
    key: &RowSetKey,
) -> server::Result<RowSet> {
    let mut copy = session.copy_out(statement).await?;
    let mut hasher = RowHasher::new(key);
    while let Some(rows) = copy.next().await? {
        hasher.push(&rows);
    }
    let set = hasher.finish();
    match copy.rows() {
        Some(rows) if rows != set.rows => {
            let what = format!("the server reports {rows} rows, but {} lines arrived", set.rows);
            Err(server::SessionError::Protocol(what, None))
        }
        _ => Ok(set),
    }
}

fn table_error(error: &server::SessionError) -> TableError {
    match is_encoding(error) {
        true => TableError::Encoding,
        false => TableError::Other(chain(error)),
    }
}

/// Whether a text cannot be represented in an encoding.
pub(super) fn is_encoding(error: &server::SessionError) -> bool {
    let is = |state| matches!(state, CHARACTER_NOT_IN_REPERTOIRE | UNTRANSLATABLE_CHARACTER);
    matches!(error, server::SessionError::Server(error) if is(&error.sqlstate))
}

/// A work queue shared by several tasks.
pub(super) struct Queue<T>(Arc<Mutex<VecDeque<(usize, T)>>>);

impl<T> Queue<T> {
    /// The next item, with its number.
    pub(super) fn next(&self) -> Option<(usize, T)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Starts one task per job and collects their results. The results of a task that panics are lost;
/// the caller reports them as missing.
pub(super) async fn side_by_side<T, R, F>(
    jobs: NonZeroUsize,
    work: Vec<(usize, T)>,
    start: impl Fn(Queue<T>) -> F,
) -> HashMap<usize, R>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Future<Output = Vec<(usize, R)>> + Send + 'static,
{
    let count = jobs.get().min(work.len());
    let queue = Arc::new(Mutex::new(VecDeque::from(work)));
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        tasks.spawn(start(Queue(queue.clone())));
    }
    let mut all = HashMap::new();
    while let Some(results) = tasks.join_next().await {
        match results {
            Ok(results) => all.extend(results),
            Err(error) => tracing::error!("a comparison task failed: {error}"),
        }
    }
    all
}
