//! The backup: found, and opened for the restore, while it downloads or after that.

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::error::NightError;
use super::full::fail;
use crate::replicate::backup::local::Skipped;
use crate::replicate::backup::{BackupError, BackupSource, Check, FoundBackup, Made, OpenBackup};
use crate::replicate::config::Config;
use crate::replicate::worker::{BackupRecord, OpenStage, Run};
use crate::report::stages::Stage;
use crate::restore::chain;
use crate::source::Archive;
use crate::source::remote::{Progress, Sha256Sum};

/// A backup that is open.
pub(super) struct Intake {
    pub(super) archive: Archive,
    /// Whether its bytes were on this machine from the start.
    pub(super) is_local: bool,
    /// Set if it downloads while it is restored.
    pub(super) download: Option<Downloading>,
    /// The SHA-256 of all of it, if it was downloaded first.
    pub(super) sha256: Option<Sha256Sum>,
}

/// Finds the backup of the settings, and tells the run which it is.
pub(super) async fn find(
    config: &Config,
    run: &Run,
    stop: &CancellationToken,
) -> Result<FoundBackup, NightError> {
    let source = BackupSource::of(&config.backup, config.zone)?;
    let found = or_stop(stop, source.find(Utc::now())).await?;
    tracing::info!("backup found: {found}");
    found.skipped.iter().for_each(Skipped::tell);
    // A file's own time is that of a copy; what the header has is known once it is read.
    let created = found.created_at.filter(|_| found.path().is_none());
    note(run, &found, created);
    Ok(found)
}

fn note(run: &Run, found: &FoundBackup, created: Option<DateTime<Utc>>) {
    let (id, bytes) = (found.id.clone(), found.size);
    run.set_backup(BackupRecord { id, created, bytes, sha256: None });
}

/// Opens a backup: its table of contents is read, or, if the settings want that, all of it is on
/// the disk. A download is a stage of the run.
pub(super) async fn open(
    found: &FoundBackup,
    config: &Config,
    run: &Run,
    stop: &CancellationToken,
) -> Result<Intake, NightError> {
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
            // A verification reads an archive to its end.
            let OpenBackup { archive, .. } = or_stop(stop, found.open()).await?;
            return Ok(Intake { archive, is_local: true, download: None, sha256: None });
        }
        return Ok(Intake { archive, is_local: true, download: None, sha256: None });
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
    if !settings.download_first && !config.restore.swap {
        tracing::info!(
            "the backup is restored while it downloads: damage is found after the drop \
             (DOWNLOAD_FIRST=true verifies it before)"
        );
    }
    let mut download = progress.map(|progress| Downloading { stage, progress });
    let mut sha256 = None;
    if settings.download_first
        && let Some(done) = download.take()
    {
        sha256 = done.end(run);
    }
    Ok(Intake { archive, is_local: false, download, sha256 })
}

/// A backup that downloads while it is restored.
pub(super) struct Downloading {
    stage: OpenStage,
    progress: Progress,
}

impl Downloading {
    /// It has come, or the restore is over: what was not read is not needed. Gives the SHA-256 if
    /// all of it came.
    pub(super) fn end(self, run: &Run) -> Option<Sha256Sum> {
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

/// Work that does not know of stopping: it is dropped where it stands.
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
