//! Chooses the format of a table's rows from the measurements of earlier runs.
//!
//! The rule of `--copy-format auto`, for tables large enough to matter:
//!
//! 1. Rows are sent as binary, unless text was measured as clearly faster: more rows a second, by a
//!    tenth, so that chance does not decide.
//! 2. When a large table was measured as binary at least twice and never as text, text is tried in
//!    one run. Only one table is tried in each run, the one that took longest: if the trial turns
//!    out slow, it affects one table in one run.

use serde::{Deserialize, Serialize};

use super::{Database, JobRecord};
use crate::archive::Entry;
use crate::plan::Step;

/// Bytes sent from which a table is large enough for a trial.
const TRIED_FROM: u64 = 32 * 1024 * 1024;

/// The number of binary runs before text is tried.
const RUNS_BEFORE: u32 = 2;

/// How much faster than binary text must be to be chosen.
const CLEARLY: f64 = 1.1;

/// The weight of a new measurement against all earlier ones.
const LAST: f64 = 0.5;

/// Shorter loads say nothing about the rate.
const LEAST_SECONDS: f64 = 0.05;

/// The format in which rows are sent to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFormat {
    /// As stored in the archive.
    Text,
    /// As the server stores them.
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
    /// Rows per second. Formats are compared by this, since the bytes of a row differ between them.
    pub rows: f64,
    /// Bytes per second, as sent.
    pub bytes: f64,
    /// The number of runs in which this was measured.
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
    /// The format for each known table, by the rule of this module: the faster one, or one on
    /// trial. `tables` are TABLE DATA entries, each with the caller's key for it.
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
