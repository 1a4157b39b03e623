//! Saves a backup as a file, for `nocturne fetch-backup`.
//!
//! It is downloaded as `NAME.part`, and renamed when it is complete and synced to disk, so that a
//! file named `NAME` is always complete. The partial file of an earlier attempt is resumed: the
//! download starts a little before its end, and the overlapping bytes must be equal. Otherwise the
//! partial file belongs to another backup or was not synced, and the download starts over.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use super::spool::{blocking, check_space};
use super::{BackupError, Check, FoundBackup};
use crate::archive::Digest;
use crate::source;
use crate::source::remote::{DownloadError, DownloadProgress, Start};

/// How many bytes of a partial file are downloaded again and compared.
const OVERLAP: u64 = 64 * 1024;

/// A saved backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The file.
    pub path: PathBuf,
    /// Its length, in bytes.
    pub size: u64,
    /// The SHA-256 of the whole file.
    pub sha256: Digest,
    /// How many bytes an earlier attempt had downloaded.
    pub kept: u64,
}

/// Downloads a backup into a file, which replaces an existing one once it is complete and, if
/// `check` is set, verified. `watch` receives the progress of each download that starts.
///
/// # Errors
/// If the download fails, the disk is full, or another process writes the same file: the bytes
/// received stay in `NAME.part` for the next attempt. If the verification fails, the partial file
/// is removed.
pub async fn save(
    backup: &FoundBackup,
    path: &Path,
    check: Option<Check>,
    mut watch: impl FnMut(DownloadProgress),
) -> Result<Saved, BackupError> {
    if let Some(path) = backup.path() {
        return Err(BackupError::IsLocal { path: path.to_owned() });
    }
    let mut part = Part::open(path).await?;
    let kept = part.length;
    let (sum, kept) = match part.fill(backup, &mut watch).await? {
        Some(sum) => (sum, kept),
        None => {
            tracing::warn!(file = %part.path.display(), "the partial file is from another backup, \
                                                         starting over");
            part = part.clear().await?;
            let sum = part.fill(backup, &mut watch).await?;
            // An empty partial file cannot differ.
            (sum.ok_or_else(|| Arc::new(DownloadError::Vanished))?, 0)
        }
    };
    let size = part.length;
    if let Some(check) = check
        && let Err(error) = part.verify(&backup.name, check).await
    {
        // The next attempt would compare the same bytes.
        part.remove().await?;
        return Err(error);
    }
    part.finish(path).await?;
    Ok(Saved { path: path.to_owned(), size, sha256: sum, kept })
}

/// A partial file.
struct Part {
    path: PathBuf,
    file: Arc<File>,
    length: u64,
}

impl Part {
    async fn open(path: &Path) -> Result<Self, BackupError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        blocking(move || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&path).map_err(|source| write(&path, source))?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                return Err(BackupError::Locked { path });
            }
            let length = file.metadata().map_err(|source| write(&path, source))?.len();
            Ok(Self { path, file: Arc::new(file), length })
        })
        .await
    }

    /// Downloads the missing rest. `None` if the overlapping bytes differ.
    async fn fill(
        &mut self,
        backup: &FoundBackup,
        watch: &mut impl FnMut(DownloadProgress),
    ) -> Result<Option<Digest>, BackupError> {
        let (start, tail) = self.look().await?;
        let is_anew = self.length == 0;
        let mut tail = tail.as_slice();
        let mut download = backup.start(start)?;
        let progress = download.progress();
        watch(progress.clone());
        let mut is_checked = false;
        loop {
            let mut bytes = match download.next().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(error) => match &*error {
                    // The partial file is longer than the backup, or not its beginning.
                    DownloadError::Changed { .. } if !is_anew => return Ok(None),
                    _ => return Err(error.into()),
                },
            };
            let known = bytes.split_to(bytes.len().min(tail.len()));
            if known[..] != tail[..known.len()] {
                return Ok(None);
            }
            tail = &tail[known.len()..];
            if bytes.is_empty() {
                continue;
            }
            if !is_checked {
                let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
                check_space(folder.unwrap_or(Path::new(".")), &progress, self.length)?;
                is_checked = true;
            }
            let (file, at, length) = (Arc::clone(&self.file), self.length, bytes.len() as u64);
            let path = self.path.clone();
            blocking(move || file.write_all_at(&bytes, at).map_err(|source| write(&path, source)))
                .await?;
            self.length += length;
        }
        Ok(if tail.is_empty() { progress.sha256() } else { None })
    }

    /// Reads the partial file: the start of the download, and the tail that it will download again.
    async fn look(&self) -> Result<(Start, Vec<u8>), BackupError> {
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        let keep = self.length.saturating_sub(OVERLAP);
        blocking(move || {
            let read = || -> io::Result<_> {
                let mut file = &*file;
                file.seek(SeekFrom::Start(0))?;
                let start = Start::after(file.take(keep))?;
                let mut tail = Vec::new();
                file.read_to_end(&mut tail)?;
                Ok((start, tail))
            };
            read().map_err(|source| BackupError::Read { path, source })
        })
        .await
    }

    async fn clear(self) -> Result<Self, BackupError> {
        blocking(move || match self.file.set_len(0) {
            Ok(()) => Ok(Self { length: 0, ..self }),
            Err(source) => Err(write(&self.path, source)),
        })
        .await
    }

    /// Verifies it as an archive.
    async fn verify(&self, name: &str, check: Check) -> Result<(), BackupError> {
        let (file, path, name) = (Arc::clone(&self.file), self.path.clone(), name.to_owned());
        let archive = blocking(move || {
            let file = file.try_clone().map_err(|source| BackupError::Read { path, source })?;
            Ok(source::open_file(&name, file)?)
        });
        check.run(archive.await?).await
    }

    async fn remove(self) -> Result<(), BackupError> {
        blocking(move || std::fs::remove_file(&self.path).map_err(|error| write(&self.path, error)))
            .await
    }

    /// Syncs it to disk and renames it.
    async fn finish(self, path: &Path) -> Result<(), BackupError> {
        let path = path.to_owned();
        blocking(move || {
            self.file.sync_all().map_err(|source| write(&self.path, source))?;
            std::fs::rename(&self.path, &path).map_err(|source| write(&path, source))
        })
        .await
    }
}

fn write(path: &Path, source: io::Error) -> BackupError {
    BackupError::Write { path: path.to_owned(), source }
}
