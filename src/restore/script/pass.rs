//! In which of the three passes an entry is restored.

use crate::archive::{Desc, Entry, Section};

/// A pass over all entries (`RestorePass` in `pg_backup_archiver.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Almost everything.
    Main,
    /// Privileges, once nothing is to be created by those who may lack them.
    Acl,
    /// What must not happen before all privileges are there.
    PostAcl,
}

impl Pass {
    /// `_tocEntryRestorePass`.
    pub(super) fn of(entry: &Entry) -> Self {
        match entry.desc {
            _ if entry.is_acl() => Self::Acl,
            Desc::EventTrigger | Desc::MaterializedViewData => Self::PostAcl,
            // What is said about an object follows it.
            Desc::Comment | Desc::SecurityLabel if entry.tag.starts_with("EVENT TRIGGER ") => {
                Self::PostAcl
            }
            // Statistics of a materialized view come after its rows, and keep their order.
            Desc::StatisticsData if entry.section == Section::PostData => Self::PostAcl,
            _ => Self::Main,
        }
    }
}
