//! Assembles the facts of one container, in chronological order, into runs.
//!
//! A run starts with its start line, or with the search for a backup; if the log lacks its start,
//! with whatever comes first. It ends where the next one starts.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::fact::{About, Ending, Fact, What};
use crate::replicate::run_report::{
    ItemEnd, LoggedRun, Moment, NightEntry, Part, RunEnd, StageSpan,
};
use crate::replicate::stages::Stage;

/// What happened in a container, in the order of the log, which need not be chronological.
#[derive(Default)]
pub(super) struct Moments {
    facts: Vec<(Moment, Fact)>,
    /// The last line of each second that has lines: a run lasts as long as its lines.
    lines: BTreeMap<i64, Moment>,
}

impl Moments {
    /// Records a line. Returns how much memory that used.
    pub(super) fn note(&mut self, at: Moment, fact: Option<Fact>) -> usize {
        let mut size = 0;
        self.lines.entry(at.timestamp()).and_modify(|last| *last = at.max(*last)).or_insert_with(
            || {
                size += 64;
                at
            },
        );
        if let Some(fact) = fact {
            size += size_of::<Moment>() + fact.size();
            self.facts.push((at, fact));
        }
        size
    }

    /// The runs, in order.
    pub(super) fn runs(mut self, container: Option<&str>) -> Vec<LoggedRun> {
        // Simultaneous facts keep the order of the log.
        self.facts.sort_by_key(|(at, _)| *at);
        let mut builder =
            Builder { container, runs: Vec::new(), open: HashMap::new(), stage_failed: None };
        for (at, fact) in self.facts {
            builder.take(at, fact);
        }
        let mut runs = builder.runs;
        let mut until = None;
        for run in runs.iter_mut().rev() {
            let last = match until {
                Some(until) => self.lines.range(..until).next_back(),
                None => self.lines.iter().next_back(),
            };
            until = Some(run.first.timestamp());
            complete(run, last.map(|(_, last)| *last));
        }
        runs
    }
}

struct Builder<'a> {
    container: Option<&'a str>,
    runs: Vec<LoggedRun>,
    /// The last run's entries in progress, with their index in its items.
    open: HashMap<u64, usize>,
    /// Why the last run's first failed stage failed.
    stage_failed: Option<String>,
}

impl Builder<'_> {
    fn take(&mut self, at: Moment, fact: Fact) {
        let Fact { what, nocturne } = fact;
        if self.begins(&what) {
            self.open.clear();
            self.stage_failed = None;
            self.runs.push(LoggedRun::new(self.container.map(str::to_owned), nocturne, at));
        }
        let Some(run) = self.runs.last_mut() else { return };
        if is_over(run) && matches!(what, What::Error(_)) {
            // Errors hours after a run do not belong to it.
            return;
        }
        run.last = at;
        run.nocturne |= nocturne;
        match what {
            What::RunStarted => {}
            What::RunDone => run.end = RunEnd::Done,
            What::Backup => {
                run.backup.get_or_insert(at);
            }
            What::Restore => {
                run.restore.get_or_insert(at);
            }
            What::Restored => {
                run.restored.get_or_insert(at);
            }
            What::Enriched => {
                run.enriched.get_or_insert(at);
            }
            What::StageStarted(stage) => stage_started(run, stage, at),
            What::StageDone(stage) => stage_ended(run, stage, false, at),
            What::StageFailed { stage, reason } => {
                stage_ended(run, stage, true, at);
                self.stage_failed.get_or_insert(reason);
            }
            What::Started(about) => self.started(about, at),
            What::Finished(about, ending) => self.finished(about, ending, at),
            What::JobFailed(message) | What::RunFailed(message) => {
                run.end = RunEnd::Failed;
                // The stage's reason is not reported twice.
                let of_stage = self.stage_failed.take().filter(|_| message.is_empty());
                run.note_error(of_stage.unwrap_or(message));
            }
            What::Error(message) => run.note_error(message),
        }
    }

    /// Whether a run starts with this.
    fn begins(&self, what: &What) -> bool {
        let Some(run) = self.runs.last() else {
            // Errors outside a run do not start one.
            return !matches!(
                what,
                What::Error(_)
                    | What::JobFailed(_)
                    | What::RunDone
                    | What::RunFailed(_)
                    | What::Enriched
            );
        };
        let over = is_over(run);
        let blank = run.backup.is_none() && run.restore.is_none() && run.items.is_empty();
        match what {
            What::RunStarted => over || !blank || !run.stages.is_empty(),
            // Some versions log it twice in a row.
            What::Backup => {
                let again = run.backup.is_some_and(|backup| run.last > backup);
                over || again || run.restore.is_some() || !run.items.is_empty()
            }
            What::StageStarted(Stage::FindBackup) => over || !blank,
            What::Restore | What::StageStarted(Stage::Restore) => {
                over || run.restored.is_some() || (run.restore.is_some() && !run.items.is_empty())
            }
            What::Started(_) => over,
            // After the end of a replaced system's run, these still belong to it; nocturne logs its
            // end.
            What::StageStarted(_) => run.end != RunEnd::Unknown,
            _ => false,
        }
    }

    fn started(&mut self, about: About, at: Moment) {
        let Some(run) = self.runs.last_mut() else { return };
        if let Some(item) = self.open.get(&about.id).and_then(|place| run.items.get_mut(*place)) {
            // The second step of an entry that is restored in two steps. The end of the first is
            // known once the entry ends.
            if let Some(start) = item.start {
                let lane = item.lane;
                item.parts.push(Part { lane, start, end: at });
            }
            item.start = Some(at);
            item.lane = about.lane;
            return;
        }
        self.open.insert(about.id, run.items.len());
        run.items.push(NightEntry { start: Some(at), ..unknown(about) });
    }

    fn finished(&mut self, about: About, ending: Ending, at: Moment) {
        let Some(run) = self.runs.last_mut() else { return };
        if let Some(message) = ending.error {
            run.note_error(message);
        }
        let place = self.open.remove(&about.id).unwrap_or_else(|| {
            run.items.push(unknown(about));
            run.items.len() - 1
        });
        let Some(item) = run.items.get_mut(place) else { return };
        item.end = Some(at);
        item.outcome = ending.outcome;
        item.rows = ending.rows;
        item.bytes = ending.bytes;
        let last_step = item.start.and_then(|start| (at - start).to_std().ok());
        let told = ending.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        item.took = told.or(last_step);
        if let ([step], Some(told), Some(last_step)) = (&mut item.parts[..], told, last_step) {
            let first = chrono::TimeDelta::from_std(told.saturating_sub(last_step)).ok();
            let over = first.and_then(|first| step.start.checked_add_signed(first));
            step.end = over.map_or(step.end, |over| over.min(step.end));
        }
        if item.start.is_none() && item.outcome == ItemEnd::Done {
            // The log contains its duration, but not its start.
            let took = told.and_then(|told| chrono::TimeDelta::from_std(told).ok());
            item.start = took.and_then(|took| at.checked_sub_signed(took));
        }
    }
}

