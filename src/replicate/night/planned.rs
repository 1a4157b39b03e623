//! What a restore would find in the target, determined before anything is dropped.

use super::error::NightError;
use super::night_target::{self, Drops};
use super::present::Present;
use super::resume;
use crate::archive::Toc;
use crate::replicate::config::Restore;
use crate::server::Session;

/// What a night would find in the target.
#[derive(Default)]
pub(super) struct PlannedObjects {
    /// The objects that remain after the drop, or that the template of a swap has.
    pub(super) present: Present,
    /// `None` if nothing is dropped: with a swap, or when a restore is resumed.
    pub(super) drops: Option<Drops>,
    pub(super) is_resumed: bool,
}

impl PlannedObjects {
    /// For a night that resumes the restore of this backup, if an unfinished one exists.
    pub(super) async fn resuming(
        session: &Session,
        settings: &Restore,
        backup: &str,
        toc: &Toc,
    ) -> Result<Self, NightError> {
        if !settings.swap
            && let Some(present) = resume::find(session, backup, None).await?
        {
            return Ok(Self { present, drops: None, is_resumed: true });
        }
        Self::afresh(session, settings, toc).await
    }

    /// What remains, without the role's schemas that the drop spares only because others have objects
    /// in them: that changes from day to day.
    pub(super) fn without_own_schemas(self) -> Present {
        let shared = self.drops.map(|drops| drops.plan.shared_schemas).unwrap_or_default();
        self.present.without_schemas(&shared)
    }

    /// For a night that starts over.
    pub(super) async fn afresh(
        session: &Session,
        settings: &Restore,
        toc: &Toc,
    ) -> Result<Self, NightError> {
        if settings.swap {
            // If it cannot be inspected, it cannot be copied: reported elsewhere.
            let present = match night_target::template(session.target(), settings).await {
                Ok(Some(template)) => Present::read(&template).await?,
                _ => Present::default(),
            };
            return Ok(Self { present, ..Self::default() });
        }
        let drops = Drops::plan(session, settings, toc).await?;
        let present = Present::read(session).await?.without(&drops.plan);
        Ok(Self { present, drops: Some(drops), is_resumed: false })
    }
}
