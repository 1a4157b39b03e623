//! The checks of an attempt before it changes anything: work that is already done, and what would
//! fail later.

use chrono::{DateTime, Utc};

use super::error::NightError;
use super::full::Attempt;
use super::night_target::{self, NightTarget, look_at};
use super::planned::PlannedObjects;
use super::restored::Wanted;
use super::rights::Rights;
use super::{choose, in_the_way, incremental, resume};
use crate::archive::Toc;
use crate::error::chain;
use crate::replicate::enrich::Enrichment;
use crate::replicate::worker::Trigger;
use crate::report::units::plural;
use crate::server::Retry;

impl Attempt<'_> {
    /// The run that has already done all of this. A manual run repeats what was done before it
    /// started, because the user asked for it.
    pub(super) async fn done_before(&self, wanted: &Wanted) -> Result<Option<String>, NightError> {
        let session = look_at(self.target).await?;
        let record = self.run.record();
        let counts =
            |time: DateTime<Utc>| record.trigger != Trigger::Manual || time >= record.started;
        let found = wanted.find(&session).await?;
        let found = found.filter(|restored| restored.completed.is_some_and(counts));
        Ok(found.map(|restored| restored.run))
    }

    /// The ground on which an earlier attempt restored the whole archive.
    pub(super) async fn restored_before(
        &self,
        wanted: &Wanted,
    ) -> Result<Option<NightTarget>, NightError> {
        let settings = &self.config.restore;
        let Some(session) = NightTarget::session(self.target, settings).await? else {
            return Ok(None);
        };
        let found = wanted.find(&session).await?;
        drop(session);
        let Some(restored) = found.filter(|restored| restored.completed.is_none()) else {
            return Ok(None);
        };
        tracing::info!(
            "run {} restored this backup but did not finish; continuing after the restore",
            restored.run
        );
        Ok(Some(NightTarget::restored(self.target, settings).await?))
    }

    /// Copies what has changed since: the rows of incremental tables.
    pub(super) async fn top_up(&self, run: &str) -> Result<(), NightError> {
        tracing::info!(
            "nothing to restore: run {run} already restored this backup (hint: --from-scratch \
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

    /// Fails before the drop if the restore could not create its objects after it, or the copy could
    /// not write to them.
    pub(super) async fn check_drop(&self, toc: &Toc) -> Result<(), NightError> {
        let settings = &self.config.restore;
        let session = look_at(self.target).await?;
        let planned = PlannedObjects::afresh(&session, settings, toc).await?;
        let is_fed_here = self.config.databases.is_fed_here();
        let chosen = choose::choose(&toc.entries, settings, &planned.present, is_fed_here)?;
        in_the_way::refuse(&chosen.in_the_way)?;
        let template = night_target::template(self.target, settings).await?;
        let missing = async {
            let drops = planned.drops.as_ref();
            let rights = Rights::of(self.config, &session, toc, &chosen, drops).await?;
            rights.missing(template.as_ref()).await
        };
        let missing = missing.await.map_err(NightError::target("read the role's privileges"))?;
        // Other entries are rejected one by one, and the rest is restored.
        let missing: Vec<String> = missing
            .into_iter()
            .filter_map(|missing| missing.takes_tables.then_some(missing.text))
            .collect();
        if !missing.is_empty() {
            return Err(NightError::Rights { missing: missing.join("; ") });
        }
        let Some(mut copied) = incremental::settings(self.config).await? else { return Ok(()) };
        let (config, present) = (self.config, &planned.present);
        incremental::leave_new(config, &mut copied, present, Some(toc));
        let problems =
            incremental::unusable(config, &copied, &session, toc, &chosen, present).await;
        let problems = problems.map_err(NightError::target("read the role's privileges"))?;
        for problem in &problems {
            tracing::error!("{problem}");
        }
        let Some(first) = problems.first().cloned() else {
            // A download may have taken hours, or the restore that was to be resumed is another one.
            return incremental::precheck(config, &session, copied, Some(toc)).await;
        };
        Err(NightError::Precheck { count: problems.len() as u64, first, retry: Retry::Never })
    }

    /// Fails before the drop if the copy would fail after it. A resumed restore has already dropped:
    /// it is finished, because a warehouse with most of its rows is of more use.
    pub(super) async fn precheck(&self, backup: &str, resumes: bool) -> Result<(), NightError> {
        let Some(settings) = incremental::settings(self.config).await? else { return Ok(()) };
        let session = look_at(self.target).await?;
        let checked = incremental::precheck(self.config, &session, settings, None).await;
        let Err(error) = &checked else { return Ok(()) };
        if !resumes || resume::find(&session, backup, None).await?.is_none() {
            return checked;
        }
        match error {
            NightError::Precheck { count, .. } => tracing::warn!(
                "resuming the unfinished restore; {} will not be copied",
                plural(*count, "incremental table", "incremental tables")
            ),
            error => tracing::warn!("resuming the unfinished restore: {}", chain(error)),
        }
        Ok(())
    }
}
