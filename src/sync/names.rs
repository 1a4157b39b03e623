//! Text of the database, read in a session that has the archive's encoding, in which other names may
//! have no equivalent.

use crate::server::Session;

/// How to read text of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// As it is: a database in SQL_ASCII returns the bytes that it was given, those of the archive.
    Plain,
    /// As UTF-8, in hexadecimal digits.
    Hex,
}

impl Names {
    /// In this session's database.
    pub(super) fn of(session: &Session) -> Self {
        match session.parameter("server_encoding") {
            Some("SQL_ASCII") => Self::Plain,
            _ => Self::Hex,
        }
    }

    /// The SQL that returns the value of an expression of type `text`.
    pub(super) fn sql(self, expression: &str) -> String {
        match self {
            Self::Plain => expression.to_owned(),
            Self::Hex => format!(
                "pg_catalog.encode(pg_catalog.convert_to({expression}::text, 'UTF8'), 'hex')"
            ),
        }
    }

    /// The text that it returned. `None` if it cannot be that.
    pub(super) fn text(self, value: String) -> Option<String> {
        match self {
            Self::Plain => Some(value),
            Self::Hex => {
                let byte =
                    |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                let bytes: Option<Vec<u8>> = value.as_bytes().chunks(2).map(byte).collect();
                String::from_utf8(bytes?).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_it_was_returned() {
        assert_eq!(Names::Hex.text("c3a974c3a9".to_owned()).as_deref(), Some("été"));
        assert_eq!(Names::Hex.text(String::new()).as_deref(), Some(""));
        for damaged in ["c3a", "zz", "c3"] {
            assert_eq!(Names::Hex.text(damaged.to_owned()), None);
        }
        assert_eq!(Names::Plain.text("c3a9".to_owned()).as_deref(), Some("c3a9"));
    }
}
