//! Turns an error into the failure that is reported.

use std::error::Error as StdError;

use crate::archive;
use crate::restore::event::{Cause, Failure};
use crate::shown::one_line;
use crate::target::{CONNECTION_FAILURE, Error as TargetError, ServerError};

/// Why the work on an entry did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// The server, or the connection to it.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The server, about a row whose number in the COPY differs from its number in the archive.
    #[error("row {row} of the archive's data")]
    Row {
        /// The row, from 1.
        row: u64,
        /// What the server said.
        source: TargetError,
    },
    /// The archive.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl WorkError {
    pub(crate) fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Target(error) | Self::Row { source: error, .. } => error.server(),
            _ => None,
        }
    }

    /// The failure to report, without its cause, which depends on the other entries.
    pub(crate) fn failure(&self) -> Failure {
        match self.server() {
            Some(error) => Failure {
                message: error.message.clone(),
                sqlstate: Some(error.sqlstate.clone()),
                detail: self.details(error),
                statement: error.statement.clone(),
                cause: error
                    .missing_role()
                    .map(|role| Cause::MissingRole { role: role.to_owned() }),
                only_owner: false,
            },
            None => Failure {
                message: chain(self),
                sqlstate: self.is_passing().then(|| CONNECTION_FAILURE.to_owned()),
                ..Failure::default()
            },
        }
    }

    fn details(&self, error: &ServerError) -> Option<String> {
        let row = match self {
            Self::Row { row, .. } => Some(format!("{row} of the archive's data")),
            _ => None,
        };
        let lines: Vec<String> = [
            ("DETAIL", &error.detail),
            ("HINT", &error.hint),
            ("CONTEXT", &error.context),
            ("QUERY", &error.internal_query),
            ("ROW", &row),
        ]
        .into_iter()
        .filter_map(|(name, text)| text.as_ref().map(|text| format!("{name}: {text}")))
        .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// An error and its sources in one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        // A transparent error has the same text as its source.
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    // Names from archives and messages from servers must not start a new line.
    one_line(&text)
}

/// A hint for an error, if an error of a session in its chain has one.
pub(crate) fn hint(error: &(dyn StdError + 'static)) -> Option<String> {
    of_sessions(error).find_map(TargetError::hint)
}

/// The session errors among an error and its sources.
fn of_sessions<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a TargetError> {
    std::iter::successors(Some(error), |error| StdError::source(*error)).filter_map(|error| {
        let boxed = || error.downcast_ref::<Box<TargetError>>().map(Box::as_ref);
        error.downcast_ref::<TargetError>().or_else(boxed)
    })
}
