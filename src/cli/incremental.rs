//! `nocturne incremental`: copies new rows of append-only tables from the source database.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::exit::{CONNECT, CommandFailure, CommandResult, ERRORS, INTERRUPTED, USAGE};
use super::options::Incremental as Typed;
use super::shared::night::locale;
use super::shared::night::{notifier, start_log, until_signal};
use crate::replicate::config::Config;
use crate::replicate::incremental::{
    self, CopySettings, IncrementalError, IncrementalTable, Summary,
};
use crate::replicate::night::IncrementalRun;
use crate::replicate::worker::{
    DatabaseHistory, History, RetryPolicy, RunWithRetries, SystemClock, Trigger,
};
use crate::report::LogFormat;

/// Runs the command.
pub(super) fn run(typed: &Typed) -> CommandResult {
    let config = typed.settings.config()?;
    start_log(&config, typed.log.verbosity())?;
    let outcome = until_signal(0, |stop| copy(typed, &config, stop));
    match config.log_format {
        LogFormat::Text => outcome,
        LogFormat::Json => outcome.map_err(CommandFailure::logged),
    }
}

async fn copy(typed: &Typed, config: &Config, stop: CancellationToken) -> CommandResult {
    let tables = tables(typed, config).await?;
    let Some(settings) = CopySettings::of(config, tables) else {
        return Err(CommandFailure::new(USAGE, "the source or the target database is not set"));
    };
    for warning in settings.source.warnings().iter().chain(settings.target.warnings()) {
        tracing::warn!("{warning}");
    }
    let night = RunWithRetries {
        job: IncrementalRun::new(
            settings.clone(),
            config.zone,
            config.report_lang.unwrap_or_else(locale),
        ),
        // Each table has its own retries.
        retry: RetryPolicy { retries: 0, ..config.retry },
        history: history(config, &settings),
        notifier: notifier(config.notifications.clone())?,
        clock: Arc::new(SystemClock),
        app: config.app.clone(),
    };
    let record = night.run(Trigger::Manual, &stop).await;
    match night.job.take_summary() {
        Some(summary) => conclude(&summary),
        None => Err(CommandFailure::new(ERRORS, record.error.unwrap_or_default())),
    }
}

/// The history in the warehouse, if there is one; otherwise in the copy's target.
fn history(config: &Config, settings: &CopySettings) -> Arc<dyn History> {
    let target = config.databases.target.as_ref().unwrap_or(&settings.target);
    Arc::new(DatabaseHistory::new(target.clone()))
}

/// The tables typed, or else those that the settings make incremental.
async fn tables(typed: &Typed, config: &Config) -> Result<Vec<IncrementalTable>, CommandFailure> {
    let keys = &config.incremental.keys;
    let mut tables: Vec<IncrementalTable> = Vec::new();
    for typed in &typed.table {
        let key = typed.key.as_deref().unwrap_or_else(|| keys.column(&typed.schema, &typed.table));
        tables.push(IncrementalTable {
            schema: typed.schema.clone(),
            name: typed.table.clone(),
            key: key.to_owned(),
        });
    }
    if let (true, Some(source)) = (tables.is_empty(), &config.databases.source) {
        tables =
            incremental::tables(source, &config.restore.tables, keys).await.map_err(failure)?;
    }
    if tables.is_empty() {
        return Err(CommandFailure::new(
            USAGE,
            "no incremental tables: name one with --table or in BACKUP_MODE",
        ));
    }
    Ok(tables)
}

fn failure(error: IncrementalError) -> CommandFailure {
    let code = match &error {
        IncrementalError::Connect { .. } => CONNECT,
        IncrementalError::Stopped => INTERRUPTED,
        _ => ERRORS,
    };
    CommandFailure::of(code, &error)
}

/// The overall outcome. Each table's error was already logged.
fn conclude(summary: &Summary) -> CommandResult {
    let (failed, all) = (summary.errors().count(), summary.tables.len());
    if failed > 0 {
        let is_connect = |error| matches!(error, &IncrementalError::Connect { .. });
        let message = format!("{failed} of {all} tables not copied; see above");
        return Err(if summary.errors().any(|error| matches!(error, IncrementalError::Stopped)) {
            CommandFailure::new(INTERRUPTED, "stopped")
        } else if summary.errors().all(is_connect) {
            CommandFailure::new(CONNECT, message)
        } else {
            CommandFailure::new(ERRORS, message)
        });
    }
    match summary.missing() {
        0 => Ok(()),
        missing => {
            let hint = match summary.fills_gaps {
                false => "hint: --fill-gaps copies them",
                true => "they could not be copied: see the warnings above",
            };
            let message = format!("{missing} rows of earlier runs are missing from the target");
            Err(CommandFailure::new(ERRORS, format!("{message} ({hint})")))
        }
    }
}
