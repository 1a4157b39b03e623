//! What an attempt needs to resume a restore instead of starting over.
//!
//! The restore's own [journal](crate::restore::journal) records what is done, entry by entry. In
//! addition, the table `nocturne.night` records which backup is restored and which objects the
//! target had when the restore started: that determines the selected entries, because everything
//! that appears later was created by the restore itself. It also records the SHA-256 of the backup
//! once it is completely downloaded.

use super::error::NightError;
use super::present::Present;
use super::restored;
use crate::archive::Digest;
use crate::error::chain;
use crate::replicate::backup::FoundBackup;
use crate::restore::journal;
use crate::server::sqlstate::INSUFFICIENT_PRIVILEGE;
use crate::server::{self, Session, SessionSettings, Target, has_record, make_bookkeeping};
use crate::sql::ident::literal;
use crate::sync;

/// The key that identifies a backup.
pub(super) fn key(found: &FoundBackup) -> String {
    let created = found.created_at.map(|time| time.to_rfc3339()).unwrap_or_default();
    let size = found.size.map(|size| size.to_string()).unwrap_or_default();
    [found.id.as_str(), &created, &size].join(" ")
}

/// The objects in the target when the restore of this backup started; `None` if there is no
/// unfinished restore of it. `sum` is the backup's SHA-256, if it is already completely available:
/// it detects a backup that was replaced under the same name.
pub(super) async fn find(
    session: &Session,
    backup: &str,
    sum: Option<Digest>,
) -> Result<Option<Present>, NightError> {
    let failed = || NightError::target("find an unfinished restore");
    if !has_record(session, "night").await.map_err(failed())?
        || !has_record(session, "restore_journal").await.map_err(failed())?
    {
        return Ok(None);
    }
    // The table of an earlier version lacks columns; its journal cannot be used either.
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
            "the backup differs from that of the previous attempt: {}",
            was(&then, &now)
        );
        return Ok(None);
    }
    Ok(Present::from_json(&present))
}

fn was(then: &str, now: &str) -> String {
    format!("its SHA-256 was {then}, now {now}")
}

/// Records the SHA-256 of the completely downloaded backup. If the previous attempt had another
/// one, the entries it had loaded were compared one by one: only later ones can differ.
pub(super) async fn note_sum(target: &Target, backup: &str, sum: Digest) {
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
        Ok::<_, server::SessionError>(then)
    };
    match work.await {
        Ok(Some(then)) if then != now => {
            tracing::warn!(
                "the backup has changed since the previous attempt: {}",
                was(&then, &now)
            );
        }
        Ok(_) => {}
        // Only another attempt would have used it.
        Err(error) => tracing::warn!("cannot record the backup's SHA-256: {}", chain(&error)),
    }
}

/// Records that the restore of this backup starts. Returns false if the role lacks the privilege:
/// the restore then runs without a journal.
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
            tracing::warn!("another attempt would have to start over: {}", chain(&error));
            Ok(false)
        }
        Err(error) => Err(NightError::target("record the start of the restore")(error)),
    }
}

/// Deletes all records of what the target contains, because objects are about to be dropped.
pub(crate) async fn forget_all(target: &Target) -> Result<(), NightError> {
    restored::forget(target).await?;
    let work = async {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        sync::forget(&session).await
    };
    work.await.map_err(NightError::target("delete the record of the warehouse"))?;
    forget(target).await
}

/// Deletes the record of an unfinished restore, because it is done or another one starts.
pub(super) async fn forget(target: &Target) -> Result<(), NightError> {
    let work = async {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        if has_record(&session, "night").await? {
            session.execute("DROP TABLE IF EXISTS nocturne.night").await?;
        }
        drop(session);
        journal::forget(target).await
    };
    work.await.map_err(NightError::target("delete the record of an unfinished restore"))
}
