//! In which format a table's rows are sent, by what earlier runs have shown.
//!
//! The rule of `--copy-format auto`, for tables that are worth a look at all:
//!
//! 1. Of a table that was never measured, rows are sent as binary.
//! 2. When both formats were measured, the one with more rows a second is taken. Text must be
//!    faster by a tenth, so that chance does not decide.
//! 3. When a large table was measured at least twice, and in one format only, the other is tried
//!    in one run. Only one table is tried in each run, the one that took longest: if the trial
//!    turns out slow, it was one table in one night.

use serde::{Deserialize, Serialize};

use super::{Database, JobRecord};
use crate::archive::Entry;
use crate::plan::Step;

/// Bytes sent from which a table is large enough for a trial.
const TRIED_FROM: u64 = 32 * 1024 * 1024;

/// Runs in one format before the other is tried.
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

    /// The better format; `None` if nothing is known.
    fn better(&self) -> Option<RowFormat> {
        match (self.text, self.binary) {
            (None, None) => None,
            (Some(text), Some(binary)) if text.rows < binary.rows * CLEARLY => {
                Some(RowFormat::Binary)
            }
            (Some(_), _) => Some(RowFormat::Text),
            (None, Some(_)) => Some(RowFormat::Binary),
        }
    }

    /// The format that should be tried once.
    fn untried(&self) -> Option<RowFormat> {
        let enough = |rate: Rate| rate.runs >= RUNS_BEFORE;
        match (self.text, self.binary) {
            (None, Some(binary)) if enough(binary) => Some(RowFormat::Text),
            (Some(text), None) if enough(text) => Some(RowFormat::Binary),
            _ => None,
        }
    }
}

impl Database {
    /// The format of each table's rows that something is known of, by the rule of this module.
    /// `tables` are TABLE DATA entries with whatever names them to the caller.
    pub fn formats<'a, T: Copy>(
        &self,
        tables: impl Iterator<Item = (T, &'a Entry)>,
    ) -> Vec<(T, RowFormat)> {
        let records = tables.filter_map(|(table, entry)| {
            self.job(entry, Step::Entire).map(|record| (table, record))
        });
        let known: Vec<(T, &JobRecord)> = records.collect();
        let large = known.iter().enumerate().filter(|(_, (_, record))| record.bytes >= TRIED_FROM);
        let trial = large
            .filter_map(|(at, (_, record))| Some((at, record.seconds, record.rates.untried()?)))
            .max_by(|(_, a, _), (_, b, _)| a.total_cmp(b));
        known
            .iter()
            .enumerate()
            .filter_map(|(at, (table, record))| match trial {
                Some((tried, _, format)) if tried == at => Some((*table, format)),
                _ => Some((*table, record.rates.better()?)),
            })
            .collect()
    }
}
