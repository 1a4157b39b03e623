//! The incremental copy, as a part of a night and as its own job.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::choose::{self, ChosenObjects};
use super::error::{self, NightError};
use super::first_load::{self, Name};
use super::night_target::look_at;
use super::present::Present;
use super::report;
use crate::archive::{Desc, Place, Toc, placed};
use crate::error::chain;
use crate::replicate::config::Config;
use crate::replicate::incremental::{
    self, CopySettings, IncrementalError, IncrementalTable, Summary,
};
use crate::replicate::lock::{LockError, TargetLock};
use crate::replicate::run_report::Lang;
use crate::replicate::stages::Stage;
use crate::replicate::worker::{INCREMENTAL, JobOutcome, NightJob, Run};
use crate::server::{self, Retry, Session, Target};
use crate::sql::ident::quoted;

/// Copies new rows, as a stage of the run.
pub(super) async fn copy(settings: &CopySettings, run: &Run, stop: &CancellationToken) -> Summary {
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
pub(super) async fn settings(config: &Config) -> Result<Option<CopySettings>, NightError> {
    let modes = &config.restore.tables;
    let (true, Some(source)) = (modes.has_incremental(), &config.databases.source) else {
        return Ok(None);
    };
    let tables = incremental::tables(source, modes, &config.incremental.keys).await?;
    Ok(CopySettings::of(config, tables))
}

/// The same, once the target is restored.
pub(super) async fn to_copy(
    config: &Config,
    target: &Target,
) -> Result<Option<CopySettings>, NightError> {
    let Some(mut settings) = settings(config).await? else { return Ok(None) };
    let present = Present::read(&look_at(target).await?).await?;
    for warning in leave_new(config, &mut settings, &present, None) {
        tracing::warn!("{warning}");
    }
    Ok(Some(settings))
}

/// Removes the tables that this night cannot load or copy: only a pattern matches them, and neither
/// the target has them nor, as far as it is known, the backup, because they were created after it.
/// A newer backup brings them. Returns a warning for each.
pub(super) fn leave_new(
    config: &Config,
    settings: &mut CopySettings,
    present: &Present,
    toc: Option<&Toc>,
) -> Vec<String> {
    if !config.databases.is_fed_here() {
        return Vec::new();
    }
    let is_new = |table: &mut IncrementalTable| {
        let (schema, name) = (table.schema.as_str(), table.name.as_str());
        let rule = config.restore.tables.rule(schema, name);
        let is_named = rule.is_some_and(|rule| rule.tables.exact().is_some());
        let is_in_backup = |toc: &Toc| {
            choose::tables(&toc.entries).any(|entry| choose::name(entry) == (schema, name))
        };
        !is_named && !present.has_table(schema, name) && !toc.is_some_and(is_in_backup)
    };
    let new = settings.tables.extract_if(.., is_new).map(|table| {
        format!(
            "table {table} is incremental, but not in the target: its rows are not copied before \
             a backup that contains it is restored"
        )
    });
    new.collect()
}

/// The tables whose definition comes from the archive, if the copy goes to the restored target:
/// those that the target does not have, or whose first load was interrupted.
pub(super) async fn loaded(
    config: &Config,
    target: &Session,
    settings: &CopySettings,
    present: &Present,
) -> Result<HashSet<Name>, NightError> {
    if !config.databases.is_fed_here() {
        return Ok(HashSet::new());
    }
    let absent =
        settings.tables.iter().filter(|table| !present.has_table(&table.schema, &table.name));
    let absent = absent.map(|table| (table.schema.clone(), table.name.clone()));
    Ok(absent.chain(first_load::unfinished(target).await?).collect())
}

/// Checks before the drop that the copy will not fail for a foreseeable reason. Logs the error of
/// each table. Without the backup's table of contents, tables that it may not have are not checked.
pub(super) async fn precheck(
    config: &Config,
    target: &Session,
    mut settings: CopySettings,
    toc: Option<&Toc>,
) -> Result<(), NightError> {
    let present = Present::read(target).await?;
    // The copy logs them.
    leave_new(config, &mut settings, &present, toc);
    let loaded = loaded(config, target, &settings, &present).await?;
    let errors = incremental::precheck(&settings, &loaded).await?.errors;
    for error in &errors {
        tracing::error!("{}", chain(error));
    }
    let Some(first) = errors.first() else { return Ok(()) };
    Err(NightError::Precheck {
        count: errors.len() as u64,
        first: chain(first),
        retry: errors.iter().map(IncrementalError::retry).min().unwrap_or(Retry::Never),
    })
}

/// The tables that the copy could not write to after the restore of the chosen entries, each with
/// its cure. `present` is what the target contains by then.
pub(super) async fn unusable(
    config: &Config,
    settings: &CopySettings,
    session: &Session,
    toc: &Toc,
    chosen: &ChosenObjects,
    present: &Present,
) -> server::Result<Vec<String>> {
    let mut problems = Vec::new();
    if !config.databases.is_fed_here() {
        return Ok(problems);
    }
    let is_wanted = |place: Place| chosen.selection.want(place).schema;
    let mut forced = Vec::new();
    for table in &settings.tables {
        if present.has_table(&table.schema, &table.name) {
            continue;
        }
        let is_same = |name| name == (table.schema.as_str(), table.name.as_str());
        let mut entries = placed(&toc.entries);
        let found =
            entries.find(|(_, entry)| choose::is_table(entry) && is_same(choose::name(entry)));
        let Some((place, entry)) = found else {
            problems.push(format!(
                "table {table} is incremental, but neither the target nor the backup has it (hint: \
                 restore a newer backup, or set the table to \"none\" in BACKUP_MODE)"
            ));
            continue;
        };
        if !is_wanted(place) {
            problems.push(format!(
                "table {table} is incremental and not in the target yet, but RESTORE_EXCLUDE or \
                 BACKUP_MODE excludes it or an object it depends on (hint: change that, or set the \
                 table to \"none\" in BACKUP_MODE)"
            ));
            continue;
        }
        // The last statement but for those of an upgrade (`dumpTableSchema` in pg_dump.c).
        let is_forced = entry.defn.trim_end().ends_with(" FORCE ROW LEVEL SECURITY;");
        let enables = placed(&toc.entries).find(|(place, enables)| {
            enables.desc == Desc::RowSecurity && is_same(choose::name(enables)) && is_wanted(*place)
        });
        if let (true, Some((_, enables))) = (is_forced, enables) {
            forced.push((table, enables.label()));
        }
    }
    if forced.is_empty() {
        return Ok(problems);
    }
    let sql = "SELECT current_user, rolsuper OR rolbypassrls FROM pg_catalog.pg_roles \
               WHERE rolname = current_user";
    let row = session.query_text(sql).await?.into_iter().next().unwrap_or_default();
    if let [Some(role), Some(bypasses)] = &row[..]
        && bypasses != "t"
    {
        let role = quoted(role);
        problems.extend(forced.into_iter().map(|(table, enables)| {
            format!(
                "table {table} is incremental, and its row security (FORCE) will apply to role {role} \
                 in the target, which may hide or refuse rows (hint: ALTER ROLE {role} BYPASSRLS, or \
                 add \"{enables}\" to RESTORE_EXCLUDE)"
            )
        }));
    }
    Ok(problems)
}

/// The errors of the copy, combined into one. Each table's own error is already logged.
pub(super) fn check(summary: &Summary) -> Result<(), NightError> {
    if let Some(first) = summary.errors().next() {
        return Err(NightError::Tables {
            count: summary.errors().count() as u64,
            first: chain(first),
            retry: summary.errors().map(IncrementalError::retry).min().unwrap_or(Retry::Never),
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
    settings: CopySettings,
    zone: chrono_tz::Tz,
    lang: Lang,
    summary: Mutex<Option<Summary>>,
}

impl IncrementalRun {
    /// A copy with these settings. Its report uses this language and time zone.
    #[must_use]
    pub fn new(settings: CopySettings, zone: chrono_tz::Tz, lang: Lang) -> Self {
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
        match TargetLock::share(&self.settings.target).await {
            Ok(mut lock) => lock.during(&halt, work).await,
            // The copy will fail with the same error, and report it with the table.
            Err(LockError::Target(_)) => work.await,
            Err(taken) => {
                tracing::error!("{}", chain(&taken));
                Err(taken.into())
            }
        }
    }
}

impl NightJob for IncrementalRun {
    fn mode(&self) -> &'static str {
        INCREMENTAL
    }

    async fn run(&self, run: &Run, stop: CancellationToken) -> JobOutcome {
        let result = self.copy(run, &stop).await;
        report::tell(run, None, result.is_ok(), self.zone, self.lang);
        error::outcome(result, &stop)
    }
}
