//! Verifications of archives with a single fault.

use std::cell::RefCell;
use std::io::Write;

use super::*;
use crate::archive::tests::entry::bare;
use crate::archive::tests::writer::{Content, Custom, Model};
use crate::archive::{Desc, Entry};
use crate::source::{self, Input};

/// A table with this many rows.
fn table(id: i32, rows: usize) -> (Entry, Content) {
    let mut entry = bare(id, Desc::TableData);
    entry.tag = "t".to_owned();
    entry.copy_stmt = "COPY public.t (a) FROM stdin;\n".to_owned();
    let text: String =
        (0..rows).map(|row| format!("{row}\n")).chain(["\\.\n\n\n".into()]).collect();
    (entry, Content::Rows(text.into_bytes()))
}

/// INSERT data with this text.
fn inserts(id: i32, text: &str) -> (Entry, Content) {
    let entry = Entry { tag: "u".to_owned(), ..bare(id, Desc::TableData) };
    (entry, Content::Rows(text.as_bytes().to_vec()))
}

/// Large objects, with only `listed` in the table of contents.
fn large_objects(listed: &[u32], held: &[u32]) -> Vec<(Entry, Content)> {
    let mut metadata = bare(1, Desc::BlobMetadata);
    metadata.defn = listed.iter().map(|oid| format!("{oid}\n")).collect();
    let mut blobs = bare(2, Desc::Blobs);
    blobs.dependencies.push(metadata.dump_id);
    let objects = held.iter().map(|oid| (*oid, oid.to_string().into_bytes())).collect();
    vec![(metadata, Content::None), (blobs, Content::LargeObjects(objects))]
}

fn custom(model: &Model, offsets: bool) -> Vec<u8> {
    model.custom(Custom { offsets, chunk: 100 })
}

fn report_of(bytes: &[u8], wanted: Option<&[i32]>) -> VerifyReport {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let archive = source::open(&Input::Path(file.path().to_owned())).unwrap();
    let wanted = wanted.map(|ids| ids.iter().map(|id| DumpId(*id)).collect());
    let options = VerifyOptions { jobs: NonZeroUsize::MIN, wanted, digests: true, rows: None };
    verify(archive, &options, &|_| ())
}

/// The faults found in the archive as a seekable file, and as a stream.
fn faults_of(bytes: &[u8]) -> [Vec<String>; 2] {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    [bytes.to_vec(), gzip.finish().unwrap()].map(|bytes| report_of(&bytes, None).faults().collect())
}

fn assert_faults(bytes: &[u8], random: &str, stream: &str) {
    for (faults, expected) in faults_of(bytes).iter().zip([random, stream]) {
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains(expected), "{faults:?}");
    }
}

#[test]
fn large_objects_must_match_the_list() {
    let check = |listed: &[u32], held: &[u32], fault: &str| {
        let model = Model::of(large_objects(listed, held));
        assert_faults(&custom(&model, true), fault, fault);
    };
    check(&[7, 4_000_000_000], &[7], "large object 4000000000 is listed but missing");
    check(&[7], &[7, 8], "large object 8 is not in the table of contents");
    check(&[7], &[7, 7], "large object 7 occurs twice");
    let good = Model::of(large_objects(&[8, 7], &[7, 8]));
    assert_eq!(faults_of(&custom(&good, true)), [Vec::<String>::new(), Vec::new()]);
}

#[test]
fn block_without_an_entry_is_a_fault() {
    let mut bytes = custom(&Model::of(vec![table(1, 3), table(2, 3)]), false);
    let stray = custom(&Model::of(vec![table(9, 3)]), false);
    // 16 bytes of framing and 11 of rows.
    let block = &stray[stray.len() - 27..];
    let last = bytes.len() - block.len();
    bytes.splice(last..last, block.iter().copied());
    for faults in faults_of(&bytes) {
        let what = "entry 9, which is not in the table of contents";
        assert!(faults[0].contains(what), "{faults:?}");
    }
}

