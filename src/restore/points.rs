//! Points inside a restore at which the caller does its own work: hooks between tables and their
//! rows, and between rows and indexes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// A point inside a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagePoint {
    /// Tables, views, functions and types exist; rows, indexes and privileges do not yet.
    AfterPreData,
    /// Rows, large objects and sequence values are loaded; indexes, constraints, triggers and
    /// privileges do not exist yet.
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
type PointWork = Pin<Box<dyn Future<Output = Result<(), AnyError>> + Send>>;

/// The work done at these points. Nothing by default.
///
/// A point is a barrier for all sessions: what was restored so far is committed and visible, and
/// nothing else runs. A point without work costs nothing. An error ends the restore. Failed entries
/// do not prevent a point from being reached. When the restore ends early, the work is dropped
/// where it stands. With a journal ([`crate::restore::journal`]), a resumed restore does not repeat
/// work that was done without earlier errors; interrupted work starts from the beginning.
#[derive(Clone, Default)]
pub struct Stages {
    after_pre_data: Option<Arc<dyn Fn() -> PointWork + Send + Sync>>,
    after_data: Option<Arc<dyn Fn() -> PointWork + Send + Sync>>,
}

impl Stages {
    /// Adds work at a point.
    #[must_use]
    pub fn at<F, E>(
        mut self,
        point: StagePoint,
        work: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<AnyError>,
    {
        let work = Arc::new(move || {
            let work = work();
            Box::pin(async { work.await.map_err(Into::into) }) as PointWork
        });
        match point {
            StagePoint::AfterPreData => self.after_pre_data = Some(work),
            StagePoint::AfterData => self.after_data = Some(work),
        }
        self
    }

    /// Whether there is work at this point.
    #[must_use]
    pub fn has(&self, point: StagePoint) -> bool {
        self.work(point).is_some()
    }

    fn work(&self, point: StagePoint) -> Option<&Arc<dyn Fn() -> PointWork + Send + Sync>> {
        match point {
            StagePoint::AfterPreData => self.after_pre_data.as_ref(),
            StagePoint::AfterData => self.after_data.as_ref(),
        }
    }

    /// Does the work of this point.
    pub(crate) async fn reach(&self, point: StagePoint) -> Result<(), AnyError> {
        match self.work(point) {
            Some(work) => work().await,
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
