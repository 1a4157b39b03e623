//! A full run, from the backup to the report.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use super::error::{self, NightError};
use super::night_target::{self, NightTarget};
use super::opened_backup::{self, OpenedBackup};
use super::restore::{self, Restoring};
use super::restored::{self, Wanted};
use super::{choose, enrich, first_load, incremental, others, planted, refresh, report, resume};
use crate::archive::Toc;
use crate::error::chain;
use crate::replicate::backup::FoundBackup;
use crate::replicate::config::Config;
use crate::replicate::enrich::Enrichment;
use crate::replicate::hooks::{self, Hooks};
use crate::replicate::lock::TargetLock;
use crate::replicate::run_report::Lang;
use crate::replicate::stages::Stage;
use crate::replicate::swap::{Swap, SwapError};
use crate::replicate::worker::{DatabaseHistory, FULL, JobOutcome, NightJob, OpenStage, Run};
use crate::report::timeline::TimelineReader;
use crate::report::{ReportOptions, Screen};
use crate::restore::LoadedData;
use crate::server::{Retry, Session, SessionSettings, Target};

/// How a night is reported.
#[derive(Clone, Debug)]
pub struct Output {
    /// How the restore is reported.
    pub report: ReportOptions,
    /// Where to.
    pub screen: Screen,
    /// The language of the run's report.
    pub lang: Lang,
    /// The cost history file; `None` if timings are not recorded.
    pub costs: Option<PathBuf>,
}

/// A full run: from the backup to a complete warehouse.
pub struct FullRun {
    config: Config,
    output: Output,
}

impl FullRun {
    /// A run with these settings.
    #[must_use]
    pub fn new(config: Config, output: Output) -> Self {
        Self { config, output }
    }
}

impl NightJob for FullRun {
    fn mode(&self) -> &'static str {
        FULL
    }

    async fn run(&self, run: &Run, stop: CancellationToken) -> JobOutcome {
        let recorder = TimelineReader::new();
        let result = Box::pin(self.attempt(run, &recorder, &stop)).await;
        let recording = recorder.finish();
        report::tell(run, Some(&recording), result.is_ok(), self.config.zone, self.output.lang);
        error::outcome(result, &stop)
    }
}

impl FullRun {
    async fn attempt(
        &self,
        run: &Run,
        recorder: &TimelineReader,
        stop: &CancellationToken,
    ) -> Result<(), NightError> {
        let target = self.config.databases.target.as_ref().ok_or(NightError::NoTarget)?;
        for warning in target.warnings() {
            tracing::warn!("{warning}");
        }
        let enrichment = enrich::read(&self.config)?;
        let hooks = match &self.config.restore.hooks {
            Some(folder) => Hooks::read(folder)?,
            None => Hooks::default(),
        };
        night_target::recover(target, self.config.restore.swap).await?;
        let mut lock = TargetLock::take(target).await?;
        let told = others::tell(target, &self.config.restore, None).await?;
        // The lock guarantees that no other run is using this target, whatever its record shows.
        let history = DatabaseHistory::new(target.clone());
        if let Err(error) = history.close_others(&run.record().id).await {
            tracing::debug!("{}", chain(&error));
        }
        let halt = stop.child_token();
        let attempt = Attempt {
            config: &self.config,
            output: &self.output,
            run,
            recorder,
            target,
            hooks: Arc::new(hooks),
            enrichment,
            stop: halt.clone(),
        };
        let filled = Box::pin(lock.during(&halt, attempt.fill())).await?;
        let Some(Filled { wanted, swap }) = filled else { return Ok(()) };
        let is_swapped = swap.is_some();
        if let Some(swap) = swap {
            attempt.swap(swap, &mut lock, &told).await?;
        }
        // Otherwise it would be resumed when this backup is restored again.
        match resume::forget(target).await {
            // The data is in place: an error here is not a reason to restore it again.
            Err(error) if is_swapped => tracing::warn!("{}", chain(&error)),
            result => result?,
        }
        restored::complete(target, &wanted, Utc::now()).await;
        Ok(())
    }
}

