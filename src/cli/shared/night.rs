//! What the commands of the nightly run have in common.

use std::fmt::Write;
use std::sync::Arc;

use chrono::Utc;

use super::threads::until_signal;
use super::{costs, environment, output};
use crate::cli::exit::{CONNECT, CommandFailure, CommandResult, ERRORS, INTERRUPTED, USAGE};
use crate::replicate::config::{Config, TableRule};
use crate::replicate::lock::{LockError, TargetLock};
use crate::replicate::night::{FullRun, Output, preview};
use crate::replicate::notify::{Notifier, Patience, Webhook};
use crate::replicate::run_report::Lang;
use crate::replicate::worker::{
    DatabaseHistory, History, NightJob, NoHistory, RunWithRetries, SystemClock,
};
use crate::report::{ProgressMode, ReportOptions, Screen, Verbosity, telemetry};
use crate::server::Target;
use crate::shown::one_line;

/// How many upcoming runs a dry run lists.
const NEXT: usize = 5;

/// Prints the settings and a night's plan. Fails if the night would fail.
pub(crate) fn dry_run(config: &Config) -> CommandResult {
    output::write(None, describe(config).as_bytes())?;
    until_signal(config.restore.jobs, |stop| async move {
        let plan = tokio::select! {
            plan = preview(config) => plan,
            () = stop.cancelled() => return Err(CommandFailure::new(INTERRUPTED, "interrupted")),
        };
        output::write(None, format!("\n{}", plan.text).as_bytes())?;
        let Some(first) = plan.problems.first() else { return Ok(()) };
        let more = match plan.problems.len() {
            1 => String::new(),
            more => format!(" (the first of {more} problems, all listed above)"),
        };
        Err(CommandFailure::new(ERRORS, format!("the night would fail: {first}{more}")))
    })
}

/// Sends log lines to standard error, in the configured format.
pub(crate) fn start_log(
    config: &Config,
    verbosity: Verbosity,
) -> Result<(ReportOptions, Screen), CommandFailure> {
    let report =
        ReportOptions { progress: ProgressMode::Log, format: config.log_format, verbosity };
    let screen = Screen::new(&report);
    telemetry::init(&report, &screen).map_err(|error| CommandFailure::of(USAGE, &error))?;
    Ok((report, screen))
}

/// A full run with these settings, which logs to standard error.
pub(crate) fn full_run(config: &Config, verbosity: Verbosity) -> Result<FullRun, CommandFailure> {
    let (report, screen) = start_log(config, verbosity)?;
    let output = Output {
        report,
        screen,
        lang: config.report_lang.unwrap_or_else(locale),
        costs: costs::default_file(),
    };
    Ok(FullRun::new(config.clone(), output))
}

/// Where runs are recorded.
pub(crate) fn history(config: &Config) -> Arc<dyn History> {
    match &config.databases.target {
        Some(target) => Arc::new(DatabaseHistory::new(target.clone())),
        None => Arc::new(NoHistory),
    }
}

/// A night that runs the job, with the configured retries and notifications.
pub(crate) fn night<J: NightJob>(
    config: &Config,
    job: J,
) -> Result<RunWithRetries<J>, CommandFailure> {
    Ok(RunWithRetries {
        job,
        retry: config.retry,
        history: history(config),
        notifier: notifier(config.notifications.clone())?,
        clock: Arc::new(SystemClock),
        app: config.app.clone(),
    })
}

/// A notifier of these webhooks.
pub(crate) fn notifier(webhooks: Vec<Webhook>) -> Result<Notifier, CommandFailure> {
    Notifier::new(webhooks, Patience::default()).map_err(|error| CommandFailure::of(ERRORS, &error))
}

/// Logs the settings that differ from the defaults.
pub(crate) fn log_settings(config: &Config) {
    for setting in config.settings().iter().filter(|setting| !setting.is_default) {
        let shown = setting.shown.as_deref().unwrap_or_default();
        tracing::info!("{}: {shown}", setting.variable.name);
    }
}

/// The effective settings, the tables' modes, and the next runs.
fn describe(config: &Config) -> String {
    let mut text = String::from("Settings\n");
    let width = config.settings().iter().map(|setting| setting.variable.name.len()).max();
    let width = width.unwrap_or_default();
    // Writing to a String does not fail.
    for setting in config.settings() {
        let shown = one_line(setting.shown.as_deref().unwrap_or("-"));
        let origin = if setting.is_default && setting.shown.is_some() { "  (default)" } else { "" };
        let _ = writeln!(text, "  {:width$}  {shown}{origin}", setting.variable.name);
    }
    let rules = config.restore.tables.rules();
    if !rules.is_empty() {
        text.push_str("\nTables with their own rule\n");
        let name = |rule: &TableRule| one_line(&rule.tables.to_string());
        let width = rules.iter().map(|rule| name(rule).len()).max().unwrap_or_default();
        for rule in rules {
            let origin = if rule.is_written { "" } else { "  (default)" };
            let _ = writeln!(text, "  {:width$}  {}{origin}", name(rule), rule.mode.word());
        }
    }
    if let Some(schedule) = &config.schedule {
        text.push_str("\nNext runs\n");
        for time in schedule.upcoming(Utc::now()).take(NEXT) {
            let local = time.with_timezone(&schedule.zone()).format("%a %Y-%m-%d %H:%M:%S %:z");
            let _ = writeln!(text, "  {local}   {}", time.format("%Y-%m-%d %H:%M:%S UTC"));
        }
    }
    text
}

/// The target of a single-step command.
pub(crate) fn target(config: &Config) -> Result<Target, CommandFailure> {
    let target = config.databases.target.clone();
    target.ok_or_else(|| CommandFailure::new(USAGE, "DATABASE_URL is not set"))
}

/// Locks the target against other runs.
pub(crate) async fn lock(target: &Target) -> Result<TargetLock, CommandFailure> {
    TargetLock::take(target).await.map_err(|error| match &error {
        LockError::Target(_) => CommandFailure::of(CONNECT, &error),
        _ => CommandFailure::of(ERRORS, &error),
    })
}

/// The environment's language, by POSIX rules: the first of these variables that is set.
pub(crate) fn locale() -> Lang {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(environment);
    Lang::of_locale(&locale.unwrap_or_default())
}
