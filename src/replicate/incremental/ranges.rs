//! Splits the new keys of a large table into ranges.

use std::num::NonZeroU64;

/// A table is not split into more.
const MOST: i128 = 1000;

/// A range of keys: above one, if given, up to and with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) after: Option<String>,
    pub(super) through: String,
}

/// Splits the integer keys above `after`, up to and with `through`, into ranges of one width, in
/// ascending order. `after` has to be less than `through`.
///
/// `density` says how many rows there are for each possible key, from 0 to 1. Where keys lie closer
/// than that, ranges have more rows than asked for: a split that is even would have to read the
/// whole index.
pub(super) fn split(after: i64, through: i64, density: f64, rows: NonZeroU64) -> Vec<Range> {
    let (low, high) = (i128::from(after), i128::from(through));
    // A very small share makes the width infinite, which becomes the largest number.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let width = (rows.get() as f64 / density.clamp(0.0, 1.0)) as i128;
    let width = width.clamp(1, (high - low).max(1));
    let count = (((high - low) + width - 1) / width).min(MOST);
    let bound = |n: i128| low + (high - low) * n / count;
    (0..count)
        .map(|n| Range { after: Some(bound(n).to_string()), through: bound(n + 1).to_string() })
        .collect()
}

/// The share of possible keys that rows have, guessed from the number of rows in the whole table.
/// When nobody knows that number, the most that a unique key can have.
#[allow(clippy::cast_precision_loss)]
pub(super) fn density(rows: f64, lowest: i64, highest: i64) -> f64 {
    let keys = i128::from(highest) - i128::from(lowest) + 1;
    if rows <= 0.0 || keys <= 0 { 1.0 } else { (rows / keys as f64).min(1.0) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(rows: u64) -> NonZeroU64 {
        NonZeroU64::new(rows).unwrap()
    }

    fn bounds(ranges: &[Range]) -> Vec<(i64, i64)> {
        let parse = |text: &str| text.parse().unwrap();
        let bounds =
            |range: &Range| (parse(range.after.as_deref().unwrap()), parse(&range.through));
        ranges.iter().map(bounds).collect()
    }

    #[test]
    fn ranges_are_of_one_width_and_as_many_as_are_needed() {
        assert_eq!(bounds(&split(0, 10, 1.0, rows(10))), [(0, 10)]);
        assert_eq!(bounds(&split(0, 11, 1.0, rows(10))), [(0, 5), (5, 11)]);
        assert_eq!(bounds(&split(0, 100, 0.1, rows(5))), [(0, 50), (50, 100)]);
        assert_eq!(bounds(&split(0, 100, 0.0, rows(5))), [(0, 100)]);
        assert_eq!(split(i64::MIN, i64::MAX, 1.0, rows(1)).len(), 1000);
    }

    #[test]
    fn an_unknown_number_of_rows_counts_as_all_keys() {
        assert!((density(-1.0, 1, 100) - 1.0).abs() < f64::EPSILON);
        assert!((density(50.0, 1, 100) - 0.5).abs() < f64::EPSILON);
        assert!((density(500.0, 1, 100) - 1.0).abs() < f64::EPSILON);
        assert!(density(1.0, i64::MIN, i64::MAX) < 1e-18);
    }

    proptest! {
        #[test]
        fn ranges_cover_all_keys_once_in_ascending_order(
            low in any::<i64>(), width in 1_i64..10_000, size in 1_u64..500, density in 0.0..1.5
        ) {
            let high = low.saturating_add(width);
            prop_assume!(low < high);
            let ranges = bounds(&split(low, high, density, rows(size)));
            prop_assert_eq!(ranges.first().unwrap().0, low);
            prop_assert_eq!(ranges.last().unwrap().1, high);
            prop_assert!(ranges.iter().all(|(after, through)| after < through));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 == pair[1].0));
        }
    }
}
