//! Does the caller's work at the points of a restore ([`crate::restore::points`]).

use crate::error::chain;
use crate::restore::error::{RestoreError, Result};
use crate::restore::facts::Facts;
use crate::restore::journal::line::{JournalLine, Mark};
use crate::restore::journal::state::KeptJournal;
use crate::restore::points::StagePoint;
use crate::restore::session::lane::Lane;

/// Does the caller's work after the definitions. This session's work must be visible to others.
pub(crate) async fn after_pre_data(lane: &mut Lane) -> Result<()> {
    let facts = lane.facts.clone();
    if facts.options.stages.has(StagePoint::AfterPreData)
        && !lane.journal.is_over(Mark::AfterPreData)
    {
        lane.commit_group().await.map_err(RestoreError::Target)?;
        reach(&facts, StagePoint::AfterPreData).await?;
        lane.renew().await.map_err(RestoreError::Target)?;
        record(lane, Mark::AfterPreData).await?;
        lane.begin_group().await.map_err(RestoreError::Target)?;
    }
    Ok(())
}

/// Does the caller's work after the rows, when all sessions are idle.
pub(crate) async fn after_data(
    facts: &Facts,
    journal: &KeptJournal,
    idle: &mut [Lane],
) -> Result<()> {
    if !journal.is_over(Mark::AfterData) {
        reach(facts, StagePoint::AfterData).await?;
        if let Some(lane) = idle.first_mut() {
            record(lane, Mark::AfterData).await?;
        }
    }
    Ok(())
}

async fn reach(facts: &Facts, point: StagePoint) -> Result<()> {
    let reached = facts.options.stages.reach(point).await;
    reached.map_err(|source| RestoreError::Stage { point, source })
}

/// Records that the caller's work need not be repeated. After errors, the next run restores what is
/// missing now, so the work must be repeated then.
async fn record(lane: &mut Lane, mark: Mark) -> Result<()> {
    let ledger = lane.ledger.clone();
    if ledger.errors() > 0 {
        return Ok(());
    }
    let written = lane.record(JournalLine::of_all(mark)).await;
    written.map_err(|error| {
        RestoreError::Internal(format!("cannot write the journal: {}", chain(&error)))
    })
}
