//! What is known of one run, and what follows from it.

use std::cmp::Reverse;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use serde::{Serialize, Serializer};

use crate::report::stages::Stage;
use crate::report::timeline::{Totals, Work};

/// Errors that a run keeps; of more, only the number.
const MOST_ERRORS: usize = 20;

/// A moment, with the offset that the log gives it.
pub type Moment = DateTime<FixedOffset>;

/// One run. Whatever a log does not tell is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// The container that ran it, `background-1`.
    pub container: Option<String>,
    /// Whether nocturne's own lines tell of it, or those of the system that it replaces.
    pub nocturne: bool,
    /// The first line of the run.
    pub first: Moment,
    /// The last line of the run.
    pub last: Moment,
    /// When the backup was asked for.
    pub backup: Option<Moment>,
    /// When the restore began.
    pub restore: Option<Moment>,
    /// When the restore was done and the enrichment began.
    pub restored: Option<Moment>,
    /// When the enrichment was done.
    pub enriched: Option<Moment>,
    /// How the run ended.
    pub end: RunEnd,
    /// Its stages, in the order in which they began.
    pub stages: Vec<StageSpan>,
    /// The entries of the archive that were worked on, in the order in which work began.
    pub items: Vec<Item>,
    /// What went wrong; the first of it, when it is much.
    pub errors: Vec<String>,
    /// How many lines told of something that went wrong.
    pub error_count: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// The log says so.
    Done,
    /// It failed.
    Failed,
    /// The log does not say.
    #[default]
    Unknown,
}

/// What a run was to do, by what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A backup fetched, restored, enriched.
    Full,
    /// `nocturne restore`: an archive restored.
    Restore,
    /// A backup that an earlier run or attempt had restored: what comes after the restore.
    AlreadyRestored,
    /// New rows copied, nothing else.
    Incremental,
}

impl Shape {
    /// Whether the run restored an archive, or was to.
    pub(in crate::report) fn restores(self) -> bool {
        matches!(self, Self::Full | Self::Restore)
    }
}

/// A stage in time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageSpan {
    /// Which.
    pub stage: Stage,
    /// From when.
    pub start: Moment,
    /// Until when.
    pub end: Option<Moment>,
    /// Whether it failed.
    pub failed: bool,
}

/// An entry of the archive in time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Item {
    /// Its number in the archive.
    pub id: u64,
    /// Its kind, `TABLE DATA`.
    pub kind: String,
    /// Its kind and name, as the log has them.
    pub label: String,
    /// The session that did it, from 0, where the log says so.
    pub lane: Option<usize>,
    /// When work on it began.
    pub start: Option<Moment>,
    /// When it was over.
    pub end: Option<Moment>,
    /// How long it took, in seconds: all its steps, without the time between them.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Option<Duration>,
    /// Pieces of the work on it besides the last, whose times the above are: the first of two
    /// steps, and what other sessions did for it.
    pub parts: Vec<Part>,
    /// How it ended.
    pub outcome: ItemEnd,
    /// Rows that were stored.
    pub rows: u64,
    /// Bytes that were sent.
    pub bytes: u64,
}

/// A piece of the work on an entry: an index before its constraint, a foreign key before its
/// validation, rows that another session sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The session that did it.
    pub lane: Option<usize>,
    /// From when.
    pub start: Moment,
    /// Until when.
    pub end: Moment,
}

/// How an entry ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemEnd {
    /// It is over; logs of pg_restore do not say how.
    Done,
    /// It was left out.
    Skipped,
    /// It was refused, and the user accepts that.
    Tolerated,
    /// It failed.
    Failed,
    /// The log does not tell its end.
    #[default]
    Unknown,
}

/// How long each part of a run took. `None` when its start or end is not known.
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
    /// Copying new rows, if that was done.
    #[serde(serialize_with = "seconds")]
    pub incremental: Option<Duration>,
    /// All of it.
    #[serde(serialize_with = "seconds")]
    pub total: Option<Duration>,
}

impl Run {
    /// A run of which one line is known.
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

    /// One more thing that went wrong. Of many, the first are kept and the others counted.
    pub(in crate::report) fn note_error(&mut self, message: String) {
        self.error_count += 1;
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(message);
        }
    }

    /// What the run was to do.
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

    /// Whether the run found a backup and did not begin to restore it, for it went on or was done.
    fn skips_restore(&self) -> bool {
        let staged = |wanted: &[Stage]| self.stages.iter().any(|span| wanted.contains(&span.stage));
        let later = [Stage::Hooks, Stage::Incremental, Stage::Enrich, Stage::Swap];
        self.nocturne
            && self.items.is_empty()
            && staged(&[Stage::FindBackup])
            && !staged(&[Stage::Download, Stage::Drop, Stage::Restore])
            && (self.end == RunEnd::Done || staged(&later))
    }

    /// Whether all that a run of its shape does is in the log, and ended well.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        if self.end == RunEnd::Failed {
            return false;
        }
        match self.shape() {
            Shape::Full => {
                let marks = [self.backup, self.restore, self.restored];
                // The system that nocturne replaces did not always say that it was done.
                marks.iter().all(Option::is_some) && (!self.nocturne || self.end == RunEnd::Done)
            }
            Shape::Restore => self.restored.is_some(),
            Shape::AlreadyRestored => self.end == RunEnd::Done,
            Shape::Incremental => self.stages.iter().all(|span| span.end.is_some()),
        }
    }

    /// When the run is counted from: what the log has of it may begin before the backup.
    #[must_use]
    pub fn start(&self) -> Moment {
        self.backup.unwrap_or(self.first)
    }

    /// How long each part took.
    #[must_use]
    pub fn phases(&self) -> Phases {
        let between = |from: Option<Moment>, to: Option<Moment>| Some(since(from?, to?));
        // Without a word of it, the enrichment lasts as long as the run.
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

    /// The entries' times added up by kind. Entries whose time is not known are not in it.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let known = self.items.iter().filter_map(|item| {
            Some(Work {
                kind: item.kind.clone(),
                label: item.label.clone(),
                took: item.took?,
                rows: item.rows,
                bytes: item.bytes,
            })
        });
        Totals::of(known.collect())
    }

    /// Entries that were begun, and of whose end nothing is known; the earliest first.
    pub fn unfinished(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.end.is_none() && item.start.is_some())
    }
}

impl Item {
    /// Items in the order in which they began; those of unknown start by their end.
    pub(in crate::report) fn sort(items: &mut [Self]) {
        items.sort_by_key(|item| {
            item.parts.first().map(|part| part.start).or(item.start).or(item.end)
        });
    }

    /// The longest first; of equals, the one with the lower number.
    pub(super) fn longest_first(items: &mut [&Self]) {
        items.sort_by_key(|item| (Reverse(item.took), item.id));
    }
}

/// Time from one moment to a later one, else zero.
pub(in crate::report) fn since(from: Moment, to: Moment) -> Duration {
    (to - from).to_std().unwrap_or_default()
}

fn seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_f64((time.as_secs_f64() * 1e6).round() / 1e6),
        None => serializer.serialize_none(),
    }
}