/// One attempt, under the lock.
pub(super) struct Attempt<'a> {
    pub(super) config: &'a Config,
    output: &'a Output,
    pub(super) run: &'a Run,
    recorder: &'a TimelineReader,
    pub(super) target: &'a Target,
    pub(super) hooks: Arc<Hooks>,
    pub(super) enrichment: Enrichment,
    stop: CancellationToken,
}

/// The restored target, or the new database that will replace it.
struct Filled {
    wanted: Wanted,
    swap: Option<Swap>,
}

impl Attempt<'_> {
    /// Does everything until the target, or the new database that will replace it, is complete.
    /// `None` if an earlier run had already done it.
    async fn fill(&self) -> Result<Option<Filled>, NightError> {
        let find = opened_backup::find(self.config, self.run, &self.stop);
        let found = self.staged(Stage::FindBackup, find).await?;
        let wanted = Wanted::new(&resume::key(&found), self.config, &self.hooks, &self.enrichment);
        let from_scratch = self.config.restore.from_scratch && self.run.attempt() == 1;
        // An address does not reveal whether its backup has changed.
        if found.created_at.is_some() && !from_scratch {
            if let Some(run) = self.done_before(&wanted).await? {
                self.top_up(&run).await?;
                return Ok(None);
            }
            if let Some(night) = self.restored_before(&wanted).await? {
                let filled = self.complete(&night.target, &self.enrichment).await;
                let swap = self.ending(night, filled).await?;
                return Ok(Some(Filled { wanted, swap }));
            }
        }
        self.precheck(&wanted.backup, !from_scratch).await?;
        let may_apply = self.config.restore.delta;
        let swap = match self.fill_from(&found, &wanted, !from_scratch, may_apply).await {
            Err(error) if error.is_other_restore() => {
                tracing::warn!("cannot resume the previous attempt; starting over");
                self.fill_from(&found, &wanted, false, false).await
            }
            Err(error) => match error.needs_full() {
                Some(reasons) => {
                    self.restores_all(reasons);
                    self.fill_from(&found, &wanted, !from_scratch, false).await
                }
                None => Err(error),
            },
            result => result,
        };
        Ok(Some(Filled { wanted, swap: swap? }))
    }

    async fn fill_from(
        &self,
        found: &FoundBackup,
        wanted: &Wanted,
        may_go_on: bool,
        may_apply: bool,
    ) -> Result<Option<Swap>, NightError> {
        // Before anything is dropped, the archive's table of contents must be readable.
        let mut opened = opened_backup::open(found, self.config, self.run, &self.stop).await?;
        let settings = &self.config.restore;
        choose::check(&opened.archive.toc.entries, settings)?;
        let key = &wanted.backup;
        let left = match may_go_on {
            true => NightTarget::left_by_another(self.target, settings, key, opened.sha256).await?,
            false => None,
        };
        others::tell(self.target, settings, Some(&opened.archive.toc)).await?;
        if may_apply && left.is_none() {
            opened = match Box::pin(self.apply(wanted, opened)).await? {
                Some(opened) => opened,
                None => return Ok(None),
            };
        }
        let toc = &opened.archive.toc;
        let night = match left {
            Some(night) => night,
            None => {
                self.check_drop(toc).await?;
                self.staged(Stage::Drop, self.prepare(toc)).await?
            }
        };
        let filled = self.restore_and_enrich(&night, wanted, opened).await;
        self.ending(night, filled).await
    }

    /// The night's target is complete, or abandoned.
    async fn ending(
        &self,
        night: NightTarget,
        filled: Result<(), NightError>,
    ) -> Result<Option<Swap>, NightError> {
        match filled {
            Ok(()) => Ok(night.swap),
            Err(error) => {
                self.abandon(night, &error).await;
                Err(error)
            }
        }
    }

    async fn prepare(&self, toc: &Toc) -> Result<NightTarget, NightError> {
        match self.config.restore.swap {
            true => NightTarget::beside(self.target, &self.config.restore).await,
            false => NightTarget::cleared(self.target, &self.config.restore, toc, &self.stop).await,
        }
    }

    /// Everything that fills the target.
    async fn restore_and_enrich(
        &self,
        night: &NightTarget,
        wanted: &Wanted,
        opened: OpenedBackup,
    ) -> Result<(), NightError> {
        if night.resumed.is_none() {
            self.hooks(hooks::HookPoint::BeforeRestore, &night.target).await?;
        }
        let entries = self.restore(night, wanted, opened).await?;
        if let (Some(_), Err(error)) = (&night.swap, entries.as_ref()) {
            tracing::error!("the new database is incomplete: {}", chain(error));
            return entries;
        }
        // Returns the first error: the others may follow from it, and all are logged.
        entries.and(self.complete(&night.target, &self.enrichment).await)
    }

    /// Everything after the restore of the archive.
    pub(super) async fn complete(
        &self,
        target: &Target,
        files: &Enrichment,
    ) -> Result<(), NightError> {
        planted::check_tables(target, &self.config.restore.tables).await?;
        self.hooks(hooks::HookPoint::AfterRestore, target).await?;
        let copied = self.copy().await;
        // The enrichment is computed from rows, so it runs after the copy.
        let enriched = self.enrich(target, files).await;
        copied.and(enriched)
    }

    /// Restores the archive. The inner result is the errors of entries.
    async fn restore(
        &self,
        night: &NightTarget,
        wanted: &Wanted,
        opened: OpenedBackup,
    ) -> Result<Result<(), NightError>, NightError> {
        let OpenedBackup { archive, is_local, download, sha256 } = opened;
        let toc = Arc::clone(&archive.toc);
        let settings = &self.config.restore;
        let is_fed_here = self.config.databases.is_fed_here();
        // Hooks may also have created objects.
        let present = night.present().await?;
        let chosen = choose::choose(&toc.entries, settings, &present, is_fed_here)?;
        choose::tell(&toc.entries, settings, &chosen);
        planted::check(&night.target, &toc.entries, settings, &chosen).await?;
        self.run.set_not_restored(choose::by_default(&toc.entries, self.config, &chosen));
        self.note(night, &chosen.first_loads).await?;
        // A restore with a journal requires that no tables are in the way.
        let keeps_journal = night.resumed.is_some()
            || !chosen.in_the_way.iter().any(|it| it.is_table)
                && resume::begin(&night.target, &wanted.backup, &present).await?;
        let stage = self.run.stage(Stage::Restore);
        let loaded = settings.delta.then(LoadedData::default);
        let restoring = Restoring {
            keeps_journal,
            loaded: loaded.clone(),
            ..self.restoring(&night.target, &stage, is_local)
        };
        let restored = restoring.restore(archive, &chosen.selection).await;
        let sum = download.map_or(sha256, |download| download.end(self.run));
        if let Some(sum) = sum.filter(|_| keeps_journal) {
            resume::note_sum(&night.target, &wanted.backup, sum).await;
        }
        let entries = match restored {
            Ok(summary) => restore::check(&summary),
            Err(error) => return fail(stage, error),
        };
        match &entries {
            Ok(()) => stage.done(),
            Err(error) => stage.failed(&chain(error)),
        }
        let recording = self.recorder.finish();
        let left = first_load::incomplete(&chosen.first_loads, &toc.entries, &recording);
        let left: Vec<_> = left.into_iter().cloned().collect();
        self.note(night, &left).await?;
        if entries.is_ok()
            && let Some(loaded) = &loaded
        {
            self.record(&toc, loaded).await;
        }
        if entries.is_ok() && keeps_journal {
            wanted.note(&night.target, &self.run.record().id, None).await;
        }
        Ok(entries)
    }

    /// A restore without a journal, as this stage of the run.
    pub(super) fn restoring<'a>(
        &'a self,
        target: &'a Target,
        stage: &OpenStage,
        is_local: bool,
    ) -> Restoring<'a> {
        Restoring {
            settings: &self.config.restore,
            output: self.output,
            run: self.run,
            hooks: &self.hooks,
            target,
            recorder: self.recorder,
            count: stage.count(),
            counts_bytes: is_local,
            keeps_journal: false,
            loaded: None,
            stop: &self.stop,
        }
    }

    /// Records which first loads are in progress.
    async fn note(
        &self,
        night: &NightTarget,
        loads: &[first_load::FirstLoad],
    ) -> Result<(), NightError> {
        if !self.config.restore.tables.has_incremental() {
            return Ok(());
        }
        let connected = Session::connect(&night.target, &SessionSettings::default()).await;
        let session = connected.map_err(NightError::target("record the first load of a table"))?;
        first_load::note(&session, loads).await
    }

    pub(super) async fn hooks(
        &self,
        stage: hooks::HookPoint,
        target: &Target,
    ) -> Result<(), NightError> {
        if !self.hooks.has(stage) {
            return Ok(());
        }
        let run = async { Ok(self.hooks.run(stage, target, &self.stop).await?) };
        self.staged(Stage::Hooks, run).await
    }

    /// Refreshes the materialized views over copied rows, then runs the enrichment files.
    pub(super) async fn enrich(
        &self,
        target: &Target,
        files: &Enrichment,
    ) -> Result<(), NightError> {
        let tables = &self.config.restore.tables;
        let stale = match tables.has_incremental() && self.config.databases.is_fed_here() {
            true => refresh::stale(target, tables).await?,
            false => Vec::new(),
        };
        if stale.is_empty() && files.names().next().is_none() {
            return Ok(());
        }
        let jobs = self.config.restore.jobs;
        let run = async {
            let refreshed = refresh::run(target, &stale, &self.stop).await;
            refreshed.and(enrich::run(files, target, jobs, &self.stop).await)
        };
        self.staged(Stage::Enrich, run).await
    }

    /// Copies the new rows of incremental tables, if any.
    pub(super) async fn copy(&self) -> Result<(), NightError> {
        if self.stop.is_cancelled() {
            return Err(NightError::Stopped);
        }
        let settings = incremental::to_copy(self.config, self.target).await?;
        let Some(settings) = settings else { return Ok(()) };
        incremental::check(&incremental::copy(&settings, self.run, &self.stop).await)
    }

    /// Replaces the target with the new database.
    async fn swap(
        &self,
        mut swap: Swap,
        lock: &mut TargetLock,
        told: &[String],
    ) -> Result<(), NightError> {
        let settings = &self.config.restore;
        let done = night_target::finish(&mut swap, self.target, settings, lock, told, &self.stop);
        let done = self.staged(Stage::Swap, done).await;
        // The new database is complete: it is of use once the reason is gone.
        if let Err(NightError::Swap(SwapError::OfOthers { .. } | SwapError::NotPermitted { .. })) =
            &done
        {
            tracing::info!(
                "the new database {} is complete and stays: the next run of this backup swaps it in",
                swap.next().dbname()
            );
        } else if let Err(error) = &done {
            let target = swap.next().clone();
            self.abandon(NightTarget { target, swap: Some(swap), resumed: None }, error).await;
        }
        done
    }

    /// Drops the new database, if any, unless another attempt can resume it.
    async fn abandon(&self, night: NightTarget, error: &NightError) {
        if error.retry() == Retry::Never && !self.stop.is_cancelled() {
            night.abandon().await;
        }
    }

    /// Runs work as a stage of the run.
    async fn staged<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, NightError>>,
    ) -> Result<T, NightError> {
        let stage = self.run.stage(stage);
        match work.await {
            Ok(value) => {
                stage.done();
                Ok(value)
            }
            Err(error) => fail(stage, error),
        }
    }
}

/// Ends the stage with this error.
pub(super) fn fail<T>(stage: OpenStage, error: NightError) -> Result<T, NightError> {
    stage.failed(&chain(&error));
    Err(error)
}
