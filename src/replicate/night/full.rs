//! A full run, from the backup to the report.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::error::NightError;
use super::ground::{self, Ground};
use super::guard::Guard;
use super::intake::{self, Intake};
use super::restore::{self, Restoring};
use super::{choose, enrich, first_load, incremental, refresh, report, resume};
use crate::archive::Toc;
use crate::replicate::backup::FoundBackup;
use crate::replicate::config::Config;
use crate::replicate::enrich::Enrichment;
use crate::replicate::hooks::{self, Hooks};
use crate::replicate::swap::Swap;
use crate::replicate::worker::{DatabaseHistory, Failure, Job, OpenStage, Outcome, Run};
use crate::report::nights::Lang;
use crate::report::stages::Stage;
use crate::report::timeline::Recorder;
use crate::report::{Options as ReportOptions, Screen};
use crate::restore::chain;
use crate::target::{Session, SessionSettings, Target};

/// How a night is told.
#[derive(Clone, Debug)]
pub struct Output {
    /// How the restore is told.
    pub report: ReportOptions,
    /// Where to.
    pub screen: Screen,
    /// The language of the run's report.
    pub lang: Lang,
    /// The file that remembers what restores took; none if nothing is to be remembered.
    pub costs: Option<PathBuf>,
}

/// A full run: from the host's backup to a warehouse that is ready.
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

impl Job for FullRun {
    fn mode(&self) -> &'static str {
        "full"
    }

    async fn run(&self, run: &Run, stop: CancellationToken) -> Outcome {
        let recorder = Recorder::new();
        let result = Box::pin(self.attempt(run, &recorder, &stop)).await;
        let recording = recorder.finish();
        report::tell(run, Some(&recording), result.is_ok(), self.config.zone, self.output.lang);
        match result {
            Ok(()) => Outcome::Succeeded,
            Err(_) if stop.is_cancelled() => Outcome::Stopped,
            Err(error) if error.is_permanent() => Outcome::Failed(Failure::permanent(&error)),
            Err(error) => Outcome::Failed(Failure::passing(&error)),
        }
    }
}

impl FullRun {
    async fn attempt(
        &self,
        run: &Run,
        recorder: &Recorder,
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
        ground::recover(target, self.config.restore.swap).await?;
        let mut guard = Guard::take(target).await?;
        if self.config.restore.swap {
            ground::check_others(target, &self.config.restore).await?;
        }
        // Nobody else can be at work on this target now, whatever their records say.
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
        let swap = Box::pin(guard.during(&halt, attempt.fill())).await?;
        let is_swapped = swap.is_some();
        if let Some(swap) = swap {
            attempt.swap(swap, &mut guard).await?;
        }
        // It would be gone on with when this backup is restored again.
        match resume::forget(target).await {
            // The data are in place: they are not restored once more for this.
            Err(error) if is_swapped => {
                tracing::warn!("{}", chain(&error));
                Ok(())
            }
            result => result,
        }
    }
}

/// One attempt, under the lock.
struct Attempt<'a> {
    config: &'a Config,
    output: &'a Output,
    run: &'a Run,
    recorder: &'a Recorder,
    target: &'a Target,
    hooks: Arc<Hooks>,
    enrichment: Enrichment,
    stop: CancellationToken,
}

