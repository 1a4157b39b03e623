//! Turns a selection into a plan with its costs, the same for `restore` and `plan`.

use std::time::Duration;

use crate::archive::{Entry, Place, Toc};
use crate::plan::cost::{CostInputs, CostKind, Costs};
use crate::plan::forecast::{Forecast, lower_bound};
use crate::plan::history::CostHistory;
use crate::plan::{JobId, MOST_FOR_A_TABLE, Plan, PlanBuildOptions, Workers};
use crate::restore::options::ForeignKeys;
use crate::select::{Selection, keys_and_comments, pass};

/// Bytes of a table's archived data from which its constraints are created in steps: below, a
/// second round trip costs more than it gains.
const STEPS_FROM: u64 = 256 * 1024;

/// The share of the predicted work that must have been measured in earlier runs for a prediction of
/// the wall time to be worth reporting.
const KNOWN_ENOUGH: f64 = 0.5;

/// What a plan depends on besides the archive and the selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Sessions that work in parallel, at least 1.
    pub jobs: usize,
    /// One entry at a time, in the order of the selection.
    pub strictly_in_order: bool,
    /// How foreign keys are restored.
    pub foreign_keys: ForeignKeys,
    /// Gather statistics about the tables that are filled.
    pub analyze: bool,
    /// The archive is a stream: sizes are not known when the jobs are created.
    pub streamed: bool,
}

/// A plan with the predicted costs of its jobs.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan, ranked by the costs.
    pub plan: Plan,
    /// The costs.
    pub costs: Costs,
}

impl Planned {
    /// Plans the selected entries of an archive.
    ///
    /// `size` is the number of bytes of an entry's data in the archive, by the entry's place.
    #[must_use]
    pub fn new(
        toc: &Toc,
        selection: &Selection,
        options: PlanOptions,
        size: &dyn Fn(Place) -> Option<u64>,
        history: &CostHistory,
    ) -> Self {
        let entries: &[Entry] = &toc.entries;
        let left_out = match options.foreign_keys {
            ForeignKeys::None => keys_and_comments(entries),
            ForeignKeys::Validated | ForeignKeys::NotValid => vec![false; entries.len()],
        };
        let wanted = |place: Place| {
            let want = selection.want(place);
            (want.schema || want.data || want.stats) && !left_out[place.0]
        };
        let size = |place: Place| size(place).filter(|_| selection.want(place).data);
        let steps_from = if options.streamed { 0 } else { STEPS_FROM };
        let mut plan = Plan::new(
            entries,
            &selection.order,
            wanted,
            |place| pass(&entries[place]),
            size,
            PlanBuildOptions {
                strictly_in_order: options.strictly_in_order && !options.streamed,
                // A single session has no one to make room for.
                steps_from: (options.jobs > 1).then_some(steps_from),
                not_valid: options.foreign_keys == ForeignKeys::NotValid,
                analyze: options.analyze,
            },
        );
        let known = CostInputs {
            compression: toc.header.compression,
            size: &size,
            history: history.database(&toc.header.dbname),
        };
        let costs = Costs::new(&plan, entries, known);
        plan.rank(|id| costs.of(id));
        Self { plan, costs }
    }

    /// The largest number of sessions that could all find work.
    #[must_use]
    pub fn most_sessions(&self) -> usize {
        let wanted = |id: &JobId| self.plan.jobs[id.0].wanted;
        let sessions = |id| match self.costs.kind(id) {
            CostKind::Rows => MOST_FOR_A_TABLE,
            _ => 1,
        };
        let jobs = (0..self.plan.jobs.len()).map(JobId).filter(wanted);
        jobs.map(sessions).sum::<usize>().max(1)
    }

    /// The predicted duration with this many sessions, if earlier runs allow a prediction.
    #[must_use]
    pub fn predicted(&self, workers: Workers) -> Option<Duration> {
        is_known(&self.costs)
            .then(|| Forecast::new(&mut self.plan.clone(), &self.costs, workers).wall())
    }

    /// A lower bound for the duration with this many sessions.
    pub(crate) fn at_least(&self, workers: Workers) -> Duration {
        self.costs.prelude() + lower_bound(&self.plan, &self.costs, workers)
    }
}

/// Whether earlier runs allow a prediction of the duration.
pub(crate) fn is_known(costs: &Costs) -> bool {
    let (known, all) = costs.measured_share();
    !known.is_zero() && known.as_secs_f64() >= KNOWN_ENOUGH * all.as_secs_f64()
}
