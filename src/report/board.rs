//! The content of the bars: a run's state, and its text at a given moment. Draws nothing.
//!
//! Times are relative to the start of the run, so that tests can set them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::restore::event::{EntryRef, Event, LaneId, Outcome};

use super::{units, wording};

/// Rates cover this recent period, not the whole run: long enough not to jump.
const RATE_WINDOW: Duration = Duration::from_secs(15);

/// The length of the bar.
pub(super) const WHOLE: u64 = 1000;

/// Lines of a frame other than lanes, plus one that stays free.
const OTHER_LINES: usize = 4;

/// Columns and lines of a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) lines: usize,
}

/// The state of a run.
#[derive(Debug, Default)]
pub(super) struct Board {
    wanted: u64,
    data_bytes: Option<u64>,
    finished: u64,
    failed: u64,
    /// Totals of the finished entries.
    ended: Amounts,
    lanes: BTreeMap<LaneId, BoardRow>,
    /// One more than the highest lane used so far.
    width: usize,
    step: Option<String>,
    /// When the plan was made: earlier time counts neither as elapsed nor for rates.
    planned: Duration,
    samples: VecDeque<(Duration, Amounts)>,
    /// The remaining time, and when it was reported.
    left: Option<(Duration, Duration)>,
    /// The bar's position.
    place: u64,
    remarks: Vec<String>,
    /// While the first session opens: it may prompt for a password.
    pub(super) is_connecting: bool,
    /// What is not urgent meanwhile.
    held: Vec<String>,
}

/// An entry in progress.
#[derive(Debug)]
struct BoardRow {
    entry: EntryRef,
    since: Duration,
    amounts: Amounts,
    data_bytes: Option<u64>,
    /// Whether it helps another lane, which shows the entry's numbers.
    helps: bool,
}

/// Amounts of data moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amounts {
    rows: u64,
    bytes: u64,
    read: u64,
}

impl Amounts {
    fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows.saturating_add(other.rows),
            bytes: self.bytes.saturating_add(other.bytes),
            read: self.read.saturating_add(other.read),
        }
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            rows: self.rows.saturating_sub(earlier.rows),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            read: self.read.saturating_sub(earlier.read),
        }
    }
}

/// What is shown at a given moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// The run's progress, out of [`WHOLE`], if known.
    pub(super) bar: Option<u64>,
    /// Next to the bar: the progress in percent and the remaining time.
    pub(super) left: String,
    /// Below: the data.
    pub(super) data: String,
    /// Below: the entries.
    pub(super) entries: String,
    /// One line for each lane that fits on the terminal, empty while it is idle.
    pub(super) lanes: Vec<String>,
}

