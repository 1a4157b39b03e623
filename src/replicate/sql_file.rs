//! A file of SQL that somebody wrote for the warehouse: enrichments and hooks.
//!
//! Statements run one by one, as `psql -f` runs them, so that `CREATE INDEX CONCURRENTLY` works
//! and an error has a line. Commands of psql (`\set`) do not; they are refused by their line before
//! anything runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sql::split::Splitter;
use crate::target::{self, Class, Session};

/// Tries of a statement that the server gave up for the sake of another session.
const TRIES: u32 = 5;

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlFile {
    path: PathBuf,
    headers: Vec<(String, String)>,
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    /// The line that it begins in, from 1.
    line: usize,
    sql: String,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlFileError {
    /// It cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It holds a command of psql.
    #[error("{}:{line}: commands of psql are not understood here, only SQL", .path.display())]
    Command {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A string, a comment or a quoted name does not end.
    #[error("{}:{line}: the statement that begins here does not end", .path.display())]
    Unterminated {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The server refused a statement.
    #[error("{}:{line}{}", .path.display(), state(.source))]
    Statement {
        /// The file.
        path: PathBuf,
        /// The line that the statement begins in, from 1.
        line: usize,
        /// What the server said.
        #[source]
        source: target::Error,
    },
}

fn state(error: &target::Error) -> String {
    error.sqlstate().map(|state| format!(" (SQLSTATE {state})")).unwrap_or_default()
}

impl SqlFile {
    /// Reads a file and takes it apart.
    ///
    /// # Errors
    /// All but [`SqlFileError::Statement`].
    pub fn read(path: &Path) -> Result<Self, SqlFileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SqlFileError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, SqlFileError> {
        let mut statements = Vec::new();
        let mut splitter = Splitter::new(true);
        let (mut start, mut scanned) = (0, 0);
        while let Some(end) = splitter.statement_end(&text.as_bytes()[scanned..]) {
            scanned += end;
            let piece = text.get(start..scanned).unwrap_or_default();
            // The body of such a function has semicolons of its own.
            if has_open_body(piece) {
                continue;
            }
            statements.extend(statement(text, start, scanned));
            start = scanned;
        }
        let rest = statement(text, start, text.len());
        // The last statement may go without its semicolon; a string or a comment has to end.
        let ends = splitter.statement_end(b"\n;").is_some();
        if !ends || rest.as_ref().is_some_and(|rest| has_open_body(&rest.sql)) {
            let line = rest.map_or(1, |rest| rest.line);
            return Err(SqlFileError::Unterminated { path: path.to_owned(), line });
        }
        statements.extend(rest);
        for Statement { line, sql } in &statements {
            if sql.starts_with('\\') {
                return Err(SqlFileError::Command { path: path.to_owned(), line: *line });
            }
        }
        Ok(Self { path: path.to_owned(), headers: headers(text), statements })
    }

    /// The file's name without folder and extension.
    #[must_use]
    pub fn stem(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The values of a header: of the lines `-- name: value` before the first statement.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Runs the statements in order. The first that is refused ends it; what ran before stays,
    /// unless the file has a transaction of its own.
    ///
    /// # Errors
    /// [`SqlFileError::Statement`].
    pub async fn run(&self, session: &Session) -> Result<(), SqlFileError> {
        for Statement { line, sql } in &self.statements {
            run(session, sql).await.map_err(|source| SqlFileError::Statement {
                path: self.path.clone(),
                line: *line,
                source,
            })?;
        }
        Ok(())
    }
}

/// Runs a statement; once more when the server gave it up for another session (a deadlock).
async fn run(session: &Session, sql: &str) -> target::Result<()> {
    let mut pause = Duration::from_millis(100);
    for attempt in 1.. {
        match session.execute(sql).await {
            Err(error)
                if attempt < TRIES
                    && error.class() == Class::Retry
                    && !error.is_connection_lost()
                    && session.transaction_status() == target::TransactionStatus::Idle => {}
            result => return result,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Ok(())
}

/// A statement without the comments and blanks before it; None if nothing else is there.
fn statement(text: &str, start: usize, end: usize) -> Option<Statement> {
    let mut from = start;
    loop {
        let rest = text.get(from..end)?;
        let trimmed = rest.trim_start();
        from = end - trimmed.len();
        if !trimmed.starts_with("--") {
            break;
        }
        from += trimmed.find('\n').map_or(trimmed.len(), |at| at + 1);
    }
    let sql = text.get(from..end)?.trim_end();
    if sql.is_empty() || sql == ";" {
        return None;
    }
    let line = 1 + text.as_bytes().get(..from)?.iter().filter(|byte| **byte == b'\n').count();
    Some(Statement { line, sql: sql.to_owned() })
}

/// Whether a function's body has begun with `BEGIN ATOMIC` and not come to its `END`.
fn has_open_body(piece: &str) -> bool {
    let mut words = piece
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase);
    let (mut last, mut open) = (String::new(), 0i32);
    let mut is_body = false;
    for word in words.by_ref() {
        match word.as_str() {
            "ATOMIC" if last == "BEGIN" => {
                is_body = true;
                open += 1;
            }
            // CASE … END is the other thing that ends so.
            "CASE" if is_body => open += 1,
            "END" if is_body => open -= 1,
            _ => {}
        }
        last = word;
    }
    open > 0
}

fn headers(text: &str) -> Vec<(String, String)> {
    let lines =
        text.lines().map(str::trim).take_while(|line| line.is_empty() || line.starts_with("--"));
    lines
        .filter_map(|line| {
            let (name, value) = line.strip_prefix("--")?.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SqlFile, String> {
        SqlFile::parse(Path::new("f.sql"), text).map_err(|error| error.to_string())
    }

    fn statements(text: &str) -> Vec<(usize, String)> {
        parse(text).unwrap().statements.into_iter().map(|s| (s.line, s.sql)).collect()
    }

    #[test]
    fn statements_have_the_line_that_they_begin_in() {
        assert_eq!(
            statements("-- about\n\nSELECT 1;\n-- more;\n\n  SELECT\n 2 ;;SELECT ';'; -- end\n"),
            [(3, "SELECT 1;".into()), (6, "SELECT\n 2 ;".into()), (7, "SELECT ';';".into())]
        );
        assert_eq!(statements("SELECT 1"), [(1, "SELECT 1".into())]);
    }

    #[test]
    fn a_function_body_is_one_statement() {
        let function = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\n SELECT CASE WHEN true THEN 1 END; SELECT 2; END;";
        assert_eq!(
            statements(&format!("{function}\nSELECT 3;")),
            [(1, function.into()), (3, "SELECT 3;".into())]
        );
        assert_eq!(statements("BEGIN; SELECT 1; END;").len(), 3, "a transaction is not a body");
    }

    #[test]
    fn headers_are_comments_before_the_first_statement() {
        let file = parse(
            "-- requires-table: users\n-- requires-table: app.t\n\nSELECT 1;\n-- depends: x\n",
        )
        .unwrap();
        assert_eq!(file.header("requires-table").collect::<Vec<_>>(), ["users", "app.t"]);
        assert_eq!(file.header("depends").count(), 0);
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_its_line() {
        assert_eq!(
            parse("SELECT 1;\n\\set a 1\nSELECT 2;").unwrap_err(),
            "f.sql:2: commands of psql are not understood here, only SQL"
        );
        assert_eq!(
            parse("SELECT 1;\nSELECT 'a").unwrap_err(),
            "f.sql:2: the statement that begins here does not end"
        );
        assert!(parse("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;").is_err());
    }
}
