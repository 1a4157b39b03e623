//! Adds up the events of a run.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::archive::Desc;
use crate::restore::event::{Cause, EntryRef, Event, Failure, NOT_REACHED, Outcome, ROLLED_BACK};

use super::super::{units, wording};
use super::{
    CommonCause, FailedEntry, KindTotals, SLOWEST, SkippedFor, Summary, Synced, SyncedTable,
    TimedEntry, Totals, hints, is_cut,
};

/// The running counts of a run. Times are relative to its start.
#[derive(Debug, Default)]
pub struct Tally {
    /// Counts that need no further processing.
    summary: Summary,
    kinds: HashMap<String, Totals>,
    skipped: HashMap<String, u64>,
    /// Start of the first and end of the last entry with data.
    data: Option<(Duration, Duration)>,
    /// When the plan was made: the restore's own clock starts there.
    planned: Duration,
    /// Causes in the order of their first occurrence.
    causes: Vec<Seen>,
    /// Each cause's index in `causes`.
    by_cause: HashMap<Cause, usize>,
    /// The cause of each entry that failed because of one.
    followed: HashMap<i32, Cause>,
}

/// A cause, and the reports of it.
#[derive(Debug)]
struct Seen {
    cause: Cause,
    /// The message of its [`Event::Problem`], and whether the user tolerates it.
    reported: Option<(String, bool)>,
    /// The entries that failed because of it.
    entries: Vec<Followed>,
}

/// An entry that failed because of a cause.
#[derive(Debug)]
struct Followed {
    entry: EntryRef,
    tolerated: bool,
    only_owner: bool,
}

impl Tally {
    /// Whether the target is known.
    pub fn is_connected(&self) -> bool {
        self.summary.target.is_some()
    }

