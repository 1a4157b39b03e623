//! The content of the bars at given moments.

use super::*;
use crate::report::tests::{at, entry};
use crate::restore::event::{Cause, Failure, LaneId};

const WIDE: Size = Size { columns: 60, lines: 24 };

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
    Event::Started { entry, again: false, lane: LaneId(lane), data_bytes }
}

fn finished(entry: EntryRef, lane: usize, outcome: Outcome) -> Event {
    let duration = Duration::from_secs(1);
    Event::Finished { entry, lane: LaneId(lane), outcome, rows: 0, bytes: 0, read: 0, duration }
}

fn failed(message: &str, cause: Option<Cause>) -> Outcome {
    let message = message.into();
    Outcome::Failed { failure: Failure { message, cause, ..Failure::default() } }
}

#[test]
fn running_restore_shows_data_entries_and_lanes() {
    let mut board = Board::default();
    board.observe(&planned(Some(10_000_000)), at(0.0));
    board.observe(&started(entry(7, "TABLE DATA", "users"), 0, Some(4_000_000)), at(0.0));
    board.observe(&started(entry(9, "INDEX", "users_pkey"), 1, None), at(1.0));
    board.frame(at(0.0), WIDE);
    board.observe(
        &Event::Progress { dump_id: 7, rows: 20_000, bytes: 6_000_000, read: 2_000_000 },
        at(2.0),
    );
    let frame = board.frame(at(2.0), WIDE);
    assert_eq!((frame.bar, frame.left.as_str()), (None, ""), "no remaining time was reported");
    assert_eq!(frame.data, "2.0 MB of 10.0 MB read, 1.0 MB/s");
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
fn helping_lane_shows_no_numbers() {
    let mut board = Board::default();
    let users = entry(7, "TABLE DATA", "users");
    board.observe(&planned(None), at(0.0));
    board.observe(&started(users.clone(), 1, None), at(0.0));
    board.observe(&Event::Joined { entry: users.clone(), lane: LaneId(0) }, at(1.0));
    board.observe(&Event::Progress { dump_id: 7, rows: 8, bytes: 9, read: 9 }, at(2.0));
    let frame = board.frame(at(2.0), WIDE);
    assert!(frame.entries.contains("8 rows"), "counted once: {}", frame.entries);
    assert_eq!(
        frame.lanes,
        [
            "  TABLE DATA public.users                        helping  1s",
            "  TABLE DATA public.users             9 B  8 rows  5 B/s  2s",
        ]
    );
    board.observe(&Event::Left { dump_id: 7, lane: LaneId(0) }, at(3.0));
    board.observe(&finished(users, 1, Outcome::Done), at(3.0));
    assert_eq!(board.frame(at(3.0), WIDE).lanes, ["", ""]);
}

#[test]
fn unknown_size_shows_no_bar_or_remaining_time() {
    let mut board = Board::default();
    board.observe(&planned(None), at(0.0));
    let frame = board.frame(at(3.0), WIDE);
    assert_eq!(frame.bar, None);
    assert_eq!(frame.data, "0 B read");
    assert_eq!(frame.entries, "0 of 560 entries, 3s");
}

#[test]
fn only_the_step_is_shown_before_the_plan() {
    let mut board = Board::default();
    board.observe(&Event::Step { what: "starting a server".into() }, at(0.0));
    let frame = board.frame(at(2.0), WIDE);
    assert_eq!(frame, Frame { data: "starting a server, 2s".into(), ..Frame::default() });
    board.observe(&planned(None), at(10.0));
    let users = entry(7, "TABLE DATA", "users");
    board.observe(&started(users, 0, None), at(10.0));
    board.frame(at(10.0), WIDE);
    board.observe(&Event::Progress { dump_id: 7, rows: 8, bytes: 8, read: 8_000 }, at(11.0));
    let frame = board.frame(at(12.0), WIDE);
    assert_eq!(frame.data, "8.0 kB read, 4.0 kB/s");
    assert_eq!(frame.entries, "0 of 560 entries, 8 rows, 4 rows/s, 2s");
}

#[test]
fn idle_lane_keeps_its_line_while_a_step_runs() {
    let mut board = Board::default();
    board.observe(&planned(None), at(0.0));
    let users = entry(7, "TABLE DATA", "users");
    board.observe(&started(users.clone(), 1, None), at(0.0));
    board.observe(&finished(users, 1, Outcome::Done), at(1.0));
    board.observe(&Event::Step { what: "committing".into() }, at(2.0));
    let frame = board.frame(at(60.0), WIDE);
    assert_eq!(frame.lanes, ["", ""]);
    assert_eq!(frame.entries, "1 of 560 entries, 1min 0s, committing");
}

#[test]
fn only_problems_are_written_above_the_bars() {
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
    assert_eq!(board.frame(at(1.0), WIDE).entries, "3 of 0 entries, 2 failed, 1s");
}

#[test]
fn rates_ignore_old_samples() {
    let mut board = Board::default();
    board.observe(&planned(Some(100_000_000)), at(0.0));
    board.observe(&started(entry(7, "TABLE DATA", "users"), 0, None), at(0.0));
    board.frame(at(0.0), WIDE);
    board.observe(&Event::Progress { dump_id: 7, rows: 1, bytes: 1, read: 50_000_000 }, at(1.0));
    board.frame(at(1.0), WIDE);
    for second in 2..=16 {
        board.frame(at(f64::from(second)), WIDE);
    }
    assert_eq!(board.frame(at(16.0), WIDE).data, "50.0 MB of 100.0 MB read");
}

#[test]
fn bar_covers_the_whole_run_not_only_data() {
    let mut board = Board::default();
    board.observe(&planned(Some(10_000_000)), at(2.0));
    board.observe(&Event::Remaining { left: at(8.0) }, at(2.0));
    assert_eq!(board.frame(at(2.0), WIDE).bar, Some(0));
    board.observe(&Event::Remaining { left: at(6.0) }, at(4.0));
    let frame = board.frame(at(5.0), WIDE);
    assert_eq!((frame.bar, frame.left.as_str()), (Some(375), "37 %, about 5s left"));
    // All data is read; indexes are not built yet.
    let users = entry(7, "TABLE DATA", "users");
    board.observe(&started(users, 0, Some(10_000_000)), at(5.0));
    let read = Event::Progress { dump_id: 7, rows: 1, bytes: 1, read: 10_000_000 };
    board.observe(&read, at(6.0));
    board.observe(&Event::Remaining { left: at(4.0) }, at(6.0));
    let frame = board.frame(at(6.0), WIDE);
    assert_eq!((frame.bar, frame.left.as_str()), (Some(500), "50 %, about 4s left"));
}

#[test]
fn bar_never_moves_back_and_remaining_time_covers_data() {
    let mut board = Board::default();
    board.observe(&planned(Some(20_000_000)), at(0.0));
    board.observe(&Event::Remaining { left: at(1.0) }, at(0.0));
    board.observe(&started(entry(7, "TABLE DATA", "users"), 0, None), at(0.0));
    board.frame(at(0.0), WIDE);
    assert_eq!(board.frame(at(0.9), WIDE).bar, Some(900));
    let read = Event::Progress { dump_id: 7, rows: 1, bytes: 1, read: 2_000_000 };
    board.observe(&read, at(2.0));
    let frame = board.frame(at(2.0), WIDE);
    assert_eq!((frame.bar, frame.left.as_str()), (Some(900), "90 %, about 18s left"));
}

#[test]
fn predicted_time_is_written_above_the_bars() {
    let mut board = Board::default();
    board.observe(&Event::Predicted { wall: at(8.0) }, at(0.0));
    assert_eq!(board.take_remarks(), ["expected to take 8.0 s (from earlier runs)"]);
}

#[test]
fn lanes_beyond_the_terminal_are_counted() {
    let mut board = Board::default();
    board.observe(&planned(None), at(0.0));
    for lane in 0..30 {
        board.observe(&started(entry(7, "INDEX", "i"), lane, None), at(0.0));
    }
    let lanes = board.frame(at(1.0), Size { columns: 80, lines: 24 }).lanes;
    assert_eq!((lanes.len(), lanes[19].as_str()), (20, "  … and 11 sessions"));
    assert_eq!(board.frame(at(1.0), Size { columns: 80, lines: 40 }).lanes.len(), 30);
}
