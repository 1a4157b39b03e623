//! The JSON summary of a run.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::replicate::worker::{
    BackupRecord, Entries, INCREMENTAL, RunOutcome, RunRecord, StageRecord, Trigger,
};
use crate::report::units;

/// The summary of a run, as JSON. Members are added, not renamed.
#[derive(Debug, Serialize)]
pub struct Message<'a> {
    /// One readable sentence; chats show this member.
    pub text: String,
    /// The run's ID.
    pub run: &'a str,
    /// The kind of run: `full` or `incremental`.
    pub mode: &'a str,
    /// The app that nocturne runs in.
    pub app: Option<&'a str>,
    /// The version of nocturne.
    pub version: &'a str,
    /// How it ended.
    pub status: RunOutcome,
    /// Why it was started.
    pub trigger: Trigger,
    /// The scheduled time that it was started for.
    pub scheduled: Option<DateTime<Utc>>,
    /// When it started.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
    /// How long it took.
    pub duration_ms: u64,
    /// How many attempts it took.
    pub attempts: u32,
    /// The backup that was restored.
    pub backup: Option<&'a BackupRecord>,
    /// The earlier run that restored this backup: there was nothing to restore.
    pub restored_by: Option<&'a str>,
    /// What a run with `DELTA` changed, or why it restored everything.
    pub delta: Option<&'a str>,
    /// How old the backup was when the run ended.
    pub backup_age_seconds: Option<i64>,
    /// Rows loaded into the target in the last attempt.
    pub rows: u64,
    /// Bytes read in the last attempt.
    pub bytes: u64,
    /// The outcome of the archive's entries.
    pub entries: Option<Entries>,
    /// What was not restored because a variable is not set.
    pub not_restored: &'a [String],
    /// The stages of the run.
    pub stages: &'a [StageRecord],
    /// Why it failed.
    pub error: Option<&'a str>,
}

impl<'a> Message<'a> {
    /// The summary of a run.
    #[must_use]
    pub fn of(run: &'a RunRecord) -> Self {
        let ended = run.ended.unwrap_or(run.started);
        let duration = run.duration(ended);
        let created = run.backup.as_ref().and_then(|backup| backup.created);
        Self {
            text: sentence(run),
            run: &run.id,
            mode: &run.mode,
            app: run.app.as_deref(),
            version: &run.version,
            status: run.outcome,
            trigger: run.trigger,
            scheduled: run.scheduled,
            started: run.started,
            ended: run.ended,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            attempts: run.attempts,
            backup: run.backup.as_ref(),
            restored_by: run.restored_by.as_deref(),
            delta: run.delta.as_deref(),
            backup_age_seconds: created.map(|created| (ended - created).num_seconds()),
            rows: run.rows(),
            bytes: run.bytes(),
            entries: run.entries,
            not_restored: &run.not_restored,
            stages: &run.stages,
            error: run.error.as_deref(),
        }
    }
}

fn sentence(run: &RunRecord) -> String {
    let who = run.app.as_deref().map(|app| format!(" ({app})")).unwrap_or_default();
    let error = run.error.as_deref().unwrap_or("unknown");
    if run.outcome == RunOutcome::Missed {
        return format!("nocturne{who}: {error}");
    }
    let took = units::duration(run.duration(run.ended.unwrap_or(run.started)));
    let attempts = u64::from(run.attempts);
    let attempts = match attempts {
        0 | 1 => String::new(),
        more => format!(" and {}", units::plural(more, "attempt", "attempts")),
    };
    let end = match run.outcome {
        RunOutcome::Succeeded => format!(", {}", units::plural(run.rows(), "row", "rows")),
        _ => format!(": {error}"),
    };
    let what = if run.mode == INCREMENTAL { "incremental copy" } else { "run" };
    let before = run.restored_by.as_deref();
    let before =
        before.map(|by| format!("; run {by} already restored this backup")).unwrap_or_default();
    let delta = run.delta.as_deref().map(|delta| format!("; {delta}")).unwrap_or_default();
    let left: String = run.not_restored.iter().map(|line| format!("; {line}")).collect();
    let outcome = run.outcome.word();
    format!("nocturne{who}: {what} {outcome} after {took}{attempts}{end}{delta}{before}{left}")
}
