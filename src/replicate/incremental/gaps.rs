//! Finds rows that earlier runs should have copied.

use std::collections::BTreeMap;

use super::key::KeyColumn;
use super::settings::IncrementalTable;
use crate::server::{self, Session};

/// Into how many parts the keys are divided, to locate missing rows.
const PARTS: i128 = 1000;

/// Compares the number of rows up to the highest key of the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Rows in the source.
    pub source: u64,
    /// Rows in the target.
    pub target: u64,
    /// Where the counts differ, in ascending order.
    pub places: Vec<Gap>,
}

/// A part of the keys in which the row counts differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first key of the part, if keys are integers.
    pub from: Option<i64>,
    /// The last key of the part.
    pub through: String,
    /// Rows in the source.
    pub source: u64,
    /// Rows in the target.
    pub target: u64,
}

impl Gaps {
    /// A lower bound of the rows that the target lacks. If the source has deleted as many rows in
    /// the same part, missing ones are not detected.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.places.iter().map(|gap| gap.source.saturating_sub(gap.target)).sum()
    }

    /// A lower bound of the rows that only the target has, because the source has deleted them
    /// since.
    #[must_use]
    pub fn deleted(&self) -> u64 {
        self.places.iter().map(|gap| gap.target.saturating_sub(gap.source)).sum()
    }
}

/// Row counts by part.
type Counts = BTreeMap<i128, u64>;

/// Counts the rows up to and including a key on both sides.
///
/// # Errors
/// The error of a side, with the side.
pub(super) async fn find(
    source: &Session,
    target: &Session,
    table: &IncrementalTable,
    key: &KeyColumn,
    through: &str,
) -> Result<Gaps, (super::Side, server::SessionError)> {
    let of_source = |error| (super::Side::Source, error);
    let of_target = |error| (super::Side::Target, error);
    let condition = key.between(None, through);
    let parts = if key.is_integer() {
        let lowest = key.lowest(table);
        let of = |value: Option<String>| value.and_then(|value| value.parse::<i64>().ok());
        let lows = [
            of(source.query_value(&lowest).await.map_err(of_source)?),
            of(target.query_value(&lowest).await.map_err(of_target)?),
        ];
        lows.into_iter().flatten().min().zip(through.parse().ok()).map(Parts::new)
    } else {
        None
    };
    let part = parts.as_ref().map_or_else(|| "0".to_owned(), |parts| parts.number(&key.sql()));
    let sql =
        format!("SELECT {part}, pg_catalog.count(*) FROM {table} r WHERE {condition} GROUP BY 1");
    // One after the other: these are heavy queries, and there is no hurry.
    let of_source = counts(source, &sql).await.map_err(of_source)?;
    let of_target = counts(target, &sql).await.map_err(of_target)?;
    Ok(compare(&of_source, &of_target, parts.as_ref(), through))
}

async fn counts(session: &Session, sql: &str) -> server::Result<Counts> {
    let pair = |row: Vec<Option<String>>| match &row[..] {
        [Some(part), Some(count)] => Some((part.parse().ok()?, count.parse().ok()?)),
        _ => None,
    };
    Ok(session.query_text(sql).await?.into_iter().filter_map(pair).collect())
}

fn compare(source: &Counts, target: &Counts, parts: Option<&Parts>, through: &str) -> Gaps {
    let numbers: std::collections::BTreeSet<i128> =
        source.keys().chain(target.keys()).copied().collect();
    let of = |counts: &Counts, number| counts.get(&number).copied().unwrap_or_default();
    let places = numbers
        .into_iter()
        .filter(|number| of(source, *number) != of(target, *number))
        .map(|number| Gap {
            from: parts.map(|parts| parts.first(number)),
            through: parts
                .map_or_else(|| through.to_owned(), |parts| parts.last(number).to_string()),
            source: of(source, number),
            target: of(target, number),
        })
        .collect();
    Gaps { source: source.values().sum(), target: target.values().sum(), places }
}

/// Parts of integer keys, all of the same width.
struct Parts {
    low: i64,
    high: i64,
    width: i128,
}

impl Parts {
    fn new((low, high): (i64, i64)) -> Self {
        let keys = (i128::from(high) - i128::from(low) + 1).max(1);
        Self { low, high, width: (keys + PARTS - 1) / PARTS }
    }

    /// The SQL expression of the number of a key's part. Avoids numeric if bigint is large enough.
    fn number(&self, key: &str) -> String {
        let fits = i64::try_from(i128::from(self.high) - i128::from(self.low)).is_ok();
        let Self { low, width, .. } = self;
        if fits {
            format!("({key}::bigint - ({low})) / {width}")
        } else {
            format!("pg_catalog.div({key}::numeric - ({low}), {width})")
        }
    }

    fn first(&self, number: i128) -> i64 {
        i64::try_from(i128::from(self.low) + number * self.width).unwrap_or(i64::MAX)
    }

    fn last(&self, number: i128) -> i64 {
        let last = i128::from(self.low) + (number + 1) * self.width - 1;
        i64::try_from(last).map_or(self.high, |last| last.min(self.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_located() {
        let parts = Parts::new((1, 10_000));
        let (source, target) = (
            Counts::from([(0, 10), (1, 10), (2, 10), (999, 4)]),
            Counts::from([(0, 10), (1, 7), (2, 12), (999, 4)]),
        );
        let gaps = compare(&source, &target, Some(&parts), "10000");
        assert_eq!((gaps.missing(), gaps.deleted(), gaps.source, gaps.target), (3, 2, 34, 33));
        assert_eq!(
            gaps.places,
            [
                Gap { from: Some(11), through: "20".into(), source: 10, target: 7 },
                Gap { from: Some(21), through: "30".into(), source: 10, target: 12 },
            ]
        );
    }

    #[test]
    fn full_range_of_keys_has_parts() {
        let parts = Parts::new((i64::MIN, i64::MAX));
        assert_eq!(parts.first(0), i64::MIN);
        assert_eq!(parts.last(999), i64::MAX);
        assert!(parts.number("id").starts_with("pg_catalog.div"));
        let one = Parts::new((7, 7));
        assert_eq!((one.width, one.first(0), one.last(0)), (1, 7, 7));
    }
}
