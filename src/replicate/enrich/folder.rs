//! The folder, read and checked before anything runs.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::replicate::sql_file::{SqlFile, SqlFileError};

/// The files of a folder, by name.
#[derive(Clone, Debug, Default)]
pub struct Enrichments {
    pub(super) files: Vec<Enrichment>,
}

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Enrichment {
    pub(super) name: String,
    pub(super) file: SqlFile,
    /// Tables, each with its schema.
    pub(super) requires: Vec<(String, String)>,
    pub(super) unless: Vec<(String, String)>,
    /// Places in the list of files.
    pub(super) depends: Vec<usize>,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// It cannot be listed.
    #[error("cannot read the folder {}", .path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file in it cannot be used.
    #[error("an enrichment cannot be used")]
    File(#[from] SqlFileError),
    /// A file depends on one that is not there.
    #[error("{file}.sql depends on {missing}.sql, which is not in the folder")]
    Unknown {
        /// The file.
        file: String,
        /// What it names.
        missing: String,
    },
    /// Files depend on each other in a ring.
    #[error("{} depend on each other in a ring", .files.join(", "))]
    Ring {
        /// Those that can never begin.
        files: Vec<String>,
    },
}

impl Enrichments {
    /// Reads the `.sql` files of a folder.
    ///
    /// # Errors
    /// [`FolderError`]: nothing has run then.
    pub fn read(folder: &Path) -> Result<Self, FolderError> {
        let unreadable = |source| FolderError::Read { path: folder.to_owned(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                paths.push(path);
            }
        }
        paths.sort();
        let files = paths.iter().map(|path| SqlFile::read(path)).collect::<Result<Vec<_>, _>>()?;
        let places: HashMap<String, usize> =
            files.iter().enumerate().map(|(place, file)| (file.stem(), place)).collect();
        let mut all = Vec::new();
        for file in files {
            let name = file.stem();
            let mut depends = Vec::new();
            for other in file.header("depends") {
                let other = other.strip_suffix(".sql").unwrap_or(other);
                let unknown =
                    || FolderError::Unknown { file: name.clone(), missing: other.to_owned() };
                depends.push(*places.get(other).ok_or_else(unknown)?);
            }
            let requires = file.header("requires-table").map(table).collect();
            let unless = file.header("unless-table").map(table).collect();
            all.push(Enrichment { name, requires, unless, depends, file });
        }
        match ring(&all) {
            rest if rest.is_empty() => Ok(Self { files: all }),
            files => Err(FolderError::Ring { files }),
        }
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// `schema.table` or `table`, of the schema `public`. Names are written without quotes; a name
/// with a dot in it needs its schema.
fn table(text: &str) -> (String, String) {
    let (schema, table) = text.split_once('.').unwrap_or(("public", text));
    (schema.to_owned(), table.to_owned())
}

/// The files that can never begin.
fn ring(files: &[Enrichment]) -> Vec<String> {
    let mut done = HashSet::new();
    loop {
        let ready = |place: &usize| {
            !done.contains(place) && files[*place].depends.iter().all(|other| done.contains(other))
        };
        let next: Vec<usize> = (0..files.len()).filter(ready).collect();
        if next.is_empty() {
            break;
        }
        done.extend(next);
    }
    let left = (0..files.len()).filter(|place| !done.contains(place));
    left.map(|place| files[place].name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> Result<Enrichments, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Enrichments::read(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn only_sql_files_count() {
        let all = folder(&[("b.sql", "SELECT 1;"), ("a.sql", "SELECT 1;"), ("README.md", "")]);
        let names: Vec<String> = all.unwrap().files.into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn a_dependency_that_is_not_there_and_a_ring_are_told_before_anything_runs() {
        let error = folder(&[("a.sql", "-- depends: b\nSELECT 1;")]).unwrap_err();
        assert_eq!(error, "a.sql depends on b.sql, which is not in the folder");
        let ring = [
            ("a.sql", "-- depends: b\n"),
            ("b.sql", "-- depends: a.sql\n"),
            ("c.sql", ""),
            ("d.sql", "-- depends: a\n"),
        ];
        assert_eq!(folder(&ring).unwrap_err(), "a, b, d depend on each other in a ring");
    }

    #[test]
    fn the_shipped_folder_is_sound() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/enrichment");
        assert!(!Enrichments::read(&shipped).unwrap().is_empty());
    }
}
