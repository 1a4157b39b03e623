//! What a job tells about itself while it goes on.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::clock::Clock;
use super::record::{
    BackupRecord, Entries, RunOutcome, RunRecord, StageName, StageRecord, StageState, Trigger,
};
use crate::report::stages::{Running, Stage};
use crate::source::remote::Sha256Sum;

/// A run that goes on. Clones are the same run.
#[derive(Clone)]
pub struct Run {
    shared: Arc<Shared>,
}

struct Shared {
    record: Mutex<RunRecord>,
    changed: Notify,
    clock: Arc<dyn Clock>,
    /// Why the attempt's first stage that failed did: its log line has it.
    told: Mutex<Option<String>>,
}

impl Run {
    /// A run that begins now, in its first attempt.
    #[must_use]
    pub fn begin(clock: Arc<dyn Clock>, mode: &str, trigger: Trigger, app: Option<String>) -> Self {
        let started = clock.now();
        let record = RunRecord {
            id: format!("{}-{:08x}", started.format("%Y%m%dT%H%M%SZ"), random() >> 32),
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
            entries: None,
            not_restored: Vec::new(),
            error: None,
            report: None,
        };
        let shared =
            Shared { record: record.into(), changed: Notify::new(), clock, told: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Which attempt it is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.lock().attempts
    }

    /// Begins a part of the run, and writes the log line of that. It counts as failed unless it
    /// is said to be done.
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

    /// Tells which backup is restored.
    pub fn set_backup(&self, backup: BackupRecord) {
        self.change(|record| record.backup = Some(backup));
    }

    /// Tells the SHA-256 of the backup, of which all has come.
    pub fn set_backup_sha256(&self, sum: Sha256Sum) {
        self.change(|record| {
            if let Some(backup) = &mut record.backup {
                backup.sha256 = Some(sum.to_string());
            }
        });
    }

    /// Tells what became of the archive's entries.
    pub fn set_entries(&self, entries: Entries) {
        self.change(|record| record.entries = Some(entries));
    }

    /// Tells which run had restored the backup before.
    pub fn set_restored_by(&self, run: &str) {
        self.change(|record| record.restored_by = Some(run.to_owned()));
    }

    /// Tells what is not restored because a variable is not set.
    pub fn set_not_restored(&self, lines: Vec<String>) {
        self.change(|record| record.not_restored = lines);
    }

    /// Keeps the report of the run, for people.
    pub fn set_report(&self, report: String) {
        self.change(|record| record.report = Some(report));
    }

    /// The run so far.
    #[must_use]
    pub fn record(&self) -> RunRecord {
        self.lock().clone()
    }

    /// Whether the attempt's first stage that failed has logged this reason. Asked once, at its end.
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

/// A part of a run that goes on. When it is dropped, the part is over.
pub struct OpenStage {
    run: Run,
    index: usize,
    /// None once the end is told.
    log: Option<Running>,
}

/// What a part of a run has brought to the target. Clones count for the same part.
#[derive(Clone)]
pub struct StageCount {
    run: Run,
    index: usize,
}

impl StageCount {
    /// Adds to it.
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
    /// Adds to what the part has brought to the target.
    pub fn add(&self, rows: u64, bytes: u64) {
        self.count().add(rows, bytes);
    }

    /// The same, for those who count while the part goes on.
    #[must_use]
    pub fn count(&self) -> StageCount {
        StageCount { run: self.run.clone(), index: self.index }
    }

    /// The part is done.
    pub fn done(mut self) {
        self.end(StageState::Done);
        if let Some(log) = self.log.take() {
            log.done();
        }
    }

    /// The part failed; no secret may be in the reason.
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
        self.fail("left before it was done");
    }
}

/// A number that is different each time: hash keys are random, though no secret should be.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
