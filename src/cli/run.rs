//! `nocturne run`: one night, now.

use super::exit::{CommandFailure, CommandResult, ERRORS, INTERRUPTED};
use super::options::RunArgs as Typed;
use super::shared::night::{dry_run, full_run, log_settings, night, until_signal};
use crate::replicate::worker::{RunOutcome, RunRecord, Trigger};
use crate::report::LogFormat;

/// Runs the command.
pub(super) fn run(typed: &Typed) -> CommandResult {
    let config = typed.settings.config()?;
    if typed.dry_run {
        return dry_run(&config);
    }
    let job = full_run(&config, typed.log.verbosity())?;
    log_settings(&config);
    let night = night(&config, job)?;
    let outcome = until_signal(config.restore.jobs, |stop| async move {
        conclude(&night.run(Trigger::Manual, &stop).await)
    });
    match config.log_format {
        LogFormat::Text => outcome,
        LogFormat::Json => outcome.map_err(CommandFailure::logged),
    }
}

/// The process's outcome.
fn conclude(record: &RunRecord) -> CommandResult {
    match record.outcome {
        RunOutcome::Succeeded => Ok(()),
        RunOutcome::Interrupted => {
            Err(CommandFailure::new(INTERRUPTED, "interrupted: the target is incomplete"))
        }
        RunOutcome::Failed | RunOutcome::Running | RunOutcome::Missed => {
            Err(CommandFailure::new(ERRORS, record.error.as_deref().unwrap_or("the run failed")))
        }
    }
}
