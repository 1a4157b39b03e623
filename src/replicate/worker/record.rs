//! The record of a run: the source of the status page, the metrics and the notifications.
//!
//! Records are stored as JSON and outlive versions of the program: members are added, not renamed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::replicate::stages::Stage;

/// One run, from its start to its last retry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Unique; starts with the start time.
    pub id: String,
    /// The kind of run: `full` or `incremental`.
    #[serde(default = "full")]
    pub mode: String,
    /// The app that nocturne runs in.
    #[serde(default)]
    pub app: Option<String>,
    /// The version of nocturne.
    pub version: String,
    /// Why it was started.
    pub trigger: Trigger,
    /// The scheduled time that it was started for.
    #[serde(default)]
    pub scheduled: Option<DateTime<Utc>>,
    /// The schedule and its zone, as in `10 5 * * * Europe/Paris`.
    #[serde(default)]
    pub schedule: Option<String>,
    /// When it started.
    pub started: DateTime<Utc>,
    /// When it ended. `None` while it is running, or if the process was killed.
    #[serde(default)]
    pub ended: Option<DateTime<Utc>>,
    /// How it ended.
    pub outcome: RunOutcome,
    /// How many attempts it took; 1 if the first succeeded.
    pub attempts: u32,
    /// The stages of all attempts, in the order in which they started.
    #[serde(default)]
    pub stages: Vec<StageRecord>,
    /// The backup that was restored.
    #[serde(default)]
    pub backup: Option<BackupRecord>,
    /// The earlier run that restored this backup: there was nothing to restore.
    #[serde(default)]
    pub restored_by: Option<String>,
    /// What a run with `DELTA` changed, or why it restored everything.
    #[serde(default)]
    pub delta: Option<String>,
    /// The outcome of the archive's entries in the last attempt.
    #[serde(default)]
    pub entries: Option<Entries>,
    /// What was not restored because a variable is not set: tables, foreign keys.
    #[serde(default)]
    pub not_restored: Vec<String>,
    /// Why the last attempt failed, without secrets.
    #[serde(default)]
    pub error: Option<String>,
    /// The readable report of the run.
    #[serde(default)]
    pub report: Option<String>,
}

/// The mode of records of versions that did not record it.
fn full() -> String {
    FULL.to_owned()
}

/// The mode of a full run.
pub const FULL: &str = "full";

/// The mode of a run that is only an incremental copy.
pub const INCREMENTAL: &str = "incremental";

/// Why a run was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// It was scheduled.
    Schedule,
    /// The process restarted after it had interrupted a run.
    Resume,
    /// A user started it.
    Manual,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// It is running, or the process was killed.
    Running,
    /// The target is complete and up to date.
    Succeeded,
    /// It failed, and is not retried.
    Failed,
    /// It was asked to stop.
    Interrupted,
    /// It never started: the previous run was still in progress, or the process was not running.
    Missed,
}

impl RunOutcome {
    /// The outcome as a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Missed => "missed",
        }
    }
}

/// The name of a stage of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum StageName {
    /// A stage that exists in this version.
    Known(Stage),
    /// A stage of another version.
    Other(String),
}

impl StageName {
    /// The name as in log lines.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(stage) => stage.name(),
            Self::Other(name) => name,
        }
    }
}

impl From<String> for StageName {
    fn from(name: String) -> Self {
        Stage::from_name(&name).map_or(Self::Other(name), Self::Known)
    }
}

impl From<StageName> for String {
    fn from(name: StageName) -> Self {
        name.as_str().to_owned()
    }
}

/// The state of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageState {
    /// It is running, or the process was killed.
    Running,
    /// Done.
    Done,
    /// It failed or was abandoned.
    Failed,
}

/// One execution of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Which stage.
    pub name: StageName,
    /// The attempt, from 1.
    pub attempt: u32,
    /// When it started.
    pub started: DateTime<Utc>,
    /// When it ended.
    #[serde(default)]
    pub ended: Option<DateTime<Utc>>,
    /// How it ended.
    pub state: StageState,
    /// Rows that it loaded into the target.
    #[serde(default)]
    pub rows: u64,
    /// Bytes that it read from the source of the rows.
    #[serde(default)]
    pub bytes: u64,
}

impl StageRecord {
    /// How long it took, or has taken so far.
    #[must_use]
    pub fn duration(&self, now: DateTime<Utc>) -> Duration {
        between(self.started, self.ended.unwrap_or(now))
    }
}

/// The backup that a run restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRecord {
    /// Its ID at the host, or its file name.
    pub id: String,
    /// When the host started to create it.
    #[serde(default)]
    pub created: Option<DateTime<Utc>>,
    /// Its size in bytes.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// The SHA-256 of the downloaded backup in hexadecimal, to compare with another copy. `None` if
    /// the download is incomplete, or if the backup was on this machine.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// The outcome of the archive's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// Restored.
    pub done: u64,
    /// Skipped because of a dependency.
    pub skipped: u64,
    /// Rejected by the server, but tolerated.
    pub tolerated: u64,
    /// Rejected by the server.
    pub failed: u64,
}

impl RunRecord {
    /// How long it took, or has taken so far.
    #[must_use]
    pub fn duration(&self, now: DateTime<Utc>) -> Duration {
        between(self.started, self.ended.unwrap_or(now))
    }

    /// The stages of the last attempt.
    pub fn last_attempt(&self) -> impl Iterator<Item = &StageRecord> {
        self.stages.iter().filter(|stage| stage.attempt == self.attempts)
    }

    /// Rows loaded into the target in the last attempt.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.last_attempt().map(|stage| stage.rows).fold(0, u64::saturating_add)
    }

    /// Bytes read in the last attempt.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.last_attempt().map(|stage| stage.bytes).fold(0, u64::saturating_add)
    }
}

/// The time between two instants; zero if the clock was set back.
fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> Duration {
    (to - from).to_std().unwrap_or_default()
}
