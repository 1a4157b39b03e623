//! Restores that another run must not resume, and restores that cannot have a journal.

use super::source::{SOURCE, Source, resume};
use crate::common::gate::{Gate, NO_SESSION, ROW, at_gate};
use crate::common::versions::newest;
use crate::common::{Cluster, Database, Running, cluster, restore, restore_to};

/// A target with the journal of a killed restore.
fn begun<'a>(cluster: &'a Cluster, source: &Source<'_>, args: &[&str]) -> Database<'a> {
    let target = cluster.fresh_db("begun");
    let gate = Gate::shut(&target, ROW);
    let args = [args, &["-j", "1", "--resume"]].concat();
    let running = at_gate(Running::start(&source.path(), &target.url(), &args), &target);
    running.kill();
    drop(gate);
    // A database that is in use cannot be renamed.
    target.wait_until(NO_SESSION);
    target
}

#[test]
fn other_archive_selection_option_or_target_is_refused() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = begun(cluster, &source, &[]);
    let refused = |args: &[&str], words: &str| {
        let args = [args, &["--resume"]].concat();
        let restored = restore(&source.path(), &target, &args);
        assert_eq!(restored.finished.code(), 1, "{}", restored.finished);
        let said = restored.stderr();
        assert!(said.contains("the journal of a different restore"), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    };
    refused(&["-t", "big"], "the selection differs");
    refused(&["--foreign-keys", "none"], "--foreign-keys was validated, is now none");
    refused(&["--clean"], "--clean was not given, is now given");
    refused(&["--no-owner"], "--no-owner was not given, is now given");

    let renamed = format!("{}_renamed", target.name);
    cluster
        .psql("postgres")
        .args(["-c", &format!("ALTER DATABASE \"{}\" RENAME TO \"{renamed}\"", target.name)])
        .succeed();
    let moved = restore_to(&source.path(), &cluster.url(&renamed), &["--resume"]);
    assert!(moved.stderr().contains("the target database was"), "{}", moved.finished);
    cluster
        .psql("postgres")
        .args(["-c", &format!("ALTER DATABASE \"{renamed}\" RENAME TO \"{}\"", target.name)])
        .succeed();

    source.database.execute("CREATE TABLE more (a int)");
    source.dump(&["--format=custom"], &source.other_path());
    let other = restore(&source.other_path(), &target, &["--resume"]);
    assert_eq!(other.finished.code(), 1, "{}", other.finished);
    assert!(
        other.stderr().contains("the archive's table of contents differs"),
        "{}",
        other.finished
    );
    source.database.execute("DROP TABLE more");

    // None of these refusals has changed anything.
    resume(&source, &target, &[]);
}

#[test]
fn finished_but_missing_table_is_refused() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = begun(cluster, &source, &[]);
    target.execute("DROP TABLE a_first");
    let restored = restore(&source.path(), &target, &["--resume"]);
    assert_eq!(restored.finished.code(), 1);
    let said = restored.stderr();
    assert!(said.contains("TABLE public.a_first is missing from the target"), "{said}");
}

#[test]
fn data_of_another_size_is_refused() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=directory", "--compress=0"]);
    let target = begun(cluster, &source, &[]);
    let id = source.dump_id("TABLE DATA public a_first");
    let file = source.path().join(format!("{id}.dat"));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("aaa", "aaaa", 1)).unwrap();
    let restored = restore(&source.path(), &target, &["--resume"]);
    assert_eq!(restored.finished.code(), 1);
    let said = restored.stderr();
    assert!(said.contains("the data of TABLE DATA public.a_first was"), "{said}");
    std::fs::write(&file, text).unwrap();
    resume(&source, &target, &[]);
}

/// A stream's size is not known beforehand: the data is compared as it passes.
#[test]
fn other_data_in_a_stream_is_refused() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=tar"]);
    let target = cluster.fresh_db("begun");
    let gate = Gate::shut(&target, ROW);
    let args = ["-j", "1", "--resume"];
    let running = at_gate(Running::start_stream(&source.path(), &target.url(), &args), &target);
    running.kill();
    drop(gate);
    let archive = std::fs::read(source.path()).unwrap();
    let row = b"\taaaaaaaaaa";
    let place = archive.windows(row.len()).position(|bytes| bytes == row).unwrap();
    let mut changed = archive.clone();
    changed[place + 1] = b'b';
    std::fs::write(source.path(), &changed).unwrap();
    let restored = Running::start_stream(&source.path(), &target.url(), &args).wait();
    assert_eq!(restored.finished.code(), 3, "{}", restored.finished);
    let said = restored.stderr();
    assert!(said.contains("TABLE DATA public.a_first"), "{said}");
    assert!(said.contains("has changed since an earlier run loaded it"), "{said}");
    std::fs::write(source.path(), &archive).unwrap();
    Running::start_stream(&source.path(), &target.url(), &args).wait().expect(0);
    super::source::assert_whole(&source, &target);
}

#[test]
fn second_concurrent_restore_is_refused() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("busy");
    let gate = Gate::shut(&target, ROW);
    let first = at_gate(Running::start(&source.path(), &target.url(), &["--resume"]), &target);
    refused_beside(first, gate, &source, &target);
}

/// A second restore is refused while the first waits at the gate, which then finishes.
fn refused_beside(first: Running, gate: Gate, source: &Source, target: &Database<'_>) {
    let second = restore(&source.path(), target, &["--resume"]);
    assert_eq!(second.finished.code(), 1);
    let said = second.stderr();
    assert!(said.contains("another restore is running on this target (server process "), "{said}");
    drop(gate);
    first.wait().expect(0);
    super::source::assert_whole(source, target);
}

/// The session that excludes others is idle all night.
#[test]
fn second_restore_is_refused_despite_idle_session_timeout() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("idle");
    // The gate's session, which is also idle, already exists.
    let gate = Gate::shut(&target, ROW);
    target.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET idle_session_timeout = 200', \
         current_database()); END $$;",
    );
    let args = ["-j", "1", "--resume"];
    let first = at_gate(Running::start(&source.path(), &target.url(), &args), &target);
    std::thread::sleep(std::time::Duration::from_secs(1));
    refused_beside(first, gate, &source, &target);
}

#[test]
fn unsupported_journal_is_refused_before_any_change() {
    let cluster = cluster(newest());
    let source =
        Source::of(cluster, "CREATE SCHEMA nocturne; CREATE TABLE t ()", &["--format=custom"]);
    let target = cluster.fresh_db("without");
    for (args, words) in [
        (&["--single-transaction"][..], "a single transaction leaves nothing to resume"),
        (&["--create"], "create it first and omit --create"),
        (&["--use-set-session-authorization"], "cannot write it"),
        (&[], "the archive contains a schema \"nocturne\""),
    ] {
        let restored = restore(&source.path(), &target, &[args, &["--resume"]].concat());
        assert_eq!(restored.finished.code(), 2, "{}", restored.finished);
        assert!(restored.stderr().contains(words), "{}", restored.finished);
    }
    assert_eq!(target.query("SELECT count(*) FROM pg_class WHERE relname = 't'"), "0");
    restore(&source.path(), &target, &[]).expect(0);
}
