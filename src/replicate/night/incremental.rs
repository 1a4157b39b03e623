//! The incremental copy, as a part of a night and as its own job.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::error::NightError;
use super::first_load::{self, Name};
use super::guard::Guard;
use super::present::Present;
use super::report;
use crate::replicate::config::Config;
use crate::replicate::incremental::{self, Settings, Summary};
use crate::replicate::lock::LockError;
use crate::replicate::worker::{Failure, INCREMENTAL, Job, Outcome, Run};
use crate::report::nights::Lang;
use crate::report::stages::Stage;
use crate::restore::chain;
use crate::target::Session;

/// Copies new rows, as a stage of the run.
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

/// The settings of the copy; `None` if no table is incremental.
pub(super) async fn settings(config: &Config) -> Result<Option<Settings>, NightError> {
    let modes = &config.restore.tables;
    let (true, Some(source)) = (modes.has_incremental(), &config.databases.source) else {
        return Ok(None);
    };
    let tables = incremental::tables(source, modes, &config.incremental.keys).await?;
    Ok(Settings::of(config, tables))
}

/// The tables whose definition comes from the archive, if the copy goes to the restored target:
/// those that the target does not have, or whose first load was interrupted.
pub(super) async fn loaded(
    config: &Config,
    target: &Session,
    settings: &Settings,
) -> Result<HashSet<Name>, NightError> {
    if !config.databases.is_fed_here() {
        return Ok(HashSet::new());
    }
    let present = Present::read(target).await?;
    let absent =
        settings.tables.iter().filter(|table| !present.has_table(&table.schema, &table.name));
    let absent = absent.map(|table| (table.schema.clone(), table.name.clone()));
    Ok(absent.chain(first_load::unfinished(target).await?).collect())
}

/// Checks before the drop that the copy will not fail for a foreseeable reason. Logs the error of
/// each table.
pub(super) async fn precheck(
    config: &Config,
    target: &Session,
    settings: &Settings,
) -> Result<(), NightError> {
    let loaded = loaded(config, target, settings).await?;
    let errors = incremental::precheck(settings, &loaded).await?.errors;
    for error in &errors {
        tracing::error!("{}", chain(error));
    }
    let Some(first) = errors.first() else { return Ok(()) };
    Err(NightError::Precheck {
        count: errors.len() as u64,
        first: chain(first),
        is_passing: errors.iter().all(incremental::IncrementalError::is_passing),
    })
}

/// The errors of the copy, combined into one. Each table's own error is already logged.
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
        missing => Err(NightError::Gaps { missing, were_to_be_filled: summary.fills_gaps }),
    }
}

/// Only the incremental copy. Tables have their own locks, so that several copies can run
/// concurrently; but a night may be loading a table for the first time, without such a lock, so a
/// copy and a night never use the target at the same time.
pub struct IncrementalRun {
    settings: Settings,
    zone: chrono_tz::Tz,
    lang: Lang,
    summary: Mutex<Option<Summary>>,
}

impl IncrementalRun {
    /// A copy with these settings. Its report uses this language and time zone.
    #[must_use]
    pub fn new(settings: Settings, zone: chrono_tz::Tz, lang: Lang) -> Self {
        Self { settings, zone, lang, summary: Mutex::default() }
    }

    /// The outcome of the tables in the last attempt; `None` before that.
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
            // The copy will fail with the same error, and report it with the table.
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
        INCREMENTAL
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
