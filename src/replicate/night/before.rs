//! What an attempt looks for before it touches anything: work that is done already, and what would
//! fail later.

use chrono::{DateTime, Utc};

use super::error::NightError;
use super::full::Attempt;
use super::ground::{Ground, look_at};
use super::planned::Planned;
use super::restored::Wanted;
use super::rights::Rights;
use super::{choose, incremental, resume};
use crate::archive::Toc;
use crate::replicate::enrich::Enrichment;
use crate::replicate::worker::Trigger;

impl Attempt<'_> {
    /// The run that has done all of this already. A run by hand repeats what was done before it
    /// started: somebody wants that.
    pub(super) async fn done_before(&self, wanted: &Wanted) -> Result<Option<String>, NightError> {
        let session = look_at(self.target).await?;
        let record = self.run.record();
        let counts =
            |time: DateTime<Utc>| record.trigger != Trigger::Manual || time >= record.started;
        let found = wanted.find(&session).await?;
        let found = found.filter(|restored| restored.completed.is_some_and(counts));
        Ok(found.map(|restored| restored.run))
    }

    /// The ground on which an earlier attempt has restored all of the archive.
    pub(super) async fn restored_before(
        &self,
        wanted: &Wanted,
    ) -> Result<Option<Ground>, NightError> {
        let settings = &self.config.restore;
        let Some(session) = Ground::session(self.target, settings).await? else { return Ok(None) };
        let found = wanted.find(&session).await?;
        drop(session);
        let Some(restored) = found.filter(|restored| restored.completed.is_none()) else {
            return Ok(None);
        };
        tracing::info!(
            "run {} has restored this backup and did not finish: continuing after the restore",
            restored.run
        );
        Ok(Some(Ground::restored(self.target, settings).await?))
    }

    /// Brings what has changed since: the rows of incremental tables.
    pub(super) async fn top_up(&self, run: &str) -> Result<(), NightError> {
        tracing::info!(
            "run {run} has restored this backup already: nothing to restore (hint: --from-scratch \
             restores it again)"
        );
        self.run.set_restored_by(run);
        if !self.config.restore.tables.has_incremental() {
            return Ok(());
        }
        let copied = self.copy().await;
        let refreshed = self.enrich(self.target, &Enrichment::default()).await;
        copied.and(refreshed)
    }

    /// Fails before the drop where the restore could create nothing after it.
    pub(super) async fn check_rights(&self, toc: &Toc) -> Result<(), NightError> {
        let settings = &self.config.restore;
        let session = look_at(self.target).await?;
        let planned = Planned::afresh(&session, settings, toc).await?;
        let is_fed_here = self.config.databases.is_fed_here();
        let chosen = choose::choose(&toc.entries, settings, &planned.present, is_fed_here)?;
        let missing = async {
            let drops = planned.drops.as_ref();
            Rights::of(self.config, &session, toc, &chosen, drops).await?.to_create().await
        };
        let missing = missing.await.map_err(NightError::target("look at the role's rights"))?;
        match missing.is_empty() {
            true => Ok(()),
            false => Err(NightError::Rights { missing: missing.join("; ") }),
        }
    }

    /// Fails before the drop where the copy would fail after it. A restore that is resumed has
    /// dropped already.
    pub(super) async fn precheck(&self, backup: &str, resumes: bool) -> Result<(), NightError> {
        let Some(settings) = incremental::settings(self.config).await? else { return Ok(()) };
        let session = look_at(self.target).await?;
        if resumes && resume::find(&session, backup, None).await?.is_some() {
            return Ok(());
        }
        incremental::precheck(self.config, &session, &settings).await
    }
}
