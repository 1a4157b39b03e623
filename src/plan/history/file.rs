//! The file of a cost history. One that is not a history of this version is never changed.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{CostHistory, CostHistoryError, MeasuredJobs};

/// Upper bound of a history's size: the number of its jobs is bounded.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Why the history cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CostFileError {
    /// The file cannot be read.
    #[error("cannot read the cost history {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a history.
    #[error("cannot use the cost history {} (left unchanged)", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why it is not a history.
        source: CostHistoryError,
    },
    /// The file cannot be written.
    #[error("cannot write the cost history {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads a history. A missing file counts as an empty one.
///
/// # Errors
/// If it cannot be read, or is not a history.
pub fn load(path: &Path) -> Result<CostHistory, CostFileError> {
    let failed = |source| CostFileError::Read { path: path.to_owned(), source };
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(MAX_BYTES).read_to_end(&mut text).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(CostHistory::default());
        }
        Err(error) => return Err(failed(error)),
    };
    CostHistory::from_json(&text)
        .map_err(|source| CostFileError::Form { path: path.to_owned(), source })
}

/// Adds a run of a database's archive to the file. Reads it again first, because another run may
/// have written it in the meantime.
///
/// # Errors
/// If the file cannot be read or written, or is not a history.
pub fn record(path: &Path, database: &str, run: MeasuredJobs) -> Result<(), CostFileError> {
    let mut history = load(path)?;
    history.record(database, run);
    store(path, &history).map_err(|source| CostFileError::Write { path: path.to_owned(), source })
}

/// Writes a history to a temporary file and renames it over the old one: concurrent readers see
/// either the old or the new history.
fn store(path: &Path, history: &CostHistory) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(history.to_json().as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if written.is_err() {
        // A partial file is useless.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> MeasuredJobs {
        MeasuredJobs { at: 7, night: None, statement: None, jobs: Vec::new() }
    }

    #[test]
    fn file_that_is_not_a_history_is_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        for text in ["my notes", "{\"version\":99}"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(load(&path), Err(CostFileError::Form { .. })));
            assert!(matches!(record(&path, "app", run()), Err(CostFileError::Form { .. })));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn unwritable_path_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = record(&file.join("costs.json"), "app", run()).unwrap_err();
        assert!(error.to_string().contains("costs.json"), "{error}");
    }
}
