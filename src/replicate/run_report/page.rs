//! Runs as a page: for each, its phases, its chart, the time by kind, the longest entries.

use maud::{Markup, html};

use super::logged_run::{LoggedRun, RunEnd, Shape};
use crate::report::timeline::{self, page::document};
use crate::report::units;
use crate::shown::one_line;

/// The page, self-contained.
#[must_use]
pub fn page(runs: &[LoggedRun], title: &str) -> String {
    let content = html! {
        h1 { (title) }
        p.lead { (units::plural(runs.len() as u64, "run", "runs")) }
        @for run in runs { (one(run)) }
    };
    document("en", title, &content).into_string()
}

fn one(run: &LoggedRun) -> Markup {
    let totals = run.totals();
    let length = run.phases().total.unwrap_or_default();
    html! {
        section {
            h2 {
                "Run of " (run.start().format("%Y-%m-%d at %H:%M:%S %:z"))
                @if let Some(container) = &run.container { " on " (one_line(container)) }
            }
            (verdict(run))
            (timeline::facts(&facts(run)))
            h3 { "Timeline" }
            (run.gantt().markup())
            @if !totals.work.is_empty() {
                h3 { "Time by kind" }
                (timeline::kinds(&totals))
                h3 { "Longest entries" }
                (timeline::longest(&totals, length))
            }
            (unfinished(run))
            (errors(run))
        }
    }
}

fn verdict(run: &LoggedRun) -> Markup {
    html! {
        @if run.end == RunEnd::Failed {
            p.bad { "The run failed." }
        } @else if run.is_complete() && run.error_count > 0 {
            p.bad {
                "The run is complete, with "
                (units::plural(run.error_count, "error", "errors")) "."
            }
        } @else if run.is_complete() {
            p.good {
                "The run is complete."
                @if run.shape() == Shape::AlreadyRestored {
                    " Its backup was already restored."
                }
            }
        } @else {
            p.bad { "The log does not cover the whole run." }
        }
    }
}

fn facts(run: &LoggedRun) -> Vec<(&'static str, String)> {
    let phases = run.phases();
    let known = |time: Option<_>| time.map_or_else(|| "unknown".to_owned(), units::duration);
    let mut facts = Vec::new();
    if run.shape() == Shape::Full {
        facts.push(("backup", known(phases.backup)));
    }
    if run.shape().restores() {
        facts.push(("replication", known(phases.replication)));
    }
    if run.shape() == Shape::Full || phases.enrichment.is_some() {
        facts.push(("enrichment", known(phases.enrichment)));
    }
    if phases.incremental.is_some() {
        facts.push(("incremental copy", known(phases.incremental)));
    }
    facts.push(("total", known(phases.total)));
    facts
}

fn unfinished(run: &LoggedRun) -> Markup {
    html! {
        @if run.unfinished().next().is_some() {
            h3 { "Unfinished" }
            ul {
                @for item in run.unfinished() { li { (one_line(&item.label)) } }
            }
        }
    }
}

fn errors(run: &LoggedRun) -> Markup {
    html! {
        @if run.error_count > 0 {
            h3 { (units::plural(run.error_count, "error", "errors")) }
            ul {
                @for error in &run.errors { li { (one_line(error)) } }
            }
        }
    }
}
