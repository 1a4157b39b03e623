//! An SQL file written by the operator, run statement by statement, as `psql -f` does.
//! [`super::enrich`] and [`super::hooks`] decide what files mean and when they run.

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::server::{
    self, CancelHandle, Notices, Retry, Session, SessionSettings, Target, TransactionStatus,
};
use crate::sql::split::script::{self, SplitError, Statement};

/// Attempts of a statement that the server cancels in favour of another session.
const TRIES: u32 = 6;

/// An SQL file, split into statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlFile {
    name: String,
    text: String,
    statements: Vec<Statement>,
}

/// Why a file is invalid, or failed.
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
    /// It cannot be split into statements.
    #[error("{file} is not an SQL script")]
    Script {
        /// Its path.
        file: String,
        /// Why, with the line.
        #[source]
        source: SplitError,
    },
    /// The server rejected a statement. The statements before it have been run.
    #[error("{file}, line {line}: statement failed{}", State(.source))]
    Statement {
        /// The file's path.
        file: String,
        /// The line of the error position, or the first line of the statement if there is none.
        line: u32,
        /// The server's error.
        #[source]
        source: server::SessionError,
    },
    /// It started a transaction and did not end it; its changes are rolled back.
    #[error("{file} ends inside a transaction, which is rolled back")]
    OpenTransaction {
        /// Its path.
        file: String,
    },
    /// The connection to the server failed.
    #[error("cannot open a session to run {file}")]
    Connect {
        /// Its path.
        file: String,
        /// Why.
        #[source]
        source: server::SessionError,
    },
    /// The run was asked to stop; the running statement is cancelled.
    #[error("stopped in {file}")]
    Stopped {
        /// Its path.
        file: String,
    },
}

struct State<'a>(&'a server::SessionError);

impl std::fmt::Display for State<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.sqlstate().map_or(Ok(()), |state| write!(f, " (SQLSTATE {state})"))
    }
}

impl FileError {
    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Statement { source, .. } | Self::Connect { source, .. } => source.retry(),
            Self::Stopped { .. } => Retry::LaterAttempt,
            Self::Read { .. } | Self::Script { .. } | Self::OpenTransaction { .. } => Retry::Never,
        }
    }
}

impl SqlFile {
    /// Reads a file and splits it into statements.
    ///
    /// # Errors
    /// [`FileError::Read`], also if it is not UTF-8, and [`FileError::Script`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(file, text),
            Err(source) => Err(FileError::Read { file, source }),
        }
    }

    /// Splits the text of a file into statements. `name` is its path, for errors.
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

    /// Its whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its statements.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.statements.iter()
    }

    /// The comment lines at its start, without `--`, with their line numbers from 1.
    pub fn head(&self) -> impl Iterator<Item = (u32, &str)> {
        let lines = (1..).zip(self.text.trim_start_matches('\u{feff}').lines());
        lines
            .map(|(number, line)| (number, line.trim()))
            .take_while(|(_, line)| line.is_empty() || line.starts_with("--"))
            .filter_map(|(number, line)| Some((number, line.strip_prefix("--")?.trim())))
    }

    /// Runs it in its own session, with the settings of a psql session except `statement_timeout`:
    /// building indexes can take long. Stops at the first error.
    ///
    /// # Errors
    /// All of [`FileError`] except the errors of reading.
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

    /// Runs a statement; one that failed because of a deadlock is retried if it was not part of a
    /// transaction.
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

/// Cancels the running statement of a session that is dropped: the server would notice that only
/// after the statement ends.
struct Abandoned(Option<CancelHandle>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let (Some(handle), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        {
            // If cancelling fails, no one is left to report it to.
            runtime.spawn(async move { handle.cancel().await });
        }
    }
}

/// The files of a folder that end in `.sql`, in the order of their names.
///
/// # Errors
/// If the folder cannot be read.
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
    fn head_is_the_comments_before_the_first_statement() {
        let text = "-- one: a\n\n  --two\nSELECT 1;\n-- three\n";
        let file = SqlFile::parse("f.sql".to_owned(), text.to_owned()).unwrap();
        assert_eq!(file.head().collect::<Vec<_>>(), [(1, "one: a"), (3, "two")]);
    }

    #[test]
    fn errors_name_the_file_and_line_once() {
        let error = SqlFile::parse("f.sql".to_owned(), "SELECT 1;\n\\q\n".to_owned()).unwrap_err();
        assert_eq!(
            crate::error::chain(&error),
            "f.sql is not an SQL script: line 2: psql backslash commands are not supported"
        );
        let error = SqlFile::read(Path::new("/nowhere/f.sql")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nowhere/f.sql"), "{error}");
    }
}
