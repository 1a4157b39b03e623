//! Records which backup the target contains, and with which settings, so that nothing is restored
//! twice.
//!
//! The table `nocturne.restored` has one row. It is written when every entry of the archive is in
//! place; another attempt then continues without the archive. It is completed when the night ends;
//! a scheduled run, for example of a second or restarted worker, then has nothing to restore. It is
//! deleted before anything is dropped.

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::error::NightError;
use crate::archive::Digest;
use crate::error::chain;
use crate::replicate::config::Config;
use crate::replicate::enrich::Enrichment;
use crate::replicate::hooks::Hooks;
use crate::server::{self, Session, SessionSettings, Target, has_record, make_bookkeeping};
use crate::sql::ident::literal;

/// A backup, with the settings of its restore.
pub(super) struct Wanted {
    /// The backup's key.
    pub(super) backup: String,
    /// A hash of the settings that determine which entries are restored, and of the hooks.
    settings: String,
    /// A hash of the enrichment files, which run after that.
    enrichment: String,
}

/// The record of a restored backup.
pub(super) struct Restored {
    /// The run that restored it.
    pub(super) run: String,
    /// When its night ended; `None` if only the archive is in place.
    pub(super) completed: Option<DateTime<Utc>>,
}

impl Wanted {
    pub(super) fn new(
        backup: &str,
        config: &Config,
        hooks: &Hooks,
        enrichment: &Enrichment,
    ) -> Self {
        let restore = &config.restore;
        let mut settings = Sha256::new();
        for rule in restore.tables.rules() {
            settings.update(format!("{} {}\n", rule.tables, rule.mode.word()));
        }
        for pattern in &restore.exclude {
            settings.update(format!("without {pattern}\n"));
        }
        for tolerance in &restore.tolerate {
            settings.update(format!("tolerate {tolerance}\n"));
        }
        let fed_here = config.databases.is_fed_here();
        settings.update(format!("keys {} fed {fed_here}\n", restore.foreign_keys));
        for (stage, file) in hooks.all() {
            settings.update(format!("{stage} {}\n{}\n", file.name(), file.text()));
        }
        let mut files = Sha256::new();
        for file in enrichment.scripts() {
            files.update(format!("{}\n{}\n", file.name(), file.text()));
        }
        let hex = |hash: Sha256| Digest::from(hash).to_string();
        Self { backup: backup.to_owned(), settings: hex(settings), enrichment: hex(files) }
    }

    /// The record of this backup in the session's database, if any.
    pub(super) async fn find(&self, session: &Session) -> Result<Option<Restored>, NightError> {
        let failed = || NightError::target("find a restored backup");
        if !has_record(session, "restored").await.map_err(failed())? {
            return Ok(None);
        }
        // A changed enrichment does not require another restore, but it is not the same night.
        let sql = format!(
            "SELECT run, (pg_catalog.date_part('epoch', completed_at) * 1000000)::bigint, \
                 enrichment = {} \
             FROM nocturne.restored WHERE backup = {} AND settings = {}",
            literal(&self.enrichment),
            literal(&self.backup),
            literal(&self.settings)
        );
        let row = session.query_text(&sql).await.map_err(failed())?.into_iter().next();
        let Some([Some(run), completed, is_same]) =
            row.and_then(|row| <[Option<String>; 3]>::try_from(row).ok())
        else {
            return Ok(None);
        };
        let completed = completed.and_then(|micros| micros.parse().ok());
        let completed = completed.and_then(DateTime::from_timestamp_micros);
        if completed.is_some() && is_same.as_deref() != Some("t") {
            return Ok(None);
        }
        Ok(Some(Restored { run, completed }))
    }

    /// Why the last night's objects are not those that this one would create, apart from those of the
    /// backup; `None` if they are.
    pub(super) async fn differs_from_last(
        &self,
        session: &Session,
    ) -> Result<Option<&'static str>, NightError> {
        let failed = || NightError::target("find the last night");
        if !has_record(session, "restored").await.map_err(failed())? {
            return Ok(Some("no earlier night has recorded the warehouse"));
        }
        let sql = format!(
            "SELECT CASE WHEN completed_at IS NULL THEN 'ended' WHEN settings <> {} THEN 'settings' \
                 WHEN enrichment <> {} THEN 'enrichment' ELSE '' END FROM nocturne.restored",
            literal(&self.settings),
            literal(&self.enrichment)
        );
        let differs = session.query_value(&sql).await.map_err(failed())?;
        Ok(match differs.as_deref() {
            None => Some("no earlier night has recorded the warehouse"),
            Some("ended") => Some("the last night did not finish"),
            Some("settings") => Some("the settings or hooks changed since the last night"),
            Some("enrichment") => Some("the enrichment changed since the last night"),
            Some(_) => None,
        })
    }

    /// Records that the archive is in place, and when the night ended if nothing else follows.
    /// Without the record, another attempt reads it again.
    pub(super) async fn note(&self, target: &Target, run: &str, ended: Option<DateTime<Utc>>) {
        let work = async {
            let session = Session::connect(target, &SessionSettings::default()).await?;
            make_bookkeeping(&session).await?;
            let values = [&self.backup, &self.settings, &self.enrichment, run].map(literal);
            let ended = ended.map_or_else(|| "NULL".to_owned(), |time| literal(&time.to_rfc3339()));
            let sql = format!(
                "CREATE TABLE IF NOT EXISTS nocturne.restored (backup text NOT NULL, \
                     settings text NOT NULL, enrichment text NOT NULL, run text NOT NULL, \
                     completed_at timestamptz); \
                 DELETE FROM nocturne.restored; \
                 INSERT INTO nocturne.restored VALUES ({}, {ended})",
                values.join(", ")
            );
            session.execute(&sql).await
        };
        tell("which backup is restored", work.await);
    }
}

/// Records that the target is about to become that of another backup, while the objects of hooks and
/// the enrichment stay.
pub(super) async fn reopen(target: &Target) -> Result<(), NightError> {
    let work = async {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        session.execute("UPDATE nocturne.restored SET backup = ''").await
    };
    work.await.map_err(NightError::target("record the start of the night"))
}

/// Records that the night of the restored backup has ended.
pub(super) async fn complete(target: &Target, enrichment: &Wanted, now: DateTime<Utc>) {
    let work = async {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        if !has_record(&session, "restored").await? {
            return Ok(());
        }
        let sql = format!(
            "UPDATE nocturne.restored SET completed_at = {}, enrichment = {} WHERE backup = {}",
            literal(&now.to_rfc3339()),
            literal(&enrichment.enrichment),
            literal(&enrichment.backup)
        );
        session.execute(&sql).await
    };
    tell("the end of the night", work.await);
}

fn tell(what: &str, result: server::Result<()>) {
    if let Err(error) = result {
        tracing::warn!("cannot record {what}: {}", chain(&error));
    }
}

/// Deletes the record, because restored objects are about to be dropped.
pub(super) async fn forget(target: &Target) -> Result<(), NightError> {
    let work = async {
        let session = Session::connect(target, &SessionSettings::default()).await?;
        if !has_record(&session, "restored").await? {
            return Ok(());
        }
        session.execute("DROP TABLE IF EXISTS nocturne.restored").await
    };
    work.await.map_err(NightError::target("delete the record of a restored backup"))
}
