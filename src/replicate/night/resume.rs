//! What another attempt needs to go on with a restore instead of beginning again.
//!
//! What is done, entry by entry, is the restore's own [journal](crate::restore::journal). Beside it
//! stands, in the table `nocturne.night`, of which backup the restore is and what was in the
//! target when it began: which entries are wanted follows from that, and what is there later is the
//! restore's own work.

use super::error::NightError;
use super::present::Present;
use crate::replicate::backup::FoundBackup;
use crate::restore::{chain, journal};
use crate::sql::ident::literal;
use crate::target::{Session, SessionSettings, Target, make_bookkeeping};

/// `ERRCODE_INSUFFICIENT_PRIVILEGE`.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// What tells one backup from another.
pub(super) fn key(found: &FoundBackup) -> String {
    let created = found.created_at.map(|time| time.to_rfc3339()).unwrap_or_default();
    let size = found.size.map(|size| size.to_string()).unwrap_or_default();
    [found.id.as_str(), &created, &size].join(" ")
}

/// What was in the target when the restore of this backup began; none if no such restore is
/// unfinished.
pub(super) async fn find(session: &Session, backup: &str) -> Result<Option<Present>, NightError> {
    let failed = || NightError::target("look for an unfinished restore");
    let there = "SELECT pg_catalog.to_regclass('nocturne.night') IS NOT NULL \
                 AND pg_catalog.to_regclass('nocturne.restore_journal') IS NOT NULL";
    if session.query_value(there).await.map_err(failed())?.as_deref() != Some("t") {
        return Ok(None);
    }
    let sql = format!("SELECT present FROM nocturne.night WHERE backup = {}", literal(backup));
    let present = session.query_value(&sql).await.map_err(failed())?;
    Ok(present.and_then(|text| Present::from_json(&text)))
}

/// Notes that the restore of this backup begins. False if the role may not: then the restore is
/// done without a journal.
pub(super) async fn begin(
    target: &Target,
    backup: &str,
    present: &Present,
) -> Result<bool, NightError> {
    let (backup, present) = (literal(backup), literal(&present.to_json()));
    let work = async {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        make_bookkeeping(&session).await?;
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS nocturne.night (backup text PRIMARY KEY, \
                 present text NOT NULL, since timestamptz NOT NULL DEFAULT pg_catalog.now()); \
             DELETE FROM nocturne.night; \
             INSERT INTO nocturne.night (backup, present) VALUES ({backup}, {present})"
        );
        session.execute(&sql).await
    };
    match work.await {
        Ok(()) => Ok(true),
        Err(error) if error.sqlstate() == Some(INSUFFICIENT_PRIVILEGE) => {
            tracing::warn!("another attempt would begin again: {}", chain(&error));
            Ok(false)
        }
        Err(error) => Err(NightError::target("note that the restore begins")(error)),
    }
}

/// Forgets an unfinished restore: it is done, or another one begins.
pub(crate) async fn forget(target: &Target) -> Result<(), NightError> {
    let work = async {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        session.execute("DROP TABLE IF EXISTS nocturne.night").await?;
        drop(session);
        journal::forget(target).await
    };
    work.await.map_err(NightError::target("forget an unfinished restore"))
}
