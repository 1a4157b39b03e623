//! In which format a table's rows are sent, by what earlier runs have shown.
//!
//! The rule of `--copy-format auto`, for tables that are worth a look at all:
//!
//! 1. Rows are sent as binary, unless text was measured as clearly faster: more rows a second, by a
//!    tenth, so that chance does not decide.
//! 2. When a large table was measured as binary at least twice and never as text, text is tried in
//!    one run. Only one table is tried in each run, the one that took longest: if the trial turns
//!    out slow, it was one table in one night.

use serde::{Deserialize, Serialize};

use super::{Database, JobRecord};
use crate::archive::Entry;
use crate::plan::Step;

/// Bytes sent from which a table is large enough for a trial.
const TRIED_FROM: u64 = 32 * 1024 * 1024;

/// Runs as binary before text is tried.
const RUNS_BEFORE: u32 = 2;

/// How much faster than binary text must have been to be taken.
const CLEARLY: f64 = 1.1;

/// What a new measurement counts for, against all before it.
const LAST: f64 = 0.5;

/// Shorter loads say nothing of a rate.
const LEAST_SECONDS: f64 = 0.05;

/// In which format rows are sent to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFormat {
    /// As the archive has them.
    Text,
    /// As the server has them.
    Binary,
}

/// How fast a table's rows were loaded, by format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// As text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<Rate>,
    /// As binary.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub binary: Option<Rate>,
}

/// How fast rows were loaded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Rows a second: what formats are compared by, since a row's bytes differ between them.
    pub rows: f64,
    /// Bytes a second, as sent.
    pub bytes: f64,
    /// Runs that this was measured in.
    pub runs: u32,
}

impl Rates {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn note(&mut self, format: RowFormat, rows: u64, bytes: u64, seconds: f64) {
        if rows == 0 || seconds < LEAST_SECONDS {
            return;
        }
        let known = match format {
            RowFormat::Text => &mut self.text,
            RowFormat::Binary => &mut self.binary,
        };
        let new = Rate { rows: rows as f64 / seconds, bytes: bytes as f64 / seconds, runs: 1 };
        *known = Some(known.map_or(new, |old| Rate {
            rows: LAST * new.rows + (1.0 - LAST) * old.rows,
            bytes: LAST * new.bytes + (1.0 - LAST) * old.bytes,
            runs: old.runs.saturating_add(1),
        }));
    }

    fn better(&self) -> RowFormat {
        match (self.text, self.binary) {
            (Some(text), Some(binary)) if text.rows > binary.rows * CLEARLY => RowFormat::Text,
            _ => RowFormat::Binary,
        }
    }

    /// Whether text should be tried once.
    fn is_untried(&self) -> bool {
        self.text.is_none() && self.binary.is_some_and(|binary| binary.runs >= RUNS_BEFORE)
    }
}

impl Database {
    /// The format of each table's rows that something is known of, by the rule of this module: the
    /// faster one, or one that is tried. `tables` are TABLE DATA entries with whatever names them to the caller.
    pub fn formats<'a, T: Copy>(
        &self,
        tables: impl Iterator<Item = (T, &'a Entry)>,
    ) -> Vec<(T, RowFormat)> {
        let records = tables.filter_map(|(table, entry)| {
            self.job(entry, Step::Entire).map(|record| (table, record))
        });
        let known: Vec<(T, &JobRecord)> = records.collect();
        let tried = known
            .iter()
            .enumerate()
            .filter(|(_, (_, record))| record.bytes >= TRIED_FROM && record.rates.is_untried())
            .max_by(|(_, (_, a)), (_, (_, b))| a.seconds.total_cmp(&b.seconds))
            .map(|(at, _)| at);
        let format = |at, record: &JobRecord| {
            if tried == Some(at) { RowFormat::Text } else { record.rates.better() }
        };
        known.iter().enumerate().map(|(at, (table, of))| (*table, format(at, of))).collect()
    }
}