impl Attempt<'_> {
    /// All until the target, or the new database in its place, is ready.
    async fn fill(&self) -> Result<Option<Swap>, NightError> {
        let find = intake::find(self.config, self.run, &self.stop);
        let found = self.staged(Stage::FindBackup, find).await?;
        self.precheck(&resume::key(&found)).await?;
        match self.fill_from(&found, true).await {
            Err(error) if error.is_other_restore() => {
                tracing::warn!("the earlier attempt's restore is not gone on with");
                self.fill_from(&found, false).await
            }
            result => result,
        }
    }

    async fn fill_from(
        &self,
        found: &FoundBackup,
        may_go_on: bool,
    ) -> Result<Option<Swap>, NightError> {
        // Before anything is dropped: there must be an archive, with a table of contents.
        let intake = intake::open(found, self.config, self.run, &self.stop).await?;
        let key = resume::key(found);
        let settings = &self.config.restore;
        let left = match may_go_on {
            true => Ground::left_by_another(self.target, settings, &key, intake.sha256).await?,
            false => None,
        };
        let ground = match left {
            Some(ground) => ground,
            None => self.staged(Stage::Drop, self.prepare(&intake.archive.toc)).await?,
        };
        match self.fill_ground(&ground, &key, intake).await {
            Ok(()) => Ok(ground.swap),
            Err(error) => {
                self.abandon(ground, &error).await;
                Err(error)
            }
        }
    }

    async fn prepare(&self, toc: &Toc) -> Result<Ground, NightError> {
        match self.config.restore.swap {
            true => {
                let template = self.config.restore.swap_template.as_deref();
                Ground::beside(self.target, template).await
            }
            false => Ground::cleared(self.target, &self.config.restore, toc, &self.stop).await,
        }
    }

    /// Everything that is brought into the target.
    async fn fill_ground(
        &self,
        ground: &Ground,
        backup: &str,
        intake: Intake,
    ) -> Result<(), NightError> {
        if ground.resumed.is_none() {
            self.hooks(hooks::Stage::BeforeRestore, &ground.target).await?;
        }
        let entries = self.restore(ground, backup, intake).await?;
        if let (Some(_), Err(error)) = (&ground.swap, entries.as_ref()) {
            tracing::error!("the new database is not whole: {}", chain(error));
            return entries;
        }
        self.hooks(hooks::Stage::AfterRestore, &ground.target).await?;
        let copied = self.copy().await;
        // What is computed from rows comes after them.
        let enriched = self.enrich(ground).await;
        // The first error is the one to tell: the others may follow from it, and all are logged.
        entries.and(copied).and(enriched)
    }

    /// Restores the archive. What entries ran into is the inner result.
    async fn restore(
        &self,
        ground: &Ground,
        backup: &str,
        intake: Intake,
    ) -> Result<Result<(), NightError>, NightError> {
        let Intake { archive, is_local, download, sha256 } = intake;
        let toc = Arc::clone(&archive.toc);
        let settings = &self.config.restore;
        let is_fed_here = self.config.databases.is_fed_here();
        // Hooks may have made something, too.
        let present = ground.present().await?;
        let chosen = choose::choose(&toc.entries, &settings.tables, &present, is_fed_here)?;
        choose::tell(&toc.entries, &settings.tables, &chosen);
        self.run.set_not_restored(choose::by_default(&toc.entries, self.config, &chosen));
        self.note(ground, &chosen.first_loads).await?;
        // A restore with a journal does not begin where tables are in the way.
        let keeps_journal = ground.resumed.is_some()
            || chosen.in_the_way.is_empty()
                && resume::begin(&ground.target, backup, &present).await?;
        let stage = self.run.stage(Stage::Restore);
        let restoring = Restoring {
            settings,
            output: self.output,
            run: self.run,
            hooks: &self.hooks,
            target: &ground.target,
            recorder: self.recorder,
            count: stage.count(),
            counts_bytes: is_local,
            keeps_journal,
            stop: &self.stop,
        };
        let restored = restoring.restore(archive, &chosen.selection).await;
        let sum = download.map_or(sha256, |download| download.end(self.run));
        if let Some(sum) = sum.filter(|_| keeps_journal) {
            resume::note_sum(&ground.target, backup, sum).await;
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
        self.note(ground, &left).await?;
        Ok(entries)
    }

    /// Notes which first loads go on.
    async fn note(
        &self,
        ground: &Ground,
        loads: &[first_load::FirstLoad],
    ) -> Result<(), NightError> {
        if !self.config.restore.tables.has_incremental() {
            return Ok(());
        }
        let connected = Session::connect(&ground.target, &SessionSettings::default()).await;
        let session = connected.map_err(NightError::target("note the first load of a table"))?;
        first_load::note(&session, loads).await
    }

    async fn hooks(&self, stage: hooks::Stage, target: &Target) -> Result<(), NightError> {
        if !self.hooks.has(stage) {
            return Ok(());
        }
        let run = async { Ok(self.hooks.run(stage, target, &self.stop).await?) };
        self.staged(Stage::Hooks, run).await
    }

    async fn enrich(&self, ground: &Ground) -> Result<(), NightError> {
        let tables = &self.config.restore.tables;
        let stale = match tables.has_incremental() && self.config.databases.is_fed_here() {
            true => refresh::stale(&ground.target, tables).await?,
            false => Vec::new(),
        };
        if stale.is_empty() && self.enrichment.names().next().is_none() {
            return Ok(());
        }
        let jobs = self.config.restore.jobs;
        let run = async {
            let refreshed = refresh::run(&ground.target, &stale, &self.stop).await;
            refreshed.and(enrich::run(&self.enrichment, &ground.target, jobs, &self.stop).await)
        };
        self.staged(Stage::Enrich, run).await
    }

    /// Fails before the drop where the copy would fail after it. A restore that is resumed has
    /// dropped already.
    async fn precheck(&self, backup: &str) -> Result<(), NightError> {
        let Some(settings) = incremental::settings(self.config).await? else { return Ok(()) };
        let connected = Session::connect(self.target, &SessionSettings::default()).await;
        let session = connected.map_err(NightError::target("look at the target"))?;
        if resume::find(&session, backup, None).await?.is_some() {
            return Ok(());
        }
        incremental::precheck(self.config, &session, &settings).await
    }

    /// Copies the new rows of incremental tables, if there are such tables.
    async fn copy(&self) -> Result<(), NightError> {
        if self.stop.is_cancelled() {
            return Err(NightError::Stopped);
        }
        let Some(settings) = incremental::settings(self.config).await? else { return Ok(()) };
        incremental::check(&incremental::copy(&settings, self.run, &self.stop).await)
    }

    /// Puts the new database in the place of the target.
    async fn swap(&self, mut swap: Swap, guard: &mut Guard<'_>) -> Result<(), NightError> {
        let done = ground::finish(&mut swap, self.target, guard, &self.stop);
        let done = self.staged(Stage::Swap, done).await;
        if let Err(error) = &done {
            let target = swap.next().clone();
            self.abandon(Ground { target, swap: Some(swap), resumed: None }, error).await;
        }
        done
    }

    /// Drops the new database, if there is one, unless another attempt can go on with it.
    async fn abandon(&self, ground: Ground, error: &NightError) {
        if error.is_permanent() && !self.stop.is_cancelled() {
            ground.abandon().await;
        }
    }

    /// Work that is a stage of the run.
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

/// The stage ends with this error.
pub(super) fn fail<T>(stage: OpenStage, error: NightError) -> Result<T, NightError> {
    stage.failed(&chain(&error));
    Err(error)
}
