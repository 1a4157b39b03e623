//! PostgreSQL's table locks, as far as a restore uses them.

use std::collections::HashMap;

use crate::archive::DumpId;

/// A lock mode, with the statement of a restore that takes it.
///
/// The conflicts are PostgreSQL's own (documentation, table "Conflicting Lock Modes"), so that two
/// jobs run concurrently exactly when the server allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockMode {
    /// The table that a foreign key refers to, while the key is validated.
    RowShare,
    /// `VALIDATE CONSTRAINT`, `ANALYZE`.
    ShareUpdateExclusive,
    /// `CREATE INDEX`.
    Share,
    /// `ADD FOREIGN KEY`, on both tables.
    ShareRowExclusive,
    /// `ALTER TABLE` in general.
    AccessExclusive,
}

impl LockMode {
    const ALL: [Self; 5] = [
        Self::RowShare,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::AccessExclusive,
    ];

    /// Whether two sessions cannot hold these two modes on one table.
    #[must_use]
    pub fn conflicts_with(self, other: Self) -> bool {
        use LockMode::{AccessExclusive, RowShare, Share, ShareRowExclusive, ShareUpdateExclusive};
        match (self, other) {
            (AccessExclusive, _) | (_, AccessExclusive) => true,
            (RowShare, _) | (_, RowShare) => false,
            (Share, Share) => false,
            (ShareUpdateExclusive | Share | ShareRowExclusive, _) => true,
        }
    }
}

/// Whether two jobs with these locks cannot run concurrently.
pub(super) fn conflict(one: &[(DumpId, LockMode)], other: &[(DumpId, LockMode)]) -> bool {
    one.iter().any(|(table, mode)| {
        other.iter().any(|(same, held)| table == same && mode.conflicts_with(*held))
    })
}

/// The locks held by running jobs.
#[derive(Debug, Default)]
pub(super) struct Locks(HashMap<DumpId, [usize; LockMode::ALL.len()]>);

impl Locks {
    /// Whether all these locks could be taken now.
    pub(super) fn allow(&self, locks: &[(DumpId, LockMode)]) -> bool {
        locks.iter().all(|(table, mode)| {
            self.0.get(table).is_none_or(|held| {
                let held = LockMode::ALL.iter().zip(held).filter(|(_, count)| **count > 0);
                !held.map(|(other, _)| other).any(|other| mode.conflicts_with(*other))
            })
        })
    }

    pub(super) fn take(&mut self, locks: &[(DumpId, LockMode)]) {
        for (table, mode) in locks {
            self.0.entry(*table).or_default()[*mode as usize] += 1;
        }
    }

    pub(super) fn release(&mut self, locks: &[(DumpId, LockMode)]) {
        for (table, mode) in locks {
            if let Some(held) = self.0.get_mut(table) {
                held[*mode as usize] -= 1;
                if held.iter().all(|count| *count == 0) {
                    self.0.remove(table);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_match_those_observed_on_servers() {
        use LockMode::{AccessExclusive, RowShare, Share, ShareRowExclusive, ShareUpdateExclusive};
        for (one, other, conflict) in [
            // CREATE INDEX beside CREATE INDEX on one table.
            (Share, Share, false),
            // ADD PRIMARY KEY beside CREATE INDEX.
            (AccessExclusive, Share, true),
            // ADD FOREIGN KEY twice to one parent.
            (ShareRowExclusive, ShareRowExclusive, true),
            (ShareRowExclusive, Share, true),
            // VALIDATE: two children of one parent, beside an index build on the parent, twice on
            // one child, beside an index build on the child.
            (RowShare, RowShare, false),
            (RowShare, Share, false),
            (ShareUpdateExclusive, ShareUpdateExclusive, true),
            (ShareUpdateExclusive, Share, true),
            (ShareRowExclusive, RowShare, false),
        ] {
            assert_eq!(one.conflicts_with(other), conflict, "{one:?} {other:?}");
            assert_eq!(other.conflicts_with(one), conflict, "{other:?} {one:?}");
        }
    }

    #[test]
    fn lock_is_free_when_all_holders_finish() {
        let table = |mode| [(DumpId(1), mode)];
        let mut locks = Locks::default();
        locks.take(&table(LockMode::Share));
        locks.take(&table(LockMode::Share));
        locks.release(&table(LockMode::Share));
        assert!(!locks.allow(&table(LockMode::AccessExclusive)));
        assert!(locks.allow(&[(DumpId(2), LockMode::AccessExclusive)]));
        locks.release(&table(LockMode::Share));
        assert!(locks.allow(&table(LockMode::AccessExclusive)));
    }
}
