//! Loaded data is checked against the archive when another run resumes: by the file system's
//! metadata if the files were not modified, otherwise by their contents.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::source::{SOURCE, Source, assert_whole, resume, trace};
use crate::common::gate::{Gate, ROW, at_gate};
use crate::common::versions::newest;
use crate::common::{Cluster, Database, Restored, Running, Tool, cluster, restore, restore_to};

const ARGS: [&str; 3] = ["-j", "1", "--resume"];

/// The words that show that the archive was read once more.
const COMPARING: &str = "comparing the data of";

/// A target in which `a_first` is finished and `z_last` is not.
fn begun<'a>(cluster: &'a Cluster, archive: &Path) -> Database<'a> {
    killed(cluster, |url| Running::start(archive, url, &ARGS))
}

fn killed<'a>(cluster: &'a Cluster, start: impl FnOnce(&str) -> Running) -> Database<'a> {
    let target = cluster.fresh_db("begun");
    let gate = Gate::shut(&target, ROW);
    let running = at_gate(start(&target.url()), &target);
    running.kill();
    drop(gate);
    target
}

/// Changes the first row with these bytes without changing its length.
fn change(path: &Path, row: &str) {
    let mut bytes = fs::read(path).unwrap();
    let place = bytes.windows(row.len()).position(|part| part == row.as_bytes()).unwrap();
    bytes[place + row.len() - 1] += 1;
    fs::write(path, bytes).unwrap();
}

/// Rows of the finished table, and of an unfinished one.
const DONE: &str = "\taaaaaaaaaa";
const NOT_DONE: &str = "\tz499";

/// The file of an archive with a table's rows.
fn file_of(source: &Source<'_>, table: &str) -> std::path::PathBuf {
    if !source.path().is_dir() {
        return source.path();
    }
    let id = source.dump_id(&format!("TABLE DATA public {table}"));
    source.path().join(format!("{id}.dat"))
}

fn refused(restored: &Restored) {
    assert_eq!(restored.finished.code(), 1, "{}", restored.finished);
    let said = restored.stderr();
    assert!(said.contains("the journal of a different restore"), "{said}");
    assert!(said.contains("the data of TABLE DATA public.a_first had SHA-256 "), "{said}");
}

/// The contents of the journal and the tables: a refusal does not change them.
fn state(target: &Database<'_>) -> String {
    let journal = "SELECT run, file_state FROM nocturne.restore_journal";
    let lines =
        "SELECT dump_id, mark, read, sha256 FROM nocturne.restore_journal_line ORDER BY 1, 2";
    [target.query(journal), target.query(lines), trace(target, "a_first")].join("\n")
}

const FORMATS: [&[&str]; 3] = [
    &["--format=custom", "--compress=0"],
    &["--format=directory", "--compress=0"],
    &["--format=tar"],
];

#[test]
fn changed_content_is_refused_where_already_loaded() {
    let cluster = cluster(newest());
    for format in FORMATS {
        let source = Source::of(cluster, SOURCE, format);
        let target = begun(cluster, &source.path());
        let file = file_of(&source, "a_first");
        let before = (fs::read(&file).unwrap(), state(&target));
        change(&file, DONE);
        refused(&restore(&source.path(), &target, &ARGS));
        assert_eq!(state(&target), before.1, "{format:?}");
        fs::write(&file, before.0).unwrap();
        resume(&source, &target, &[]);
    }
}

/// None of it is in the database: it is restored in its current form.
#[test]
fn changed_content_is_loaded_where_nothing_was() {
    let cluster = cluster(newest());
    for format in FORMATS {
        let source = Source::of(cluster, SOURCE, format);
        let target = begun(cluster, &source.path());
        let done = trace(&target, "a_first");
        change(&file_of(&source, "z_last"), NOT_DONE);
        let restored = restore(&source.path(), &target, &ARGS).expect(0);
        assert!(restored.stderr().contains(COMPARING), "{}", restored.finished);
        assert_eq!(trace(&target, "a_first"), done);
        assert_eq!(target.query("SELECT count(*) FROM z_last WHERE t = 'z49:'"), "1");
    }
}

#[test]
fn unmodified_file_is_not_read_twice() {
    let cluster = cluster(newest());
    for format in FORMATS {
        let source = Source::of(cluster, SOURCE, format);
        let target = begun(cluster, &source.path());
        let restored = resume(&source, &target, &[]);
        assert!(!restored.stderr().contains(COMPARING), "{}", restored.finished);
    }
}

#[test]
fn touched_or_copied_archive_is_resumed() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = begun(cluster, &source.path());
    let times = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(3600));
    File::options().write(true).open(source.path()).unwrap().set_times(times).unwrap();
    let gate = Gate::shut(&target, ROW);
    let running = at_gate(Running::start(&source.path(), &target.url(), &ARGS), &target);
    running.kill();
    drop(gate);
    // The second run's comparison also counts for the third.
    fs::copy(source.path(), source.other_path()).unwrap();
    let done = trace(&target, "a_first");
    let restored = restore(&source.other_path(), &target, &ARGS).expect(0);
    assert!(restored.stderr().contains(COMPARING), "{}", restored.finished);
    assert_eq!(trace(&target, "a_first"), done);
    assert_whole(&source, &target);
}

