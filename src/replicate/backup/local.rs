//! Backups on this machine: a file, a directory archive, or the newest archive of a folder.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fmt, fs};

use super::found::BackupLocation;
use super::{BackupError, FoundBackup};
use crate::report::units::{first_of, plural};
use crate::source::remote::DownloadOptions;

/// The endings of archive names in a folder. A file given by its path may have any name.
pub const ENDINGS: [&str; 6] = [".tar.gz", ".tgz", ".pgsql", ".dump", ".tar", ".backup"];

/// The archive at a path: a file, a directory with a `toc.dat`, or the newest of either kind in a
/// folder.
///
/// # Errors
/// If the path cannot be read, or is a folder without an archive.
pub fn find(path: &Path) -> Result<FoundBackup, BackupError> {
    let metadata = fs::metadata(path).map_err(|source| read(path, source))?;
    if !metadata.is_dir() || is_archive(path) {
        let size = metadata.is_file().then_some(metadata.len());
        return Ok(found(path, size, metadata.modified().ok()));
    }
    let mut newest: Option<(SystemTime, PathBuf, Option<u64>)> = None;
    let mut skipped: Vec<(SystemTime, String)> = Vec::new();
    for entry in fs::read_dir(path).map_err(|source| read(path, source))? {
        let path = entry.map_err(|source| read(path, source))?.path();
        // A file that has disappeared or is not readable is not a candidate.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let is_candidate = match metadata.is_dir() {
            true => is_archive(&path),
            false => metadata.is_file() && has_ending(&path),
        };
        let Ok(modified) = metadata.modified() else { continue };
        let size = metadata.is_file().then_some(metadata.len());
        if !is_candidate {
            skipped.push((modified, name(&path)));
        } else if newest.as_ref().is_none_or(|(time, other, _)| (time, other) < (&modified, &path))
        {
            newest = Some((modified, path, size));
        }
    }
    match newest {
        Some((modified, path, size)) => {
            let skipped = Skipped::of(skipped, Some(modified));
            Ok(FoundBackup { skipped, ..found(&path, size, Some(modified)) })
        }
        None => {
            let skipped = Skipped::of(skipped, None);
            Err(BackupError::NoFile { folder: path.to_owned(), skipped })
        }
    }
}

fn found(path: &Path, size: Option<u64>, modified: Option<SystemTime>) -> FoundBackup {
    FoundBackup {
        id: path.display().to_string(),
        name: name(path),
        created_at: modified.map(Into::into),
        size,
        skipped: None,
        download: DownloadOptions::default(),
        place: BackupLocation::Path(path.to_owned()),
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Files and folders among the archives whose names are not those of archives. `Display` counts
/// them and names the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    names: Vec<String>,
    /// Whether any of them is newer than the archive that was found: possibly an archive under
    /// another name.
    pub is_newer: bool,
}

impl Skipped {
    /// Logs them: as a warning if the intended backup may be among them.
    pub fn tell(&self) {
        let endings = ENDINGS.join(", ");
        match self.is_newer {
            true => tracing::warn!(
                "{self} (newer than the backup found; archive names must end in {endings}, unless \
                 BACKUP_SOURCE is the path of the file itself)"
            ),
            false => tracing::info!("{self} (archive names end in {endings})"),
        }
    }

    /// How many are listed by name.
    const LISTED_FILES: usize = 5;

    fn of(mut skipped: Vec<(SystemTime, String)>, found: Option<SystemTime>) -> Option<Self> {
        skipped.sort_unstable_by(|one, other| other.cmp(one));
        let (newest, _) = skipped.first()?;
        let is_newer = found.is_none_or(|found| found < *newest);
        Some(Self { names: skipped.into_iter().map(|(_, name)| name).collect(), is_newer })
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = plural(self.names.len() as u64, "file or folder", "files or folders");
        write!(f, "skipped {what}: {}", first_of(&self.names, Self::LISTED_FILES))
    }
}

fn is_archive(folder: &Path) -> bool {
    folder.join("toc.dat").is_file()
}

fn has_ending(path: &Path) -> bool {
    let name = name(path);
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
    use crate::server::Retry;

    fn file(folder: &Path, name: &str, age: u64) {
        let file = File::create(folder.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }

    #[test]
    fn folder_yields_its_newest_archive() {
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
        let skipped = found.skipped.unwrap();
        assert!(skipped.is_newer);
        let said = skipped.to_string();
        assert!(said.starts_with("skipped 3 files or folders: "), "{said}");
        assert!(said.contains("notes.txt") && !said.contains("c.dump"), "{said}");
        for name in ["a.pgsql", "b.tar.gz"] {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        // An old file in the folder is not a reason for a warning.
        file(folder.path(), "new.dump", 0);
        for name in ["notes.txt", "d.tar.gz.part"] {
            file(folder.path(), name, 500);
        }
        fs::remove_dir(folder.path().join("other")).unwrap();
        assert!(!find(folder.path()).unwrap().skipped.unwrap().is_newer);
    }

    #[test]
    fn directory_archive_is_not_a_folder_of_archives() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("dump");
        fs::create_dir(&archive).unwrap();
        file(&archive, "toc.dat", 1);
        file(&archive, "x.dump", 1);
        assert_eq!(find(&archive).unwrap().name, "dump");
        assert_eq!(find(folder.path()).unwrap().path(), Some(archive.as_path()));
    }

    #[test]
    fn folder_without_archives_reports_expected_endings() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "backup.sql.gz", 1);
        let error = find(folder.path()).unwrap_err();
        assert!(
            error.to_string().ends_with("; skipped 1 file or folder: backup.sql.gz"),
            "{error}"
        );
        fs::remove_file(folder.path().join("backup.sql.gz")).unwrap();
        let error = find(folder.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("contains no archive (.tar.gz, .tgz, .pgsql, .dump, .tar, .backup)")
        );
        assert_eq!(error.retry(), Retry::LaterAttempt);
        assert!(find(&folder.path().join("missing")).is_err());
    }
}
