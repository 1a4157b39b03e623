//! Numbers that are too large, too small, or duplicated.

use super::*;
use crate::archive::{DumpId, Place};
use crate::plan::{Plan, PlanBuildOptions, Schedule};
use crate::select::Pass;

#[test]
fn largest_entry_number_allocates_nothing_extra() {
    let archive = open_bytes(&model(vec![rows(i32::MAX)]).custom(CUSTOM)).unwrap();
    assert_eq!(archive.toc.position(DumpId(i32::MAX)), Some(Place(0)));
    assert_eq!(read(archive).unwrap(), ROWS.as_bytes());
}

#[test]
fn impossible_entry_numbers_are_refused_with_offset() {
    for id in [0, -1, i32::MIN] {
        let mut raw = Raw::header(1);
        raw.int(1);
        let place = raw.0.len();
        raw.entry(id, "").null().offset(3, 0);
        let error = refused(&raw.0);
        let what =
            format!("at byte {place}: entry number {id} is out of range in TOC entry 1 of 1");
        assert!(error.ends_with(&what), "{error}");
    }
    let mut twice = Raw::header(1);
    twice.int(2).entry(5, "").null().offset(3, 0);
    let place = twice.0.len();
    twice.entry(5, "").null().offset(3, 0);
    let error = refused(&twice.0);
    assert!(error.ends_with(&format!("at byte {place}: two entries have the number 5")), "{error}");
}

#[test]
fn negative_lengths_and_counts_are_refused_with_offset() {
    let mut count = Raw::header(1);
    let place = count.0.len();
    count.int(-5);
    let error = refused(&count.0);
    let what = format!("at byte {place}: -5 entries in the number of entries");
    assert!(error.ends_with(&what), "{error}");

    let mut text = Raw::header(1);
    text.int(1).int(1).int(0).int(-2);
    assert!(refused(&text.0).contains("invalid text length -2 in TOC entry 1 of 1"));

    let mut chunk = Raw::header(1);
    chunk.int(1).entry(1, "").null().offset(1, 0);
    chunk.0.push(1);
    chunk.int(1).int(-8);
    for error in both_refuse(&chunk.0) {
        assert!(error.ends_with("invalid chunk length -8"), "{error}");
    }
}

#[test]
fn claimed_lengths_and_counts_end_with_the_file() {
    let mut entries = Raw::header(1);
    entries.int(1_000_000).entry(1, "").null().offset(3, 0);
    assert!(refused(&entries.0).contains("unexpected end of data: in TOC entry 2 of 1000000"));

    let mut text = Raw::header(1);
    text.int(1).int(1).int(0).int(0x4000_0000);
    assert!(refused(&text.0).contains("invalid text length 1073741824 in TOC entry 1 of 1"));
    let mut text = Raw::header(1);
    text.int(1).int(1).int(0).int(0x3fff_ffff);
    assert!(refused(&text.0).contains("unexpected end of data: in TOC entry 1 of 1"));

    let mut chunk = Raw::header(1);
    chunk.int(1).entry(1, "").null().offset(1, 0);
    chunk.0.push(1);
    chunk.int(1).int(i32::MAX).0.extend(b"1\n");
    for error in both_refuse(&chunk.0) {
        assert!(error.contains("unexpected end of data: in a "), "{error}");
    }
}

#[test]
fn invalid_offsets_are_refused_with_their_position() {
    let with_offset = |offset| {
        let mut raw = Raw::header(1);
        raw.int(2).entry(1, "").null().offset(2, offset).entry(2, "").null().offset(3, 0);
        raw.block(1, ROWS).block(2, ROWS);
        raw.0
    };
    let start = with_offset(0).len() - 2 * Raw(Vec::new()).block(1, ROWS).0.len();
    let read = |offset| {
        open_bytes(&with_offset(offset)).and_then(|archive| {
            archive.check_data(&archive.toc.entries[0])?;
            read(archive)
        })
    };
    let second = (start + Raw(Vec::new()).block(1, ROWS).0.len()) as u64;
    for (offset, what) in [
        (i64::MAX as u64, "unexpected end of data: the archive ends before its data block"),
        (1 << 40, "unexpected end of data: the archive ends before its data block"),
        (second, "found the data block of entry 2 instead"),
        (0, "unknown data block type (80)"),
    ] {
        let error = read(offset).unwrap_err().to_string();
        let place = format!("entry 1 TABLE DATA public.t: at byte {offset}: {what}");
        assert!(error.contains(&place), "{error}");
    }
    for offset in [i64::MAX as u64 + 1, u64::MAX] {
        let error = read(offset).unwrap_err().to_string();
        assert!(error.contains("a data offset is too large in TOC entry 1 of 2"), "{error}");
    }
}

#[test]
fn data_of_unlisted_or_duplicate_entries_is_refused() {
    let with_blocks = |ids: [i32; 2]| {
        let mut raw = Raw::header(1);
        raw.int(2).entry(1, "").null().offset(1, 0).entry(3, "").null().offset(1, 0);
        for id in ids {
            raw.block(id, ROWS);
        }
        raw.0
    };
    for error in both_refuse_or_tell(&with_blocks([1, 2])) {
        let what = "data block for entry 2, which is not in the table of contents";
        assert!(error.ends_with(what), "{error}");
    }
    for error in both_refuse_or_tell(&with_blocks([1, 1])) {
        assert!(error.ends_with("entry 1 has two data blocks"), "{error}");
    }
}

#[test]
fn block_of_the_wrong_kind_is_refused() {
    let mut raw = Raw::header(1);
    raw.int(1).entry(1, "").null().offset(1, 0);
    raw.0.push(3);
    raw.int(1).int(0);
    for error in both_refuse_or_tell(&raw.0) {
        let what = "the data block of TABLE DATA public.t contains large objects";
        assert!(error.ends_with(what), "{error}");
    }
}

/// As [`both_refuse`], for a fault that leaves the entries of a file readable.
fn both_refuse_or_tell(bytes: &[u8]) -> [String; 2] {
    let Ok(Archive { access: Access::Random(random), .. }) = open_bytes(bytes) else {
        panic!("a file that can be read at any place");
    };
    let stream = open_bytes(&gzip(bytes)).and_then(read);
    [random.fault().unwrap().to_string(), stream.unwrap_err().to_string()]
}

#[test]
fn self_and_circular_dependencies_are_planned() {
    let mut raw = Raw::header(1);
    raw.int(4);
    for (id, needs) in [(1, ["1", "1"]), (2, ["3", "2147483647"]), (3, ["4", "1"]), (4, ["2", "2"])]
    {
        raw.entry(id, "");
        for needed in needs {
            raw.text(needed);
        }
        raw.null().offset(1, 0);
    }
    for id in 1..=4 {
        raw.block(id, ROWS);
    }
    let archive = open_bytes(&raw.0).unwrap();
    let entries = &archive.toc.entries;
    let plan = Plan::new(
        entries,
        &[0, 1, 2, 3].map(Place),
        |_| true,
        |_| Pass::Main,
        |_| None,
        PlanBuildOptions::default(),
    );
    let mut schedule = Schedule::new(&plan, |_| false);
    let mut done = 0;
    while let Some(job) = schedule.take() {
        schedule.finish(job);
        done += 1;
    }
    assert!(schedule.is_finished() && done == 4, "{schedule:?}");
    assert_eq!(read(archive).unwrap(), ROWS.repeat(4).as_bytes());
}
