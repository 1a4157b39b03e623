//! Conducts a restore: which session runs which job, and how the restore starts and ends.

pub(crate) mod at_points;
pub(crate) mod barrier;
pub(crate) mod close;
pub(crate) mod conductor;
pub(crate) mod costing;
pub(crate) mod distributed;
pub(crate) mod ending;
pub(crate) mod helping;
pub(crate) mod index_workers;
pub(crate) mod opening;
pub(crate) mod planning;
pub(crate) mod postponed;
pub(crate) mod prepare;
pub(crate) mod row_order;
pub(crate) mod run;
