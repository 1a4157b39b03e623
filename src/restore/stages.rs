//! Points inside a restore at which the caller does something of its own: hooks, between tables and
//! their rows, and between rows and indexes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::commit::Line;
use super::context::Context;
use super::failure::chain;
use super::journal::Mark;
use super::lane::Lane;
use super::{Error, Result};

/// A point inside a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagePoint {
    /// Tables, views, functions and types are there; rows, indexes and privileges are not.
    AfterPreData,
    /// Rows, large objects and the values of sequences are there; indexes, constraints, triggers
    /// and privileges are not.
    AfterData,
}

impl StagePoint {
    fn words(self) -> &'static str {
        match self {
            Self::AfterPreData => "after the definitions of tables",
            Self::AfterData => "after the rows",
        }
    }
}

impl fmt::Display for StagePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;
type Work = Pin<Box<dyn Future<Output = std::result::Result<(), AnyError>> + Send>>;

/// What is done at these points. Nothing by default.
///
/// A point is a wait for all sessions: what was restored so far is committed and can be seen, and
/// nothing else goes on. A point that has nothing to do costs nothing. An error ends the restore.
/// Entries that failed before do not keep a point from being reached. When the restore ends early,
/// the work is dropped where it stands. With a journal ([`super::journal`]) a restore that goes on
/// does not do again what was done after no errors; it does what was broken off from its start.
#[derive(Clone, Default)]
pub struct Stages {
    after_pre_data: Option<Arc<dyn Fn() -> Work + Send + Sync>>,
    after_data: Option<Arc<dyn Fn() -> Work + Send + Sync>>,
}

impl Stages {
    /// Does this at that point.
    #[must_use]
    pub fn at<F, E>(
        mut self,
        point: StagePoint,
        work: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = std::result::Result<(), E>> + Send + 'static,
        E: Into<AnyError>,
    {
        let work = Arc::new(move || {
            let work = work();
            Box::pin(async { work.await.map_err(Into::into) }) as Work
        });
        match point {
            StagePoint::AfterPreData => self.after_pre_data = Some(work),
            StagePoint::AfterData => self.after_data = Some(work),
        }
        self
    }

    /// Whether there is anything to do at this point.
    #[must_use]
    pub fn has(&self, point: StagePoint) -> bool {
        self.work(point).is_some()
    }

    fn work(&self, point: StagePoint) -> Option<&Arc<dyn Fn() -> Work + Send + Sync>> {
        match point {
            StagePoint::AfterPreData => self.after_pre_data.as_ref(),
            StagePoint::AfterData => self.after_data.as_ref(),
        }
    }

    /// Does what is to be done at this point.
    pub(super) async fn reach(&self, point: StagePoint) -> Result<()> {
        match self.work(point) {
            Some(work) => work().await.map_err(|source| Error::Stage { point, source }),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stages")
            .field("after_pre_data", &self.after_pre_data.is_some())
            .field("after_data", &self.after_data.is_some())
            .finish()
    }
}

/// What the caller does after the definitions. This session's work must be there for others to see.
pub(super) async fn after_pre_data(ctx: &Context, lane: &mut Lane) -> Result<()> {
    if ctx.options.stages.has(StagePoint::AfterPreData) && !ctx.is_over(Mark::AfterPreData) {
        lane.commit_group(ctx).await.map_err(Error::Target)?;
        ctx.options.stages.reach(StagePoint::AfterPreData).await?;
        lane.renew(ctx).await.map_err(Error::Target)?;
        record(ctx, lane, Mark::AfterPreData).await?;
        lane.begin_group(ctx).await.map_err(Error::Target)?;
    }
    Ok(())
}

/// What the caller does after the rows, when all sessions are idle.
pub(super) async fn after_data(ctx: &Context, idle: &mut [Lane]) -> Result<()> {
    if !ctx.is_over(Mark::AfterData) {
        ctx.options.stages.reach(StagePoint::AfterData).await?;
        if let Some(lane) = idle.first_mut() {
            record(ctx, lane, Mark::AfterData).await?;
        }
    }
    Ok(())
}

/// Notes that the caller need not do its work again. After errors another run brings what is
/// missing now, so it is to be done again then.
async fn record(ctx: &Context, lane: &mut Lane, mark: Mark) -> Result<()> {
    if ctx.ledger().errors > 0 {
        return Ok(());
    }
    let written = lane.record(ctx, Line::of_all(mark)).await;
    written.map_err(|error| Error::Internal(format!("cannot write the journal: {}", chain(&error))))
}
