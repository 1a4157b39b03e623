//! Server errors that the user accepts.

use std::fmt;
use std::str::FromStr;

use crate::archive::Desc;
use crate::server::sqlstate::{INSUFFICIENT_PRIVILEGE, INVALID_TABLE_DEFINITION};
use crate::server::{Class, ServerError};

/// A kind of server error that the user accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// This SQLSTATE.
    SqlState(String),
    /// The object already exists.
    AlreadyExists,
    /// A role does not exist.
    MissingRole,
    /// Only the owner of an extension may comment on it.
    CommentOnExtension,
    /// Only the owner of an object, of whatever kind, may comment on it.
    CommentOnOthers,
}

impl Tolerance {
    /// Whether this error, met while restoring an entry of this kind and tag, is accepted.
    #[must_use]
    pub fn accepts(&self, error: &ServerError, desc: &Desc, tag: &str) -> bool {
        match self {
            Self::SqlState(code) => error.sqlstate == *code,
            Self::AlreadyExists => {
                error.class() == Class::AlreadyExists
                    // A primary key is not refused for its name, but for being the second.
                    || *desc == Desc::Constraint && error.sqlstate == INVALID_TABLE_DEFINITION
            }
            Self::MissingRole => error.class() == Class::MissingRole,
            Self::CommentOnExtension => {
                tag.starts_with("EXTENSION ") && Self::CommentOnOthers.accepts(error, desc, tag)
            }
            Self::CommentOnOthers => {
                *desc == Desc::Comment && error.sqlstate == INSUFFICIENT_PRIVILEGE
            }
        }
    }
}

/// Why a word does not name an error that can be tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToleranceError {
    /// It is neither a code nor a name.
    #[error(
        "expected a five-character SQLSTATE, \"already-exists\", \"missing-role\", \
         \"comment-on-extension\" or \"comment-on-others\""
    )]
    Unknown,
    /// `00000`.
    #[error("SQLSTATE 00000 means success: there is nothing to tolerate")]
    Success,
}

impl FromStr for Tolerance {
    type Err = ToleranceError;

    /// A name, or an SQLSTATE in either case (PostgreSQL documentation, appendix A).
    fn from_str(text: &str) -> Result<Self, ToleranceError> {
        match text.trim() {
            "already-exists" => Ok(Self::AlreadyExists),
            "missing-role" => Ok(Self::MissingRole),
            "comment-on-extension" => Ok(Self::CommentOnExtension),
            "comment-on-others" => Ok(Self::CommentOnOthers),
            "00000" => Err(ToleranceError::Success),
            code if code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Ok(Self::SqlState(code.to_ascii_uppercase()))
            }
            _ => Err(ToleranceError::Unknown),
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SqlState(code) => code,
            Self::AlreadyExists => "already-exists",
            Self::MissingRole => "missing-role",
            Self::CommentOnExtension => "comment-on-extension",
            Self::CommentOnOthers => "comment-on-others",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerance_is_a_name_or_an_sqlstate() {
        assert_eq!("already-exists".parse(), Ok(Tolerance::AlreadyExists));
        assert_eq!("missing-role".parse(), Ok(Tolerance::MissingRole));
        assert_eq!("comment-on-extension".parse(), Ok(Tolerance::CommentOnExtension));
        assert_eq!("42p07".parse::<Tolerance>().unwrap().to_string(), "42P07");
        for wrong in ["", "42P0", "42P071", "42-07", "everything", "42P0é"] {
            assert_eq!(wrong.parse::<Tolerance>(), Err(ToleranceError::Unknown), "{wrong}");
        }
        assert_eq!("00000".parse::<Tolerance>(), Err(ToleranceError::Success));
    }

    #[test]
    fn tolerance_round_trips_as_text() {
        let words = ["already-exists", "missing-role", "comment-on-extension", "comment-on-others"];
        for word in words.into_iter().chain(["23505"]) {
            assert_eq!(word.parse::<Tolerance>().unwrap().to_string(), word);
        }
    }
}
