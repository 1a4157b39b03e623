//! The folder of enrichment files, and the order in which they may run.

use std::io;
use std::path::Path;

use super::super::sql_file::{SqlFile, in_folder};
use super::error::EnrichError;
use super::file_header::FileHeader;

/// The files of a folder, read and checked.
#[derive(Clone, Debug, Default)]
pub struct Enrichment {
    pub(super) files: Vec<File>,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    /// Its name in the folder.
    pub(super) name: String,
    pub(super) header: FileHeader,
    pub(super) sql: SqlFile,
    /// Indices of the files that it depends on.
    pub(super) after: Vec<usize>,
}

impl Enrichment {
    /// Reads the files of a folder that end in `.sql`, and checks their dependencies.
    ///
    /// # Errors
    /// All of [`EnrichError`] except the errors that involve a server.
    pub fn read(folder: &Path) -> Result<Self, EnrichError> {
        let paths = in_folder(folder).map_err(|source| {
            let folder = folder.display().to_string();
            match source.kind() {
                io::ErrorKind::NotFound => EnrichError::NoFolder { folder },
                _ => EnrichError::Folder { folder, source },
            }
        })?;
        let mut files = Vec::new();
        for path in paths {
            let sql = SqlFile::read(&path).map_err(EnrichError::File)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, sql));
        }
        Self::of(files)
    }

    fn of(files: Vec<(String, SqlFile)>) -> Result<Self, EnrichError> {
        let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
        let mut checked = Vec::new();
        for (name, sql) in files {
            let header = FileHeader::of(&sql)?;
            let place = |depends: &String| {
                names.iter().position(|other| other == depends).ok_or_else(|| {
                    let (file, depends) = (name.clone(), depends.clone());
                    EnrichError::UnknownDependency { file, depends }
                })
            };
            let after = header.depends.iter().map(place).collect::<Result<_, _>>()?;
            checked.push(File { name, header, sql, after });
        }
        let enrichment = Self { files: checked };
        match enrichment.circle() {
            Some(files) => Err(EnrichError::Circle { files }),
            None => Ok(enrichment),
        }
    }

    /// The scripts, in the order of their names.
    pub fn scripts(&self) -> impl Iterator<Item = &SqlFile> {
        self.files.iter().map(|file| &file.sql)
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// A dependency cycle, if there is one.
    fn circle(&self) -> Option<Vec<String>> {
        let mut left: Vec<usize> = (0..self.files.len()).collect();
        loop {
            let waits =
                |place: &usize| self.files[*place].after.iter().any(|one| left.contains(one));
            let still: Vec<usize> = left.iter().copied().filter(waits).collect();
            if still.len() == left.len() {
                break;
            }
            left = still;
        }
        // Each remaining file depends on another remaining one: following these dependencies leads
        // around a cycle.
        let mut way = vec![*left.first()?];
        loop {
            let last = *way.last()?;
            let next = *self.files[last].after.iter().find(|place| left.contains(place))?;
            if let Some(start) = way.iter().position(|place| *place == next) {
                way.drain(..start);
                way.push(next);
                return Some(way.iter().map(|place| self.files[*place].name.clone()).collect());
            }
            way.push(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Enrichment, EnrichError> {
        let file = |(name, text): &(&str, &str)| {
            let name = format!("{name}.sql");
            (name.clone(), SqlFile::parse(name, (*text).to_owned()).unwrap())
        };
        Enrichment::of(files.iter().map(file).collect())
    }

    #[test]
    fn dependency_cycle_is_reported() {
        let files = [
            ("a", "-- depends: b"),
            ("b", "-- depends: x\n-- depends: c"),
            ("c", "-- depends: d"),
            ("d", "-- depends: b"),
            ("x", ""),
        ];
        let error = read(&files).unwrap_err();
        assert_eq!(
            error.to_string(),
            "files depend on each other in a cycle: b.sql → c.sql → d.sql → b.sql"
        );
        let error = read(&[("a", "-- depends: a")]).unwrap_err();
        assert!(error.to_string().ends_with("a.sql → a.sql"), "{error}");
        assert!(read(&[("a", "-- depends: b"), ("b", "-- depends: c"), ("c", "")]).is_ok());
    }

    #[test]
    fn missing_dependency_is_an_error() {
        let error = read(&[("a", "-- depends: b")]).unwrap_err();
        assert_eq!(error.to_string(), "a.sql depends on b.sql, which is not in the folder");
    }

    #[test]
    fn missing_folder_has_its_own_error() {
        let error = Enrichment::read(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(matches!(error, EnrichError::NoFolder { .. }));
    }

    #[test]
    fn shipped_files_are_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/enrichment");
        let enrichment = Enrichment::read(&folder).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            enrichment.names().collect::<Vec<_>>(),
            [
                "answers.sql",
                "knowledge-element-snapshots.sql",
                "knowledge-elements.sql",
                "schooling-registrations.sql",
                "students.sql",
                "users.sql",
            ]
        );
        for file in &enrichment.files {
            assert!(!file.header.requires.is_empty(), "{}", file.name);
        }
    }
}
