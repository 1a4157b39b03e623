//! What the bars say: the state of a run, and its text at a moment. Draws nothing.
//!
//! Times are counted from the start of the run, so that a test can name them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::restore::event::{EntryRef, Event, Outcome};

use super::{units, wording};

/// Rates are those of the last while, not of the whole run: long enough not to jump.
const RATE_WINDOW: Duration = Duration::from_secs(15);

/// The state of a run.
#[derive(Debug, Default)]
pub(super) struct Board {
    wanted: u64,
    data_bytes: Option<u64>,
    finished: u64,
    failed: u64,
    /// Of the entries that are finished.
    ended: Amounts,
    lanes: BTreeMap<usize, Lane>,
    /// One more than the highest lane that ever worked.
    width: usize,
    step: Option<String>,
    /// When the plan was made: what went before is neither waited for nor part of a rate.
    planned: Duration,
    samples: VecDeque<(Duration, Amounts)>,
    remarks: Vec<String>,
}

/// An entry in work.
#[derive(Debug)]
struct Lane {
    entry: EntryRef,
    since: Duration,
    amounts: Amounts,
    data_bytes: Option<u64>,
    /// Whether it helps another lane, which has the numbers of the entry.
    helps: bool,
}

/// What was moved.
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

/// What is shown at a moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// How far the reading is, in bytes, and how far it will go, if that is known.
    pub(super) bar: Option<(u64, u64)>,
    /// Beside the bar: the data.
    pub(super) data: String,
    /// Below: the entries.
    pub(super) entries: String,
    /// One line for each lane, empty when it rests.
    pub(super) lanes: Vec<String>,
}

impl Board {
    /// Takes note of an event.
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
                self.remarks.push(wording::planned(
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
                self.remarks.push(format!("connected to {target}, PostgreSQL {version}"));
            }
            Event::Started { entry, lane, data_bytes } => {
                self.step = None;
                self.works(*lane, Lane::new(entry, now, *data_bytes, false));
            }
            Event::Joined { entry, lane } => self.works(*lane, Lane::new(entry, now, None, true)),
            Event::Progress { dump_id, rows, bytes, read } => {
                let leads = |lane: &&mut Lane| lane.entry.dump_id == *dump_id && !lane.helps;
                if let Some(lane) = self.lanes.values_mut().find(leads) {
                    lane.amounts = Amounts { rows: *rows, bytes: *bytes, read: *read };
                }
            }
            Event::Finished { entry, lane, outcome, rows, bytes, read, .. } => {
                // An entry that is skipped may end on a lane that works on another.
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
            Event::Step { what } => self.step = Some(wording::one_line(what)),
            Event::RolledBack { .. }
            | Event::DropFailed { .. }
            | Event::Warning { .. }
            | Event::Problem { .. }
            | Event::NotChecked { .. }
            | Event::Predicted { .. }
            | Event::Measured { .. }
            | Event::Note { .. }
            | Event::Notice { .. } => {}
        }
    }

    fn works(&mut self, number: usize, lane: Lane) {
        self.width = self.width.max(number.saturating_add(1));
        self.lanes.insert(number, lane);
    }

    /// The lines to write above the bars since the last call.
    pub(super) fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    /// What to show now, on a terminal of `columns`.
    pub(super) fn frame(&mut self, now: Duration, columns: usize) -> Frame {
        let total = self.lanes.values().fold(self.ended, |sum, lane| sum.plus(lane.amounts));
        let (recent, window) = self.sample(now, total);
        if let (Some(step), 0, 0) = (&self.step, self.wanted, self.finished) {
            // Nothing is planned yet: zeros would say nothing.
            let data = format!("{step}, {}", units::running(now));
            return Frame { data, ..Frame::default() };
        }
        Frame {
            bar: self.data_bytes.map(|all| (total.read.min(all), all)),
            data: self.data_text(total, recent, window),
            entries: self.entries_text(now.saturating_sub(self.planned), total, recent, window),
            lanes: (0..self.width)
                .map(|number| match self.lanes.get(&number) {
                    Some(lane) => lane.text(now, columns),
                    None => String::new(),
                })
                .collect(),
        }
    }

