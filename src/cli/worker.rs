//! `nocturne worker`: scheduled runs.

use super::exit::{CommandFailure, CommandResult, USAGE};
use super::options::Worker as Typed;
use super::shared::night::{dry_run, full_run, log_settings, night, until_signal};
use crate::replicate::config::Config;
use crate::replicate::worker::{NightJob, Worker};

/// Runs the command.
pub(super) fn run(typed: &Typed) -> CommandResult {
    let config = typed.settings.config()?;
    if typed.dry_run {
        return dry_run(&config);
    }
    let job = full_run(&config, typed.log.verbosity())?;
    serve(&config, job)
}

/// Runs the job on schedule, until a signal.
fn serve<J: NightJob>(config: &Config, job: J) -> CommandResult {
    let Some(schedule) = config.schedule.clone() else {
        return Err(CommandFailure::new(USAGE, "SCHEDULE is not set"));
    };
    tracing::info!("nocturne {} worker, schedule \"{schedule}\"", env!("CARGO_PKG_VERSION"));
    log_settings(config);
    let night = night(config, job)?;
    let worker = Worker { schedule, night, latest_start: config.latest_start };
    until_signal(config.restore.jobs, |stop| async move {
        worker.run(&stop).await;
        Ok(())
    })
}
