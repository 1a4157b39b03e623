//! What is known of one run, and what follows from it.

use std::cmp::Reverse;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde::{Serialize, Serializer};

use crate::archive::Desc;
use crate::report::stages::Stage;
use crate::report::timeline::{Bar, Gantt, Kind, Mark, Totals, Work};
use crate::report::units;

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
    /// New rows copied, nothing else.
    Incremental,
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
    /// The first step, if it was made in two; the times above are then the second's.
    pub first_step: Option<FirstStep>,
    /// How it ended.
    pub outcome: ItemEnd,
    /// Rows that were stored.
    pub rows: u64,
    /// Bytes that were sent.
    pub bytes: u64,
}

/// The first of an entry's two steps: an index before its constraint, a foreign key before its
/// validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FirstStep {
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
        } else if self.nocturne && self.stages.is_empty() && self.backup.is_none() {
            Shape::Restore
        } else {
            Shape::Full
        }
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
        let incremental: Vec<Duration> = self
            .stages
            .iter()
            .filter(|span| span.stage == Stage::Incremental)
            .filter_map(|span| Some(since(span.start, span.end?)))
            .collect();
        Phases {
            backup: between(self.backup, self.restore),
            replication: between(self.restore, self.restored),
            enrichment: between(self.restored, Some(enriched)),
            incremental: (!incremental.is_empty()).then(|| incremental.iter().sum()),
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

    /// The chart: lanes for stages, then lanes for sessions.
    #[must_use]
    pub fn gantt(&self) -> Gantt {
        let mut bars = Vec::new();
        let mut stage_lanes = Lanes::default();
        for span in &self.stages {
            let end = span.end.unwrap_or(self.last);
            bars.push(Bar {
                lane: stage_lanes.place(span.start, end),
                start: since(self.first, span.start),
                end: since(self.first, end),
                kind: span.stage.kind(),
                label: span.stage.name().to_owned(),
                detail: String::new(),
                mark: match (span.failed, span.end) {
                    (true, _) => Mark::Failed,
                    (false, None) => Mark::Open,
                    (false, Some(_)) => Mark::Plain,
                },
            });
        }
        let above = stage_lanes.count();
        let sessions = self.sessions(above, &mut bars);
        let mut lanes = vec!["stages".to_owned()];
        lanes.resize(above, String::new());
        lanes.extend((1..=sessions).map(|number| format!("session {number}")));
        Gantt {
            title: "Stages and sessions of the run, over time".to_owned(),
            lanes,
            bars,
            length: since(self.first, self.last),
            origin: Some(self.first),
        }
    }

    /// The bars of the entries, below `above` lanes. Returns how many lanes they take.
    ///
    /// pg_restore does not say which session does what: there an entry is put where there is room,
    /// which gives as many lanes as there were sessions.
    fn sessions(&self, above: usize, bars: &mut Vec<Bar>) -> usize {
        let mut free = Lanes::default();
        let mut count = 0;
        let mut put = |item: &Item, lane: Option<usize>, start: Moment, end: Moment, mark: Mark| {
            let lane = lane.unwrap_or_else(|| free.place(start, end));
            // A log may claim any number of sessions.
            if lane >= MOST_LANES {
                return;
            }
            count = count.max(lane + 1);
            bars.push(Bar {
                lane: above + lane,
                start: since(self.first, start),
                end: since(self.first, end),
                kind: Kind::of(&Desc::from_text(&item.kind)),
                label: item.label.clone(),
                detail: match item.rows {
                    0 => String::new(),
                    rows => units::plural(rows, "row", "rows"),
                },
                mark,
            });
        };
        for item in &self.items {
            if let Some(FirstStep { lane, start, end }) = item.first_step {
                put(item, lane, start, end, Mark::Plain);
            }
            let Some(start) = item.start.or(item.end) else { continue };
            let mark = match (item.outcome, item.end) {
                (ItemEnd::Failed, _) => Mark::Failed,
                (_, None) => Mark::Open,
                _ => Mark::Plain,
            };
            put(item, item.lane, start, item.end.unwrap_or(self.last), mark);
        }
        count
    }
}

/// Lanes that a chart shows at most.
const MOST_LANES: usize = 256;

/// Lines of one moment reach the host one after the other: an entry may seem to begin this much
/// before the one that it followed ended.
const JITTER: TimeDelta = TimeDelta::milliseconds(100);

/// Lanes that are filled from the top.
#[derive(Default)]
struct Lanes(Vec<Moment>);

impl Lanes {
    /// The first lane that is free from `start`; it is taken until `end`.
    fn place(&mut self, start: Moment, end: Moment) -> usize {
        let free = |busy: &Moment| *busy - start <= JITTER;
        let lane = self.0.iter().position(free).unwrap_or(self.0.len());
        if lane == self.0.len() {
            // Whatever is put beyond them is not drawn.
            if lane < MOST_LANES {
                self.0.push(end);
            }
        } else {
            self.0[lane] = end;
        }
        lane
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

impl Item {
    /// Items in the order in which they began; those of unknown start by their end.
    pub(in crate::report) fn sort(items: &mut [Self]) {
        items
            .sort_by_key(|item| item.first_step.map(|step| step.start).or(item.start).or(item.end));
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
