//! Work totals by kind, and the longest entries. For live restores and for nights in a log.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::archive::Desc;

use super::kind::WorkKind;
use super::recording::seconds;

/// The work done on an entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkedEntry {
    /// The entry's kind, `TABLE DATA`.
    pub kind: String,
    /// The entry, with its kind.
    pub label: String,
    /// Session time spent on it.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
    /// Rows (or large objects) stored.
    pub rows: u64,
    /// Bytes sent to the server.
    pub bytes: u64,
}

impl WorkedEntry {
    /// The kind of bar that represents it.
    #[must_use]
    pub fn colour(&self) -> WorkKind {
        WorkKind::of(&Desc::from_text(&self.kind))
    }
}

/// The totals of a kind of entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindTotals {
    /// The kind, `TABLE DATA`.
    pub kind: String,
    /// How many entries.
    pub count: u64,
    /// Their total time: more than the wall time if sessions worked in parallel.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
    /// The longest of them.
    pub longest: WorkedEntry,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// All work of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// By entry, the longest first.
    pub work: Vec<WorkedEntry>,
    /// By kind, the longest first.
    pub kinds: Vec<KindTotals>,
}

impl Totals {
    /// Adds up the work. Entries that took the same time keep their order.
    #[must_use]
    pub fn of(mut work: Vec<WorkedEntry>) -> Self {
        work.sort_by_key(|work| Reverse(work.took));
        let mut kinds: BTreeMap<&str, KindTotals> = BTreeMap::new();
        for one in &work {
            let totals = kinds.entry(&one.kind).or_insert_with(|| KindTotals {
                kind: one.kind.clone(),
                count: 0,
                took: Duration::ZERO,
                longest: one.clone(),
                rows: 0,
                bytes: 0,
            });
            totals.count += 1;
            totals.took = totals.took.saturating_add(one.took);
            totals.rows = totals.rows.saturating_add(one.rows);
            totals.bytes = totals.bytes.saturating_add(one.bytes);
        }
        let mut kinds: Vec<KindTotals> = kinds.into_values().collect();
        kinds.sort_by_key(|totals| Reverse(totals.took));
        Self { work, kinds }
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.kinds.iter().fold(0, |sum, kind| sum.saturating_add(kind.rows))
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.kinds.iter().fold(0, |sum, kind| sum.saturating_add(kind.bytes))
    }

    /// The total session time.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.work.iter().fold(Duration::ZERO, |sum, work| sum.saturating_add(work.took))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(kind: &str, label: &str, seconds: u64) -> WorkedEntry {
        let took = Duration::from_secs(seconds);
        WorkedEntry { kind: kind.into(), label: label.into(), took, rows: 1, bytes: 10 }
    }

    #[test]
    fn kinds_are_added_up_longest_first() {
        let totals = Totals::of(vec![
            work("INDEX", "a", 1),
            work("TABLE DATA", "b", 4),
            work("INDEX", "c", 2),
            work("INDEX", "d", 2),
        ]);
        let kinds: Vec<_> = totals
            .kinds
            .iter()
            .map(|k| (k.kind.as_str(), k.count, k.took.as_secs(), k.longest.label.as_str()))
            .collect();
        assert_eq!(kinds, [("INDEX", 3, 5, "c"), ("TABLE DATA", 1, 4, "b")]);
        let order: Vec<_> = totals.work.iter().map(|work| work.label.as_str()).collect();
        assert_eq!(order, ["b", "c", "d", "a"]);
        assert_eq!(totals.took(), Duration::from_secs(9));
    }
}
