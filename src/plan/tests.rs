//! Jobs for tests.

use super::{Job, Step};
use crate::archive::Place;
use crate::select::Pass;

/// A wanted job of the main pass that waits for nothing.
pub(crate) fn job(entry: usize) -> Job {
    Job {
        entry: Place(entry),
        step: Step::Entire,
        wanted: true,
        pass: Pass::Main,
        after: vec![],
        locks: vec![],
        why: None,
        alone: false,
        size: 0,
        cost: 0,
        rank: 0,
    }
}
