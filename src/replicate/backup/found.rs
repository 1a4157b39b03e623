//! A backup that was found, and the ways to open it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::local::Skipped;
use super::scalingo::{Backup, Client};
use super::{BackupError, Check, spool};
use crate::report::units;
use crate::server::Retry;
use crate::source::remote::{
    Address, Download, DownloadOptions, DownloadProgress, Fixed, Locate, LocateError, Start,
};
use crate::source::{self, Archive, Input};

/// A backup that was found but not yet read. Two are the same if their `id`, and their `size` where
/// known, are equal.
#[derive(Clone, Debug)]
pub struct FoundBackup {
    /// Its identity: its ID at the host, a path, or an address without its secret parts.
    pub id: String,
    /// The name of its file.
    pub name: String,
    /// When the host started to create it, or when the file was modified.
    pub created_at: Option<DateTime<Utc>>,
    /// Its size, in bytes.
    pub size: Option<u64>,
    /// The other files of its folder that were not considered, for the log; `None` if there are
    /// none.
    pub skipped: Option<Skipped>,
    /// Timeouts and retries of its download.
    pub download: DownloadOptions,
    pub(super) place: BackupLocation,
}

/// Where to read its bytes.
#[derive(Clone, Debug)]
pub(super) enum BackupLocation {
    /// From this file, or the files of this directory.
    Path(PathBuf),
    /// From this address.
    Url(Address),
    /// From the host, which signs an address for each request.
    Host { client: Arc<Client>, backup: String },
}

/// A backup's archive, whose table of contents has been read.
#[derive(Debug)]
pub struct OpenBackup {
    /// The archive.
    pub archive: Archive,
    /// The download that feeds it; `None` if the bytes are on this machine.
    pub progress: Option<DownloadProgress>,
}

impl FoundBackup {
    pub(super) fn with_host(client: Arc<Client>, backup: &Backup) -> Self {
        Self {
            id: backup.id.clone(),
            name: file_name(backup.name.as_deref().unwrap_or(&backup.id)),
            created_at: backup.created_at,
            // The host reports 0 while the size is unknown.
            size: backup.size.filter(|size| *size > 0),
            skipped: None,
            download: DownloadOptions::default(),
            place: BackupLocation::Host { client, backup: backup.id.clone() },
        }
    }

    /// The path, if it is on this machine.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            BackupLocation::Path(path) => Some(path),
            BackupLocation::Url(_) | BackupLocation::Host { .. } => None,
        }
    }

    /// Whether it is at an address without metadata.
    #[must_use]
    pub fn is_at_url(&self) -> bool {
        matches!(self.place, BackupLocation::Url(_))
    }

    /// Starts to download it, after the bytes that are already here.
    ///
    /// # Errors
    /// If the download cannot be started, or the backup is on this machine.
    pub fn start(&self, start: Start) -> Result<Download, BackupError> {
        let download = match &self.place {
            BackupLocation::Path(path) => return Err(BackupError::IsLocal { path: path.clone() }),
            BackupLocation::Url(address) => {
                Download::start(Fixed(address.clone()), self.size, start, self.download)
            }
            BackupLocation::Host { client, backup } => {
                let signed = Signed { client: Arc::clone(client), backup: backup.clone() };
                Download::start(signed, self.size, start, self.download)
            }
        };
        download.map_err(|error| BackupError::Download(Arc::new(error)))
    }

    /// Opens it. A remote backup is downloaded while the archive is read, without writing it to
    /// disk. Waits until the table of contents has been read.
    ///
    /// # Errors
    /// If the download fails before that, or the backup is not an archive.
    pub async fn open(&self) -> Result<OpenBackup, BackupError> {
        let found = self.clone();
        spool::blocking(move || match &found.place {
            BackupLocation::Path(path) => {
                let archive = source::open(&Input::Path(path.clone()))?;
                Ok(OpenBackup { archive, progress: None })
            }
            BackupLocation::Url(_) | BackupLocation::Host { .. } => {
                let download = found.start(Start::default())?;
                let progress = download.progress();
                let archive = source::open_stream(&found.name, Box::new(download.into_reader()));
                Ok(OpenBackup { archive: archive?, progress: Some(progress) })
            }
        })
        .await
    }

    /// Opens it once all of it is on this machine: downloads it first, to a nameless file in
    /// `folder` that disappears when the archive is dropped or the process ends. Verifies it if
    /// `check` is set. `watch` receives the progress of the download when it starts.
    ///
    /// # Errors
    /// If the download fails, the disk is too small, or the backup is not an archive.
    pub async fn open_on_disk(
        &self,
        folder: &Path,
        check: Option<Check>,
        watch: impl FnOnce(DownloadProgress),
    ) -> Result<OpenBackup, BackupError> {
        if self.path().is_some() {
            return self.open().await;
        }
        let download = self.start(Start::default())?;
        let progress = download.progress();
        watch(progress.clone());
        let file = spool::spool(download, folder).await?;
        if let Some(check) = check {
            let cannot = |source| BackupError::Read { path: folder.to_owned(), source };
            let file = file.try_clone().map_err(cannot)?;
            let name = self.name.clone();
            let archive = spool::blocking(move || Ok(source::open_file(&name, file)?)).await?;
            check.run(archive).await?;
        }
        let name = self.name.clone();
        let archive = spool::blocking(move || Ok(source::open_file(&name, file)?)).await?;
        Ok(OpenBackup { archive, progress: Some(progress) })
    }
}

impl fmt::Display for FoundBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let BackupLocation::Host { backup, .. } = &self.place {
            write!(f, ", backup {backup}")?;
        }
        if let Some(created) = self.created_at {
            // The time of a file is when it was copied, not when the backup was made.
            let verb = if self.path().is_some() { ", modified" } else { " of" };
            write!(f, "{verb} {}", created.format("%Y-%m-%d %H:%M:%S UTC"))?;
        }
        match self.size {
            Some(size) => write!(f, ", {}", units::bytes(size)),
            None => Ok(()),
        }
    }
}

/// The host's names have no suffix. A name must not lead to another folder.
fn file_name(name: &str) -> String {
    let name = name.replace(['/', '\\', '\0'], "_");
    if name.ends_with(".tar.gz") { name } else { format!("{name}.tar.gz") }
}

/// Asks the host for a signed address for each request.
struct Signed {
    client: Arc<Client>,
    backup: String,
}

impl Locate for Signed {
    const IS_RENEWED: bool = true;

    async fn address(&mut self) -> Result<Address, LocateError> {
        self.client.archive(&self.backup).await.map_err(|error| match error.retry() {
            Retry::Never => LocateError::Permanent(Box::new(error)),
            _ => LocateError::Passing(Box::new(error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_name_becomes_a_safe_file_name() {
        assert_eq!(file_name("20240502010012_pix_4553"), "20240502010012_pix_4553.tar.gz");
        assert_eq!(file_name("pix.tar.gz"), "pix.tar.gz");
        assert_eq!(file_name("../../etc/x"), ".._.._etc_x.tar.gz");
    }
}
