//! The enrichment as a part of a night.

use tokio_util::sync::CancellationToken;

use super::error::NightError;
use crate::replicate::config::Config;
use crate::replicate::enrich::{self, EnrichError, Enrichment};
use crate::server::{Retry, Target};

/// The variable that names the folder.
const FOLDER: &str = "ENRICHMENT_DIR";

/// Reads the folder of the settings. The default one need not exist.
pub(super) fn read(config: &Config) -> Result<Enrichment, NightError> {
    match Enrichment::read(&config.restore.enrichment) {
        Ok(enrichment) => Ok(enrichment),
        Err(EnrichError::NoFolder { folder }) if !config.is_set(FOLDER) => {
            tracing::info!("no enrichment: the folder {folder} does not exist");
            Ok(Enrichment::default())
        }
        Err(error) => Err(error.into()),
    }
}

/// Runs the files. A failed file does not stop the others.
pub(super) async fn run(
    enrichment: &Enrichment,
    target: &Target,
    sessions: usize,
    stop: &CancellationToken,
) -> Result<(), NightError> {
    let report = enrich::run(enrichment, target, sessions, stop, enrich::tell).await?;
    let count = report.failures().count() as u64;
    let Some((file, error)) = report.failures().next() else { return Ok(()) };
    Err(NightError::Files {
        count,
        first: format!("{file}: {}", crate::error::chain(error)),
        retry: report.failures().map(|(_, error)| error.retry()).min().unwrap_or(Retry::Never),
    })
}
