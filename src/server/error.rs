//! Errors between this program and a server.

use std::error::Error as StdError;
use std::fmt;

use tokio_postgres::error::{DbError, ErrorPosition, Severity};

use super::sqlstate::{Class, UNDEFINED_OBJECT, UNIQUE_VIOLATION};

/// Result of talking to a server.
pub type Result<T, E = SessionError> = std::result::Result<T, E>;

/// Any error, attached as a source.
pub(super) type Source = Box<dyn StdError + Send + Sync>;

/// How much of a statement an error contains, in bytes.
const STATEMENT_LIMIT: usize = 500;

/// An error between this program and a server. No variant reveals a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The connection parameters are invalid, or request something unsupported.
    #[error("{0}")]
    Params(String),
    /// No session could be opened.
    #[error("cannot connect to {target}")]
    Connect {
        /// `user@host:port/dbname`.
        target: String,
        /// Why: a [`Server`](Self::Server) refusal, a [`Tls`](Self::Tls) failure, an I/O error.
        #[source]
        source: Box<SessionError>,
    },
    /// The server refused a requested setting.
    #[error("cannot set {name}")]
    Setting {
        /// Its name.
        name: String,
        /// The refusal.
        #[source]
        source: Box<SessionError>,
    },
    /// TLS is not possible, or the server is not the one it should be.
    #[error("{what}")]
    Tls {
        /// What failed.
        what: String,
        /// The reason, if it comes from another library.
        #[source]
        source: Option<Source>,
    },
    /// The server requests a password and there is none.
    #[error("the server requests a password but none was given (-W, PGPASSWORD, ~/.pgpass)")]
    NoPassword,
    /// The password could not be read from the terminal.
    #[error("cannot prompt for the password")]
    Prompt(#[source] std::io::Error),
    /// The server does not satisfy `target_session_attrs`.
    #[error("{0}")]
    Unsuitable(&'static str),
    /// The schema of nocturne's records belongs to another role.
    #[error(
        "{what} belongs to role \"{owner}\", not to \"{role}\": its triggers could run code as \
         \"{role}\""
    )]
    NotOurs {
        /// The schema, or something in it.
        what: String,
        /// Its owner.
        owner: String,
        /// The role of this session.
        role: String,
    },
    /// The connection could not be opened for a reason of the network or the operating system.
    #[error("cannot open the connection")]
    Network(#[source] Source),
    /// The time limit of `connect_timeout` has passed.
    #[error("no answer within {0} seconds")]
    Timeout(u64),
    /// The server refused a statement, or the connection itself.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// The connection is gone: cut, terminated by the server, or unusable after an abandoned COPY.
    #[error("the connection to the server was lost")]
    Lost(#[source] Option<Source>),
    /// COMMIT was requested in a transaction that an error had aborted; it was rolled back.
    #[error("the transaction was aborted by an earlier error and was rolled back")]
    Aborted,
    /// The server's answer violates the protocol or does not fit the query.
    #[error("{0}")]
    Protocol(String, #[source] Option<Source>),
}

impl SessionError {
    /// The server's own report, including when it is the cause of a failed connection.
    #[must_use]
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) => Some(error),
            Self::Connect { source, .. } | Self::Setting { source, .. } => source.server(),
            Self::Lost(Some(source)) => source.downcast_ref::<ServerError>(),
            _ => None,
        }
    }

    /// The SQLSTATE, if the server gave one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        self.server().map(|error| error.sqlstate.as_str())
    }

    /// Whether the session is no longer usable.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        match self {
            Self::Lost(_) => true,
            Self::Server(error) => error.ends_session(),
            Self::Setting { source, .. } => source.is_connection_lost(),
            _ => false,
        }
    }

    /// Classifies an error of the driver. `statement` is the SQL that was running.
    pub(super) fn from_driver(error: tokio_postgres::Error, statement: Option<&str>) -> Self {
        if let Some(report) = error.as_db_error() {
            return Self::Server(Box::new(ServerError::new(report, statement)));
        }
        if error.is_closed() {
            return Self::Lost(None);
        }
        // The driver keeps its kinds private; its source distinguishes an I/O failure from the
        // rest.
        let what = error.to_string();
        match error.into_source() {
            Some(source) if source.is::<std::io::Error>() => Self::Lost(Some(source)),
            source => Self::Protocol(what, source),
        }
    }
}

/// An ErrorResponse of the server, with the statement that caused it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`, never translated.
    pub severity: String,
    /// The five characters of the code.
    pub sqlstate: String,
    /// The primary message, in the server's language.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
    /// CONTEXT: the call stack, or the line of a COPY.
    pub context: Option<String>,
    /// The position in the statement, in characters from 1.
    pub position: Option<u32>,
    /// The statement that a function ran inside the server, if the error is in it.
    pub internal_query: Option<String>,
    /// Schema of the object concerned.
    pub schema: Option<String>,
    /// Table concerned.
    pub table: Option<String>,
    /// Column concerned.
    pub column: Option<String>,
    /// Constraint concerned.
    pub constraint: Option<String>,
    /// The server's function that reported it, `get_role_oid`.
    pub routine: Option<String>,
    /// The refused statement, truncated to 500 bytes at a character boundary.
    pub statement: Option<String>,
}

