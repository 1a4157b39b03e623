//! `nocturne enrich`: adds the warehouse's own indexes and views.

use tokio_util::sync::CancellationToken;

use super::exit::{CONNECT, CommandFailure, CommandResult, ERRORS, INTERRUPTED, USAGE};
use super::options::Enrich as Typed;
use super::shared::night::{lock, start_log, target, until_signal};
use crate::replicate::config::Config;
use crate::replicate::enrich::{self, EnrichError, Enrichment, tell};
use crate::server::Target;

/// Runs the command.
pub(super) fn run(typed: &Typed) -> CommandResult {
    let config = typed.settings.config()?;
    start_log(&config, typed.log.verbosity())?;
    let enrichment = Enrichment::read(&config.restore.enrichment).map_err(|error| {
        let is_missing = matches!(error, EnrichError::NoFolder { .. });
        let failure = CommandFailure::of(USAGE, &error);
        if is_missing { failure.with_hint("name the folder with --dir") } else { failure }
    })?;
    let target = target(&config)?;
    until_signal(0, |stop| work(&config, enrichment, target, stop))
}

async fn work(
    config: &Config,
    enrichment: Enrichment,
    target: Target,
    stop: CancellationToken,
) -> CommandResult {
    let _lock = lock(&target).await?;
    let report = enrich::run(&enrichment, &target, config.restore.jobs, &stop, tell).await;
    let report = report.map_err(|error| match error {
        EnrichError::Stopped => CommandFailure::new(INTERRUPTED, "interrupted"),
        EnrichError::Target(_) => CommandFailure::of(CONNECT, &error),
        error => CommandFailure::of(ERRORS, &error),
    })?;
    match report.failures().count() {
        0 => Ok(()),
        count => Err(CommandFailure::new(ERRORS, format!("{count} of the files failed"))),
    }
}
