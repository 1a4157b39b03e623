//! Metrics for Prometheus, in its text format (version 0.0.4).

use std::fmt::Write;

use chrono::{DateTime, Utc};

use super::router::Runs;
use crate::replicate::schedule::CronSchedule;
use crate::replicate::worker::{INCREMENTAL, RunOutcome, RunRecord, StageState};

/// All metrics; unknown ones are omitted.
pub(super) fn render(schedule: Option<&CronSchedule>, runs: &Runs, now: DateTime<Utc>) -> String {
    let mut page = Page::default();
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    page.number("nocturne_build_info", "The version of nocturne.", &version, 1.0);
    let readable = f64::from(u8::from(runs.is_ok()));
    page.number(
        "nocturne_records_readable",
        "Whether the records of runs can be read.",
        &[],
        readable,
    );
    if let Some(next) = schedule.and_then(|schedule| schedule.next_after(now)) {
        let help = "When the next run starts.";
        page.number("nocturne_next_run_timestamp_seconds", help, &[], seconds(next));
    }
    let runs = runs.as_deref().unwrap_or_default();
    let running = runs.iter().any(|run| run.outcome == RunOutcome::Running);
    let help = "Whether a run is in progress.";
    page.number("nocturne_run_in_progress", help, &[], f64::from(u8::from(running)));
    // An incremental copy between two full runs must not hide a failed full run.
    let nights = || runs.iter().filter(|run| run.mode != INCREMENTAL);
    if let Some(run) = nights().find(|run| run.outcome != RunOutcome::Running) {
        last_run(&mut page, run, now);
    }
    if let Some(run) = nights().find(|run| run.outcome == RunOutcome::Succeeded) {
        last_success(&mut page, run, now);
    }
    page.text
}

fn last_run(page: &mut Page, run: &RunRecord, now: DateTime<Utc>) {
    let succeeded = f64::from(u8::from(run.outcome == RunOutcome::Succeeded));
    page.number("nocturne_last_run_success", "Whether the last run succeeded.", &[], succeeded);
    let name = "nocturne_last_run_start_timestamp_seconds";
    page.number(name, "When the last run started.", &[], seconds(run.started));
    let took = run.duration(run.ended.unwrap_or(now)).as_secs_f64();
    page.number("nocturne_last_run_duration_seconds", "How long the last run took.", &[], took);
    let attempts = f64::from(run.attempts);
    page.number(
        "nocturne_last_run_attempts",
        "How many attempts the last run took.",
        &[],
        attempts,
    );
    page.number("nocturne_last_run_rows", "Rows loaded by the last run.", &[], run.rows() as f64);
    page.number("nocturne_last_run_bytes", "Bytes read by the last run.", &[], run.bytes() as f64);
    if let Some(entries) = run.entries {
        let help = "Archive entries of the last run, by outcome.";
        for (state, count) in [
            ("done", entries.done),
            ("skipped", entries.skipped),
            ("tolerated", entries.tolerated),
            ("failed", entries.failed),
        ] {
            page.number("nocturne_last_run_entries", help, &[("state", state)], count as f64);
        }
    }
    // A stage can occur several times, as hooks do; each name is reported once.
    let mut names: Vec<_> = run.last_attempt().map(|stage| &stage.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let stages = || run.last_attempt().filter(|stage| stage.name == *name);
        let took: f64 = stages().map(|stage| stage.duration(now).as_secs_f64()).sum();
        let labels = [("stage", name.as_str())];
        let help = "How long each stage of the last attempt took.";
        page.number("nocturne_last_run_stage_duration_seconds", help, &labels, took);
    }
    let failed = run.last_attempt().filter(|stage| stage.state == StageState::Failed).count();
    let help = "Failed stages of the last attempt.";
    page.number("nocturne_last_run_failed_stages", help, &[], failed as f64);
}

fn last_success(page: &mut Page, run: &RunRecord, now: DateTime<Utc>) {
    let ended = seconds(run.ended.unwrap_or(run.started));
    let name = "nocturne_last_success_timestamp_seconds";
    page.number(name, "When the last successful run ended.", &[], ended);
    if let Some(created) = run.backup.as_ref().and_then(|backup| backup.created) {
        let age = (now - created).num_milliseconds() as f64 / 1000.0;
        let help = "Age of the backup that the data comes from.";
        page.number("nocturne_backup_age_seconds", help, &[], age);
    }
}

fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

#[derive(Default)]
struct Page {
    text: String,
    last: &'static str,
}

impl Page {
    /// A sample line, preceded by the HELP and TYPE lines if it is the first of its name.
    fn number(&mut self, name: &'static str, help: &str, labels: &[(&str, &str)], value: f64) {
        // Writing to a String does not fail.
        if self.last != name {
            let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
            self.last = name;
        }
        // No label value of this program needs escaping, but one from the table of records might.
        let word = |value: &str| value.replace(['\\', '"', '\n'], "_");
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", word(value))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}
