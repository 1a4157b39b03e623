//! A night that changes only what differs between the backup and the warehouse (`DELTA`).
//!
//! [`sync`] replaces the drop and the restore. It compares the backup with what the last such night
//! recorded, which therefore has to have ended, with the same settings, hooks and enrichment.
//! Whatever a sync would do otherwise than a restore is an obstacle: the night then restores
//! everything, as without `DELTA`, logs why, and records the result for the next one.
//!
//! The enrichment does not run again. Its views and indexes stay, and its materialized views are
//! refreshed with the changes; files that do more are an obstacle.

use std::sync::Arc;

use chrono::Utc;

use super::choose::{self, ChosenObjects};
use super::error::NightError;
use super::full::{Attempt, fail};
use super::night_target::look_at;
use super::opened_backup::OpenedBackup;
use super::planned::PlannedObjects;
use super::restored::{self, Wanted};
use super::{planted, restore};
use crate::archive::Toc;
use crate::error::chain;
use crate::replicate::config::Config;
use crate::replicate::enrich::Enrichment;
use crate::replicate::hooks::{HookPoint, Hooks};
use crate::replicate::sql_file::SqlFile;
use crate::replicate::stages::Stage;
use crate::report::summary::Synced;
use crate::restore::LoadedData;
use crate::server::Session;
use crate::sql::split::script::Statement;
use crate::sync::{self, Reason, SyncOptions, WhenFull};

/// What decides whether a night can apply its backup as what changed.
pub(super) struct Delta<'a> {
    pub(super) config: &'a Config,
    pub(super) hooks: &'a Hooks,
    pub(super) enrichment: &'a Enrichment,
    pub(super) wanted: &'a Wanted,
}

impl Delta<'_> {
    /// Why everything has to be restored, as far as this is known without reading rows; empty if
    /// nothing is. Changes nothing. The session is in the target.
    pub(super) async fn obstacles(
        &self,
        session: &Session,
        toc: &Arc<Toc>,
    ) -> Result<Vec<String>, NightError> {
        if self.config.restore.from_scratch {
            return Ok(vec!["FROM_SCRATCH is set".to_owned()]);
        }
        let during = [HookPoint::AfterPreData, HookPoint::AfterData];
        let during = during.into_iter().filter(|point| self.hooks.has(*point));
        let during = during.map(|point| format!("hook {point} runs during a restore"));
        let reasons: Vec<_> =
            during.chain(self.enrichment.scripts().filter_map(more_than_views)).collect();
        if !reasons.is_empty() {
            return Ok(reasons);
        }
        if let Some(reason) = self.wanted.differs_from_last(session).await? {
            return Ok(vec![reason.to_owned()]);
        }
        let chosen = chosen(session, self.config, toc).await?;
        if let Some(first) = chosen.in_the_way.first() {
            return Ok(vec![first.text.clone()]);
        }
        let (options, target) = (options(self.config, toc), session.target());
        let reasons = sync::obstacles(toc, &chosen.selection, options, target).await?;
        let in_words = |reason: &Reason| match reason {
            Reason::ManifestMissing => "no earlier night has recorded the warehouse".to_owned(),
            reason => reason.to_string(),
        };
        Ok(reasons.iter().map(in_words).collect())
    }
}

/// What a sync compares: what would be selected if everything had been dropped.
async fn chosen(
    session: &Session,
    config: &Config,
    toc: &Toc,
) -> Result<ChosenObjects, NightError> {
    let settings = &config.restore;
    let present = PlannedObjects::afresh(session, settings, toc).await?.without_own_schemas();
    Ok(choose::choose(&toc.entries, settings, &present, config.databases.is_fed_here())?)
}

/// The same for all nights, so that they compare the same. Large tables are replaced in place as
/// well: readers are to see no gap.
pub(super) fn options(config: &Config, toc: &Toc) -> SyncOptions {
    SyncOptions {
        restore: restore::options(&config.restore, toc),
        full: WhenFull::Fail,
        ..SyncOptions::default()
    }
}