#[test]
fn bytes_after_the_last_block_are_a_remark() {
    for (offsets, entries) in [(true, 2), (false, 2), (true, 0)] {
        let tables = (1..=entries).map(|id| table(id, 3)).collect();
        let mut bytes = custom(&Model::of(tables), offsets);
        bytes.extend(custom(&Model::of(vec![table(9, 3)]), true));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&bytes).unwrap();
        for bytes in [bytes, gzip.finish().unwrap()] {
            let report = report_of(&bytes, None);
            assert!(report.is_intact(), "{offsets} {entries}: {report}");
            assert_eq!(report.remarks.len(), 1, "{offsets} {entries}: {report}");
        }
    }
}

#[test]
fn statements_must_end_like_pg_dump() {
    for (text, fault) in [
        ("INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\n", "final blank lines"),
        ("INSERT INTO t VALUES (1);\nINSERT INTO t VALUES ('2", "entry 1"),
        ("", "entry 1"),
    ] {
        assert_faults(&custom(&Model::of(vec![inserts(1, text)]), true), fault, fault);
    }
    let text = "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\n\n\n";
    let report = report_of(&custom(&Model::of(vec![inserts(1, text)]), true), None);
    assert!(report.is_intact(), "{report}");
    assert_eq!(report.entries[0].count, Some(Count::Statements(2)));
    assert!(report.json().unwrap().contains("\"statements\": 2"));
}

#[test]
fn truncated_archive_without_offsets_keeps_earlier_tables() {
    let whole = custom(&Model::of(vec![table(1, 3), table(2, 500), table(3, 4)]), false);
    let report = report_of(&whole[..whole.len() - 800], None);
    let errors: Vec<bool> = report.entries.iter().map(|entry| entry.error.is_some()).collect();
    assert_eq!(errors, [false, true, true], "{report}");
    assert_eq!(report.entries[0].count, Some(Count::Rows(3)));
    assert!(!report.errors.is_empty());
}

#[test]
fn only_wanted_entries_are_read() {
    let model = Model::of(vec![table(1, 3), inserts(2, "broken"), table(3, 4)]);
    let report = report_of(&custom(&model, true), Some(&[3]));
    assert!(report.is_intact() && report.partial, "{report}");
    assert_eq!(report.entries.iter().map(|entry| entry.dump_id).collect::<Vec<_>>(), [3]);
    assert!(!report_of(&custom(&model, true), None).is_intact());
}

#[test]
fn text_report_lists_entries_and_faults() {
    let model = Model::of(vec![table(1, 3), inserts(2, "broken")]);
    let text = report_of(&custom(&model, true), None).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("KIND        NAME"), "{text}");
    assert!(lines[1].starts_with("TABLE DATA  t ") && lines[1].ends_with("11"), "{text}");
    assert!(lines[2].ends_with("BROKEN"), "{text}");
    assert!(lines[4].starts_with("2 entries, 3 rows"), "{text}");
    assert!(lines[5].ends_with("1 fault"), "{text}");
    assert!(lines[6].starts_with("  entry 2 TABLE DATA u: "), "{text}");
}

#[test]
fn progress_ends_with_all_entries_and_bytes() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&custom(&Model::of(vec![table(1, 300), table(2, 9)]), true)).unwrap();
    let archive = source::open(&Input::Path(file.path().to_owned())).unwrap();
    let told = RefCell::new(Vec::new());
    let jobs = NonZeroUsize::new(2).unwrap();
    let options = VerifyOptions { jobs, wanted: None, digests: false, rows: None };
    let report = verify(archive, &options, &|progress| told.borrow_mut().push(progress));
    let last = *told.borrow().last().unwrap();
    assert_eq!((last.entries_done, last.entries), (2, 2));
    // Framing does not count as data.
    assert!(last.size.is_some_and(|size| last.read <= size && last.read + 50 > size), "{last:?}");
    assert!(report.digests().iter().next().is_none());
}
