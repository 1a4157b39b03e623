//! The timeline of a run: one bar per stage, on the scale of the whole run.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use crate::replicate::worker::{RunRecord, StageRecord, StageState};
use crate::report::units;

/// The width of the drawing.
const WIDTH: f64 = 1000.0;

/// The minimum width of a bar, so that it stays visible.
const THINNEST: f64 = 4.0;

/// One row per stage. Text is HTML, which keeps its size when the bars shrink.
pub(super) fn render(run: &RunRecord, now: DateTime<Utc>) -> Markup {
    let whole = run.duration(now).as_secs_f64().max(0.001);
    html! {
        ol.timeline {
            @for stage in &run.stages {
                @let (left, width) = place(run, stage, whole, now);
                @let state = state(stage);
                li class=(state) {
                    span.name {
                        (stage.name.as_str())
                        @if stage.attempt != run.attempts { small { " attempt " (stage.attempt) } }
                    }
                    svg viewBox="0 0 1000 10" preserveAspectRatio="none" role="img"
                        aria-label=(label(stage, now)) {
                        rect.track x="0" y="0" width="1000" height="10" {}
                        rect.bar x=(left) y="0" width=(width) height="10" {}
                    }
                    span.time { (units::duration(stage.duration(now))) }
                    span.detail { (detail(stage)) }
                }
            }
        }
    }
}

/// The left edge and the width of a bar.
fn place(run: &RunRecord, stage: &StageRecord, whole: f64, now: DateTime<Utc>) -> (String, String) {
    let before = (stage.started - run.started).to_std().unwrap_or_default().as_secs_f64();
    let left = (before / whole * WIDTH).clamp(0.0, WIDTH - THINNEST);
    let width = stage.duration(now).as_secs_f64() / whole * WIDTH;
    (format!("{left:.1}"), format!("{:.1}", width.clamp(THINNEST, WIDTH - left)))
}

fn state(stage: &StageRecord) -> &'static str {
    match stage.state {
        StageState::Running => "running",
        StageState::Done => "done",
        StageState::Failed => "failed",
    }
}

fn label(stage: &StageRecord, now: DateTime<Utc>) -> String {
    let took = units::duration(stage.duration(now));
    format!("{}, {}: {took}", stage.name.as_str(), state(stage))
}

/// The state and the counts of a stage.
fn detail(stage: &StageRecord) -> String {
    let mut parts = Vec::new();
    match stage.state {
        StageState::Running => parts.push("in progress".to_owned()),
        StageState::Failed => parts.push("not finished".to_owned()),
        StageState::Done => {}
    }
    if stage.rows > 0 {
        parts.push(units::plural(stage.rows, "row", "rows"));
    }
    if stage.bytes > 0 {
        parts.push(units::bytes(stage.bytes));
    }
    parts.join(" · ")
}