impl ServerError {
    pub(super) fn new(report: &DbError, statement: Option<&str>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (position, internal_query) = match report.position() {
            Some(ErrorPosition::Original(position)) => (Some(*position), None),
            Some(ErrorPosition::Internal { query, .. }) => (None, Some(cut(query).to_owned())),
            None => (None, None),
        };
        Self {
            severity: match report.parsed_severity() {
                Some(Severity::Panic) => "PANIC".into(),
                Some(Severity::Fatal) => "FATAL".into(),
                Some(Severity::Error) => "ERROR".into(),
                _ => report.severity().to_owned(),
            },
            sqlstate: report.code().code().to_owned(),
            message: report.message().to_owned(),
            detail: owned(report.detail()),
            hint: owned(report.hint()),
            context: owned(report.where_()),
            position,
            internal_query,
            schema: owned(report.schema()),
            table: owned(report.table()),
            column: owned(report.column()),
            constraint: owned(report.constraint()),
            routine: owned(report.routine()),
            statement: statement.map(|statement| cut(statement).to_owned()),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn class(&self) -> Class {
        if self.is_missing_role() {
            Class::MissingRole
        } else if self.is_second_in_catalog() {
            Class::AlreadyExists
        } else {
            Class::of(&self.sqlstate)
        }
    }

    /// The role that does not exist, if that is the error.
    #[must_use]
    pub fn missing_role(&self) -> Option<&str> {
        if !self.is_missing_role() {
            return None;
        }
        // Other languages use different quotation marks around the name.
        [("\"", "\""), ("« ", " »"), ("«", "»"), ("„", "“")].iter().find_map(|(open, close)| {
            let (_, rest) = self.message.split_once(open)?;
            rest.split_once(close).map(|(name, _)| name)
        })
    }

    /// Whether a unique index of a system catalog refused an existing object. This is the only sign
    /// of an existing large object (`LargeObjectCreate` in `src/backend/catalog/pg_largeobject.c`),
    /// and of an object that another session is creating at the same moment.
    fn is_second_in_catalog(&self) -> bool {
        self.sqlstate == UNIQUE_VIOLATION && self.schema.as_deref() == Some("pg_catalog")
    }

    fn is_missing_role(&self) -> bool {
        // 42704 may concern any object; 22023 comes from SET SESSION AUTHORIZATION and SET ROLE.
        // The reporting routine (`src/backend/utils/adt/acl.c`) is the same in every language.
        let by_routine = matches!(
            self.routine.as_deref(),
            Some("get_role_oid" | "get_rolespec_oid" | "get_rolespec_tuple")
        );
        let by_message =
            self.message.starts_with("role \"") && self.message.ends_with("\" does not exist");
        match self.sqlstate.as_str() {
            UNDEFINED_OBJECT => by_routine || by_message,
            "22023" => by_message,
            _ => false,
        }
    }

    /// Whether the server closes the session after this. The SQLSTATE class does not show that: an
    /// error of class 08 is as often about another server, which a statement could not reach
    /// (`ERROR` from `src/backend/replication/libpqwalreceiver/libpqwalreceiver.c`,
    /// `contrib/postgres_fdw`).
    pub(super) fn ends_session(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.message)
    }
}

impl StdError for ServerError {}

/// The first bytes of a statement, cut at a character boundary.
fn cut(statement: &str) -> &str {
    let mut end = statement.len().min(STATEMENT_LIMIT);
    while !statement.is_char_boundary(end) {
        end -= 1;
    }
    &statement[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_statement_is_cut_between_characters() {
        let text = "é".repeat(400);
        assert_eq!(cut(&text).len(), 500);
        let text = format!("x{text}");
        assert_eq!(cut(&text).len(), 499);
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn missing_role_is_recognized_in_any_language() {
        let error = |sqlstate: &str, message: &str, routine: &str| ServerError {
            sqlstate: sqlstate.into(),
            message: message.into(),
            routine: Some(routine.into()),
            ..ServerError::default()
        };
        for (error, role) in [
            (error("42704", "role \"app\" does not exist", "get_role_oid"), Some("app")),
            (error("42704", "le rôle « app » n'existe pas", "get_rolespec_oid"), Some("app")),
            (error("22023", "role \"a b\" does not exist", "check_role"), Some("a b")),
            (error("42704", "type \"app\" does not exist", "typenameType"), None),
            (error("22023", "invalid value", "x"), None),
        ] {
            assert_eq!(error.missing_role(), role, "{error}");
            assert_eq!(error.class() == Class::MissingRole, role.is_some(), "{error}");
        }
    }
}
