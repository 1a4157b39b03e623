//! The stages of a nightly run as log lines: the one place where writer and reader agree.
//!
//! The nightly run tells its course with [`run_started`], [`Stage::start`] and their ends; the
//! reader of logs ([`super::logs`]) knows the lines by the same constants. Lines have a fixed
//! message, and their facts as fields: `stage started stage="restore"`, `stage done
//! stage="restore" seconds=31877.2`.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::timeline::Kind;

/// The message of the line with which a run begins.
pub const RUN_STARTED: &str = "run started";
/// The message of the line with which a run ends well.
pub const RUN_DONE: &str = "run done";
/// The message of the line with which a run ends badly.
pub const RUN_FAILED: &str = "run failed";
/// The message of the line with which a stage begins.
pub const STAGE_STARTED: &str = "stage started";
/// The message of the line with which a stage ends well.
pub const STAGE_DONE: &str = "stage done";
/// The message of the line with which a stage ends badly.
pub const STAGE_FAILED: &str = "stage failed";

/// A stage of a nightly run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Asking the host for its newest backup.
    FindBackup,
    /// Fetching it; at the same time as [`Stage::Restore`] when it is restored as it comes.
    Download,
    /// Dropping what the last night left.
    Drop,
    /// The archive into the database.
    Restore,
    /// Indexes and views of the warehouse's own.
    Enrich,
    /// New rows of append-only tables.
    Incremental,
    /// The user's SQL between stages.
    Hooks,
    /// The new database in the place of the old one.
    Swap,
    /// Telling the world: of the replaced system's logs only.
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

    /// Its name in log lines. Stable.
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

    /// The stage of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// The colour of its bar.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::FindBackup | Self::Download => Kind::Intake,
            Self::Drop | Self::Swap => Kind::Clean,
            Self::Restore => Kind::Data,
            Self::Enrich => Kind::Enrichment,
            Self::Incremental => Kind::Increment,
            Self::Hooks | Self::Notify => Kind::Step,
        }
    }

    /// Writes the line that the stage begins, and starts its clock.
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

/// A stage that goes on. Dropping it writes nothing: the log then shows a stage without an end.
#[derive(Debug)]
pub struct Running {
    stage: Stage,
    since: Instant,
}

impl Running {
    /// Writes the line that the stage ended well. Returns how long it took.
    pub fn done(self) -> Duration {
        let took = self.since.elapsed();
        tracing::info!(stage = self.stage.name(), seconds = thousandths(took), "{STAGE_DONE}");
        took
    }

    /// Writes the line that the stage ended badly. Returns how long it took. The text must hold
    /// no secret.
    pub fn failed(self, error: &str) -> Duration {
        let took = self.since.elapsed();
        let (stage, seconds) = (self.stage.name(), thousandths(took));
        tracing::error!(stage, seconds, error, "{STAGE_FAILED}");
        took
    }
}

/// Writes the line that a run begins: its `mode` (`full`, `incremental`) and which attempt it is,
/// from 1.
pub fn run_started(mode: &str, attempt: u32) {
    tracing::info!(mode, attempt, "{RUN_STARTED}");
}

/// Writes the line that the run ended well.
pub fn run_done(took: Duration) {
    tracing::info!(seconds = thousandths(took), "{RUN_DONE}");
}

/// Writes the line that the run ended badly. The text must hold no secret; none if the line of the
/// stage that failed has it.
pub fn run_failed(took: Duration, error: Option<&str>) {
    tracing::error!(seconds = thousandths(took), error, "{RUN_FAILED}");
}

/// Seconds, to the millisecond.
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
