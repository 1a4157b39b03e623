//! The facts about one run, and figures derived from them.

use std::cmp::Reverse;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use serde::{Serialize, Serializer};

use crate::replicate::stages::Stage;
use crate::report::timeline::{Totals, WorkedEntry};

/// How many errors a run keeps; further ones are only counted.
const MOST_ERRORS: usize = 20;

/// A moment, with the offset from the log.
pub type Moment = DateTime<FixedOffset>;

/// One run. Facts that the log does not contain are `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoggedRun {
    /// The container that ran it, `background-1`.
    pub container: Option<String>,
    /// Whether its lines are nocturne's, or those of the replaced system.
    pub nocturne: bool,
    /// The first line of the run.
    pub first: Moment,
    /// The last line of the run.
    pub last: Moment,
    /// When the backup was requested.
    pub backup: Option<Moment>,
    /// When the restore started.
    pub restore: Option<Moment>,
    /// When the restore was done and the enrichment started.
    pub restored: Option<Moment>,
    /// When the enrichment was done.
    pub enriched: Option<Moment>,
    /// How the run ended.
    pub end: RunEnd,
    /// Its stages, in the order of their starts.
    pub stages: Vec<StageSpan>,
    /// The archive entries that were processed, in the order of their starts.
    pub items: Vec<NightEntry>,
    /// The first errors.
    pub errors: Vec<String>,
    /// The number of lines that reported errors.
    pub error_count: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// It succeeded, according to the log.
    Done,
    /// It failed.
    Failed,
    /// The log does not tell.
    #[default]
    Unknown,
}

/// The purpose of a run, judging by what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Download, restore and enrich a backup.
    Full,
    /// `nocturne restore`: restore an archive.
    Restore,
    /// An earlier run or attempt restored the backup: only what follows the restore.
    AlreadyRestored,
    /// Copy new rows, nothing else.
    Incremental,
}

impl Shape {
    /// Whether the run restored an archive, or was meant to.
    pub(crate) fn restores(self) -> bool {
        matches!(self, Self::Full | Self::Restore)
    }
}

/// A stage and its times.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageSpan {
    /// The stage.
    pub stage: Stage,
    /// Its start.
    pub start: Moment,
    /// Its end.
    pub end: Option<Moment>,
    /// Whether it failed.
    pub failed: bool,
}

/// An archive entry and its times.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NightEntry {
    /// Its number in the archive.
    pub id: u64,
    /// Its kind, `TABLE DATA`.
    pub kind: String,
    /// Its kind and name, as in the log.
    pub label: String,
    /// The session that restored it, from 0, if the log tells.
    pub lane: Option<usize>,
    /// When work on it started.
    pub start: Option<Moment>,
    /// When work on it ended.
    pub end: Option<Moment>,
    /// How long it took, in seconds: all its steps, without the time between them.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Option<Duration>,
    /// Parts of the work other than the last one, which has the times above: the first of two
    /// steps, and other sessions' work.
    pub parts: Vec<Part>,
    /// How it ended.
    pub outcome: ItemEnd,
    /// Rows that were stored.
    pub rows: u64,
    /// Bytes that were sent.
    pub bytes: u64,
}

/// A part of the work on an entry: an index before its constraint, a foreign key before its
/// validation, rows that another session sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The session that did it.
    pub lane: Option<usize>,
    /// Its start.
    pub start: Moment,
    /// Its end.
    pub end: Moment,
}

/// How an entry ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemEnd {
    /// It ended; pg_restore's logs do not tell how.
    Done,
    /// It was skipped.
    Skipped,
    /// It was rejected, and the user tolerates that.
    Tolerated,
    /// It failed.
    Failed,
    /// The log does not contain its end.
    #[default]
    Unknown,
}

/// How long each phase of a run took. `None` if its start or end is unknown.
///
/// As JSON, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Phases {
    /// From the search for a backup to the start of the restore.
    #[serde(serialize_with = "seconds")]
    pub backup: Option<Duration>,
    /// The restore.
    #[serde(serialize_with = "seconds")]
    pub replication: Option<Duration>,
    /// From the end of the restore to the end of the enrichment.
    #[serde(serialize_with = "seconds")]
    pub enrichment: Option<Duration>,
    /// The incremental copy, if any.
    #[serde(serialize_with = "seconds")]
    pub incremental: Option<Duration>,
    /// The whole run.
    #[serde(serialize_with = "seconds")]
    pub total: Option<Duration>,
}

