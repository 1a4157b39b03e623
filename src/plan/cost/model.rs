//! The cost of work in seconds, on a server without measurements.
//!
//! The figures are for a core from 2020, PostgreSQL 15 to 18 and tables in memory, measured on
//! tables of 3 million rows: COPY text 100 MB/s, an index on a bigint 0.8 s, on text 8 to 10 s, the
//! check of a foreign key 0.6 s. They are wrong on any other machine; what matters is the ratio
//! between kinds of work, since [`super::calibration`] finds the machine's speed.

use super::key::{IndexKey, Method};
use super::table::Comparison;
use super::work::{CostedWork, TableCost};

/// A statement, including the round trip.
const STATEMENT: f64 = 0.002;

/// The cost of the work in seconds.
pub(super) fn seconds(work: &CostedWork, tables: &[TableCost]) -> f64 {
    let rows = |table: &usize| tables[*table].rows;
    let bytes = |table: &usize| tables[*table].bytes;
    let growing = match work {
        CostedWork::Rows(table) => bytes(table) / 100e6 + rows(table) * 2e-7,
        CostedWork::LargeObjects(bytes) => bytes / 30e6,
        CostedWork::Index(table, index) => build(index, rows(table)) + bytes(table) / 1000e6,
        CostedWork::Look(table) => bytes(table) / 1000e6 + rows(table) * 5e-8,
        CostedWork::ForeignKey { child, parent, text } => {
            let hashed = parent.as_ref().map_or(0.0, rows);
            (rows(child) * 2e-7 + hashed * 1.5e-7) * if *text { 2.0 } else { 1.0 }
        }
        // A sample of 30,000 rows at the default statistics target, whatever the table's size
        // (`std_typanalyze` in `analyze.c`).
        CostedWork::Analyze(table) => rows(table).min(30_000.0) * 1e-5,
        CostedWork::Refresh(of) => {
            of.iter().map(|table| bytes(table) / 80e6 + rows(table) * 3e-7).sum()
        }
        CostedWork::Statement => 0.0,
    };
    STATEMENT + growing
}

/// The cost of building an index, without the scan of the table.
fn build(index: &IndexKey, rows: f64) -> f64 {
    // How many rows a condition excludes is unknown.
    let rows = if index.partial { rows / 2.0 } else { rows };
    let compare = |key: &Option<Comparison>| match key {
        Some(Comparison::Number) => 7e-9,
        Some(Comparison::Function) => 2e-8,
        Some(Comparison::Collation) => 1.3e-7,
        Some(Comparison::Document) => 1.5e-7,
        // Mostly transformed text.
        None => 1.4e-7,
    };
    match index.method {
        Method::Sort => {
            // Later columns are compared only where the first is equal.
            let shares = std::iter::once(1.0).chain(std::iter::repeat(0.3));
            let each: f64 =
                index.keys.iter().zip(shares).map(|(key, share)| compare(key) * share).sum();
            rows * rows.max(2.0).log2() * each
        }
        Method::Hash => rows * 3e-7,
        Method::Inverted => rows * 2e-5,
        Method::Tree => rows * 1e-5,
        Method::Summary => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Vec<TableCost> {
        vec![TableCost { rows: 3e6, bytes: 324e6, ..TableCost::default() }]
    }

    fn index(keys: Vec<Option<Comparison>>) -> f64 {
        let index = IndexKey { method: Method::Sort, keys, partial: false };
        seconds(&CostedWork::Index(0, index), &table())
    }

    #[test]
    fn model_matches_measurements_on_three_million_rows() {
        let near = |value: f64, measured: f64| (0.7..1.4).contains(&(value / measured));
        assert!(near(seconds(&CostedWork::Rows(0), &table()), 3.5));
        assert!(near(index(vec![Some(Comparison::Number)]), 0.8));
        assert!(near(index(vec![Some(Comparison::Collation)]), 9.0));
        let key = CostedWork::ForeignKey { child: 0, parent: None, text: false };
        assert!(near(seconds(&key, &table()), 0.6));
    }

    #[test]
    fn text_costs_ten_times_a_number() {
        let (number, text) = (Some(Comparison::Number), Some(Comparison::Collation));
        assert!(index(vec![text]) > 8.0 * index(vec![number]));
        assert!(index(vec![number, text]) > index(vec![number]));
        assert!(index(vec![number, text]) < index(vec![text, number]));
    }

    #[test]
    fn object_without_rows_costs_one_statement() {
        let empty = vec![TableCost::default()];
        let sort = IndexKey { method: Method::Sort, keys: vec![None], partial: false };
        for work in [
            CostedWork::Rows(0),
            CostedWork::Index(0, sort),
            CostedWork::Statement,
            CostedWork::Analyze(0),
        ] {
            assert!((seconds(&work, &empty) - STATEMENT).abs() < 1e-9, "{work:?}");
        }
    }
}
