//! A setting of the server that the user asks for (`--set`).

use std::str::FromStr;

use crate::sql::ident::literal;

/// What a restore sets itself for each entry, or relies on: with another value it would not restore
/// what the archive holds.
const RESERVED: [&str; 7] = [
    "client_encoding",
    "default_table_access_method",
    "default_tablespace",
    "role",
    "search_path",
    "session_authorization",
    "standard_conforming_strings",
];

/// A setting of the server for every session, `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSetting {
    name: String,
    value: String,
}

/// Why a setting is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is no `=`.
    #[error("expected NAME=VALUE")]
    NoValue,
    /// The text before the `=` is not a valid setting name.
    #[error("invalid setting name \"{0}\"")]
    Name(String),
    /// The restore depends on it.
    #[error("{0} is set by the restore itself")]
    Reserved(String),
}

impl ServerSetting {
    /// The setting's name as typed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value goes to the server as text, so that lists and units are read as in its own
    /// configuration file.
    pub(crate) fn sql(&self) -> String {
        set(&self.name, &self.value)
    }
}

impl FromStr for ServerSetting {
    type Err = SettingError;

    /// Accepts the names that the server allows: identifiers, for settings of extensions with dots
    /// between them (`valid_custom_variable_name` in `src/backend/utils/misc/guc.c`).
    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (name, value) = text.split_once('=').ok_or(SettingError::NoValue)?;
        let name = name.trim();
        let identifier = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
        };
        if !name.split('.').all(identifier) {
            return Err(SettingError::Name(name.to_owned()));
        }
        if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return Err(SettingError::Reserved(name.to_owned()));
        }
        Ok(Self { name: name.to_owned(), value: value.trim().to_owned() })
    }
}

/// The statement that applies a setting.
pub(crate) fn set(name: &str, value: &str) -> String {
    format!("SELECT pg_catalog.set_config({}, {}, false);", literal(name), literal(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_is_a_name_and_a_value() {
        for (text, sql) in [
            ("work_mem=64MB", "SELECT pg_catalog.set_config('work_mem', '64MB', false);"),
            (" app.who = it's ", "SELECT pg_catalog.set_config('app.who', 'it''s', false);"),
            ("a$1.b=x=y", "SELECT pg_catalog.set_config('a$1.b', 'x=y', false);"),
            ("jit=", "SELECT pg_catalog.set_config('jit', '', false);"),
        ] {
            assert_eq!(text.parse::<ServerSetting>().unwrap().sql(), sql);
        }
    }

    #[test]
    fn invalid_or_reserved_setting_is_refused() {
        let refused = |text: &str| text.parse::<ServerSetting>().unwrap_err();
        assert_eq!(refused("work_mem"), SettingError::NoValue);
        for name in ["", "1a", "a b", "a'b", "a..b", ".a", "a.", "a;b", "é"] {
            assert_eq!(refused(&format!("{name}=x")), SettingError::Name(name.to_owned()));
        }
        for name in ["search_path", "Client_Encoding"] {
            assert_eq!(refused(&format!("{name}=x")), SettingError::Reserved(name.to_owned()));
        }
    }
}
