//! The restore of a night, and its events.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::error::NightError;
use super::full::Output;
use crate::archive::Toc;
use crate::error::chain;
use crate::plan::history::{CostFileError, CostHistory};
use crate::replicate::hooks::{HookPoint, Hooks};
use crate::replicate::worker::{Entries, Run, StageCount};
use crate::replicate::{config, stages};
use crate::report::timeline::TimelineReader;
use crate::report::timings::CostHistoryFile;
use crate::report::{Reporter, Summary};
use crate::restore::event::{Event, Outcome, Reader};
use crate::restore::journal::JournalOptions;
use crate::restore::{ForeignKeys, LoadedData, RestoreOptions, StagePoint, Stages, Tolerance};
use crate::select::Selection;
use crate::server::{Retry, Target};
use crate::source::Archive;
use crate::statements::{Ownership, SourceSettings, Style};
use crate::sync::{SyncOptions, sync};

/// Everything that the restore of a night needs.
pub(super) struct Restoring<'a> {
    pub(super) settings: &'a config::Restore,
    pub(super) output: &'a Output,
    pub(super) run: &'a Run,
    pub(super) hooks: &'a Arc<Hooks>,
    pub(super) target: &'a Target,
    /// Records what was done when, for the run's report.
    pub(super) recorder: &'a TimelineReader,
    /// Counts rows.
    pub(super) count: StageCount,
    /// Whether to count bytes of the archive, unless they are already counted as a download.
    pub(super) counts_bytes: bool,
    /// Whether to keep a journal, and resume from it.
    pub(super) keeps_journal: bool,
    /// Collects the digests of the loaded data, if they are recorded.
    pub(super) loaded: Option<LoadedData>,
    pub(super) stop: &'a CancellationToken,
}

impl Restoring<'_> {
    /// Restores the selection. Entries that the server rejects are in the summary.
    pub(super) async fn restore(
        self,
        archive: Archive,
        selection: &Selection,
    ) -> Result<Summary, NightError> {
        let warn = |error: &CostFileError| tracing::warn!("{}", chain(error));
        let history = CostHistoryFile::open(self.output.costs.clone(), warn);
        let options = self.options(&archive.toc, history.costs.clone());
        let database = archive.toc.header.dbname.clone();
        let reporter = Reporter::new(self.output.report, &self.output.screen);
        let readers = [self.recorder.reader(), history.reader(), self.counter()];
        let events = reporter.events().read_by(readers);
        let shutdown = self.stop.clone().cancelled_owned();
        let target = self.target.clone();
        let restored =
            crate::restore::restore(archive, selection, options, target, events, shutdown);
        let result = Box::pin(restored).await;
        let result = result.map_err(|error| NightError::Restore(Box::new(error)));
        // Nothing was done; the summary would list every entry as not reached.
        if let Some(error) = result.as_ref().err().filter(|error| error.is_other_restore()) {
            tracing::debug!("{}", chain(error));
            drop(reporter);
            return result.map(|_| Summary::default());
        }
        let summary = reporter.finish();
        if let Err(error) = history.save(&database, result.is_ok() && summary.errors() == 0) {
            warn(&error);
        }
        let total = &summary.total;
        self.run.set_entries(Entries {
            done: total.done,
            skipped: total.skipped,
            tolerated: total.tolerated,
            failed: total.failed,
        });
        result.map(|_| summary)
    }

    /// Changes what differs between the selection and the target. Also returns the materialized views
    /// that could not be refreshed.
    pub(super) async fn sync(
        self,
        archive: Archive,
        selection: &Selection,
        options: SyncOptions,
    ) -> Result<(Summary, Vec<String>), NightError> {
        let reporter = Reporter::new(self.output.report, &self.output.screen);
        let events = reporter.events().read_by([self.recorder.reader(), self.counter()]);
        let (shutdown, target) = (self.stop.clone().cancelled_owned(), self.target.clone());
        let synced = sync(archive, selection, options, target, events, shutdown);
        match Box::pin(synced).await {
            Ok(report) => Ok((reporter.finish(), report.stale)),
            Err(error) => {
                // Nothing was changed.
                drop(reporter);
                Err(error.into())
            }
        }
    }

    /// The options of the restore, for each attempt.
    fn options(&self, toc: &Toc, history: Arc<CostHistory>) -> RestoreOptions {
        RestoreOptions {
            history,
            loaded: self.loaded.clone(),
            // With a journal, no table is in the way: whatever has the name of one by then may belong
            // to another role.
            no_data_for_failed_tables: self.keeps_journal,
            stages: self.stages(),
            // Kept, because more work follows, and a retry starts here.
            journal: self.keeps_journal.then_some(JournalOptions { keep: true }),
            ..options(self.settings, toc)
        }
    }

    /// The hooks during the restore. Without a file there is no stage, because a stage makes
    /// sessions wait.
    fn stages(&self) -> Stages {
        let points = [
            (HookPoint::AfterPreData, StagePoint::AfterPreData),
            (HookPoint::AfterData, StagePoint::AfterData),
        ];
        let wanted = points.into_iter().filter(|(stage, _)| self.hooks.has(*stage));
        wanted.fold(Stages::default(), |stages, (stage, point)| {
            let hooks = Arc::clone(self.hooks);
            let (target, stop, run) = (self.target.clone(), self.stop.clone(), self.run.clone());
            stages.at(point, move || {
                let (hooks, target) = (Arc::clone(&hooks), target.clone());
                let (stop, run) = (stop.clone(), run.clone());
                async move {
                    let open = run.stage(stages::Stage::Hooks);
                    let done = hooks.run(stage, &target, &stop).await;
                    match &done {
                        Ok(()) => open.done(),
                        Err(error) => open.failed(&chain(error)),
                    }
                    done
                }
            })
        })
    }

    /// Counts events for the run's record.
    fn counter(&self) -> Reader {
        let (count, counts_bytes) = (self.count.clone(), self.counts_bytes);
        Arc::new(move |event: &Event| {
            if let Event::Finished { outcome: Outcome::Done, rows, read, .. } = event
                && *rows > 0
            {
                count.add(*rows, if counts_bytes { *read } else { 0 });
            }
        })
    }
}