    /// Records an event that happened `now` after the start.
    pub fn observe(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Planned { archive, entries, wanted, jobs, .. } => {
                self.summary.archive = Some(archive.clone());
                self.summary.entries = *entries as u64;
                self.summary.wanted = *wanted as u64;
                self.summary.jobs = *jobs;
                self.planned = now;
            }
            Event::Predicted { wall } => self.summary.predicted_seconds = Some(*wall),
            Event::FewerSessions { jobs } => self.summary.jobs = *jobs,
            Event::Connected { target, server_version } => {
                self.summary.target = Some(target.clone());
                self.summary.server_version = Some(server_version.clone());
            }
            Event::Started { entry, .. } => {
                if moves_data(entry) {
                    self.data.get_or_insert((now, now));
                }
            }
            Event::Finished { entry, outcome, rows, bytes, read, duration, .. } => {
                let moved = Totals { rows: *rows, bytes: *bytes, read: *read, ..Totals::default() };
                self.finished(entry, outcome, moved, *duration, now);
            }
            Event::RolledBack { entry, rows } => self.rolled_back(entry, *rows),
            Event::DropFailed { entry, failure, tolerated } => {
                // The entry has its own outcome; this adds a line to the failures.
                let message = format!("cannot drop it before restoring it: {}", failure.message);
                let failure = Failure { message, cause: None, ..failure.clone() };
                self.failed(entry, &failure, *tolerated);
            }
            Event::Warning { message } => self.summary.warnings.push(message.clone()),
            Event::Problem { cause, message, tolerated, .. } => {
                self.seen(cause).reported = Some((message.clone(), *tolerated));
            }
            Event::Notice { .. } => self.summary.notices += 1,
            Event::NotChecked { .. } => self.summary.not_checked += 1,
            Event::Analyzed { entry, failure, duration, .. } => {
                self.summary.analyzed.count += u64::from(failure.is_none());
                self.summary.analyzed.seconds += *duration;
                if let Some(failure) = failure {
                    self.summary.warnings.push(wording::failed(entry, failure));
                }
            }
            Event::Applied { entry, answer, rows_in, rows_out, reason } => {
                self.summary.sync.get_or_insert_default().tables.push(SyncedTable {
                    schema: entry.schema.clone().unwrap_or_default(),
                    name: entry.name.clone(),
                    answer: *answer,
                    rows_in: *rows_in,
                    rows_out: *rows_out,
                    reason: reason.clone(),
                });
            }
            Event::Synced { sequences, views } => {
                let sync = self.summary.sync.get_or_insert_default();
                (sync.sequences, sync.views) = (*sequences, *views);
            }
            Event::RestoresAll { reasons } => self.restores_all(reasons),
            Event::Progress { .. }
            | Event::Remaining { .. }
            | Event::Paused { .. }
            | Event::Measured { .. }
            | Event::Joined { .. }
            | Event::Left { .. }
            | Event::Step { .. }
            | Event::Note { .. } => {}
        }
    }

    fn finished(
        &mut self,
        entry: &EntryRef,
        outcome: &Outcome,
        moved: Totals,
        duration: Duration,
        now: Duration,
    ) {
        if moves_data(entry) && !matches!(outcome, Outcome::Skipped { .. }) {
            let (start, _) = self.data.unwrap_or((now.saturating_sub(duration), now));
            self.data = Some((start, now));
        }
        let mut one = Totals { count: 1, seconds: duration, ..moved };
        match outcome {
            Outcome::Done => one.done = 1,
            Outcome::Skipped { reason } => {
                one.skipped = 1;
                *self.skipped.entry(reason.clone()).or_default() += 1;
                if reason.starts_with(NOT_REACHED) {
                    self.not_loaded(entry);
                }
            }
            Outcome::Tolerated { failure } => {
                one.tolerated = 1;
                self.failed(entry, failure, true);
            }
            Outcome::Failed { failure } => {
                one.failed = 1;
                self.failed(entry, failure, false);
            }
        }
        self.summary.total.add(&one);
        self.kinds.entry(entry.desc.clone()).or_default().add(&one);
        if !matches!(outcome, Outcome::Skipped { .. }) {
            self.timed(TimedEntry {
                entry: entry.clone(),
                seconds: duration,
                rows: moved.rows,
                bytes: moved.bytes,
            });
        }
    }

    /// A sync starts again as a restore: only the warnings remain.
    fn restores_all(&mut self, reasons: &[String]) {
        let Summary { warnings, notices, .. } = std::mem::take(&mut self.summary);
        let sync = Some(Synced { restored_for: reasons.to_vec(), ..Synced::default() });
        *self = Self::default();
        self.summary = Summary { warnings, notices, sync, ..Summary::default() };
    }

    /// A completed entry was rolled back.
    fn rolled_back(&mut self, entry: &EntryRef, rows: u64) {
        self.not_loaded(entry);
        *self.skipped.entry(ROLLED_BACK.to_owned()).or_default() += 1;
        let of_kind = self.kinds.entry(entry.desc.clone()).or_default();
        for totals in [&mut self.summary.total, of_kind] {
            totals.done = totals.done.saturating_sub(1);
            totals.skipped += 1;
            totals.rows = totals.rows.saturating_sub(rows);
        }
    }

    /// A table's rows are not in the database because the run ended early.
    fn not_loaded(&mut self, entry: &EntryRef) {
        if entry.kind() == Desc::TableData {
            self.summary.not_loaded.push(entry.clone());
        }
    }

    fn failed(&mut self, entry: &EntryRef, failure: &Failure, tolerated: bool) {
        if let Some(cause) = &failure.cause {
            self.followed.insert(entry.dump_id, cause.clone());
            let (entry, only_owner) = (entry.clone(), failure.only_owner);
            self.seen(cause).entries.push(Followed { entry, tolerated, only_owner });
            return;
        }
        let failed = FailedEntry {
            entry: entry.clone(),
            message: failure.message.clone(),
            sqlstate: failure.sqlstate.clone(),
            detail: failure.detail.clone(),
            statement: failure.statement.clone(),
        };
        if tolerated {
            self.summary.tolerated.push(failed);
        } else {
            self.summary.failures.push(failed);
        }
    }

    /// Keeps the entry if it is among the slowest; ties go to the one that ended first.
    fn timed(&mut self, entry: TimedEntry) {
        let slowest = &mut self.summary.slowest;
        let place = slowest.partition_point(|other| other.seconds >= entry.seconds);
        if place < SLOWEST {
            slowest.insert(place, entry);
            slowest.truncate(SLOWEST);
        }
    }

    fn seen(&mut self, cause: &Cause) -> &mut Seen {
        let index = *self.by_cause.entry(cause.clone()).or_insert_with(|| {
            self.causes.push(Seen { cause: cause.clone(), reported: None, entries: Vec::new() });
            self.causes.len() - 1
        });
        &mut self.causes[index]
    }

    /// Produces the summary, `elapsed` after the start.
    #[must_use]
    pub fn finish(mut self, elapsed: Duration) -> Summary {
        let mut causes = self.common_causes();
        // A cause without failed entries is not an error, but may be why the run ended.
        let was_cut_short = self.skipped.keys().any(|reason| is_cut(reason));
        causes.retain(|cause| was_cut_short || !cause.entries.is_empty());
        let mut summary = self.summary;
        summary.seconds = elapsed.saturating_sub(self.planned);
        summary.causes = causes;
        if let Some((start, end)) = self.data {
            summary.data_seconds = end.saturating_sub(start);
            let rate = |bytes| units::per_second(bytes, summary.data_seconds);
            summary.bytes_per_second = rate(summary.total.bytes);
            summary.read_per_second = rate(summary.total.read);
        }
        summary.kinds =
            self.kinds.into_iter().map(|(kind, totals)| KindTotals { kind, totals }).collect();
        summary.kinds.sort_by(|a, b| {
            b.totals.seconds.cmp(&a.totals.seconds).then_with(|| a.kind.cmp(&b.kind))
        });
        summary.skipped =
            self.skipped.into_iter().map(|(reason, count)| SkippedFor { reason, count }).collect();
        summary.skipped.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
        let Totals { done, skipped, tolerated, failed, .. } = summary.total;
        let accounted = done + skipped + tolerated + failed;
        summary.balanced = accounted == summary.wanted;
        summary.errors = summary.failures.len() as u64
            + summary.causes.iter().filter(|cause| cause.is_error).count() as u64
            + accounted.abs_diff(summary.wanted);
        summary.hints = hints::of(&summary);
        summary
    }

    /// The root causes with all entries that failed because of them, directly or through another
    /// failed entry.
    fn common_causes(&mut self) -> Vec<CommonCause> {
        let followed = self.causes.iter().flat_map(|seen| &seen.entries);
        let followed = followed.map(|followed| (&followed.entry, String::new()));
        let tolerated = self.summary.tolerated.iter().map(|failed| {
            let state = failed.sqlstate.as_ref().map(|state| format!(" ({state})"));
            let state = state.unwrap_or_default();
            (&failed.entry, format!(", which was tolerated: {}{state}", failed.message))
        });
        let failures = self.summary.failures.iter().map(|failed| (&failed.entry, String::new()));
        let named = followed.chain(tolerated).chain(failures);
        let named: HashMap<i32, (EntryRef, String)> =
            named.map(|(entry, why)| (entry.dump_id, (entry.clone(), why))).collect();
        let own: HashSet<i32> =
            self.summary.failures.iter().map(|failed| failed.entry.dump_id).collect();
        let mut gathered: Vec<Seen> = Vec::new();
        let mut places: HashMap<Cause, usize> = HashMap::new();
        for seen in std::mem::take(&mut self.causes) {
            let root = self.root(&seen.cause);
            let is_root = root == seen.cause;
            let place = *places.entry(root.clone()).or_insert_with(|| {
                gathered.push(Seen { cause: root, reported: None, entries: Vec::new() });
                gathered.len() - 1
            });
            let into = &mut gathered[place];
            into.entries.extend(seen.entries);
            if is_root || into.reported.is_none() {
                into.reported = seen.reported.or(into.reported.take());
            }
        }
        gathered.into_iter().map(|seen| seen.judged(&named, &own)).collect()
    }

    /// The root of a cause.
    fn root(&self, cause: &Cause) -> Cause {
        let mut cause = cause;
        let mut visited = HashSet::new();
        while let Cause::Entry { entry } = cause {
            // Entries that blame each other in a cycle would loop forever.
            if !visited.insert(*entry) {
                break;
            }
            match self.followed.get(entry) {
                Some(earlier) => cause = earlier,
                None => break,
            }
        }
        cause.clone()
    }
}