    /// What was moved lately, and in which time.
    fn sample(&mut self, now: Duration, total: Amounts) -> (Amounts, Duration) {
        self.samples.push_back((now, total));
        // The newest sample that is older than the window stays: it is where the window begins.
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
        if let Some(left) = self.time_left(total, recent, window) {
            parts.push(format!("{} of data left", units::running(left)));
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

    /// How long the rest of the data will take at the present rate. Nothing is known about what
    /// comes after the data.
    fn time_left(&self, total: Amounts, recent: Amounts, window: Duration) -> Option<Duration> {
        let left = self.data_bytes?.checked_sub(total.read).filter(|left| *left > 0)?;
        let rate = units::per_second(recent.read, window).filter(|rate| *rate > 0)?;
        Some(Duration::from_secs(left.div_ceil(rate)))
    }
}

impl Lane {
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
            // Whole percents, cut: 100 % means that all is read.
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

/// A label keeps at least this, on however narrow a terminal.
const MIN_LABEL: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restore::event::{Cause, Failure};

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn entry(dump_id: i32, desc: &str, name: &str) -> EntryRef {
        EntryRef { dump_id, desc: desc.into(), schema: Some("public".into()), name: name.into() }
    }

    fn planned(data_bytes: Option<u64>) -> Event {
        Event::Planned {
            archive: "app.dump".into(),
            entries: 600,
            wanted: 560,
            with_data: 42,
            data_bytes,
            jobs: 2,
        }
    }

    fn started(entry: EntryRef, lane: usize, data_bytes: Option<u64>) -> Event {
        Event::Started { entry, lane, data_bytes }
    }

    fn finished(entry: EntryRef, lane: usize, outcome: Outcome) -> Event {
        let duration = Duration::from_secs(1);
        Event::Finished { entry, lane, outcome, rows: 0, bytes: 0, read: 0, duration }
    }

    fn failed(message: &str, cause: Option<Cause>) -> Outcome {
        let message = message.into();
        Outcome::Failed { failure: Failure { message, cause, ..Failure::default() } }
    }

    #[test]
    fn a_running_restore_shows_data_entries_and_lanes() {
        let mut board = Board::default();
        board.observe(&planned(Some(10_000_000)), at(0.0));
        board.observe(&started(entry(7, "TABLE DATA", "users"), 0, Some(4_000_000)), at(0.0));
        board.observe(&started(entry(9, "INDEX", "users_pkey"), 1, None), at(1.0));
        board.frame(at(0.0), 60);
        board.observe(
            &Event::Progress { dump_id: 7, rows: 20_000, bytes: 6_000_000, read: 2_000_000 },
            at(2.0),
        );
        let frame = board.frame(at(2.0), 60);
        assert_eq!(frame.bar, Some((2_000_000, 10_000_000)));
        assert_eq!(frame.data, "2.0 MB of 10.0 MB read, 1.0 MB/s, 8s of data left");
        assert_eq!(frame.entries, "0 of 560 entries, 20,000 rows, 10,000 rows/s, 2s");
        assert_eq!(
            frame.lanes,
            [
                "  TABLE DA…ic.users  50 %  6.0 MB  20,000 rows  3.0 MB/s  2s",
                "  INDEX public.users_pkey                                 1s",
            ]
        );
    }

    #[test]
    fn a_lane_that_helps_says_so_and_leaves_the_numbers_to_the_other() {
        let mut board = Board::default();
        let users = entry(7, "TABLE DATA", "users");
        board.observe(&planned(None), at(0.0));
        board.observe(&started(users.clone(), 1, None), at(0.0));
        board.observe(&Event::Joined { entry: users.clone(), lane: 0 }, at(1.0));
        board.observe(&Event::Progress { dump_id: 7, rows: 8, bytes: 9, read: 9 }, at(2.0));
        let frame = board.frame(at(2.0), 60);
        assert!(frame.entries.contains("8 rows"), "counted once: {}", frame.entries);
        assert_eq!(
            frame.lanes,
            [
                "  TABLE DATA public.users                        helping  1s",
                "  TABLE DATA public.users             9 B  8 rows  5 B/s  2s",
            ]
        );
        board.observe(&Event::Left { dump_id: 7, lane: 0 }, at(3.0));
        board.observe(&finished(users, 1, Outcome::Done), at(3.0));
        assert_eq!(board.frame(at(3.0), 60).lanes, ["", ""]);
    }

    #[test]
    fn an_unknown_size_means_no_bar_and_no_time_left() {
        let mut board = Board::default();
        board.observe(&planned(None), at(0.0));
        let frame = board.frame(at(3.0), 60);
        assert_eq!(frame.bar, None);
        assert_eq!(frame.data, "0 B read");
        assert_eq!(frame.entries, "0 of 560 entries, 3s");
    }

    #[test]
    fn before_the_plan_only_the_step_is_shown() {
        let mut board = Board::default();
        board.observe(&Event::Step { what: "starting a server".into() }, at(0.0));
        let frame = board.frame(at(2.0), 60);
        assert_eq!(frame, Frame { data: "starting a server, 2s".into(), ..Frame::default() });
        board.observe(&planned(None), at(10.0));
        let users = entry(7, "TABLE DATA", "users");
        board.observe(&started(users, 0, None), at(10.0));
        board.frame(at(10.0), 60);
        board.observe(&Event::Progress { dump_id: 7, rows: 8, bytes: 8, read: 8_000 }, at(11.0));
        let frame = board.frame(at(12.0), 60);
        assert_eq!(frame.data, "8.0 kB read, 4.0 kB/s");
        assert_eq!(frame.entries, "0 of 560 entries, 8 rows, 4 rows/s, 2s");
    }

    #[test]
    fn a_lane_that_rests_keeps_its_line_and_a_step_is_shown_meanwhile() {
        let mut board = Board::default();
        board.observe(&planned(None), at(0.0));
        let users = entry(7, "TABLE DATA", "users");
        board.observe(&started(users.clone(), 1, None), at(0.0));
        board.observe(&finished(users, 1, Outcome::Done), at(1.0));
        board.observe(&Event::Step { what: "committing".into() }, at(2.0));
        let frame = board.frame(at(60.0), 60);
        assert_eq!(frame.lanes, ["", ""]);
        assert_eq!(frame.entries, "1 of 560 entries, 1min 0s, committing");
    }

    #[test]
    fn only_what_goes_wrong_is_written_above_the_bars() {
        let mut board = Board::default();
        let users = entry(7, "TABLE DATA", "users");
        board.observe(&finished(users.clone(), 0, Outcome::Done), at(0.0));
        board.observe(&finished(users.clone(), 0, failed("no space left", None)), at(0.0));
        let cause = Some(Cause::Entry { entry: 7 });
        board.observe(&finished(users, 0, failed("depends on it", cause)), at(0.0));
        board.observe(&Event::Warning { message: "clock is\nslow".into() }, at(0.0));
        assert_eq!(
            board.take_remarks(),
            ["error: TABLE DATA public.users: no space left", "warning: clock is slow"]
        );
        assert_eq!(board.take_remarks(), [""; 0]);
        assert_eq!(board.frame(at(1.0), 60).entries, "3 of 0 entries, 2 failed, 1s");
    }

    #[test]
    fn rates_forget_what_was_long_ago() {
        let mut board = Board::default();
        board.observe(&planned(Some(100_000_000)), at(0.0));
        board.observe(&started(entry(7, "TABLE DATA", "users"), 0, None), at(0.0));
        board.frame(at(0.0), 60);
        board
            .observe(&Event::Progress { dump_id: 7, rows: 1, bytes: 1, read: 50_000_000 }, at(1.0));
        board.frame(at(1.0), 60);
        for second in 2..=16 {
            board.frame(at(f64::from(second)), 60);
        }
        assert_eq!(board.frame(at(16.0), 60).data, "50.0 MB of 100.0 MB read");
    }
}
