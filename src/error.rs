//! What every error of this program has in common: its chain of causes in one line, and its hint.

use std::error::Error as StdError;

use crate::server::SessionError;
use crate::shown::one_line;

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
    of_sessions(error).find_map(SessionError::hint)
}

/// The session errors among an error and its sources.
fn of_sessions<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a SessionError> {
    std::iter::successors(Some(error), |error| StdError::source(*error)).filter_map(|error| {
        let boxed = || error.downcast_ref::<Box<SessionError>>().map(Box::as_ref);
        error.downcast_ref::<SessionError>().or_else(boxed)
    })
}