impl LoggedRun {
    /// A run of which only one line is known.
    #[must_use]
    pub fn new(container: Option<String>, nocturne: bool, at: Moment) -> Self {
        Self {
            container,
            nocturne,
            first: at,
            last: at,
            backup: None,
            restore: None,
            restored: None,
            enriched: None,
            end: RunEnd::Unknown,
            stages: Vec::new(),
            items: Vec::new(),
            errors: Vec::new(),
            error_count: 0,
        }
    }

    /// Records an error. Only the first few are kept, the others are counted.
    pub(crate) fn note_error(&mut self, message: String) {
        self.error_count += 1;
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(message);
        }
    }

    /// The purpose of the run.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let staged = |wanted: Stage| self.stages.iter().any(|span| span.stage == wanted);
        let none = self.backup.is_none() && self.restored.is_none() && self.restore.is_none();
        if none && self.items.is_empty() && staged(Stage::Incremental) {
            Shape::Incremental
        } else if self.skips_restore() {
            Shape::AlreadyRestored
        } else if self.nocturne && self.stages.is_empty() && self.backup.is_none() {
            Shape::Restore
        } else {
            Shape::Full
        }
    }

    /// Whether the run found a backup and continued or finished without restoring it.
    fn skips_restore(&self) -> bool {
        let staged = |wanted: &[Stage]| self.stages.iter().any(|span| wanted.contains(&span.stage));
        let later = [Stage::Hooks, Stage::Incremental, Stage::Enrich, Stage::Swap];
        self.nocturne
            && self.items.is_empty()
            && staged(&[Stage::FindBackup])
            && !staged(&[Stage::Download, Stage::Drop, Stage::Restore])
            && (self.end == RunEnd::Done || staged(&later))
    }

    /// Whether everything that a run of its shape does is in the log, and succeeded.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        if self.end == RunEnd::Failed {
            return false;
        }
        match self.shape() {
            Shape::Full => {
                let marks = [self.backup, self.restore, self.restored];
                // The replaced system did not always log its end.
                marks.iter().all(Option::is_some) && (!self.nocturne || self.end == RunEnd::Done)
            }
            Shape::Restore => self.restored.is_some(),
            Shape::AlreadyRestored => self.end == RunEnd::Done,
            Shape::Incremental => self.stages.iter().all(|span| span.end.is_some()),
        }
    }

    /// The start for the run's times: the log may contain earlier lines than the backup's.
    #[must_use]
    pub fn start(&self) -> Moment {
        self.backup.unwrap_or(self.first)
    }

    /// How long each phase took.
    #[must_use]
    pub fn phases(&self) -> Phases {
        let between = |from: Option<Moment>, to: Option<Moment>| Some(since(from?, to?));
        // If the log does not contain its end, the enrichment lasts as long as the run.
        let enriched = self.enriched.unwrap_or(self.last);
        let staged = |stage: Stage| {
            let spans = self.stages.iter().filter(|span| span.stage == stage);
            let times: Vec<Duration> =
                spans.filter_map(|span| Some(since(span.start, span.end?))).collect();
            (!times.is_empty()).then(|| times.iter().sum())
        };
        let enrichment = match self.shape() {
            Shape::AlreadyRestored => staged(Stage::Enrich),
            _ => between(self.restored, Some(enriched)),
        };
        Phases {
            backup: between(self.backup, self.restore),
            replication: between(self.restore, self.restored),
            enrichment,
            incremental: staged(Stage::Incremental),
            total: Some(since(self.start(), self.last)),
        }
    }

    /// The entries' total times by kind. Entries of unknown time are excluded.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let known = self.items.iter().filter_map(|item| {
            Some(WorkedEntry {
                kind: item.kind.clone(),
                label: item.label.clone(),
                took: item.took?,
                rows: item.rows,
                bytes: item.bytes,
            })
        });
        Totals::of(known.collect())
    }

    /// Entries that started and whose end is unknown; the earliest first.
    pub fn unfinished(&self) -> impl Iterator<Item = &NightEntry> {
        self.items.iter().filter(|item| item.end.is_none() && item.start.is_some())
    }
}

impl NightEntry {
    /// Sorts items by start; those of unknown start by their end.
    pub(crate) fn sort(items: &mut [Self]) {
        items.sort_by_key(|item| {
            item.parts.first().map(|part| part.start).or(item.start).or(item.end)
        });
    }

    /// Sorts the longest first; of equals, the one with the lower number.
    pub(super) fn longest_first(items: &mut [&Self]) {
        items.sort_by_key(|item| (Reverse(item.took), item.id));
    }
}

/// Time from one moment to a later one, otherwise zero.
pub(crate) fn since(from: Moment, to: Moment) -> Duration {
    (to - from).to_std().unwrap_or_default()
}

fn seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_f64((time.as_secs_f64() * 1e6).round() / 1e6),
        None => serializer.serialize_none(),
    }
}
