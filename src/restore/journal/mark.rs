//! The meaning of a journal line.

use crate::archive::DumpId;

/// The dump ID in lines about the restore itself; no entry has it.
pub(crate) const OF_ALL: DumpId = DumpId(0);

/// The mark of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mark {
    /// All of the entry is in the database.
    Done,
    /// The entry's definition has run; what follows it (owner, access method, rows) may be missing.
    Defined,
    /// The first step of a two-step entry is done.
    FirstStep,
    /// All objects to be dropped have been dropped.
    Dropped,
    /// The caller's work after the definitions is done.
    AfterPreData,
    /// The caller's work after the rows is done.
    AfterData,
}

const ALL: [Mark; 6] = [
    Mark::Done,
    Mark::Defined,
    Mark::FirstStep,
    Mark::Dropped,
    Mark::AfterPreData,
    Mark::AfterData,
];

impl Mark {
    /// The word in the table.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Defined => "defined",
            Self::FirstStep => "first step",
            Self::Dropped => "dropped",
            Self::AfterPreData => "after pre-data",
            Self::AfterData => "after data",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        ALL.into_iter().find(|mark| mark.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_round_trips() {
        for mark in ALL {
            assert_eq!(Mark::from_word(mark.word()), Some(mark));
        }
        assert_eq!(Mark::from_word("finished"), None);
    }
}
