//! A line of the journal: its entry, its meaning, and what was read of the data.

use crate::archive::{Digest, DumpId, Entry};

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

/// What was read of an entry's data, as stored in the archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DataRead {
    /// Bytes; 0 for a stream, which counts differently.
    pub(crate) bytes: u64,
    /// The SHA-256 of the data, equal for a file and a stream; `None` without data. See
    /// [`crate::archive::ReadCounter::sha256`].
    pub(crate) digest: Option<Digest>,
}

/// A line for the journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JournalLine {
    pub(crate) entry: DumpId,
    pub(crate) mark: Mark,
    /// What was read of the entry's data.
    pub(crate) data: DataRead,
}

impl JournalLine {
    /// A line about an entry without data.
    pub(crate) fn of(entry: &Entry, mark: Mark) -> Self {
        Self { entry: entry.dump_id, mark, data: DataRead::default() }
    }

    /// The same line, with what was read of the entry's data.
    pub(crate) fn with(self, data: DataRead) -> Self {
        Self { data, ..self }
    }

    /// A line about the restore itself.
    pub(crate) fn of_all(mark: Mark) -> Self {
        Self { entry: OF_ALL, mark, data: DataRead::default() }
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
