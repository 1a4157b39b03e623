//! The stages of a nightly run as log lines, shared by their writer and their reader.
//!
//! The nightly run logs its progress with [`run_started`], [`Stage::start`] and their counterparts;
//! the log reader ([`super::logs`]) recognizes the lines by the same constants. Lines have a fixed
//! message, and their facts as fields: `stage started stage="restore"`, `stage done
//! stage="restore" seconds=31877.2`.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::report::timeline::WorkKind;

/// The message of the line that starts a run.
pub const RUN_STARTED: &str = "run started";
/// The message of the line that ends a successful run.
pub const RUN_DONE: &str = "run done";
/// The message of the line that ends a failed run.
pub const RUN_FAILED: &str = "run failed";
/// The message of the line that starts a stage.
pub const STAGE_STARTED: &str = "stage started";
/// The message of the line that ends a successful stage.
pub const STAGE_DONE: &str = "stage done";
/// The message of the line that ends a failed stage.
pub const STAGE_FAILED: &str = "stage failed";

/// A stage of a nightly run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Finding the host's newest backup.
    FindBackup,
    /// Downloading it; overlaps with [`Stage::Restore`] if it is restored while it downloads.
    Download,
    /// Dropping the previous night's objects.
    Drop,
    /// Restoring the archive into the database.
    Restore,
    /// Adding the warehouse's own indexes and views.
    Enrich,
    /// Copying new rows of append-only tables.
    Incremental,
    /// Running the user's SQL between stages.
    Hooks,
    /// Replacing the old database with the new one.
    Swap,
    /// Sending notifications; only in the replaced system's logs.
    Notify,
}

impl Stage {
    /// All stages, in the order of a night.
    pub const ALL: [Self; 9] = [
        Self::FindBackup,
        Self::Download,
        Self::Drop,
        Self::Restore,
        Self::Enrich,
        Self::Incremental,
        Self::Hooks,
        Self::Swap,
        Self::Notify,
    ];

    /// Its stable name in log lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FindBackup => "find-backup",
            Self::Download => "download",
            Self::Drop => "drop",
            Self::Restore => "restore",
            Self::Enrich => "enrich",
            Self::Incremental => "incremental",
            Self::Hooks => "hooks",
            Self::Swap => "swap",
            Self::Notify => "notify",
        }
    }

    /// The stage with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// The colour of its bar.
    #[must_use]
    pub fn kind(self) -> WorkKind {
        match self {
            Self::FindBackup | Self::Download => WorkKind::Intake,
            Self::Drop | Self::Swap => WorkKind::Clean,
            Self::Restore => WorkKind::Data,
            Self::Enrich => WorkKind::Enrichment,
            Self::Incremental => WorkKind::Increment,
            Self::Hooks | Self::Notify => WorkKind::Step,
        }
    }

    /// Logs the stage's start, and starts its clock.
    #[must_use]
    pub fn start(self) -> Running {
        tracing::info!(stage = self.name(), "{STAGE_STARTED}");
        Running { stage: self, since: Instant::now() }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A running stage. Dropping it logs nothing: the log then has a stage without an end.
#[derive(Debug)]
pub struct Running {
    stage: Stage,
    since: Instant,
}

impl Running {
    /// Logs the stage's success. Returns how long it took.
    pub fn done(self) -> Duration {
        let took = self.since.elapsed();
        tracing::info!(stage = self.stage.name(), seconds = thousandths(took), "{STAGE_DONE}");
        took
    }

    /// Logs the stage's failure. Returns how long it took. The error must not contain secrets.
    pub fn failed(self, error: &str) -> Duration {
        let took = self.since.elapsed();
        let (stage, seconds) = (self.stage.name(), thousandths(took));
        tracing::error!(stage, seconds, error, "{STAGE_FAILED}");
        took
    }
}

/// Logs the start of a run: its `mode` (`full`, `incremental`) and its attempt number, from 1.
pub fn run_started(mode: &str, attempt: u32) {
    tracing::info!(mode, attempt, "{RUN_STARTED}");
}

/// Logs the success of a run.
pub fn run_done(took: Duration) {
    tracing::info!(seconds = thousandths(took), "{RUN_DONE}");
}

/// Logs the failure of a run. The error must not contain secrets; `None` if the failed stage's line
/// already has it.
pub fn run_failed(took: Duration, error: Option<&str>) {
    tracing::error!(seconds = thousandths(took), error, "{RUN_FAILED}");
}

/// Seconds, rounded to the millisecond.
fn thousandths(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_found_by_its_name() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_name(stage.name()), Some(stage));
            let json = serde_json::to_value(stage).unwrap();
            assert_eq!(json, stage.name());
        }
        assert_eq!(Stage::from_name("airtable"), None);
    }
}
