//! Jobs that are held back until all rows are loaded, because the caller has work to do between
//! rows and indexes ([`crate::restore::conduct::at_points`]).

use std::collections::HashSet;

use crate::archive::Section;
use crate::plan::{Job, JobId, Plan};
use crate::restore::facts::Facts;
use crate::restore::points::StagePoint;

/// The jobs that wait.
pub(crate) struct Barrier {
    held: HashSet<JobId>,
}

impl Barrier {
    /// Whether a job is held back: it comes after the rows, and a stage waits for them.
    pub(crate) fn holds(facts: &Facts, job: &Job) -> bool {
        let is_data = facts.entry(job.entry).section == Section::Data && !job.step.is_analyze();
        facts.options.stages.has(StagePoint::AfterData) && job.wanted && !is_data
    }

    /// The barrier of a plan; `None` if no stage waits for rows.
    pub(crate) fn of(facts: &Facts, plan: &Plan) -> Option<Self> {
        let jobs = plan.jobs.iter().enumerate();
        let held = jobs.filter(|(_, job)| Self::holds(facts, job)).map(|(id, _)| JobId(id));
        facts.options.stages.has(StagePoint::AfterData).then(|| Self { held: held.collect() })
    }

    pub(crate) fn contains(&self, job: JobId) -> bool {
        self.held.contains(&job)
    }

    /// Releases the jobs once all rows are loaded.
    pub(crate) fn lift(self) -> impl Iterator<Item = JobId> {
        self.held.into_iter()
    }
}
