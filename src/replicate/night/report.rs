//! The report of a run that has just ended, as `nocturne report` would make it from its log lines.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::replicate::run_report;
use crate::replicate::run_report::{Lang, Moment, RunEnd, StageSpan, text};
use crate::replicate::worker::{Run, StageName, StageState};
use crate::report::timeline::Recording;

/// Logs the report of the last attempt, and saves it with the run's record.
pub(super) fn tell(run: &Run, restore: Option<&Recording>, is_done: bool, zone: Tz, lang: Lang) {
    let record = run.record();
    let moment = |time: DateTime<Utc>| -> Moment { time.with_timezone(&zone).fixed_offset() };
    let stages = record.last_attempt().filter_map(|stage| match stage.name {
        StageName::Known(name) => Some(StageSpan {
            stage: name,
            start: moment(stage.started),
            end: stage.ended.map(moment),
            failed: stage.state == StageState::Failed,
        }),
        StageName::Other(_) => None,
    });
    let end = if is_done { RunEnd::Done } else { RunEnd::Failed };
    let night = run_report::LoggedRun::of_night(stages.collect(), restore, end, moment(Utc::now()));
    let mut text = text::report(&[night], lang);
    if let Some(delta) = &record.delta {
        text.push_str(&format!("Delta: {delta}\n"));
    }
    for line in text.lines() {
        tracing::info!("{line}");
    }
    run.set_report(text);
}
