//! Entries and jobs for tests.

use super::{Job, Step};
use crate::archive::{Desc, Entry, Place, Section};
use crate::select::Pass;

/// An entry of this kind in its usual section.
pub(crate) fn entry(id: i32, desc: Desc) -> Entry {
    let section = match desc {
        Desc::TableData | Desc::Blobs | Desc::SequenceSet | Desc::StatisticsData => Section::Data,
        Desc::Index
        | Desc::Constraint
        | Desc::FkConstraint
        | Desc::MaterializedViewData
        | Desc::Statistics => Section::PostData,
        _ => Section::PreData,
    };
    Entry { had_dumper: desc == Desc::TableData, ..Entry::bare(id, desc, section) }
}

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
        size: 0,
        cost: 0,
        rank: 0,
    }
}
