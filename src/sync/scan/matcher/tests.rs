//! Tests of the matcher against a multiset of rows.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::rows::{RowSetKey, Tagger};

/// Limits that small tables exceed.
const SMALL: Limits = Limits { ahead: 30, old: 120, new: 30 };

/// Limits that no table here exceeds, except that it is not read at once.
const ROOMY: Limits = Limits { ahead: 30, old: 10_000, new: 10_000 };

/// A table with `old` rows made equal to `new`.
struct Applied {
    result: Vec<u32>,
    /// Rows inserted, rows deleted, rows withdrawn.
    inserted: usize,
    deleted: usize,
    withdrawn: usize,
    /// Whether the sums say that the result is right.
    proven: bool,
}

/// The tag's first bits; the more are dropped, the more rows share a tag.
fn narrowed(RowTag([a, b, c, d, e, f]): RowTag, bits: u32) -> RowTag {
    match bits {
        48 => RowTag([a, b, c, d, e, f]),
        bits => RowTag([a & ((1 << bits) - 1), 0, 0, 0, 0, 0]),
    }
}

/// Adds the rows that a matcher wants, in batches. The table's rows have its places as their blocks.
struct Reader<'a> {
    matcher: Matcher,
    tags: &'a [RowTag],
    read: usize,
}

impl Reader<'_> {
    fn read(&mut self, batch: usize) -> Result<(), TooManyGone> {
        let end = self.tags.len().min(self.read + batch);
        if self.read == end {
            self.matcher.old_ended();
        }
        for at in self.read..end {
            self.matcher.old_row(self.tags[at], Tid { block: at as u32, offset: 1 })?;
        }
        self.read = end;
        Ok(())
    }
}

/// Matches by tags; also the places of new rows.
fn matched(
    limits: Limits,
    batch: usize,
    old: &[RowTag],
    new: &[RowTag],
) -> Result<(Matched, Vec<usize>), TooManyGone> {
    let mut reader = Reader { matcher: Matcher::with(limits), tags: old, read: 0 };
    let mut staged = Vec::new();
    for (at, tag) in new.iter().enumerate() {
        while reader.matcher.wants_old() {
            reader.read(batch)?;
        }
        if reader.matcher.new_row(*tag) == Verdict::New {
            staged.push(at);
        }
    }
    while reader.read < old.len() {
        reader.read(batch)?;
    }
    let changed = reader.matcher.changed();
    let matched = reader.matcher.finish();
    assert_eq!(changed, (staged.len() - matched.withdrawn.len()) as u64);
    Ok((matched, staged))
}

fn applied(
    limits: Limits,
    bits: u32,
    batch: usize,
    old: &[u32],
    new: &[u32],
) -> Result<Applied, TooManyGone> {
    let key = RowSetKey::random().unwrap();
    let sum = |rows: &[u32]| {
        let mut tagger = Tagger::new(&key);
        let row = |row: &u32| narrowed(tagger.row(row.to_string().as_bytes()), bits);
        let tags: Vec<_> = rows.iter().map(row).collect();
        (tags, tagger.set())
    };
    let ((old_tags, old_set), (new_tags, new_set)) = (sum(old), sum(new));
    let (matched, staged) = matched(limits, batch, &old_tags, &new_tags)?;
    assert!(matched.gone.is_sorted(), "in the table's order");

    let mut result: Vec<_> = old.iter().copied().map(Some).collect();
    let gone: Vec<u32> = matched
        .gone
        .iter()
        .map(|tid| tid.block as usize)
        .map(|at| result[at].take().expect("gone once"))
        .collect();
    let mut inserted: Vec<_> = staged.iter().map(|at| Some(new[*at])).collect();
    for number in &matched.withdrawn {
        inserted[*number as usize].take().expect("withdrawn once");
    }
    let inserted: Vec<u32> = inserted.into_iter().flatten().collect();
    let proven = old_set.and(sum(&inserted).1) == new_set.and(sum(&gone).1);
    Ok(Applied {
        result: result.into_iter().flatten().chain(inserted.iter().copied()).collect(),
        inserted: inserted.len(),
        deleted: gone.len(),
        withdrawn: matched.withdrawn.len(),
        proven,
    })
}

fn counted(rows: &[u32]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(*row).or_default() += 1);
    counts
}

/// How many rows of `some` are not among `others`, counting duplicates.
fn missing(some: &[u32], others: &[u32]) -> usize {
    let others = counted(others);
    let more = |(row, count): (u32, usize)| {
        count.saturating_sub(others.get(&row).copied().unwrap_or_default())
    };
    counted(some).into_iter().map(more).sum()
}

/// A change to a table. Places and lengths are taken modulo the table's size.
#[derive(Clone, Debug)]
enum Edit {
    Delete(usize, usize),
    Insert(usize, usize),
    /// Every n-th row.
    Update(usize),
    Repeat(usize, usize),
    Move(usize, usize, usize),
    Reverse,
    Shuffle(u64),
}

fn in_order() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<usize>(), 1usize..12).prop_map(|(at, rows)| Edit::Delete(at, rows)),
        (any::<usize>(), 1usize..40).prop_map(|(at, rows)| Edit::Insert(at, rows)),
        (10usize..200).prop_map(Edit::Update),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => in_order(),
        1 => (any::<usize>(), 1usize..300).prop_map(|(at, rows)| Edit::Delete(at, rows)),
        1 => (any::<usize>(), 1usize..50).prop_map(|(at, rows)| Edit::Repeat(at, rows)),
        2 => (any::<usize>(), 1usize..50, any::<usize>()).prop_map(|(a, b, c)| Edit::Move(a, b, c)),
        1 => Just(Edit::Reverse),
        1 => any::<u64>().prop_map(Edit::Shuffle),
    ]
}

