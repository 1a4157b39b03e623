//! The settings of a session that reads values as pg_dump does.

use crate::sql::ident::quoted;

/// pg_dump's session settings (`setup_connection` in `src/bin/pg_dump/pg_dump.c`), and others that
/// affect the text of values, as statements. `name` is the session's `application_name`, `version`
/// the server's version as a number.
///
/// pg_dump leaves the time zone as it is; here it is UTC, the usual setting of hosting providers.
pub(crate) fn dump_settings(
    name: &str,
    standard_conforming_strings: bool,
    role: Option<&str>,
    version: u32,
) -> String {
    let strings = if standard_conforming_strings { "on" } else { "off" };
    let mut settings = format!(
        "SET application_name = '{name}'; SET datestyle = 'ISO'; \
         SET intervalstyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'; \
         SET xmloption = 'content'; SET quote_all_identifiers = off; SET timezone = 'UTC'; \
         SET row_security = off; SET statement_timeout = 0; SET lock_timeout = 0; \
         SET idle_in_transaction_session_timeout = 0; SET standard_conforming_strings = {strings}; \
         SELECT pg_catalog.set_config('search_path', '', false); \
         SELECT pg_catalog.set_config(name, 'view, foreign-table', false) \
         FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) \
         'restrict_nonsystem_relation_kind';"
    );
    if version >= 170_000 {
        settings.push_str(" SET transaction_timeout = 0;");
    }
    if let Some(role) = role {
        settings.push_str(&format!(" SET ROLE {};", quoted(role)));
    }
    settings
}