/// How a night restores, whatever is in the target.
pub(super) fn options(settings: &config::Restore, toc: &Toc) -> RestoreOptions {
    RestoreOptions {
        jobs: settings.jobs,
        style: Style {
            // The roles and tablespaces of the source need not exist in the target.
            ownership: Ownership::Ignore,
            no_tablespaces: true,
            source: SourceSettings::of(toc),
            ..Style::default()
        },
        // What the restore creates is the role's own; the rest, such as extensions of the host
        // and schemas of other roles, stays with the comment that it has.
        tolerate: [&[Tolerance::CommentOnOthers][..], &settings.tolerate].concat(),
        foreign_keys: match settings.foreign_keys {
            true => ForeignKeys::Validated,
            false => ForeignKeys::None,
        },
        analyze: true,
        // Nothing is dropped: the target is clean, or its objects are not in the selection.
        ..RestoreOptions::default()
    }
}

/// The entries that could not be restored, as one error.
pub(super) fn check(summary: &Summary) -> Result<(), NightError> {
    if summary.errors() == 0 {
        return Ok(());
    }
    let entry = summary.failures.first();
    let first = entry.map(|failed| format!("{}: {}", failed.entry.label(), failed.message));
    let cause = summary.causes.iter().find(|cause| cause.is_error);
    let first = first.or_else(|| cause.map(|cause| cause.message.clone()));
    let first = first.unwrap_or_else(|| "not accounted for".to_owned());
    // A rejected entry needs a change of the archive or the target. A lost session or a full disk
    // does not: the next attempt restores what is missing, and reports the rejected entries again.
    let sqlstates = summary.failures.iter().filter_map(|failed| failed.sqlstate.as_deref());
    let retry = sqlstates.map(Retry::of).max().unwrap_or(Retry::Never);
    Err(NightError::Entries { count: summary.errors(), first, retry })
}
