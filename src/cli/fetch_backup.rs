//! `nocturne fetch-backup`: downloads a nightly run's backup into a file.

use std::borrow::Cow;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use chrono::Utc;
use indicatif::ProgressBar;

use super::exit::{ARCHIVE, CONNECT, CommandFailure, CommandResult, ERRORS, INTERRUPTED, USAGE};
use super::options::FetchBackup as Typed;
use super::shared::input::read_text;
use super::shared::output::{self, bar};
use super::shared::say;
use super::shared::threads::{self, interrupted};
use crate::archive;
use crate::archive::Digest;
use crate::error::chain;
use crate::replicate::backup::local::Skipped;
use crate::replicate::backup::scalingo::{ApiError, Choice, ScalingoError};
use crate::replicate::backup::{BackupError, BackupSource, Check, FoundBackup, Made, save};
use crate::replicate::config::Config;
use crate::report::{LogFormat, ProgressMode, ReportOptions, Screen, Verbosity, telemetry};
use crate::shown::one_line;
use crate::source::remote::{DownloadError, DownloadProgress, Start};

/// How often the download's progress is polled.
const FRAME: Duration = Duration::from_millis(200);

/// Runs the command.
pub(super) fn run(typed: &Typed) -> CommandResult {
    let mut settings = Cow::Borrowed(&typed.settings);
    if let Some(path) = &typed.api_token_file {
        settings = Cow::Owned(settings.into_owned().with("SCALINGO_API_TOKEN", read_text(path)?));
    }
    let config = settings.config()?;
    let verbosity = Verbosity::from_flags(typed.quiet, typed.verbose);
    let report =
        ReportOptions { progress: ProgressMode::Auto, format: config.log_format, verbosity };
    let screen = Screen::new(&report);
    telemetry::init(&report, &screen).map_err(|error| CommandFailure::of(USAGE, &error))?;

    let source = BackupSource::of(&config.backup, config.zone).map_err(failure)?;
    let jobs = available_parallelism().map_or(1, NonZeroUsize::get);
    let runtime = threads::runtime(jobs)?;
    let bar = bar(&screen, "");
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = Box::pin(fetch(typed, &config, &source, &bar)) => outcome,
            () = interrupted() => Err(CommandFailure::new(INTERRUPTED, "interrupted")),
        }
    });
    // Do not wait for threads that are blocked on the disk.
    runtime.shutdown_background();
    match config.log_format {
        LogFormat::Text => outcome,
        LogFormat::Json => outcome.map_err(CommandFailure::logged),
    }
}

async fn fetch(
    typed: &Typed,
    config: &Config,
    from: &BackupSource,
    bar: &ProgressBar,
) -> CommandResult {
    let backup = from.find(Utc::now()).await.map_err(failure)?;
    tracing::info!("found {backup}");
    backup.skipped.iter().for_each(Skipped::tell);
    check_age(&backup, config).await.map_err(failure)?;
    if typed.output.as_deref() == Some(Path::new("-")) {
        let (bytes, sha256) = copy_to_stdout(&backup, bar).await?;
        bar.finish_and_clear();
        // Standard output has the backup.
        if !typed.quiet {
            say(describe(&backup, None, bytes, sha256).trim_end());
        }
        return Ok(());
    }
    let path = match &typed.output {
        Some(path) if path.is_dir() => path.join(&backup.name),
        Some(path) => path.clone(),
        None => PathBuf::from(&backup.name),
    };
    let jobs = available_parallelism().map_or(1, NonZeroUsize::get);
    let check = config.backup.verify.then_some(Check { jobs });
    let saved = Box::pin(save(&backup, &path, check, |progress| show(bar, progress))).await;
    bar.finish_and_clear();
    let saved = saved.map_err(|error| match error {
        BackupError::Archive(_) | BackupError::Damaged { .. } => failure(error)
            .with_hint("nothing was written; --verify-backup=false keeps a damaged backup"),
        error => failure(error),
    })?;
    if saved.kept > 0 {
        tracing::info!("resumed an earlier download after {} bytes", saved.kept);
    }
    let text = describe(&backup, Some(&saved.path), saved.size, saved.sha256);
    output::write(None, text.as_bytes())
}

