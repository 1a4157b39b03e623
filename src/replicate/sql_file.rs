//! A file of SQL that the operator wrote, and how it is run: statement after statement, as
//! `psql -f` does. What files mean, and when they run, is decided in [`super::enrich`] and
//! [`super::hooks`].

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::sql::split::script::{self, ScriptError, Statement};
use crate::target::{
    self, CancelHandle, Notices, Session, SessionSettings, Target, TransactionStatus,
};

/// Tries of a statement that the server ended for the sake of another session.
const TRIES: u32 = 6;

/// A file of SQL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlFile {
    name: String,
    text: String,
    statements: Vec<Statement>,
}

/// What is wrong with a file, or went wrong in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// Its path.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It cannot be taken apart into statements.
    #[error("{file} is no script of SQL")]
    Script {
        /// Its path.
        file: String,
        /// Why, with the line.
        #[source]
        source: ScriptError,
    },
    /// The server refused a statement. Those before it have been run.
    #[error("{file}, line {line}: refused{}", State(.source))]
    Statement {
        /// The file's path.
        file: String,
        /// The line that the server points to, or else the statement's first one.
        line: u32,
        /// What the server said.
        #[source]
        source: target::Error,
    },
    /// It began a transaction and did not end it: its work is rolled back.
    #[error("{file} ends inside a transaction, which is rolled back")]
    OpenTransaction {
        /// Its path.
        file: String,
    },
    /// No session could be opened for it.
    #[error("no session for {file}")]
    Connect {
        /// Its path.
        file: String,
        /// Why not.
        #[source]
        source: target::Error,
    },
    /// Somebody asked to stop; the statement that ran is cancelled.
    #[error("stopped in {file}")]
    Stopped {
        /// Its path.
        file: String,
    },
}

struct State<'a>(&'a target::Error);

impl std::fmt::Display for State<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.sqlstate().map_or(Ok(()), |state| write!(f, " (SQLSTATE {state})"))
    }
}

impl FileError {
    /// Whether time may heal it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Statement { source, .. } | Self::Connect { source, .. } => source.is_passing(),
            Self::Stopped { .. } => true,
            Self::Read { .. } | Self::Script { .. } | Self::OpenTransaction { .. } => false,
        }
    }
}

impl SqlFile {
    /// Reads a file and takes it apart.
    ///
    /// # Errors
    /// [`FileError::Read`], also when it is not UTF-8, and [`FileError::Script`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(file, text),
            Err(source) => Err(FileError::Read { file, source }),
        }
    }

    /// Takes the text of a file apart. `name` is its path, for errors.
    ///
    /// # Errors
    /// [`FileError::Script`].
    pub fn parse(name: String, text: String) -> Result<Self, FileError> {
        match script::statements(&text) {
            Ok(statements) => Ok(Self { name, text, statements }),
            Err(source) => Err(FileError::Script { file: name, source }),
        }
    }

    /// Its path.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines of comments that it begins with, without `--`, and their numbers from 1.
    pub fn head(&self) -> impl Iterator<Item = (u32, &str)> {
        let lines = (1..).zip(self.text.trim_start_matches('\u{feff}').lines());
        lines
            .map(|(number, line)| (number, line.trim()))
            .take_while(|(_, line)| line.is_empty() || line.starts_with("--"))
            .filter_map(|(number, line)| Some((number, line.strip_prefix("--")?.trim())))
    }

    /// Runs it in a session of its own, which is set as one of psql would be, but for
    /// `statement_timeout`: what is built here takes its time. Stops at the first error.
    ///
    /// # Errors
    /// All of [`FileError`] that is not about reading.
    pub async fn run(&self, target: &Target, stop: &CancellationToken) -> Result<(), FileError> {
        let file = self.name.clone();
        let notices = Notices::to(move |notice| match notice.severity.as_str() {
            "WARNING" => tracing::warn!("{file}: {}", notice.message),
            severity => tracing::info!("{file}: {severity}: {}", notice.message),
        });
        let settings = SessionSettings { notices, ..SessionSettings::for_rows() };
        let connect = async {
            let session = Session::connect(target, &settings).await?;
            session.execute("RESET search_path; SET statement_timeout = 0").await?;
            Ok(session)
        };
        let session = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(self.stopped()),
            session = connect => {
                session.map_err(|source| FileError::Connect { file: self.name.clone(), source })?
            }
        };
        let mut abandoned = Abandoned(Some(session.cancel_handle()));
        for statement in &self.statements {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(self.stopped()),
                done = self.execute(&session, statement) => {
                    if done.is_err() {
                        abandoned.0 = None;
                    }
                    done?;
                }
            }
        }
        abandoned.0 = None;
        match session.transaction_status() {
            TransactionStatus::Idle => Ok(()),
            _ => Err(FileError::OpenTransaction { file: self.name.clone() }),
        }
    }

    /// A statement that ended a deadlock is run again, when it stood alone.
    async fn execute(&self, session: &Session, statement: &Statement) -> Result<(), FileError> {
        let mut pause = Duration::from_millis(100);
        let mut tries = 1;
        loop {
            let Err(source) = session.execute(&statement.sql).await else { return Ok(()) };
            let alone = session.transaction_status() == TransactionStatus::Idle;
            let gave_way = matches!(source.sqlstate(), Some("40P01" | "40001"));
            if !(gave_way && alone && tries < TRIES) {
                let position = source.server().and_then(|error| error.position);
                let line = position.map_or(statement.line, |at| statement.line_of(at));
                return Err(FileError::Statement { file: self.name.clone(), line, source });
            }
            tokio::time::sleep(pause).await;
            (pause, tries) = (pause * 2, tries + 1);
        }
    }

    fn stopped(&self) -> FileError {
        FileError::Stopped { file: self.name.clone() }
    }
}

/// Cancels what a session runs when nobody waits for it any more: the server would not notice
/// before its end.
struct Abandoned(Option<CancelHandle>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let (Some(handle), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        {
            // If that cannot be had there is nobody to tell.
            runtime.spawn(async move { handle.cancel().await });
        }
    }
}

/// The files of a folder that end in `.sql`, in the order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn in_folder(folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "sql") && path.is_file()
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_the_comments_before_the_first_statement() {
        let text = "-- one: a\n\n  --two\nSELECT 1;\n-- three\n";
        let file = SqlFile::parse("f.sql".to_owned(), text.to_owned()).unwrap();
        assert_eq!(file.head().collect::<Vec<_>>(), [(1, "one: a"), (3, "two")]);
    }

    #[test]
    fn errors_name_the_file_and_the_line_once() {
        let error = SqlFile::parse("f.sql".to_owned(), "SELECT 1;\n\\q\n".to_owned()).unwrap_err();
        assert_eq!(
            crate::restore::chain(&error),
            "f.sql is no script of SQL: line 2: commands of psql, which begin with a backslash, \
             are not read here"
        );
        let error = SqlFile::read(Path::new("/nowhere/f.sql")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nowhere/f.sql"), "{error}");
    }
}