impl Board {
    /// Records an event.
    pub(super) fn observe(&mut self, event: &Event, now: Duration) {
        if let Some((severity, text)) = wording::remark(event) {
            self.remarks.push(format!("{}: {text}", severity.word()));
        }
        match event {
            Event::Planned { archive, entries, wanted, with_data, data_bytes, jobs } => {
                self.planned = now;
                self.samples.clear();
                self.wanted = *wanted as u64;
                self.data_bytes = data_bytes.filter(|bytes| *bytes > 0);
                self.is_connecting = true;
                self.held.push(wording::planned(
                    archive,
                    *entries,
                    *wanted,
                    *with_data,
                    *data_bytes,
                    *jobs,
                ));
            }
            Event::Connected { target, server_version } => {
                let target = wording::one_line(target);
                let version = wording::one_line(server_version);
                self.is_connecting = false;
                self.remarks.append(&mut self.held);
                self.remarks.push(format!("connected to {target}, PostgreSQL {version}"));
            }
            Event::Started { entry, lane, data_bytes, .. } => {
                self.step = None;
                self.works(*lane, BoardRow::new(entry, now, *data_bytes, false));
            }
            Event::Joined { entry, lane } => {
                self.works(*lane, BoardRow::new(entry, now, None, true));
            }
            Event::Progress { dump_id, rows, bytes, read } => {
                let leads = |lane: &&mut BoardRow| lane.entry.dump_id == *dump_id && !lane.helps;
                if let Some(lane) = self.lanes.values_mut().find(leads) {
                    lane.amounts = Amounts { rows: *rows, bytes: *bytes, read: *read };
                }
            }
            Event::Finished { entry, lane, outcome, rows, bytes, read, .. } => {
                // A skipped entry may end on a lane that is working on another entry.
                if self.lanes.get(lane).is_some_and(|own| own.entry.dump_id == entry.dump_id) {
                    self.lanes.remove(lane);
                }
                self.finished += 1;
                self.failed += u64::from(matches!(outcome, Outcome::Failed { .. }));
                let amounts = Amounts { rows: *rows, bytes: *bytes, read: *read };
                self.ended = self.ended.plus(amounts);
            }
            Event::Paused { dump_id, lane }
            | Event::Left { dump_id, lane }
            | Event::Analyzed { entry: EntryRef { dump_id, .. }, lane, .. } => {
                if self.lanes.get(lane).is_some_and(|own| own.entry.dump_id == *dump_id) {
                    self.lanes.remove(lane);
                }
            }
            Event::Predicted { wall } if self.is_connecting => {
                self.held.push(wording::predicted(*wall));
            }
            Event::Predicted { wall } => self.remarks.push(wording::predicted(*wall)),
            Event::Remaining { left } => self.left = Some((*left, now)),
            Event::Step { what } => self.step = Some(wording::one_line(what)),
            Event::RestoresAll { reasons } => {
                self.remarks.push(wording::everything("restoring everything", reasons));
                // Only the restore counts.
                (self.finished, self.failed) = (0, 0);
                (self.ended, self.lanes) = (Amounts::default(), BTreeMap::new());
            }
            Event::RolledBack { .. }
            | Event::Applied { .. }
            | Event::Synced { .. }
            | Event::FewerSessions { .. }
            | Event::DropFailed { .. }
            | Event::Warning { .. }
            | Event::Problem { .. }
            | Event::NotChecked { .. }
            | Event::Measured { .. }
            | Event::Note { .. }
            | Event::Notice { .. } => {}
        }
    }

    fn works(&mut self, id: LaneId, lane: BoardRow) {
        self.width = self.width.max(id.0.saturating_add(1));
        self.lanes.insert(id, lane);
    }

    /// The lines to write above the bars, new since the last call.
    pub(super) fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    /// What to show now, on a terminal of this size.
    pub(super) fn frame(&mut self, now: Duration, size: Size) -> Frame {
        let total = self.lanes.values().fold(self.ended, |sum, lane| sum.plus(lane.amounts));
        let (recent, window) = self.sample(now, total);
        if let (Some(step), 0, 0) = (&self.step, self.wanted, self.finished) {
            // Nothing is planned yet: zeros would be meaningless.
            let data = format!("{step}, {}", units::running(now));
            return Frame { data, ..Frame::default() };
        }
        let elapsed = now.saturating_sub(self.planned);
        let left = self.time_left(now, total, recent, window);
        // Once everything is read, the rate would only fade.
        let is_read = self.data_bytes.is_some_and(|all| total.read >= all);
        let recent = if is_read { Amounts::default() } else { recent };
        if let Some(left) = left {
            self.advance(elapsed, left);
        }
        Frame {
            bar: left.map(|_| self.place),
            left: left.map(|left| self.left_text(left)).unwrap_or_default(),
            data: self.data_text(total, recent, window),
            entries: self.entries_text(elapsed, total, recent, window),
            lanes: self.lane_texts(now, size),
        }
    }

    /// The remaining wall time: the prediction for the jobs, but at least the time for the rest of
    /// the data at the current rate.
    fn time_left(
        &self,
        now: Duration,
        total: Amounts,
        recent: Amounts,
        window: Duration,
    ) -> Option<Duration> {
        let (left, said) = self.left?;
        let data = self.data_time_left(total, recent, window).unwrap_or_default();
        Some(left.saturating_sub(now.saturating_sub(said)).max(data))
    }

    /// Moves the bar, never backwards: the remaining time may turn out to be longer than predicted.
    fn advance(&mut self, elapsed: Duration, left: Duration) {
        let place = WHOLE as f64 * elapsed.as_secs_f64() / (elapsed + left).as_secs_f64();
        // Zero divided by zero is NaN, which becomes 0.
        self.place = self.place.max(place as u64).min(WHOLE);
    }

    fn left_text(&self, left: Duration) -> String {
        let percent = self.place * 100 / WHOLE;
        match left.as_secs() {
            0 => format!("{percent} %"),
            _ => format!("{percent} %, about {} left", units::running(left)),
        }
    }

