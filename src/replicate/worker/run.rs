//! Collects what a job reports while it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::clock::Clock;
use super::record::{
    BackupRecord, Entries, RunOutcome, RunRecord, StageName, StageRecord, StageState, Trigger,
};
use crate::archive::Digest;
use crate::replicate::stages::{Running, Stage};

/// A run in progress. Clones are the same run.
#[derive(Clone)]
pub struct Run {
    shared: Arc<Shared>,
}

struct Shared {
    record: Mutex<RunRecord>,
    changed: Notify,
    clock: Arc<dyn Clock>,
    /// Why the first failed stage of the attempt failed, as in its log line.
    told: Mutex<Option<String>>,
}

impl Run {
    /// A run that starts now, in its first attempt.
    #[must_use]
    pub fn begin(clock: Arc<dyn Clock>, mode: &str, trigger: Trigger, app: Option<String>) -> Self {
        let started = clock.now();
        let record = RunRecord {
            id: format!("{}-{:08x}", started.format("%Y%m%dT%H%M%SZ"), random()),
            mode: mode.to_owned(),
            app,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            trigger,
            scheduled: None,
            schedule: None,
            started,
            ended: None,
            outcome: RunOutcome::Running,
            attempts: 1,
            stages: Vec::new(),
            backup: None,
            restored_by: None,
            delta: None,
            entries: None,
            not_restored: Vec::new(),
            error: None,
            report: None,
        };
        let shared =
            Shared { record: record.into(), changed: Notify::new(), clock, told: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// The current attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.lock().attempts
    }

    /// Starts a stage of the run, and logs that. It counts as failed unless [`OpenStage::done`] is
    /// called.
    #[must_use]
    pub fn stage(&self, stage: Stage) -> OpenStage {
        let started = self.shared.clock.now();
        let index = self.change(|record| {
            record.stages.push(StageRecord {
                name: StageName::Known(stage),
                attempt: record.attempts,
                started,
                ended: None,
                state: StageState::Running,
                rows: 0,
                bytes: 0,
            });
            record.stages.len() - 1
        });
        OpenStage { run: self.clone(), index, log: Some(stage.start()) }
    }

    /// Records which backup is restored.
    pub fn set_backup(&self, backup: BackupRecord) {
        self.change(|record| record.backup = Some(backup));
    }

    /// Records the SHA-256 of the completely downloaded backup.
    pub fn set_backup_sha256(&self, sum: Digest) {
        self.change(|record| {
            if let Some(backup) = &mut record.backup {
                backup.sha256 = Some(sum.to_string());
            }
        });
    }

    /// Records the outcome of the archive's entries.
    pub fn set_entries(&self, entries: Entries) {
        self.change(|record| record.entries = Some(entries));
    }

    /// Records which earlier run restored the backup.
    pub fn set_restored_by(&self, run: &str) {
        self.change(|record| record.restored_by = Some(run.to_owned()));
    }

    /// Records what a run with `DELTA` changed, or why it restored everything.
    pub fn set_delta(&self, delta: Option<String>) {
        self.change(|record| record.delta = delta);
    }

    /// Records what is not restored because a variable is not set.
    pub fn set_not_restored(&self, lines: Vec<String>) {
        self.change(|record| record.not_restored = lines);
    }

    /// Records the readable report of the run.
    pub fn set_report(&self, report: String) {
        self.change(|record| record.report = Some(report));
    }

    /// The record of the run so far.
    #[must_use]
    pub fn record(&self) -> RunRecord {
        self.lock().clone()
    }

    /// Whether the first failed stage of the attempt has already logged this reason. Called once,
    /// at the end of the attempt.
    pub(super) fn is_told(&self, reason: &str) -> bool {
        self.told().take().as_deref() == Some(reason)
    }

    fn told(&self) -> MutexGuard<'_, Option<String>> {
        self.shared.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next change.
    pub(super) async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.shared.clock.now()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut RunRecord) -> T) -> T {
        let value = change(&mut self.lock());
        self.shared.changed.notify_one();
        value
    }

    fn lock(&self) -> MutexGuard<'_, RunRecord> {
        // Changes are single assignments: a panic leaves none half done.
        self.shared.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stage in progress. It ends when it is dropped.
pub struct OpenStage {
    run: Run,
    index: usize,
    /// `None` once the end is logged.
    log: Option<Running>,
}

/// Counts the rows and bytes of a stage. Clones count for the same stage.
#[derive(Clone)]
pub struct StageCount {
    run: Run,
    index: usize,
}

impl StageCount {
    /// Adds to the counts.
    pub fn add(&self, rows: u64, bytes: u64) {
        self.run.change(|record| {
            if let Some(stage) = record.stages.get_mut(self.index) {
                stage.rows = stage.rows.saturating_add(rows);
                stage.bytes = stage.bytes.saturating_add(bytes);
            }
        });
    }
}

impl OpenStage {
    /// Adds to the counts of the stage.
    pub fn add(&self, rows: u64, bytes: u64) {
        self.count().add(rows, bytes);
    }

    /// A counter to use while the stage is in progress.
    #[must_use]
    pub fn count(&self) -> StageCount {
        StageCount { run: self.run.clone(), index: self.index }
    }

    /// Ends the stage as done.
    pub fn done(mut self) {
        self.end(StageState::Done);
        if let Some(log) = self.log.take() {
            log.done();
        }
    }

    /// Ends the stage as failed; the reason must not contain secrets.
    pub fn failed(mut self, reason: &str) {
        self.fail(reason);
    }

    fn fail(&mut self, reason: &str) {
        if let Some(log) = self.log.take() {
            self.end(StageState::Failed);
            log.failed(reason);
            self.run.told().get_or_insert_with(|| reason.to_owned());
        }
    }

    fn end(&self, state: StageState) {
        let now = self.run.now();
        self.run.change(|record| {
            if let Some(stage) = record.stages.get_mut(self.index) {
                stage.ended = Some(now);
                stage.state = state;
            }
        });
    }
}

impl Drop for OpenStage {
    fn drop(&mut self) {
        self.fail("abandoned before it was done");
    }
}

/// A random number, or 0 if the operating system provides none.
pub(super) fn random() -> u32 {
    getrandom::u32().unwrap_or_default()
}
