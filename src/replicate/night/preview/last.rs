//! Estimates the next run from earlier ones.

use super::Preview;
use crate::error::chain;
use crate::replicate::worker::{DatabaseHistory, FULL, History, RunOutcome, RunRecord, StageName};
use crate::report::units;
use crate::server::Target;

/// How many records are searched for a successful run.
const LOOKED_THROUGH: usize = 50;

impl Preview {
    /// Reports how long the last run that restored a backup took.
    pub(super) async fn last_run(&mut self, target: &Target) {
        let records = match DatabaseHistory::new(target.clone()).latest(LOOKED_THROUGH).await {
            Ok(records) => records,
            Err(error) => return self.problem(chain(&error)),
        };
        let is_whole = |run: &&RunRecord| {
            let has_restored = run.mode == FULL && run.restored_by.is_none();
            has_restored && run.outcome == RunOutcome::Succeeded
        };
        let Some(last) = records.iter().find(is_whole) else {
            return self.line("no run has succeeded yet, so the duration is unknown");
        };
        let took = units::duration(last.duration(last.ended.unwrap_or(last.started)));
        let (started, rows) = (last.started, units::plural(last.rows(), "row", "rows"));
        let started = started.format("%Y-%m-%d %H:%M:%S UTC");
        self.line(format_args!("expected to take {took}, like the run of {started} ({rows})"));
        for stage in last.last_attempt() {
            let StageName::Known(name) = &stage.name else { continue };
            let took = units::duration(stage.duration(stage.ended.unwrap_or(stage.started)));
            self.line(format_args!("  {name:12} {took}"));
        }
    }
}
