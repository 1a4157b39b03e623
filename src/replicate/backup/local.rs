//! Backups on this machine: a file, a directory archive, or the newest archive of a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::found::Place;
use super::{BackupError, FoundBackup};
use crate::source::remote::DownloadOptions;

/// How the names of archives end, in a folder of them. A file that is named itself may have any
/// name.
pub const ENDINGS: [&str; 6] = [".tar.gz", ".tgz", ".pgsql", ".dump", ".tar", ".backup"];

/// The archive at a path: a file, a directory with a `toc.dat`, or the newest of either kind in a
/// folder.
///
/// # Errors
/// When the path cannot be read, or is a folder without an archive.
pub fn find(path: &Path) -> Result<FoundBackup, BackupError> {
    let metadata = fs::metadata(path).map_err(|source| read(path, source))?;
    if !metadata.is_dir() || is_archive(path) {
        let size = metadata.is_file().then_some(metadata.len());
        return Ok(found(path, size, metadata.modified().ok()));
    }
    let mut newest: Option<(SystemTime, PathBuf, Option<u64>)> = None;
    for entry in fs::read_dir(path).map_err(|source| read(path, source))? {
        let path = entry.map_err(|source| read(path, source))?.path();
        // One that is gone since, or may not be read, is no candidate.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let is_candidate = match metadata.is_dir() {
            true => is_archive(&path),
            false => metadata.is_file() && has_ending(&path),
        };
        let Ok(modified) = metadata.modified() else { continue };
        let size = metadata.is_file().then_some(metadata.len());
        if is_candidate
            && newest.as_ref().is_none_or(|(time, other, _)| (time, other) < (&modified, &path))
        {
            newest = Some((modified, path, size));
        }
    }
    match newest {
        Some((modified, path, size)) => Ok(found(&path, size, Some(modified))),
        None => Err(BackupError::NoFile { folder: path.to_owned() }),
    }
}

fn found(path: &Path, size: Option<u64>, modified: Option<SystemTime>) -> FoundBackup {
    let name = path.file_name().unwrap_or(path.as_os_str());
    FoundBackup {
        id: path.display().to_string(),
        name: name.to_string_lossy().into_owned(),
        created_at: modified.map(Into::into),
        size,
        download: DownloadOptions::default(),
        place: Place::Path(path.to_owned()),
    }
}

fn is_archive(folder: &Path) -> bool {
    folder.join("toc.dat").is_file()
}

fn has_ending(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn read(path: &Path, source: std::io::Error) -> BackupError {
    BackupError::Read { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    fn file(folder: &Path, name: &str, age: u64) {
        let file = File::create(folder.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }

    #[test]
    fn of_a_folder_the_newest_archive_counts() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "b.tar.gz", 200);
        file(folder.path(), "a.pgsql", 100);
        file(folder.path(), "c.dump", 300);
        file(folder.path(), "notes.txt", 1);
        file(folder.path(), "d.tar.gz.part", 1);
        fs::create_dir(folder.path().join("other")).unwrap();
        let found = find(folder.path()).unwrap();
        assert_eq!(found.name, "a.pgsql");
        assert_eq!(found.size, Some(0));
        assert!(found.created_at.is_some());
    }

    #[test]
    fn a_directory_archive_is_an_archive_and_no_folder_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("dump");
        fs::create_dir(&archive).unwrap();
        file(&archive, "toc.dat", 1);
        file(&archive, "x.dump", 1);
        assert_eq!(find(&archive).unwrap().name, "dump");
        assert_eq!(find(folder.path()).unwrap().path(), Some(archive.as_path()));
    }

    #[test]
    fn a_folder_without_archives_is_told_with_what_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let error = find(folder.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("holds no archive (.tar.gz, .tgz, .pgsql, .dump, .tar, .backup)")
        );
        assert!(!error.is_permanent());
        assert!(find(&folder.path().join("missing")).is_err());
    }
}
