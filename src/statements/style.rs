//! How statements are written: the options that change them, and what the archive says about its
//! own SQL.

use crate::archive::Toc;
use crate::sql::ident::quoted;

/// The options that change the SQL of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// How objects get their owners (`--no-owner`, `--use-set-session-authorization`).
    pub ownership: Ownership,
    /// Use the target's default tablespaces (`--no-tablespaces`).
    pub no_tablespaces: bool,
    /// Use the target's default table access method (`--no-table-access-method`).
    pub no_table_access_method: bool,
    /// The superuser that disables triggers (`--superuser`). `None` means the connected role.
    pub superuser: Option<String>,
    /// The role to restore as (`--role`).
    pub role: Option<String>,
    /// Let row security filter what is restored, instead of failing (`--enable-row-security`).
    pub enable_row_security: bool,
    /// What the archive says about its own SQL.
    pub source: SourceSettings,
}

/// How objects get their owners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// `ALTER … OWNER TO` after each object.
    #[default]
    AlterOwner,
    /// `SET SESSION AUTHORIZATION` before each object.
    SetSessionAuthorization,
    /// The restoring role owns everything.
    Ignore,
}

/// The settings under which the SQL in an archive was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// The encoding, by its PostgreSQL name, `UTF8`.
    pub encoding: String,
    /// Whether a backslash in `'…'` is an ordinary character.
    pub standard_conforming_strings: bool,
    /// The statement that sets the search path, as stored in the archive. `None` in archives from
    /// before 2018, in which names are not qualified.
    pub search_path: Option<String>,
    /// Major version of the dumped server, if known.
    pub server_major: Option<u32>,
}

impl Default for SourceSettings {
    /// What pg_restore starts from when the archive says nothing.
    fn default() -> Self {
        Self {
            encoding: "SQL_ASCII".to_owned(),
            standard_conforming_strings: false,
            search_path: None,
            server_major: None,
        }
    }
}

impl SourceSettings {
    /// Those of an archive.
    #[must_use]
    pub fn of(toc: &Toc) -> Self {
        Self {
            encoding: toc.encoding.name().to_owned(),
            standard_conforming_strings: toc.standard_conforming_strings,
            search_path: toc.search_path.clone(),
            server_major: toc.header.server_major(),
        }
    }
}

/// The SETs for a whole session (`_doSetFixedOutputState`), one statement each.
///
/// `server_major` is the target's major version. `None` for a script, whose target is unknown and
/// assumed to be as old as the dumped server. It decides whether `transaction_timeout` is set,
/// which servers before 17 refuse; pg_restore 17 and later always set it.
#[must_use]
pub fn fixed_settings(style: &Style, server_major: Option<u32>) -> Vec<String> {
    let source = &style.source;
    let on_off = |on| if on { "on" } else { "off" };
    let mut all = vec![
        "SET statement_timeout = 0;".to_owned(),
        "SET lock_timeout = 0;".to_owned(),
        "SET idle_in_transaction_session_timeout = 0;".to_owned(),
    ];
    if server_major.or(source.server_major).is_some_and(|major| major >= 17) {
        all.push("SET transaction_timeout = 0;".to_owned());
    }
    all.push(format!("SET client_encoding = '{}';", source.encoding));
    all.push(format!(
        "SET standard_conforming_strings = {};",
        on_off(source.standard_conforming_strings)
    ));
    if let Some(role) = &style.role {
        all.push(format!("SET ROLE {};", quoted(role)));
    }
    if let Some(search_path) = &source.search_path {
        all.push(search_path.trim_end().to_owned());
    }
    all.push("SET check_function_bodies = false;".to_owned());
    all.push("SET xmloption = content;".to_owned());
    all.push("SET client_min_messages = warning;".to_owned());
    if !source.standard_conforming_strings {
        all.push("SET escape_string_warning = off;".to_owned());
    }
    all.push(format!("SET row_security = {};", on_off(style.enable_row_security)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::entry;
    use crate::archive::tests::writer::toc;

    fn style(server_version: &str) -> Style {
        let entries = [
            ("ENCODING", "SET client_encoding = 'UTF8';\n"),
            ("STDSTRINGS", "SET standard_conforming_strings = 'on';\n"),
            ("SEARCHPATH", "SELECT pg_catalog.set_config('search_path', '', false);\n"),
        ];
        let entries = (1..).zip(entries);
        let entries: Vec<_> =
            entries.map(|(id, (desc, defn))| entry(id, desc, desc).defn(defn).build()).collect();
        Style { source: SourceSettings::of(&toc(&entries, server_version)), ..Style::default() }
    }

    #[test]
    fn session_starts_like_pg_restore() {
        let style = Style { role: Some("Boss".to_owned()), ..style("18.6 (Debian)") };
        assert_eq!(
            fixed_settings(&style, None),
            [
                "SET statement_timeout = 0;",
                "SET lock_timeout = 0;",
                "SET idle_in_transaction_session_timeout = 0;",
                "SET transaction_timeout = 0;",
                "SET client_encoding = 'UTF8';",
                "SET standard_conforming_strings = on;",
                "SET ROLE \"Boss\";",
                "SELECT pg_catalog.set_config('search_path', '', false);",
                "SET check_function_bodies = false;",
                "SET xmloption = content;",
                "SET client_min_messages = warning;",
                "SET row_security = off;",
            ]
        );
    }

    #[test]
    fn old_archive_sets_what_its_text_needs() {
        let style = Style { enable_row_security: true, ..Style::default() };
        let settings = fixed_settings(&style, None);
        assert!(settings.contains(&"SET client_encoding = 'SQL_ASCII';".to_owned()));
        assert!(settings.contains(&"SET standard_conforming_strings = off;".to_owned()));
        assert!(settings.contains(&"SET escape_string_warning = off;".to_owned()));
        assert_eq!(settings.last().map(String::as_str), Some("SET row_security = on;"));
    }

    #[test]
    fn transaction_timeout_is_set_only_where_supported() {
        let timeout = "SET transaction_timeout = 0;".to_owned();
        for (dumped, target, expected) in [
            ("16.4", None, false),
            ("17beta1", None, true),
            ("17.2", Some(16), false),
            ("9.6.24", Some(17), true),
        ] {
            let settings = fixed_settings(&style(dumped), target);
            assert_eq!(settings.contains(&timeout), expected, "{dumped} {target:?}");
        }
    }
}
