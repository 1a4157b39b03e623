//! Session settings for good performance, and those the user asks for.
//!
//! These come on top of the settings that the archive's SQL needs
//! ([`crate::statements::fixed_settings`]): more memory for sorting if the server or its machine
//! has it, and `--set`. The number of parallel workers of an index build changes from job to job:
//! see [`crate::restore::conduct::index_workers`].

use crate::error::chain;
use crate::restore::event::Event;
use crate::restore::ledger::Ledger;
use crate::restore::server_setting::set;
use crate::server::{Result, Session, SessionError};

/// The setting that bounds the memory of index builds and of the checks of foreign keys.
const MEMORY: &str = "maintenance_work_mem";

/// The setting that bounds the parallel workers of an index build, since PostgreSQL 11.
const WORKERS: &str = "max_parallel_maintenance_workers";

/// The most memory that a session is given: more was not faster in measurements.
const MOST_MEMORY: u64 = 256 << 20;

/// The most that it is given from the machine's free memory, which others may need too. It is
/// enough to sort a million and a half keys, and was as fast as twice as much.
const MOST_OF_FREE_MEMORY: u64 = 128 << 20;

/// Applies the settings to a new session. `free` is the free memory in bytes of the server's
/// machine, if known.
///
/// # Errors
/// [`SessionError::Setting`] when the server refuses what the user asked for. Our own settings stay
/// unchanged if refused.
pub(crate) async fn apply(ledger: &Ledger, session: &Session, free: Option<u64>) -> Result<()> {
    for setting in &ledger.facts.options.settings {
        session.execute(&setting.sql()).await.map_err(|source| SessionError::Setting {
            name: setting.name().to_owned(),
            source: Box::new(source),
        })?;
    }
    match tune(ledger, session, free).await {
        Err(error) if !error.is_connection_lost() => {
            let message =
                format!("keeping the server's memory and worker settings: {}", chain(&error));
            ledger.facts.events.send(Event::Note { message });
            Ok(())
        }
        result => result,
    }
}

/// Raises the memory for index builds, if the server has enough for all sessions together, and
/// checks whether we may choose the number of workers.
async fn tune(ledger: &Ledger, session: &Session, free: Option<u64>) -> Result<()> {
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
    ledger.server.note_workers(is_ours(WORKERS));
    let bytes = |name| in_bytes(column(name, 1)?, column(name, 2)?);
    let (Some(shared), Some(now)) = (bytes("shared_buffers"), bytes(MEMORY)) else {
        return Ok(());
    };
    match memory(shared, free, ledger.server.sessions()) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