/// Objects are separate files there, listed in another.
#[test]
fn changed_large_object_is_refused() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=directory", "--compress=0"]);
    let target = cluster.fresh_db("objects");
    // The key finds none of the big table's rows, so the journal stays.
    let spoilt = file_of(&source, "big");
    let rows = fs::read(&spoilt).unwrap();
    fs::write(&spoilt, &rows[..rows.len() / 2]).unwrap();
    let restored = restore(&source.path(), &target, &ARGS);
    assert_eq!(restored.finished.code(), 1, "{}", restored.finished);
    fs::write(&spoilt, rows).unwrap();
    let object = source.path().join("blob_4242.dat");
    let bytes = fs::read(&object).unwrap();
    fs::write(&object, String::from_utf8(bytes.clone()).unwrap().replacen("object", "0bject", 1))
        .unwrap();
    let restored = restore(&source.path(), &target, &ARGS);
    assert_eq!(restored.finished.code(), 1, "{}", restored.finished);
    let said = restored.stderr();
    assert!(said.contains("the data of BLOBS"), "{said}");
    fs::write(&object, bytes).unwrap();
    resume(&source, &target, &[]);
}

fn gzip(from: &Path, to: &Path) {
    Tool::new("sh").args(["-c", "gzip -c \"$0\" > \"$1\""]).arg(from).arg(to).succeed();
}

/// It is read as a stream, but before any other work.
#[test]
fn wrapped_archive_is_compared_before_anything_else() {
    let cluster = cluster(newest());
    for format in [FORMATS[0], FORMATS[2]] {
        let source = Source::of(cluster, SOURCE, format);
        let wrapped = source.other_path();
        gzip(&source.path(), &wrapped);
        let target = begun(cluster, &wrapped);
        let (bytes, before) = (fs::read(source.path()).unwrap(), state(&target));
        change(&source.path(), DONE);
        gzip(&source.path(), &wrapped);
        refused(&restore(&wrapped, &target, &ARGS));
        assert_eq!(state(&target), before, "{format:?}");
        fs::write(source.path(), bytes).unwrap();
        gzip(&source.path(), &wrapped);
        let restored = restore(&wrapped, &target, &ARGS).expect(0);
        assert!(restored.stderr().contains(COMPARING), "{}", restored.finished);
        assert_whole(&source, &target);
    }
}

#[test]
fn restore_resumes_between_stream_and_file() {
    let cluster = cluster(newest());
    for format in [FORMATS[0], FORMATS[2], &["--format=custom"][..]] {
        let source = Source::of(cluster, SOURCE, format);
        let target = killed(cluster, |url| Running::start_stream(&source.path(), url, &ARGS));
        let done = trace(&target, "a_first");
        let restored = resume(&source, &target, &["-j", "1"]);
        assert!(restored.stderr().contains(COMPARING), "{}", restored.finished);
        assert_eq!(trace(&target, "a_first"), done);

        let target = begun(cluster, &source.path());
        let done = trace(&target, "a_first");
        let stream = Running::start_stream(&source.path(), &target.url(), &ARGS);
        stream.wait().expect(0);
        assert_whole(&source, &target);
        assert_eq!(trace(&target, "a_first"), done);
    }
}

#[test]
fn stream_differing_from_the_loaded_file_is_refused() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, FORMATS[0]);
    let target = begun(cluster, &source.path());
    change(&source.path(), DONE);
    let restored = Running::start_stream(&source.path(), &target.url(), &ARGS).wait();
    assert_eq!(restored.finished.code(), 3, "{}", restored.finished);
    let said = restored.stderr();
    assert!(said.contains("has changed since an earlier run loaded it (SHA-256 was "), "{said}");
}

#[test]
fn journal_of_another_shape_is_refused_and_unchanged() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = begun(cluster, &source.path());
    target.execute(
        "UPDATE nocturne.restore_journal SET format = 1;
         ALTER TABLE nocturne.restore_journal DROP COLUMN file_state;
         ALTER TABLE nocturne.restore_journal_line DROP COLUMN sha256, ADD COLUMN sum bigint",
    );
    let done = trace(&target, "a_first");
    let restored = restore_to(&source.path(), &target.url(), &ARGS);
    assert_eq!(restored.finished.code(), 1, "{}", restored.finished);
    let said = restored.stderr();
    assert!(said.contains("the journal in the target has format 1"), "{said}");
    assert!(said.contains("drop the tables nocturne.restore_journal"), "{said}");
    assert_eq!(trace(&target, "a_first"), done);
    assert_eq!(target.query("SELECT run FROM nocturne.restore_journal"), "1");
}
