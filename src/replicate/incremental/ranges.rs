//! Splits the new keys of a large table into ranges.

use std::num::NonZeroU64;

/// The maximum number of ranges of a table.
const MAX_RANGES: i128 = 1000;

/// A range of keys: above one, if given, up to and including another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) after: Option<String>,
    pub(super) through: String,
}

/// Splits the integer keys above `after`, up to and including `through`, into ranges of equal
/// width, in ascending order: as many as needed for `rows` rows each, if the `estimate` rows are
/// spread evenly. Ranges with equal numbers of rows would require reading the whole index. `after`
/// must be less than `through`.
pub(super) fn split(after: i64, through: i64, estimate: u64, rows: NonZeroU64) -> Vec<Range> {
    let (low, high) = (i128::from(after), i128::from(through));
    let count = i128::from(estimate.div_ceil(rows.get())).min(MAX_RANGES).min(high - low).max(1);
    let bound = |n: i128| low + (high - low) * n / count;
    (0..count)
        .map(|n| Range { after: Some(bound(n).to_string()), through: bound(n + 1).to_string() })
        .collect()
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
    fn ranges_have_equal_width() {
        assert_eq!(bounds(&split(0, 10, 10, rows(10))), [(0, 10)]);
        assert_eq!(bounds(&split(0, 11, 11, rows(10))), [(0, 5), (5, 11)]);
        assert_eq!(bounds(&split(0, 100, 10, rows(5))), [(0, 50), (50, 100)]);
        assert_eq!(bounds(&split(0, 100, 0, rows(5))), [(0, 100)]);
        assert_eq!(bounds(&split(0, 2, 1000, rows(5))), [(0, 1), (1, 2)]);
        assert_eq!(split(i64::MIN, i64::MAX, u64::MAX, rows(1)).len(), 1000);
    }

    proptest! {
        #[test]
        fn ranges_cover_all_keys_once_in_ascending_order(
            low in any::<i64>(), width in 1_i64..10_000, size in 1_u64..500, estimate in 0_u64..20_000
        ) {
            let high = low.saturating_add(width);
            prop_assume!(low < high);
            let ranges = bounds(&split(low, high, estimate, rows(size)));
            prop_assert_eq!(ranges.first().unwrap().0, low);
            prop_assert_eq!(ranges.last().unwrap().1, high);
            prop_assert!(ranges.iter().all(|(after, through)| after < through));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 == pair[1].0));
        }
    }
}
