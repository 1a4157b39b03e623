//! A download that is written to disk before it is read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::BackupError;
use crate::source::remote::{Download, DownloadProgress};

/// Runs blocking work on a thread where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and so is the caller.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Downloads everything into a file without a name: no other process can find it, and its space is
/// freed when the file is dropped or the process ends.
pub(super) async fn spool(mut download: Download, folder: &Path) -> Result<File, BackupError> {
    let progress = download.progress();
    let folder = folder.to_owned();
    let mut is_checked = false;
    let mut file = {
        let folder = folder.clone();
        blocking(move || nameless(&folder).map_err(|source| write(&folder, source))).await?
    };
    while let Some(bytes) = download.next().await? {
        if !is_checked {
            check_space(&folder, &progress, progress.position().min(bytes.len() as u64))?;
            is_checked = true;
        }
        let folder = folder.clone();
        file = blocking(move || match file.write_all(&bytes) {
            Ok(()) => Ok(file),
            Err(source) => Err(write(&folder, source)),
        })
        .await?;
    }
    Ok(file)
}

fn write(folder: &Path, source: io::Error) -> BackupError {
    BackupError::Write { path: folder.to_owned(), source }
}

/// Creates a file that only the owner may read, and removes its name at once.
fn nameless(folder: &Path) -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!(".nocturne-{}-{number}.download", std::process::id()));
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// Checks that the disk has space for the rest of the backup. `here` bytes are already written or
/// about to be.
pub(super) fn check_space(
    folder: &Path,
    progress: &DownloadProgress,
    here: u64,
) -> Result<(), BackupError> {
    let Some(total) = progress.total() else { return Ok(()) };
    let needed = total.saturating_sub(here);
    let space = rustix::fs::statvfs(folder)
        .map_err(|error| BackupError::Read { path: folder.to_owned(), source: error.into() })?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    if free < needed {
        return Err(BackupError::NoSpace { folder: folder.to_owned(), free, needed });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;

    #[test]
    fn nameless_file_can_be_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = nameless(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        file.write_all(b"bytes").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "bytes");
    }
}
