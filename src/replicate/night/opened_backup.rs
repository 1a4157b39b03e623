//! Finds the backup, and opens it for the restore, while it downloads or after that.

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::error::NightError;
use super::full::fail;
use crate::archive::Digest;
use crate::error::chain;
use crate::replicate::backup::local::Skipped;
use crate::replicate::backup::{BackupError, BackupSource, Check, FoundBackup, Made, OpenBackup};
use crate::replicate::config::Config;
use crate::replicate::stages::Stage;
use crate::replicate::worker::{BackupRecord, OpenStage, Run};
use crate::source::Archive;
use crate::source::remote::DownloadProgress;

/// An open backup.
pub(super) struct OpenedBackup {
    pub(super) archive: Archive,
    /// Whether its bytes were on this machine from the start.
    pub(super) is_local: bool,
    /// Set if it is downloaded while it is restored.
    pub(super) download: Option<Downloading>,
    /// The SHA-256 of the whole backup, if it was downloaded first.
    pub(super) sha256: Option<Digest>,
}

/// Finds the backup that the settings ask for, and records it in the run.
pub(super) async fn find(
    config: &Config,
    run: &Run,
    stop: &CancellationToken,
) -> Result<FoundBackup, NightError> {
    let source = BackupSource::of(&config.backup, config.zone)?;
    let found = or_stop(stop, source.find(Utc::now())).await?;
    tracing::info!("backup found: {found}");
    found.skipped.iter().for_each(Skipped::tell);
    // The time of a file is when it was copied; the time in its header is not read yet.
    let created = found.created_at.filter(|_| found.path().is_none());
    note(run, &found, created);
    Ok(found)
}

fn note(run: &Run, found: &FoundBackup, created: Option<DateTime<Utc>>) {
    let (id, bytes) = (found.id.clone(), found.size);
    run.set_backup(BackupRecord { id, created, bytes, sha256: None });
}

/// Opens a backup: reads its table of contents, or, with `DOWNLOAD_FIRST`, downloads all of it to
/// disk. A download is a stage of the run.
pub(super) async fn open(
    found: &FoundBackup,
    config: &Config,
    run: &Run,
    stop: &CancellationToken,
) -> Result<OpenedBackup, NightError> {
    let settings = &config.backup;
    let check = settings.verify.then_some(Check { jobs: config.restore.jobs });
    let made_in_time = |archive: &Archive| {
        let made = Made { backup: found, header: archive.toc.header.created, zone: config.zone };
        note(run, found, made.time());
        if let Some(warning) = made.check(settings, Utc::now())? {
            tracing::warn!("{warning}");
        }
        Ok::<_, BackupError>(())
    };
    if found.path().is_some() {
        let OpenBackup { archive, .. } = or_stop(stop, found.open()).await?;
        made_in_time(&archive)?;
        if let Some(check) = check {
            or_stop(stop, check.run(archive)).await?;
            // The verification has read the archive to its end.
            let OpenBackup { archive, .. } = or_stop(stop, found.open()).await?;
            return Ok(OpenedBackup { archive, is_local: true, download: None, sha256: None });
        }
        return Ok(OpenedBackup { archive, is_local: true, download: None, sha256: None });
    }
    let stage = run.stage(Stage::Download);
    let folder = std::env::temp_dir();
    let opened = match settings.download_first {
        true => or_stop(stop, found.open_on_disk(&folder, check, |_| {})).await,
        false => or_stop(stop, found.open()).await,
    };
    let OpenBackup { archive, progress } = match opened {
        Ok(opened) => opened,
        Err(error) => return fail(stage, error),
    };
    if let Err(error) = made_in_time(&archive) {
        return fail(stage, error.into());
    }
    if !settings.download_first && !config.restore.swap && !config.restore.delta {
        tracing::info!(
            "restoring the backup while it downloads: damage would only be found after the drop \
             (set DOWNLOAD_FIRST=true to verify it before)"
        );
    }
    let mut download = progress.map(|progress| Downloading { stage, progress });
    let mut sha256 = None;
    if settings.download_first
        && let Some(done) = download.take()
    {
        sha256 = done.end(run);
    }
    Ok(OpenedBackup { archive, is_local: false, download, sha256 })
}

/// A backup that is downloaded while it is restored.
pub(super) struct Downloading {
    stage: OpenStage,
    progress: DownloadProgress,
}

impl Downloading {
    /// Ends the stage: the download is complete, or the restore is over and the rest is not needed.
    /// Returns the SHA-256 if the download is complete.
    pub(super) fn end(self, run: &Run) -> Option<Digest> {
        let Self { stage, progress } = self;
        stage.add(0, progress.position());
        let sum = progress.sha256();
        if let Some(sum) = sum {
            tracing::info!("backup read: {} bytes, SHA-256 {sum}", progress.position());
            run.set_backup_sha256(sum);
        }
        match progress.failure() {
            Some(error) => stage.failed(&chain(error.as_ref())),
            None => stage.done(),
        }
        sum
    }
}

/// Runs work that does not handle the stop token; drops it when asked to stop.
async fn or_stop<T>(
    stop: &CancellationToken,
    work: impl Future<Output = Result<T, BackupError>>,
) -> Result<T, NightError> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(NightError::Stopped),
        result = work => Ok(result?),
    }
}