/// The table after the edits. Inserted rows are new, so that order can be kept.
fn edited(old: &[u32], edits: Vec<Edit>) -> Vec<u32> {
    let mut rows = old.to_vec();
    let mut fresh = 1_000_000..;
    for edit in edits {
        let range = |at: usize, length: usize| {
            let at = at % (rows.len() + 1);
            at..rows.len().min(at + length)
        };
        match edit {
            Edit::Delete(at, length) => drop(rows.drain(range(at, length))),
            Edit::Insert(at, length) => {
                let at = range(at, 0).start;
                rows.splice(at..at, fresh.by_ref().take(length));
            }
            Edit::Update(nth) => {
                rows.iter_mut().step_by(nth).zip(&mut fresh).for_each(|(row, value)| *row = value);
            }
            Edit::Repeat(at, length) => {
                let range = range(at, length);
                rows.extend_from_within(range);
            }
            Edit::Move(from, length, to) => {
                let moved: Vec<_> = rows.drain(range(from, length)).collect();
                let to = to % (rows.len() + 1);
                rows.splice(to..to, moved);
            }
            Edit::Reverse => rows.reverse(),
            Edit::Shuffle(seed) => rows.sort_by_key(|row| u64::from(*row).wrapping_mul(seed | 1)),
        }
    }
    rows
}

/// Rows of which few, or many, are equal.
fn table() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![
        3 => (0u32..400).prop_map(|rows| (0..rows).collect::<Vec<_>>()),
        1 => proptest::collection::vec(0u32..50, 0..400),
        1 => proptest::collection::vec(0u32..3, 0..100),
    ]
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    proptest::collection::vec(edit(), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn result_is_the_archive(old in table(), edits in edits(), batch in 1usize..30) {
        let new = edited(&old, edits);
        match applied(SMALL, 48, batch, &old, &new) {
            Ok(applied) => {
                prop_assert_eq!(counted(&applied.result), counted(&new));
                prop_assert!(applied.proven);
            }
            Err(TooManyGone) => prop_assert!(old.len() > SMALL.old),
        }
    }

    #[test]
    fn difference_is_the_smallest_within_the_limits(
        old in table(), edits in edits(), batch in 1usize..30,
    ) {
        let new = edited(&old, edits);
        let applied = applied(ROOMY, 48, batch, &old, &new).unwrap();
        prop_assert_eq!(applied.inserted, missing(&new, &old));
        prop_assert_eq!(applied.deleted, missing(&old, &new));
    }

    #[test]
    fn rows_in_order_are_never_withdrawn(
        rows in 0u32..400, edits in proptest::collection::vec(in_order(), 0..2), batch in 1usize..30,
    ) {
        let old: Vec<_> = (0..rows).collect();
        let new = edited(&old, edits);
        prop_assert_eq!(applied(SMALL, 48, batch, &old, &new).unwrap().withdrawn, 0);
    }

    #[test]
    fn collision_of_tags_is_refused_by_the_sums(
        old in table(), edits in edits(), batch in 1usize..30, bits in 0u32..8,
    ) {
        let new = edited(&old, edits);
        if let Ok(applied) = applied(SMALL, bits, batch, &old, &new) {
            prop_assert_eq!(applied.proven, counted(&applied.result) == counted(&new));
        }
    }
}

#[test]
fn another_row_of_the_same_tag_is_kept_and_refused() {
    let applied = applied(SMALL, 0, 10, &[1, 2, 3], &[1, 2, 4]).unwrap();
    assert_eq!((applied.inserted, applied.deleted, applied.proven), (0, 0, false));
}

/// A tag for a number.
fn tag(number: u32) -> RowTag {
    let [a, b, c, d] = number.to_le_bytes();
    RowTag([a, b, c, d, 0, 0])
}

#[test]
fn range_longer_than_the_window_costs_few_withdrawn_rows() {
    let old: Vec<_> = (0..600_000).map(tag).collect();
    let new: Vec<_> = (0..100_000).chain(400_000..600_000).map(tag).collect();
    let (matched, staged) = matched(LIMITS, 10_000, &old, &new).unwrap();
    assert_eq!(matched.gone.len(), 300_000);
    assert_eq!(matched.withdrawn.len(), staged.len());
    assert!(staged.len() < 3_000, "{} rows staged for nothing", staged.len());
}

#[test]
fn too_many_gone_rows_are_an_error() {
    let old: Vec<_> = (0..121).map(tag).collect();
    assert!(matched(SMALL, 10, &old[1..], &[]).is_ok());
    assert_eq!(matched(SMALL, 10, &old, &[]).unwrap_err(), TooManyGone);
}

#[test]
fn numbers_of_rows_wrap_around() {
    let mut matcher = Matcher::with(SMALL);
    (matcher.read, matcher.position) = (u32::MAX - 10, u32::MAX - 10);
    for number in 0..200 {
        while matcher.wants_old() {
            let number = matcher.read.wrapping_sub(u32::MAX - 10);
            matcher.old_row(tag(number), Tid { block: number, offset: 1 }).unwrap();
        }
        assert_eq!(matcher.new_row(tag(number)), Verdict::Kept, "{number}");
        assert!(matcher.old.len() <= 30);
    }
}
