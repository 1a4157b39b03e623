//! The page of past and upcoming runs.

use chrono::{DateTime, Utc};
use maud::{DOCTYPE, Markup, html};

use super::bars;
use super::router::{Runs, Site};
use super::words::{distance, moment, span};
use crate::replicate::worker::{INCREMENTAL, RunOutcome, RunRecord, Trigger};
use crate::report::units;

/// How many upcoming runs are listed.
const NEXT: usize = 5;

/// The page.
pub(super) fn render(site: &Site, runs: &Runs, now: DateTime<Utc>) -> Markup {
    let title = site.app.as_deref().unwrap_or("nocturne");
    let known = runs.as_deref().unwrap_or_default();
    let is_running = known.first().is_some_and(|run| run.outcome == RunOutcome::Running);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if is_running { meta http-equiv="refresh" content="60"; }
                title { (title) " · nocturne" }
                link rel="stylesheet" href="status.css";
            }
            body {
                header {
                    h1 { (title) }
                    @if let Some(run) = known.first() { (pill(run.outcome)) }
                }
                main {
                    @if let Err(reason) = runs {
                        section.notice role="alert" {
                            h2 { "Cannot read the records of runs" }
                            p { (reason) }
                        }
                    }
                    (facts(site, known, now))
                    @if let Some(run) = known.iter().find(|run| run.outcome != RunOutcome::Missed) {
                        (last_run(run, site, now))
                    } @else if runs.is_ok() {
                        section { h2 { "Last run" } p.none { "No run has been recorded yet." } }
                    }
                    (next_runs(site, now))
                    @if !known.is_empty() { (history(known, site, now)) }
                }
                footer {
                    "nocturne " (env!("CARGO_PKG_VERSION")) " · " (moment(now, site.zone, now))
                    " · times in " (site.zone.name())
                }
            }
        }
    }
}

fn pill(outcome: RunOutcome) -> Markup {
    html! { span class={ "pill " (outcome.word()) } { (outcome.word()) } }
}

/// The key facts: the age of the data, and when it will be updated.
fn facts(site: &Site, runs: &[RunRecord], now: DateTime<Utc>) -> Markup {
    // An incremental copy does not update the other tables.
    let is_night = |run: &&RunRecord| run.mode != INCREMENTAL;
    let success = runs.iter().filter(is_night).find(|run| run.outcome == RunOutcome::Succeeded);
    let backup = success.and_then(|run| run.backup.as_ref());
    let created = backup.and_then(|backup| backup.created);
    let next = site.schedule.as_ref().and_then(|schedule| schedule.next_after(now));
    html! {
        dl.facts {
            div {
                dt { "Data as of" }
                @match (created, success) {
                    (Some(time), _) => {
                        dd { (moment(time, site.zone, now)) }
                        dd.more { (distance(time, now)) }
                    }
                    (None, Some(_)) => { dd { "unknown" } }
                    (None, None) => { dd { "—" } dd.more { "no successful run recently" } }
                }
            }
            div {
                dt { "Last success" }
                @if let Some(run) = success {
                    @let ended = run.ended.unwrap_or(run.started);
                    dd { (moment(ended, site.zone, now)) }
                    dd.more { (distance(ended, now)) }
                } @else { dd { "—" } }
            }
            div {
                dt { "Next run" }
                @match next {
                    Some(time) => {
                        dd { (moment(time, site.zone, now)) }
                        dd.more { (distance(time, now)) }
                    }
                    None => { dd { "—" } dd.more { "SCHEDULE is not set" } }
                }
            }
        }
    }
}

fn last_run(run: &RunRecord, site: &Site, now: DateTime<Utc>) -> Markup {
    let took = units::duration(run.duration(now));
    let is_running = run.outcome == RunOutcome::Running;
    html! {
        section {
            h2 {
                (if is_running { "Current run" } else { "Last run" })
                @if run.mode == INCREMENTAL { " (incremental copy)" }
                " " (pill(run.outcome))
            }
            p {
                "Started " (moment(run.started, site.zone, now)) (trigger(run.trigger))
                @if is_running {
                    ", running for " (took)
                    @if run.attempts > 1 { ", attempt " (run.attempts) }
                } @else {
                    @if run.ended.is_some() { ", took " (took) }
                    @if run.attempts > 1 { ", " (run.attempts) " attempts" }
                }
                "."
                @if let Some(backup) = &run.backup {
                    " Backup " code { (backup.id) }
                    @if let Some(created) = backup.created {
                        ", " (span((run.started - created).to_std().unwrap_or_default()))
                        " old at that time"
                    }
                    @if let Some(bytes) = backup.bytes { ", " (units::bytes(bytes)) }
                    "."
                }
            }
            @if let Some(error) = &run.error {
                @if is_running { p { "The previous attempt failed:" } }
                pre.error { (error) }
            }
            @if !run.stages.is_empty() { (bars::render(run, now)) }
            @if let Some(entries) = run.entries {
                p.entries {
                    "Entries: " (units::count(entries.done)) " done"
                    @for (count, word) in [
                        (entries.skipped, "skipped"),
                        (entries.tolerated, "tolerated"),
                        (entries.failed, "failed"),
                    ] {
                        @if count > 0 { ", " (units::count(count)) " " (word) }
                    }
                    "."
                }
            }
            @if let Some(delta) = &run.delta {
                p { "Delta: " (delta) "." }
            }
            @if let Some(by) = &run.restored_by {
                p { "Nothing to restore: run " code { (by) } " already restored this backup." }
            }
            @if !run.not_restored.is_empty() {
                ul.notice { @for line in &run.not_restored { li { (line) } } }
            }
            @if let Some(report) = &run.report {
                details { summary { "Report" } pre { (report) } }
            }
        }
    }
}

fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Schedule => "",
        Trigger::Resume => " to resume an interrupted run",
        Trigger::Manual => " (manual)",
    }
}

fn next_runs(site: &Site, now: DateTime<Utc>) -> Markup {
    let Some(schedule) = &site.schedule else { return html! {} };
    html! {
        section {
            h2 { "Next runs " code { (schedule) } }
            ol.next {
                @for time in schedule.upcoming(now).take(NEXT) {
                    li { (moment(time, site.zone, now)) small { " " (distance(time, now)) } }
                }
            }
        }
    }
}

fn history(runs: &[RunRecord], site: &Site, now: DateTime<Utc>) -> Markup {
    html! {
        section {
            h2 { "Recent runs" }
            table.runs {
                thead { tr { th { "Started" } th { "Outcome" } th.number { "Took" }
                    th.number { "Attempts" } th.number { "Rows" } } }
                tbody {
                    @for run in runs {
                        tr {
                            td { (moment(run.scheduled.unwrap_or(run.started), site.zone, now)) }
                            td { (pill(run.outcome)) }
                            @if run.outcome == RunOutcome::Missed {
                                td.number {} td.number {} td.number {}
                            } @else {
                                td.number {
                                    @if run.ended.is_some() || run.outcome == RunOutcome::Running {
                                        (units::duration(run.duration(now)))
                                    }
                                }
                                td.number { (run.attempts) }
                                td.number { (units::count(run.rows())) span.unit { " rows" } }
                            }
                        }
                        @if let Some(error) = run.error.as_ref().filter(|_| run.outcome != RunOutcome::Running) {
                            tr.reason { td colspan="5" { (error) } }
                        }
                    }
                }
            }
        }
    }
}