impl Seen {
    /// `named` are the entries that were not restored, with what to say about them; `own` those that
    /// are errors themselves.
    fn judged(self, named: &HashMap<i32, (EntryRef, String)>, own: &HashSet<i32>) -> CommonCause {
        let (entry, is_counted) = match &self.cause {
            Cause::Entry { entry } => (named.get(entry), own.contains(entry)),
            _ => (None, false),
        };
        let refused = self.entries.iter().any(|followed| !followed.tolerated);
        let accepted = self.reported.as_ref().map(|(_, tolerated)| *tolerated);
        let tolerated = !refused && accepted != Some(false);
        CommonCause {
            message: match self.reported {
                Some((message, _)) => message,
                None => match entry {
                    Some((entry, why)) => wording::cause(&self.cause, Some(entry)) + why,
                    None => wording::cause(&self.cause, None),
                },
            },
            tolerated,
            is_error: !tolerated && !is_counted,
            cause: self.cause,
            without_owner: self.entries.iter().filter(|followed| followed.only_owner).count()
                as u64,
            entries: self.entries.into_iter().map(|followed| followed.entry).collect(),
        }
    }
}

impl Totals {
    fn add(&mut self, other: &Self) {
        let Self { count, done, skipped, tolerated, failed, rows, bytes, read, seconds } = other;
        self.count += count;
        self.done += done;
        self.skipped += skipped;
        self.tolerated += tolerated;
        self.failed += failed;
        self.rows = self.rows.saturating_add(*rows);
        self.bytes = self.bytes.saturating_add(*bytes);
        self.read = self.read.saturating_add(*read);
        self.seconds = self.seconds.saturating_add(*seconds);
    }
}

/// Whether an entry carries bulk data from the archive.
fn moves_data(entry: &EntryRef) -> bool {
    matches!(entry.kind(), Desc::TableData | Desc::Blobs)
}
