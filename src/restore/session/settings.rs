//! Session settings for good performance, and those the user asks for.
//!
//! These come on top of the settings that the archive's SQL needs
//! ([`crate::statements::fixed_settings`]): more memory for sorting if the server or its machine
//! has it, and `--set`. The number of parallel workers of an index build changes from job to job:
//! see [`crate::restore::conduct::index_workers`].

use std::str::FromStr;
use std::sync::atomic::Ordering;

use crate::restore::context::Context;
use crate::restore::event::Event;
use crate::restore::failure::chain;
use crate::sql::ident::literal;
use crate::target::{Error, Result, Session};

/// The setting that bounds the memory of index builds and of the checks of foreign keys.
const MEMORY: &str = "maintenance_work_mem";

/// The setting that bounds the parallel workers of an index build, since PostgreSQL 11.
const WORKERS: &str = "max_parallel_maintenance_workers";

/// The most memory that a session is given: more was not faster in measurements.
const MOST_MEMORY: u64 = 256 << 20;

/// The most that it is given from the machine's free memory, which others may need too. It is
/// enough to sort a million and a half keys, and was as fast as twice as much.
const MOST_OF_FREE_MEMORY: u64 = 128 << 20;

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
    fn sql(&self) -> String {
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

/// Applies the settings to a new session. `free` is the free memory in bytes of the server's
/// machine, if known.
///
/// # Errors
/// [`Error::Setting`] when the server refuses what the user asked for. Our own settings stay
/// unchanged if refused.
pub(crate) async fn apply(ctx: &Context, session: &Session, free: Option<u64>) -> Result<()> {
    for setting in &ctx.options.settings {
        session.execute(&setting.sql()).await.map_err(|source| Error::Setting {
            name: setting.name.clone(),
            source: Box::new(source),
        })?;
    }
    match tune(ctx, session, free).await {
        Err(error) if !error.is_connection_lost() => {
            let message =
                format!("keeping the server's memory and worker settings: {}", chain(&error));
            ctx.events.send(Event::Note { message });
            Ok(())
        }
        result => result,
    }
}

/// Raises the memory for index builds, if the server has enough for all sessions together, and
/// checks whether we may choose the number of workers.
async fn tune(ctx: &Context, session: &Session, free: Option<u64>) -> Result<()> {
    let query = format!(
        "SELECT name, setting, unit, source FROM pg_catalog.pg_settings \
         WHERE name IN ('shared_buffers', '{MEMORY}', '{WORKERS}')"
    );
    let rows = session.query_text(&query).await?;
    let column = |name: &str, column: usize| {
        let row = rows.iter().find(|row| row.first().and_then(Option::as_deref) == Some(name))?;
        row.get(column)?.as_deref()
    };
    let is_ours = |name| column(name, 3).is_some_and(|source| !is_on_purpose(source));
    ctx.workers_are_ours.store(is_ours(WORKERS), Ordering::Relaxed);
    let bytes = |name| in_bytes(column(name, 1)?, column(name, 2)?);
    let (Some(shared), Some(now)) = (bytes("shared_buffers"), bytes(MEMORY)) else {
        return Ok(());
    };
    match memory(shared, free, ctx.sessions()) {
        more if more > now && is_ours(MEMORY) => {
            session.execute(&set(MEMORY, &format!("{}kB", more >> 10))).await
        }
        _ => Ok(()),
    }
}

/// Whether a setting was made with such sessions in mind: for this database or role, in the
/// connection's options, or with `--set` (`GucSource_Names` in `guc_tables.c`).
fn is_on_purpose(source: &str) -> bool {
    matches!(source, "database" | "user" | "database user" | "client" | "session")
}

/// The memory in bytes that each of `jobs` sessions may use: together, half of `shared_buffers`, a
/// number chosen with the server's memory in mind; or a quarter of the machine's free memory, if
/// that is known and larger.
fn memory(shared_buffers: u64, free: Option<u64>, jobs: usize) -> u64 {
    let jobs = u64::try_from(jobs.max(1)).unwrap_or(u64::MAX);
    let of_free = (free.unwrap_or(0) / 4 / jobs).min(MOST_OF_FREE_MEMORY);
    (shared_buffers / 2 / jobs).min(MOST_MEMORY).max(of_free)
}

/// A number of `pg_settings` and its unit, `kB` or a multiple such as `8kB`, in bytes.
fn in_bytes(number: &str, unit: &str) -> Option<u64> {
    let kilobytes = unit.strip_suffix("kB")?;
    let kilobytes: u64 = if kilobytes.is_empty() { 1 } else { kilobytes.parse().ok()? };
    number.parse::<u64>().ok()?.checked_mul(kilobytes)?.checked_mul(1024)
}

fn set(name: &str, value: &str) -> String {
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

    #[test]
    fn sessions_together_get_half_of_shared_memory() {
        const MB: u64 = 1 << 20;
        assert_eq!(memory(128 * MB, None, 1), 64 * MB);
        assert_eq!(memory(1024 * MB, None, 4), 128 * MB);
        assert_eq!(memory(64 * 1024 * MB, None, 8), 256 * MB);
        assert_eq!(memory(128 * MB, None, 0), 64 * MB);
    }

    #[test]
    fn sessions_get_a_quarter_of_the_machines_memory() {
        const MB: u64 = 1 << 20;
        assert_eq!(memory(128 * MB, Some(800 * MB), 2), 100 * MB);
        assert_eq!(memory(128 * MB, Some(100 * MB), 2), 32 * MB, "it has room for its own");
        assert_eq!(memory(128 * MB, Some(64 * 1024 * MB), 4), 128 * MB);
        assert_eq!(memory(1024 * MB, Some(64 * 1024 * MB), 2), 256 * MB);
    }

    #[test]
    fn size_is_read_with_its_unit() {
        assert_eq!(in_bytes("16384", "8kB"), Some(128 << 20));
        assert_eq!(in_bytes("65536", "kB"), Some(64 << 20));
        assert_eq!(in_bytes("-1", "kB"), None);
        assert_eq!(in_bytes("1", "ms"), None);
    }
}
