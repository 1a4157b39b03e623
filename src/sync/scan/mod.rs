//! Reads the archive's rows and the database's, and finds what differs.
//!
//! A table is read by a *lane*: a thread that reads the archive (`table.rs`), a session that sends
//! the table's rows (`live.rs`), and one that receives the new rows (`stage.rs`). Lanes work on
//! different tables in parallel. What they find goes to the closing transaction as messages; it also
//! locks a table before a lane reads it.
//!
//! From a file, a table whose bytes are those of the last sync is only hashed, without inflating
//! them; one that turns out not to be worth a patch is read again. A stream passes once: tables are
//! handed to the lanes as they come (`stream.rs`).

mod by_tag;
mod lane;
mod live;
mod matcher;
mod stream;
mod table;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::archive::{Digest, Toc};
use crate::restore::event::{Events, LaneId};
use crate::rows::RowSetKey;
use crate::source::{RandomAccess, StreamAccess};
use crate::sync::error::SyncError;
use crate::sync::lane::Sessions;
use crate::sync::reason::Reason;
use crate::sync::tables::{Scanned, SyncTable};

/// What the lanes share.
pub(super) struct Scan {
    /// Opens their sessions.
    pub(super) sessions: Sessions,
    /// The archive's table of contents.
    pub(super) toc: Arc<Toc>,
    /// All tables with rows.
    pub(super) tables: Vec<SyncTable>,
    /// The key for hashing rows.
    pub(super) key: RowSetKey,
    /// The share of rows, in percent, up to which a table is patched.
    pub(super) patch_limit: u32,
    /// The time zone of the database, if it is not UTC.
    pub(super) zone: Option<String>,
    /// Whether a table was found to be in that zone.
    pub(super) is_in_zone: AtomicBool,
    /// Whether nothing is written.
    pub(super) dry_run: bool,
    /// Sessions that read in parallel.
    pub(super) jobs: usize,
    /// Bytes of the tables that are replaced, as stored in the archive.
    pub(super) replaced: AtomicU64,
    /// The most of them for which not everything is restored.
    pub(super) replace_limit: u64,
    /// Where progress goes.
    pub(super) events: Events,
}

impl Scan {
    /// The time zones in which a table is read, the likelier first.
    fn zones(&self) -> Vec<Option<String>> {
        match (&self.zone, self.is_in_zone.load(Ordering::Relaxed)) {
            (None, _) => vec![None],
            (zone, true) => vec![zone.clone(), None],
            (zone, false) => vec![None, zone.clone()],
        }
    }
}

/// How a table is to be read.
#[derive(Clone, Debug)]
pub(super) struct ScanJob {
    /// The table's number.
    pub(super) table: usize,
    /// What is known of it beforehand.
    pub(super) way: Way,
}

/// What is known of a table beforehand.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// No one has written to it since the last sync.
    Untouched,
    /// Its rows have to be compared.
    Compare(Reason),
    /// All its rows have to be replaced.
    Replace(Reason),
}

/// What a lane says.
pub(super) enum Message {
    /// This table has to be held from now on, as it will be read; answered when it is.
    Hold(usize, oneshot::Sender<()>),
    /// A table was read.
    Found(Box<Finding>),
}

/// What was found out about a table.
pub(super) struct Finding {
    /// Its number.
    pub(super) table: usize,
    /// The digest of its data as stored in the archive.
    pub(super) digest: Option<Digest>,
    /// What is to be done.
    pub(super) scanned: Scanned,
    /// Why, if it is not the least work.
    pub(super) reason: Option<Reason>,
    /// Bytes read from the archive.
    pub(super) read: u64,
    /// The lane.
    pub(super) lane: LaneId,
    /// How long it took.
    pub(super) took: Duration,
}

/// The lanes, each a task.
pub(super) type Lanes = JoinSet<Result<(), SyncError>>;

/// Starts to read tables of an archive in files.
pub(super) fn start(
    scan: &Arc<Scan>,
    random: &RandomAccess,
    mut jobs: Vec<ScanJob>,
    messages: mpsc::Sender<Message>,
) -> Lanes {
    let size = |job: &ScanJob| random.size(scan.toc.at(scan.tables[job.table].data));
    // The largest first, so that the lanes end together.
    jobs.sort_by_cached_key(|job| std::cmp::Reverse(size(job)));
    let count = scan.jobs.min(jobs.len());
    let queue = Arc::new(Mutex::new(VecDeque::from(jobs)));
    let mut lanes = Lanes::new();
    for number in 0..count {
        let mut lane = lane::Lane::new(LaneId(number), scan.clone(), messages.clone());
        let (queue, random) = (queue.clone(), random.clone());
        lanes.spawn(async move {
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(job) = next() {
                Box::pin(lane.read_file(&random, job)).await?;
            }
            Ok(())
        });
    }
    lanes
}

/// Starts to read all tables of a stream, whose jobs have the tables' order.
pub(super) fn start_stream(
    scan: &Arc<Scan>,
    access: StreamAccess,
    jobs: Vec<ScanJob>,
    messages: mpsc::Sender<Message>,
) -> Lanes {
    let mut lanes = Lanes::new();
    let (items, ended) = stream::start(access, scan, jobs);
    let items = Arc::new(tokio::sync::Mutex::new(items));
    for number in 0..scan.jobs {
        let mut lane = lane::Lane::new(LaneId(number), scan.clone(), messages.clone());
        let items = items.clone();
        lanes.spawn(async move {
            loop {
                let item = items.lock().await.recv().await;
                let Some(item) = item else { return Ok(()) };
                Box::pin(lane.read_stream(item)).await?;
            }
        });
    }
    drop(items);
    lanes.spawn(async move {
        match ended.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(SyncError::Internal("the reader of the stream is gone".to_owned())),
        }
    });
    lanes
}
