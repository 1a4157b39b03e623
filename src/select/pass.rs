//! The pass over the TOC in which an entry is restored.

use crate::archive::{Desc, Entry, Section};

/// A pass over the TOC (`RestorePass` in `src/bin/pg_dump/pg_backup_archiver.h`).
///
/// A pass starts when the one before it is complete, whatever the entries' dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pass {
    /// Everything except the following.
    Main,
    /// Privileges, which could otherwise keep the owner from loading rows.
    Acl,
    /// What needs the privileges, or would interfere with the other passes: refreshing materialized
    /// views, event triggers, and statistics of these late objects.
    PostAcl,
}

impl Pass {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Main, Self::Acl, Self::PostAcl];
}

/// The pass that restores this entry (`_tocEntryRestorePass` in `pg_backup_archiver.c`).
#[must_use]
pub fn pass(entry: &Entry) -> Pass {
    match entry.desc {
        Desc::Acl | Desc::AclLanguage | Desc::DefaultAcl => Pass::Acl,
        Desc::EventTrigger | Desc::MaterializedViewData => Pass::PostAcl,
        // They follow their object. Event triggers are the only such object outside the main pass.
        Desc::Comment | Desc::SecurityLabel if entry.tag.starts_with("EVENT TRIGGER ") => {
            Pass::PostAcl
        }
        // Some of these are about materialized views. All wait, so that they stay in TOC order.
        Desc::StatisticsData if entry.section == Section::PostData => Pass::PostAcl,
        _ => Pass::Main,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::entry;

    #[test]
    fn entries_fall_into_pg_restores_passes() {
        for (desc, tag, section, expected) in [
            ("TABLE", "t", Section::PreData, Pass::Main),
            ("ACL", "TABLE t", Section::None, Pass::Acl),
            ("ACL LANGUAGE", "LANGUAGE x", Section::None, Pass::Acl),
            ("DEFAULT ACL", "DEFAULT PRIVILEGES FOR TABLES", Section::PostData, Pass::Acl),
            ("EVENT TRIGGER", "e", Section::PostData, Pass::PostAcl),
            ("MATERIALIZED VIEW DATA", "m", Section::PostData, Pass::PostAcl),
            ("MATERIALIZED VIEW", "m", Section::PreData, Pass::Main),
            ("COMMENT", "EVENT TRIGGER e", Section::None, Pass::PostAcl),
            ("SECURITY LABEL", "EVENT TRIGGER e", Section::None, Pass::PostAcl),
            ("COMMENT", "TRIGGER e ON t", Section::None, Pass::Main),
            ("TABLE", "EVENT TRIGGER e", Section::PreData, Pass::Main),
            ("STATISTICS DATA", "t", Section::Data, Pass::Main),
            ("STATISTICS DATA", "t", Section::PostData, Pass::PostAcl),
        ] {
            let entry = entry(1, desc, tag).section(section).build();
            assert_eq!(pass(&entry), expected, "{desc} {tag}");
        }
    }

    #[test]
    fn passes_sort_in_execution_order() {
        assert!(Pass::ALL.is_sorted());
    }
}
