//! The incremental copy: as a part of a night, and as a job of its own.

use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::error::NightError;
use super::guard::Guard;
use super::report;
use crate::replicate::incremental::{self, Settings, Summary};
use crate::replicate::lock::LockError;
use crate::replicate::worker::{Failure, Job, Outcome, Run};
use crate::report::nights::Lang;
use crate::report::stages::Stage;
use crate::restore::chain;

/// Copies what is new, as a stage of the run.
pub(super) async fn copy(settings: &Settings, run: &Run, stop: &CancellationToken) -> Summary {
    let stage = run.stage(Stage::Incremental);
    let summary = incremental::run(settings, stop).await;
    let bytes = summary.tables.iter().map(|outcome| outcome.copied.bytes).sum();
    stage.add(summary.rows(), bytes);
    match check(&summary) {
        Ok(()) => stage.done(),
        Err(error) => stage.failed(&chain(&error)),
    }
    summary
}

/// What went wrong, as one error. Each table's own has been logged.
pub(super) fn check(summary: &Summary) -> Result<(), NightError> {
    if let Some(first) = summary.errors().next() {
        return Err(NightError::Tables {
            count: summary.errors().count() as u64,
            first: chain(first),
            is_passing: summary.errors().all(incremental::IncrementalError::is_passing),
        });
    }
    match summary.missing() {
        0 => Ok(()),
        missing => Err(NightError::Gaps { missing }),
    }
}

/// The incremental copy alone. Tables have locks of their own, so that several of these may go on
/// side by side; but a night may be loading a table for the first time, without such a lock, and so
/// neither begins while the other is at work on the target.
pub struct IncrementalRun {
    settings: Settings,
    zone: chrono_tz::Tz,
    lang: Lang,
    summary: Mutex<Option<Summary>>,
}

impl IncrementalRun {
    /// A copy with these settings. Its report is in this language, with the times of this zone.
    #[must_use]
    pub fn new(settings: Settings, zone: chrono_tz::Tz, lang: Lang) -> Self {
        Self { settings, zone, lang, summary: Mutex::default() }
    }

    /// What became of the tables in the last attempt; none before that.
    pub fn take_summary(&self) -> Option<Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl IncrementalRun {
    async fn copy(&self, run: &Run, stop: &CancellationToken) -> Result<(), NightError> {
        let halt = stop.child_token();
        let work = async {
            let summary = copy(&self.settings, run, &halt).await;
            let result = check(&summary);
            *self.summary.lock().unwrap_or_else(PoisonError::into_inner) = Some(summary);
            result
        };
        match Guard::share(&self.settings.target).await {
            Ok(mut guard) => guard.during(&halt, work).await,
            // The copy meets the same, and tells it with the table.
            Err(LockError::Target(_)) => work.await,
            Err(taken) => {
                tracing::error!("{}", chain(&taken));
                Err(taken.into())
            }
        }
    }
}

impl Job for IncrementalRun {
    fn mode(&self) -> &'static str {
        "incremental"
    }

    async fn run(&self, run: &Run, stop: CancellationToken) -> Outcome {
        let result = self.copy(run, &stop).await;
        report::tell(run, None, result.is_ok(), self.zone, self.lang);
        match result {
            Ok(()) => Outcome::Succeeded,
            Err(_) if stop.is_cancelled() => Outcome::Stopped,
            Err(error) if error.is_permanent() => Outcome::Failed(Failure::permanent(&error)),
            Err(error) => Outcome::Failed(Failure::passing(&error)),
        }
    }
}