impl Attempt<'_> {
    /// Applies the backup, and does everything that follows. Returns it if everything has to be
    /// restored instead; nothing is changed then.
    ///
    /// # Errors
    /// [`NightError::Sync`], if it shows only while rows are read that everything has to be restored
    /// ([`NightError::needs_full`]).
    pub(super) async fn apply(
        &self,
        wanted: &Wanted,
        opened: OpenedBackup,
    ) -> Result<Option<OpenedBackup>, NightError> {
        let (config, target) = (self.config, self.target);
        let toc = Arc::clone(&opened.archive.toc);
        let delta = Delta { config, hooks: &self.hooks, enrichment: &self.enrichment, wanted };
        let reasons = delta.obstacles(&look_at(target).await?, &toc).await?;
        if !reasons.is_empty() {
            self.restores_all(reasons);
            return Ok(Some(opened));
        }
        self.hooks(HookPoint::BeforeRestore, target).await?;
        let chosen = chosen(&look_at(target).await?, config, &toc).await?;
        choose::tell(&toc.entries, &config.restore, &chosen);
        planted::check(target, &toc.entries, &config.restore, &chosen).await?;
        self.run.set_not_restored(choose::by_default(&toc.entries, config, &chosen));
        restored::reopen(target).await?;
        self.sync(&chosen, opened).await?;
        self.complete(target, &Enrichment::default()).await?;
        wanted.note(target, &self.run.record().id, Some(Utc::now())).await;
        Ok(None)
    }

    async fn sync(&self, chosen: &ChosenObjects, opened: OpenedBackup) -> Result<(), NightError> {
        let OpenedBackup { archive, is_local, download, .. } = opened;
        let stage = self.run.stage(Stage::Restore);
        let restoring = self.restoring(self.target, &stage, is_local);
        let options = options(self.config, &archive.toc);
        let synced = Box::pin(restoring.sync(archive, &chosen.selection, options)).await;
        if let Some(download) = download {
            download.end(self.run);
        }
        match synced {
            Ok((summary, stale)) => {
                self.run.set_delta(summary.sync.map(|synced| synced.to_string()));
                let Some(first) = stale.first().cloned() else {
                    stage.done();
                    return Ok(());
                };
                // No later night would refresh it if its tables stay the same: the next one restores
                // everything.
                restored::forget(self.target).await?;
                fail(stage, NightError::Stale { count: stale.len() as u64, first })
            }
            // Not a failure: the restore follows.
            Err(error) if error.needs_full().is_some() => {
                stage.done();
                Err(error)
            }
            Err(error) => fail(stage, error),
        }
    }

    /// Logs and records why everything is restored.
    pub(super) fn restores_all(&self, reasons: Vec<String>) {
        tracing::info!("restoring everything tonight: {}", reasons.join("; "));
        let synced = Synced { restored_for: reasons, ..Synced::default() };
        self.run.set_delta(Some(synced.to_string()));
    }

    /// Records what was restored, for the next night. Without the record, that one restores
    /// everything.
    pub(super) async fn record(&self, toc: &Arc<Toc>, loaded: &LoadedData) {
        let work = async {
            let chosen = chosen(&look_at(self.target).await?, self.config, toc).await?;
            let options = options(self.config, toc);
            let recorded = sync::record(toc, &chosen.selection, options, self.target, loaded);
            Ok::<_, NightError>(recorded.await.map_err(|error| chain(&error)))
        };
        let failed = work.await.map_err(|error| chain(&error)).and_then(|recorded| recorded);
        if let Err(why) = failed {
            tracing::warn!("the next night will restore everything: {why}");
        }
    }
}

/// The statement of an enrichment file whose result may depend on rows, other than a materialized
/// view, in words: a night that only changes rows would have to run it again, on what it has already
/// changed.
fn more_than_views(file: &SqlFile) -> Option<String> {
    let computing = |statement: &Statement| Some((statement.line, computes(&statement.sql)?));
    let (line, what) = file.statements().find_map(computing)?;
    let file = file.name();
    Some(format!("{file}, line {line}: the result of {what} may depend on rows"))
}

/// The first words of a statement that may do more than create or change objects without rows.
fn computes(sql: &str) -> Option<String> {
    let words = sql.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let words = words.take(6).map(str::to_ascii_uppercase);
    let words: Vec<String> = words.take_while(|word| !word.is_empty()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (is_harmless, shown) = match words[..] {
        ["CREATE", "OR", "REPLACE", kind, ..] => (CREATED.contains(&kind), 4),
        ["CREATE", kind, ..] => (CREATED.contains(&kind), 2),
        ["ALTER", kind, ..] => (kind != "SEQUENCE", 2),
        [first, ..] => (HARMLESS.contains(&first), 1),
        [] => (sql.trim_matches([';', ' ', '\n', '\t', '\r']).is_empty(), 0),
    };
    if is_harmless {
        return None;
    }
    match shown {
        0 => Some("a statement".to_owned()),
        shown => Some(words[..shown].join(" ")),
    }
}

/// Kinds of objects without rows, or with rows that are refreshed.
const CREATED: [&str; 13] = [
    "AGGREGATE",
    "COLLATION",
    "DOMAIN",
    "EXTENSION",
    "FUNCTION",
    "INDEX",
    "MATERIALIZED",
    "PROCEDURE",
    "SCHEMA",
    "STATISTICS",
    "TYPE",
    "UNIQUE",
    "VIEW",
];

/// Other statements without effect on rows.
const HARMLESS: [&str; 14] = [
    "ABORT", "ANALYZE", "BEGIN", "CLUSTER", "COMMENT", "COMMIT", "DROP", "END", "GRANT", "REFRESH",
    "RESET", "REVOKE", "SET", "VACUUM",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_with_rows_of_their_own_are_found() {
        for (sql, expected) in [
            ("CREATE INDEX i ON t (a);", None),
            ("create unique index concurrently i on t (a);", None),
            ("CREATE OR REPLACE VIEW v AS SELECT 1;", None),
            ("CREATE MATERIALIZED VIEW v AS SELECT 1;", None),
            ("GRANT SELECT ON v TO analyst;", None),
            ("ALTER VIEW v OWNER TO analyst;", None),
            (";", None),
            ("CREATE TABLE t AS SELECT 1;", Some("CREATE TABLE")),
            ("CREATE UNLOGGED TABLE t ();", Some("CREATE UNLOGGED")),
            ("CREATE /* */ INDEX i ON t (a);", Some("CREATE")),
            ("INSERT INTO t SELECT 1;", Some("INSERT")),
            ("DO $$ BEGIN END $$;", Some("DO")),
            ("SELECT setval('s', 1);", Some("SELECT")),
            ("ALTER SEQUENCE s RESTART;", Some("ALTER SEQUENCE")),
            ("(SELECT 1);", Some("a statement")),
        ] {
            assert_eq!(computes(sql).as_deref(), expected, "{sql}");
        }
    }
}
