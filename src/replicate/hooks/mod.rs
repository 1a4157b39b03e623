//! SQL files that run between the stages of a restore.
//!
//! In the folder `HOOKS_DIR`, each [`HookPoint`] has a file (`after-data.sql`), a folder of files
//! (`after-data/`, in the order of their names), or both, the file first. All files are read before
//! anything is dropped, so that invalid ones are reported in time. Each runs in its own session,
//! statement by statement, as `psql -f` does. The first error ends the run, because the next stages
//! rely on what the hook does.

use std::fmt;
use std::io;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::sql_file::{FileError, SqlFile, in_folder};
use crate::server::{Retry, Target};

/// A place between the stages of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookPoint {
    /// The target is clean; nothing is restored yet.
    BeforeRestore,
    /// Tables exist, without rows and indexes.
    AfterPreData,
    /// Rows are loaded; indexes and constraints do not exist yet.
    AfterData,
    /// Everything is restored; the enrichment runs next.
    AfterRestore,
}

impl HookPoint {
    /// All stages, in the order of a run.
    pub const ALL: [Self; 4] =
        [Self::BeforeRestore, Self::AfterPreData, Self::AfterData, Self::AfterRestore];

    /// Its name, which is also that of its file and folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeRestore => "before-restore",
            Self::AfterPreData => "after-pre-data",
            Self::AfterData => "after-data",
            Self::AfterRestore => "after-restore",
        }
    }
}

impl fmt::Display for HookPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why hooks could not be read, or why one failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// The folder cannot be read.
    #[error("cannot read the hooks folder {folder}")]
    Folder {
        /// Its path.
        folder: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file or folder in the folder matches no stage: most likely mistyped.
    #[error(
        "{path} matches no stage; expected a folder or .sql file named before-restore, \
         after-pre-data, after-data or after-restore"
    )]
    Unknown {
        /// Its path.
        path: String,
    },
    /// A file is not an SQL script.
    #[error(transparent)]
    File(FileError),
    /// A file failed.
    #[error("hook {stage} failed")]
    Failed {
        /// The stage.
        stage: HookPoint,
        /// The file and the reason.
        #[source]
        source: FileError,
    },
}

impl HookError {
    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::File(error) | Self::Failed { source: error, .. } => error.retry(),
            Self::Folder { .. } | Self::Unknown { .. } => Retry::Never,
        }
    }
}

/// The files of all stages; none by default.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    files: Vec<(HookPoint, SqlFile)>,
}

impl Hooks {
    /// Reads all files of a folder. Hidden files and files that do not end in `.sql`, such as a
    /// `README.md`, are ignored.
    ///
    /// # Errors
    /// [`HookError::Folder`], [`HookError::Unknown`] and [`HookError::File`].
    pub fn read(folder: &Path) -> Result<Self, HookError> {
        let broken = |path: &Path| {
            let folder = path.display().to_string();
            move |source| HookError::Folder { folder, source }
        };
        for entry in std::fs::read_dir(folder).map_err(broken(folder))? {
            let path = entry.map_err(broken(folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let stem = if path.is_dir() { Some(name.as_str()) } else { name.strip_suffix(".sql") };
            let known = |stem| HookPoint::ALL.iter().any(|stage| stage.name() == stem);
            if !name.starts_with('.') && stem.is_some_and(|stem| !known(stem)) {
                return Err(HookError::Unknown { path: path.display().to_string() });
            }
        }
        let mut files = Vec::new();
        for stage in HookPoint::ALL {
            let mut paths = vec![folder.join(format!("{stage}.sql"))];
            paths.retain(|path| path.exists());
            let more = folder.join(stage.name());
            if more.is_dir() {
                paths.extend(in_folder(&more).map_err(broken(&more))?);
            }
            for path in paths {
                files.push((stage, SqlFile::read(&path).map_err(HookError::File)?));
            }
        }
        Ok(Self { files })
    }

    /// Whether anything runs at this stage.
    #[must_use]
    pub fn has(&self, stage: HookPoint) -> bool {
        self.of(stage).next().is_some()
    }

    /// All files, in the order in which they run.
    pub fn all(&self) -> impl Iterator<Item = (HookPoint, &SqlFile)> {
        self.files.iter().map(|(stage, file)| (*stage, file))
    }

    /// The files of a stage, in order.
    pub fn of(&self, stage: HookPoint) -> impl Iterator<Item = &SqlFile> {
        self.files.iter().filter(move |(of, _)| *of == stage).map(|(_, file)| file)
    }

    /// Runs the files of a stage, in order, until one fails.
    ///
    /// # Errors
    /// [`HookError::Failed`].
    pub async fn run(
        &self,
        stage: HookPoint,
        target: &Target,
        stop: &CancellationToken,
    ) -> Result<(), HookError> {
        for file in self.of(stage) {
            tracing::info!("hook {stage}: {}", file.name());
            let done = file.run(target, stop).await;
            done.map_err(|source| HookError::Failed { stage, source })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn stage_runs_its_file_then_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("after-data")).unwrap();
        for file in ["after-data.sql", "after-data/20.sql", "after-data/10.sql", "README.md"] {
            fs::write(path.join(file), "SELECT 1;").unwrap();
        }
        fs::write(path.join("after-data/notes.txt"), "\\").unwrap();
        let hooks = Hooks::read(path).unwrap();
        let names: Vec<_> = hooks.of(HookPoint::AfterData).map(SqlFile::name).collect();
        let tails: Vec<_> = names.iter().map(|name| &name[path.as_os_str().len() + 1..]).collect();
        assert_eq!(tails, ["after-data.sql", "after-data/10.sql", "after-data/20.sql"]);
        let has: Vec<_> = HookPoint::ALL.iter().filter(|stage| hooks.has(**stage)).collect();
        assert_eq!(has, [&HookPoint::AfterData]);
    }

    #[test]
    fn file_without_a_stage_is_rejected() {
        for name in ["after-predata.sql", "before-restore-2.sql"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), "SELECT 1;").unwrap();
            let error = Hooks::read(folder.path()).unwrap_err();
            assert!(
                matches!(&error, HookError::Unknown { path } if path.ends_with(name)),
                "{error}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("after-everything")).unwrap();
        assert!(matches!(Hooks::read(folder.path()), Err(HookError::Unknown { .. })));
    }

    #[test]
    fn invalid_script_is_reported_before_anything_runs() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("after-restore.sql"), "SELECT 1;\n\\copy t from x\n").unwrap();
        let error = Hooks::read(folder.path()).unwrap_err();
        assert!(
            crate::error::chain(&error).contains("after-restore.sql is not an SQL script: line 2")
        );
        assert!(matches!(Hooks::read(Path::new("/nowhere")), Err(HookError::Folder { .. })));
    }
}
