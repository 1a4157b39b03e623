//! What is kept of a run: the page, the metrics and the notifications are made of it.
//!
//! Records outlive versions of the program, as JSON: members are added, not renamed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::report::stages::Stage;

/// One run, from its start to its last retry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Unique; begins with the time of the start.
    pub id: String,
    /// What was done: `full` or `incremental`.
    #[serde(default = "full")]
    pub mode: String,
    /// The app that nocturne runs in.
    #[serde(default)]
    pub app: Option<String>,
    /// The version of nocturne.
    pub version: String,
    /// Why it was started.
    pub trigger: Trigger,
    /// The time of the schedule that it answers to.
    #[serde(default)]
    pub scheduled: Option<DateTime<Utc>>,
    /// The schedule and its zone, as in `10 5 * * * Europe/Paris`.
    #[serde(default)]
    pub schedule: Option<String>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended. None while it goes on, or when the process was killed.
    #[serde(default)]
    pub ended: Option<DateTime<Utc>>,
    /// How it ended.
    pub outcome: RunOutcome,
    /// How often it was tried; 1 when the first attempt did.
    pub attempts: u32,
    /// What was done, in the order of the starts, all attempts together.
    #[serde(default)]
    pub stages: Vec<StageRecord>,
    /// The backup that was restored.
    #[serde(default)]
    pub backup: Option<BackupRecord>,
    /// The run that had restored this backup before: there was nothing to restore.
    #[serde(default)]
    pub restored_by: Option<String>,
    /// What became of the archive's entries in the last attempt.
    #[serde(default)]
    pub entries: Option<Entries>,
    /// What was not restored because a variable is not set: tables, foreign keys.
    #[serde(default)]
    pub not_restored: Vec<String>,
    /// Why the last attempt failed; no secret is in it.
    #[serde(default)]
    pub error: Option<String>,
    /// The report of the run, for people.
    #[serde(default)]
    pub report: Option<String>,
}

/// What was done by versions that recorded nothing else.
fn full() -> String {
    FULL.to_owned()
}

/// The mode of a night.
pub const FULL: &str = "full";

/// The mode of an incremental copy alone.
pub const INCREMENTAL: &str = "incremental";

/// Why a run was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// Its time had come.
    Schedule,
    /// The process came back, and the run before had been interrupted.
    Resume,
    /// Somebody asked for it.
    Manual,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// It goes on, or the process was killed.
    Running,
    /// The target is whole and fresh.
    Succeeded,
    /// It failed, and is not tried again.
    Failed,
    /// It was asked to stop.
    Interrupted,
    /// It never began: the run before went on, or the process was not there.
    Missed,
}

impl RunOutcome {
    /// The outcome in a word.
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

/// The name of a part of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum StageName {
    /// A part that this version knows.
    Known(Stage),
    /// A part that another version knows.
    Other(String),
}

impl StageName {
    /// The name as it is written in log lines.
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

/// How a part of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageState {
    /// It goes on, or the process was killed.
    Running,
    /// Done.
    Done,
    /// It was left before it was done.
    Failed,
}

/// A part of a run, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Which part.
    pub name: StageName,
    /// In which attempt, from 1.
    pub attempt: u32,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended.
    #[serde(default)]
    pub ended: Option<DateTime<Utc>>,
    /// How it ended.
    pub state: StageState,
    /// Rows that it brought to the target.
    #[serde(default)]
    pub rows: u64,
    /// Bytes that it read from the source of the rows.
    #[serde(default)]
    pub bytes: u64,
}

impl StageRecord {
    /// How long it took; so far, if it goes on.
    #[must_use]
    pub fn duration(&self, now: DateTime<Utc>) -> Duration {
        between(self.started, self.ended.unwrap_or(now))
    }
}

/// The backup that a run restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRecord {
    /// Its id with the host, or its file's name.
    pub id: String,
    /// When the host began to make it.
    #[serde(default)]
    pub created: Option<DateTime<Utc>>,
    /// How large it is, in bytes.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// The SHA-256 of all that was downloaded, in hexadecimal digits, to compare with another copy.
    /// None unless all of it came, and of a backup that was on this machine.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// What became of the archive's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// Restored.
    pub done: u64,
    /// Left out because of what they depend on.
    pub skipped: u64,
    /// Refused by the server, which is no error.
    pub tolerated: u64,
    /// Refused by the server.
    pub failed: u64,
}

impl RunRecord {
    /// How long it took; so far, if it goes on.
    #[must_use]
    pub fn duration(&self, now: DateTime<Utc>) -> Duration {
        between(self.started, self.ended.unwrap_or(now))
    }

    /// The parts of the last attempt.
    pub fn last_attempt(&self) -> impl Iterator<Item = &StageRecord> {
        self.stages.iter().filter(|stage| stage.attempt == self.attempts)
    }

    /// Rows brought to the target in the last attempt.
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

/// The time between two instants; none if the clock was put back.
fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> Duration {
    (to - from).to_std().unwrap_or_default()
}