    fn lane_texts(&self, now: Duration, size: Size) -> Vec<String> {
        let room = size.lines.saturating_sub(OTHER_LINES);
        let shown = if self.width <= room { self.width } else { room.saturating_sub(1) };
        let text =
            |number| self.lanes.get(&LaneId(number)).map(|lane| lane.text(now, size.columns));
        let mut texts: Vec<String> =
            (0..shown).map(|number| text(number).unwrap_or_default()).collect();
        if shown < self.width {
            let others = self.lanes.range(LaneId(shown)..).count() as u64;
            texts.push(format!("  … and {}", units::plural(others, "session", "sessions")));
        }
        texts
    }

    /// The recent amounts, and the period they cover.
    fn sample(&mut self, now: Duration, total: Amounts) -> (Amounts, Duration) {
        self.samples.push_back((now, total));
        // Keep the newest sample older than the window: the window starts there.
        while self.samples.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= RATE_WINDOW) {
            self.samples.pop_front();
        }
        let (since, earlier) = self.samples.front().copied().unwrap_or((now, total));
        (total.since(earlier), now.saturating_sub(since))
    }

    fn data_text(&self, total: Amounts, recent: Amounts, window: Duration) -> String {
        let mut parts = vec![match self.data_bytes {
            Some(all) => format!("{} of {} read", units::bytes(total.read), units::bytes(all)),
            None => format!("{} read", units::bytes(total.read)),
        }];
        if recent.read > 0 {
            parts.extend(units::byte_rate(recent.read, window));
        }
        parts.join(", ")
    }

    fn entries_text(
        &self,
        elapsed: Duration,
        total: Amounts,
        recent: Amounts,
        window: Duration,
    ) -> String {
        let mut parts = vec![format!(
            "{} of {} entries",
            units::count(self.finished),
            units::count(self.wanted)
        )];
        if self.failed > 0 {
            parts.push(format!("{} failed", units::count(self.failed)));
        }
        if total.rows > 0 {
            parts.push(units::plural(total.rows, "row", "rows"));
        }
        if recent.rows > 0 {
            parts.extend(units::row_rate(recent.rows, window));
        }
        parts.push(units::running(elapsed));
        if self.lanes.is_empty() {
            parts.extend(self.step.clone());
        }
        parts.join(", ")
    }

    /// How long the rest of the data will take at the current rate.
    fn data_time_left(
        &self,
        total: Amounts,
        recent: Amounts,
        window: Duration,
    ) -> Option<Duration> {
        let left = self.data_bytes?.checked_sub(total.read).filter(|left| *left > 0)?;
        let rate = units::per_second(recent.read, window).filter(|rate| *rate > 0)?;
        Some(Duration::from_secs(left.div_ceil(rate)))
    }
}

impl BoardRow {
    fn new(entry: &EntryRef, since: Duration, data_bytes: Option<u64>, helps: bool) -> Self {
        Self { entry: entry.clone(), since, amounts: Amounts::default(), data_bytes, helps }
    }

    /// The label on the left, the numbers on the right.
    fn text(&self, now: Duration, columns: usize) -> String {
        let elapsed = now.saturating_sub(self.since);
        let Amounts { rows, bytes, read } = self.amounts;
        let mut numbers = Vec::new();
        if self.helps {
            numbers.push("helping".to_owned());
        }
        if let (Some(all), true) = (self.data_bytes.filter(|all| *all > 0), read > 0) {
            // Whole percents, rounded down: 100 % means that everything is read.
            let percent = u128::from(read.min(all)) * 100 / u128::from(all);
            numbers.push(format!("{percent} %"));
        }
        if bytes > 0 {
            numbers.push(units::bytes(bytes));
        }
        if rows > 0 {
            numbers.push(units::plural(rows, "row", "rows"));
        }
        if bytes > 0 {
            numbers.extend(units::byte_rate(bytes, elapsed));
        }
        numbers.push(units::running(elapsed));
        let numbers = numbers.join("  ");
        let label = wording::label(&self.entry);
        let room = columns.saturating_sub(numbers.chars().count() + 4).max(MIN_LABEL);
        format!("  {:<room$}  {numbers}", wording::shortened(&label, room))
    }
}

/// The minimum width of a label, even on a narrow terminal.
const MIN_LABEL: usize = 12;

#[cfg(test)]
mod tests;
