//! A backup that was found, and ways to open it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::local::Skipped;
use super::scalingo::{Backup, Client};
use super::{BackupError, Check, spool};
use crate::report::units;
use crate::source::remote::{
    Address, Download, DownloadOptions, Fixed, Locate, LocateError, Progress, Start,
};
use crate::source::{self, Archive, Input};

/// A backup that was found; nothing of it has been read. Its `id`, and its `size` where that is
/// known, say whether two are the same one.
#[derive(Clone, Debug)]
pub struct FoundBackup {
    /// What identifies it: its id with the host, a path, or an address without what may be secret.
    pub id: String,
    /// The name of its file.
    pub name: String,
    /// When the host began to make it, or when the file was written.
    pub created_at: Option<DateTime<Utc>>,
    /// How large it is, in bytes.
    pub size: Option<u64>,
    /// What else is in its folder and was not considered, in words for a log; none if nothing is.
    pub skipped: Option<Skipped>,
    /// How patient its download is.
    pub download: DownloadOptions,
    pub(super) place: Place,
}

/// Where its bytes are.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In this file, or in the files of this directory.
    Path(PathBuf),
    /// At this address.
    Url(Address),
    /// With the host, which signs an address for each request.
    Host { client: Arc<Client>, backup: String },
}

/// A backup's archive, whose table of contents has been read.
#[derive(Debug)]
pub struct OpenBackup {
    /// The archive.
    pub archive: Archive,
    /// The download that feeds it; none if the bytes are on this machine.
    pub progress: Option<Progress>,
}

impl FoundBackup {
    pub(super) fn with_host(client: Arc<Client>, backup: &Backup) -> Self {
        Self {
            id: backup.id.clone(),
            name: file_name(backup.name.as_deref().unwrap_or(&backup.id)),
            created_at: backup.created_at,
            // It is 0 while it is not known.
            size: backup.size.filter(|size| *size > 0),
            skipped: None,
            download: DownloadOptions::default(),
            place: Place::Host { client, backup: backup.id.clone() },
        }
    }

    /// The path, if it is on this machine.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Path(path) => Some(path),
            Place::Url(_) | Place::Host { .. } => None,
        }
    }

    /// Whether it is at an address that tells nothing of it.
    #[must_use]
    pub fn is_at_url(&self) -> bool {
        matches!(self.place, Place::Url(_))
    }

    /// Starts to download it, after what is there already.
    ///
    /// # Errors
    /// When no download can be started, or it is on this machine.
    pub fn start(&self, start: Start) -> Result<Download, BackupError> {
        let download = match &self.place {
            Place::Path(path) => return Err(BackupError::IsLocal { path: path.clone() }),
            Place::Url(address) => {
                Download::start(Fixed(address.clone()), self.size, start, self.download)
            }
            Place::Host { client, backup } => {
                let signed = Signed { client: Arc::clone(client), backup: backup.clone() };
                Download::start(signed, self.size, start, self.download)
            }
        };
        download.map_err(|error| BackupError::Download(Arc::new(error)))
    }

    /// Opens it. What is not on this machine is downloaded while the archive is read, and nothing
    /// of it is written to the disk. Waits until the table of contents is there.
    ///
    /// # Errors
    /// When the download fails so early, or what comes is no archive.
    pub async fn open(&self) -> Result<OpenBackup, BackupError> {
        let found = self.clone();
        spool::blocking(move || match &found.place {
            Place::Path(path) => {
                let archive = source::open(&Input::Path(path.clone()))?;
                Ok(OpenBackup { archive, progress: None })
            }
            Place::Url(_) | Place::Host { .. } => {
                let download = found.start(Start::default())?;
                let progress = download.progress();
                let archive = source::open_stream(&found.name, Box::new(download.into_reader()));
                Ok(OpenBackup { archive: archive?, progress: Some(progress) })
            }
        })
        .await
    }

    /// Opens it when all of it is on this machine: it is downloaded first, to a file in `folder`
    /// that has no name and is gone when the archive is dropped, whatever happens to the process.
    /// It is verified if `check` says so.
    /// `watch` gets the download's progress when it starts.
    ///
    /// # Errors
    /// When the download fails, the disk is too small, or what came is no archive.
    pub async fn open_on_disk(
        &self,
        folder: &Path,
        check: Option<Check>,
        watch: impl FnOnce(Progress),
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
        if let Place::Host { backup, .. } = &self.place {
            write!(f, ", backup {backup}")?;
        }
        if let Some(created) = self.created_at {
            // A copy has a time of its own.
            let verb = if self.path().is_some() { ", modified" } else { " of" };
            write!(f, "{verb} {}", created.format("%Y-%m-%d %H:%M:%S UTC"))?;
        }
        match self.size {
            Some(size) => write!(f, ", {}", units::bytes(size)),
            None => Ok(()),
        }
    }
}

/// The host's names have no suffix of their own; nothing in one may lead to another folder.
fn file_name(name: &str) -> String {
    let name = name.replace(['/', '\\', '\0'], "_");
    if name.ends_with(".tar.gz") { name } else { format!("{name}.tar.gz") }
}

/// The host signs an address for each request.
struct Signed {
    client: Arc<Client>,
    backup: String,
}

impl Locate for Signed {
    const IS_RENEWED: bool = true;

    async fn address(&mut self) -> Result<Address, LocateError> {
        self.client.archive(&self.backup).await.map_err(|error| match error.is_permanent() {
            true => LocateError::Permanent(Box::new(error)),
            false => LocateError::Passing(Box::new(error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_name_becomes_a_file_s_name() {
        assert_eq!(file_name("20240502010012_pix_4553"), "20240502010012_pix_4553.tar.gz");
        assert_eq!(file_name("pix.tar.gz"), "pix.tar.gz");
        assert_eq!(file_name("../../etc/x"), ".._.._etc_x.tar.gz");
    }
}
