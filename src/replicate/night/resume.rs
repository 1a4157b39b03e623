//! What another attempt needs to go on with a restore instead of beginning again.
//!
//! What is done, entry by entry, is the restore's own [journal](crate::restore::journal). Beside it
//! stands, in the table `nocturne.night`, of which backup the restore is and what was in the
//! target when it began: which entries are wanted follows from that, and what is there later is the
//! restore's own work. When all of the backup has come its SHA-256 stands there, too.

use super::error::NightError;
use super::present::Present;
use super::restored;
use crate::replicate::backup::FoundBackup;
use crate::restore::{chain, journal};
use crate::source::remote::Sha256Sum;
use crate::sql::ident::literal;
use crate::target::{self, Session, SessionSettings, Target, has_record, make_bookkeeping};

/// `ERRCODE_INSUFFICIENT_PRIVILEGE`.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// What tells one backup from another.
pub(super) fn key(found: &FoundBackup) -> String {
    let created = found.created_at.map(|time| time.to_rfc3339()).unwrap_or_default();
    let size = found.size.map(|size| size.to_string()).unwrap_or_default();
    [found.id.as_str(), &created, &size].join(" ")
}

/// What was in the target when the restore of this backup began; none if no such restore is
/// unfinished. `sum` is the backup's SHA-256, if all of it is here already: a backup that was
/// replaced under its name is another one.
pub(super) async fn find(
    session: &Session,
    backup: &str,
    sum: Option<Sha256Sum>,
) -> Result<Option<Present>, NightError> {
    let failed = || NightError::target("look for an unfinished restore");
    if !has_record(session, "night").await.map_err(failed())?
        || !has_record(session, "restore_journal").await.map_err(failed())?
    {
        return Ok(None);
    }
    // Members are missing from the table of an earlier version, whose journal is of no use either.
    let sql = format!(
        "SELECT present, pg_catalog.to_jsonb(night)->>'sha256' FROM nocturne.night \
         WHERE backup = {}",
        literal(backup)
    );
    let row = session.query_text(&sql).await.map_err(failed())?.into_iter().next();
    let Some([Some(present), then]) = row.and_then(|row| <[Option<String>; 2]>::try_from(row).ok())
    else {
        return Ok(None);
    };
    if let (Some(then), Some(now)) = (then, sum.map(|sum| sum.to_string()))
        && then != now
    {
        tracing::warn!(
            "the backup is another one than at the attempt before: {}",
            was(&then, &now)
        );
        return Ok(None);
    }
    Ok(Present::from_json(&present))
}

fn was(then: &str, now: &str) -> String {
    format!("its SHA-256 was {then}, is {now}")
}

/// Notes the SHA-256 of the backup, of which all has come. If an attempt before had another one,
/// what it had loaded was compared entry by entry: only what came since can be another.
pub(super) async fn note_sum(target: &Target, backup: &str, sum: Sha256Sum) {
    let (backup, now) = (literal(backup), sum.to_string());
    let work = async {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        if !has_record(&session, "night").await? {
            return Ok(None);
        }
        let then = format!("SELECT sha256 FROM nocturne.night WHERE backup = {backup}");
        let then = session.query_value(&then).await?;
        let note =
            format!("UPDATE nocturne.night SET sha256 = {} WHERE backup = {backup}", literal(&now));
        session.execute(&note).await?;
        Ok::<_, target::Error>(then)
    };
    match work.await {
        Ok(Some(then)) if then != now => {
            tracing::warn!("the backup has changed since the attempt before: {}", was(&then, &now));
        }
        Ok(_) => {}
        // Only another attempt would have used it.
        Err(error) => tracing::warn!("the backup's SHA-256 is not noted: {}", chain(&error)),
    }
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
             ALTER TABLE nocturne.night ADD COLUMN IF NOT EXISTS sha256 text; \
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

/// Forgets all that is known of what the target holds: objects are about to be dropped.
pub(crate) async fn forget_all(target: &Target) -> Result<(), NightError> {
    restored::forget(target).await?;
    forget(target).await
}

/// Forgets an unfinished restore: it is done, or another one begins.
pub(super) async fn forget(target: &Target) -> Result<(), NightError> {
    let work = async {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        if has_record(&session, "night").await? {
            session.execute("DROP TABLE IF EXISTS nocturne.night").await?;
        }
        drop(session);
        journal::forget(target).await
    };
    work.await.map_err(NightError::target("forget an unfinished restore"))
}