/// Checks the age of a backup that no list describes: by its header, before downloading the rest.
async fn check_age(backup: &FoundBackup, config: &Config) -> Result<(), BackupError> {
    let any = BackupSource::choice(&config.backup, config.zone) == Choice::AnyDay;
    if any || !backup.is_at_url() {
        return Ok(());
    }
    let header = match backup.open().await {
        Ok(opened) => opened.archive.toc.header.created,
        // Without a check it may be anything.
        Err(BackupError::Archive(error))
            if !config.backup.verify && downloading(&error).is_none() =>
        {
            tracing::warn!("cannot check the backup's age: {}", chain(&error));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let made = Made { backup, header, zone: config.zone };
    if let Some(warning) = made.check(&config.backup, Utc::now())? {
        tracing::warn!("{warning}");
    }
    Ok(())
}

async fn copy_to_stdout(
    backup: &FoundBackup,
    bar: &ProgressBar,
) -> Result<(u64, Digest), CommandFailure> {
    let mut download = backup.start(Start::default()).map_err(failure)?;
    let progress = download.progress();
    show(bar, progress.clone());
    while let Some(bytes) = download.next().await.map_err(|error| failure(error.into()))? {
        let write = move || io::stdout().lock().write_all(&bytes);
        let written = tokio::task::spawn_blocking(write).await.map_err(io::Error::other);
        written.and_then(|written| written).map_err(|error| {
            CommandFailure::new(ERRORS, format!("cannot write to standard output: {error}"))
        })?;
    }
    let sha256 =
        progress.sha256().ok_or_else(|| CommandFailure::of(ERRORS, &DownloadError::Vanished))?;
    Ok((progress.position(), sha256))
}

/// Describes the backup, one fact per line.
fn describe(backup: &FoundBackup, file: Option<&Path>, bytes: u64, sha256: Digest) -> String {
    let created = backup.created_at.map(|time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string());
    let lines = [
        ("backup", Some(backup.id.clone())),
        ("name", Some(backup.name.clone())),
        ("created", created),
        ("bytes", Some(bytes.to_string())),
        ("sha256", Some(sha256.to_string())),
        ("file", file.map(|path| path.display().to_string())),
    ];
    let known = lines.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.map(|(name, value)| format!("{name:<8} {}\n", one_line(&value))).collect()
}

/// Updates the bar until the download finishes.
fn show(bar: &ProgressBar, progress: DownloadProgress) {
    let bar = bar.clone();
    tokio::spawn(async move {
        while !bar.is_finished() {
            if let Some(total) = progress.total() {
                bar.set_length(total);
            }
            bar.set_position(progress.position());
            tokio::time::sleep(FRAME).await;
        }
    });
}

fn failure(error: BackupError) -> CommandFailure {
    let code = match &error {
        BackupError::NoSource | BackupError::Address(_) | BackupError::IsLocal { .. } => USAGE,
        BackupError::Archive(archive) => downloading(archive).map_or(ARCHIVE, of_download),
        BackupError::Damaged { .. } => ARCHIVE,
        BackupError::Scalingo(error) if is_unreachable(error) => CONNECT,
        BackupError::Download(error) => of_download(error),
        _ => ERRORS,
    };
    CommandFailure::of(code, &error)
}

/// The download that ended the reading of an archive.
fn downloading(error: &archive::ArchiveError) -> Option<&DownloadError> {
    let archive::ErrorKind::Io(error) = error.kind() else { return None };
    error.get_ref()?.downcast_ref::<Arc<DownloadError>>().map(Arc::as_ref)
}

fn of_download(error: &DownloadError) -> u8 {
    match error {
        DownloadError::Broken { .. } | DownloadError::Unreachable(_) => CONNECT,
        _ => ERRORS,
    }
}

fn is_unreachable(error: &ScalingoError) -> bool {
    matches!(error, ScalingoError::Api(ApiError::Unreachable { .. }))
}