/// Whether the run has ended, according to the log.
fn is_over(run: &LoggedRun) -> bool {
    // nocturne logs the end of a run; the replaced system only that of the enrichment.
    run.end != RunEnd::Unknown || (run.enriched.is_some() && !run.nocturne)
}

fn unknown(about: About) -> NightEntry {
    let About { id, kind, label, lane } = about;
    NightEntry { id, kind, label, lane, ..NightEntry::default() }
}

fn stage_started(run: &mut LoggedRun, stage: Stage, at: Moment) {
    match stage {
        Stage::FindBackup => _ = run.backup.get_or_insert(at),
        Stage::Restore => _ = run.restore.get_or_insert(at),
        _ => {}
    }
    run.stages.push(StageSpan { stage, start: at, end: None, failed: false });
}

fn stage_ended(run: &mut LoggedRun, stage: Stage, failed: bool, at: Moment) {
    if !failed {
        match stage {
            Stage::Restore => _ = run.restored.get_or_insert(at),
            Stage::Enrich if run.nocturne => run.enriched = Some(at),
            _ => {}
        }
    }
    let open = |span: &&mut StageSpan| span.stage == stage && span.end.is_none();
    if let Some(span) = run.stages.iter_mut().rev().find(open) {
        span.end = Some(at);
        span.failed = failed;
    }
}

/// Completes a run once all its facts are known; `last` is the last line before the next run.
fn complete(run: &mut LoggedRun, last: Option<Moment>) {
    if let (false, Some(last)) = (is_over(run), last) {
        run.last = run.last.max(last);
    }
    if run.restored.is_some() {
        // Nothing waits for statistics: some are started and left to another session.
        run.items.retain(|item| item.end.is_some() || item.kind != "ANALYZE");
    }
    NightEntry::sort(&mut run.items);
    if run.nocturne {
        return;
    }
    // The stages of which the old lines mark only the boundaries.
    let mut between = |stage: Stage, from: Option<Moment>, to: Option<Moment>| {
        let Some(start) = from else { return };
        if !run.stages.iter().any(|span| span.stage == stage) {
            run.stages.push(StageSpan { stage, start, end: to, failed: false });
        }
    };
    between(Stage::Download, run.backup, run.restore);
    between(Stage::Restore, run.restore, run.restored);
    between(Stage::Enrich, run.restored, run.enriched.or(Some(run.last)));
    run.stages.sort_by_key(|span| span.start);
}
