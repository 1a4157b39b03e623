//! Transient errors: each SQLSTATE that is worth retrying, with and without a journal.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use super::source::{SOURCE, Source, assert_whole};
use crate::common::gate::{Gate, ROW, at_gate, refuse_first, untrap};
use crate::common::versions::newest;
use crate::common::{Database, Proxy, Running, cluster, nocturne, restore, restore_to};

/// How many lines of the log contain this text; the summary repeats them.
fn logged(said: &str, words: &str) -> usize {
    said.lines().filter(|line| line.contains(" WARN ") && line.contains(words)).count()
}

#[test]
fn deadlocks_and_serialization_failures_are_retried() {
    for (major, sqlstate) in [(15, "40P01"), (newest(), "40001")] {
        let cluster = cluster(major);
        let source = Source::of(cluster, SOURCE, &["--format=custom"]);
        for (tag, args) in [
            ("CREATE TABLE", &["-j", "1"][..]),
            ("CREATE INDEX", &["-j", "3"]),
            ("CREATE INDEX", &["-j", "3", "--resume"]),
            ("GRANT", &["-j", "1"]),
        ] {
            let target = cluster.fresh_db("refused");
            refuse_first(&target, tag, 3, sqlstate);
            let restored = restore(&source.path(), &target, args);
            let tries = logged(&restored.stderr(), "interrupted, retrying: ERROR: refused");
            assert_eq!(tries, 3, "{tag}: {}", restored.finished);
            restored.expect(0);
            untrap(&target);
            assert_whole(&source, &target);
        }
    }
}

/// Refused more often than it is retried.
#[test]
fn persistent_error_finally_fails() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("refused");
    refuse_first(&target, "CREATE VIEW", 1000, "40001");
    let restored = restore(&source.path(), &target, &["-j", "1"]).expect(1);
    assert_eq!(restored.failed(), ["VIEW a_few: 40001"], "{}", restored.finished);
    let tries = logged(&restored.stderr(), "VIEW public.a_few interrupted, retrying");
    assert_eq!(tries, 5, "{}", restored.finished);
}

#[test]
fn lock_held_by_a_reader_is_waited_for() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("locked");
    let first = ["--section", "pre-data", "--section", "data", "-j", "1"];
    restore(&source.path(), &target, &first).expect(0);
    let mut reader = target.psql().into_command();
    let mut reader = reader.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut input = reader.stdin.take().unwrap();
    writeln!(input, "BEGIN; LOCK TABLE a_first IN ACCESS SHARE MODE;").unwrap();
    input.flush().unwrap();
    let locks = "FROM pg_locks WHERE relation = 'a_first'::regclass AND pid <> pg_backend_pid()";
    target.wait_until(&format!("EXISTS (SELECT {locks} AND granted)"));
    let args = ["--section", "post-data", "-j", "1", "--set", "lock_timeout=2s"];
    let running = Running::start(&source.path(), &target.url(), &args);
    let waiting = format!("EXISTS (SELECT {locks} AND NOT granted");
    target.wait_until(&format!("{waiting})"));
    let since = target.query(&format!("SELECT waitstart {locks} AND NOT granted"));
    // It has given up, and waits once more.
    target.wait_until(&format!("{waiting} AND waitstart > '{since}')"));
    drop(input);
    reader.wait().unwrap();
    let restored = running.wait().expect(0);
    assert!(restored.stderr().contains("interrupted, retrying: "), "{}", restored.finished);
    assert!(restored.stderr().contains("lock timeout"), "{}", restored.finished);
    assert_whole(&source, &target);
}

/// Limits a role's sessions; -1: unlimited.
fn limit(target: &Database<'_>, role: &str, sessions: i32) {
    target.execute(&format!("ALTER ROLE {role} CONNECTION LIMIT {sessions}"));
}

/// A role that owns the database, and the URL for it.
fn role_of(target: &Database<'_>) -> (String, String) {
    let role = format!("crowded_{}", target.name);
    target.execute(&format!(
        "CREATE ROLE {role} LOGIN; ALTER DATABASE \"{}\" OWNER TO {role};",
        target.name
    ));
    let url = target.url().replace("user=postgres", &format!("user={role}"));
    (role, url)
}

#[test]
fn temporarily_unavailable_session_is_waited_for() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    for more in [&[][..], &["--resume"]] {
        let target = cluster.fresh_db("crowded");
        let (role, url) = role_of(&target);
        let gate = Gate::shut(&target, ROW);
        let args = [&["-j", "1", "--no-owner"], more].concat();
        let mut running = at_gate(Running::start(&source.path(), &url, &args), &target);
        limit(&target, &role, 0);
        let waiting =
            format!("pid IN (SELECT pid FROM pg_locks WHERE objid = {ROW} AND NOT granted)");
        assert_eq!(target.kill_backends(&waiting), 1);
        drop(gate);
        std::thread::sleep(Duration::from_secs(1));
        assert!(!running.has_ended(), "no session can be had as yet");
        limit(&target, &role, -1);
        let restored = running.wait().expect(0);
        assert!(restored.stderr().contains("interrupted, retrying: "), "{}", restored.finished);
        target.execute(&format!("REASSIGN OWNED BY {role} TO postgres; DROP ROLE {role};"));
        assert_whole(&source, &target);
    }
}

#[test]
fn first_session_waits_for_role_connection_limit() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("crowded");
    let (role, url) = role_of(&target);
    limit(&target, &role, 0);
    let mut running = Running::start(&source.path(), &url, &["-j", "1", "--no-owner"]);
    std::thread::sleep(Duration::from_secs(1));
    assert!(!running.has_ended(), "no session can be had as yet");
    limit(&target, &role, -1);
    let restored = running.wait().expect(0);
    let said = restored.stderr();
    // On a very slow machine it may have come too late to be refused.
    assert!(logged(&said, "waiting for the server: ") <= 1, "{said}");
    target.execute(&format!("REASSIGN OWNED BY {role} TO postgres; DROP ROLE {role};"));
    assert_whole(&source, &target);
}

#[test]
fn starting_server_is_waited_for_and_reported_once() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("starting");
    let proxy = Proxy::start(cluster);
    let told = |said: &str| {
        assert_eq!(proxy.still_to_tell(), 0);
        let waited = "waiting for the server: cannot connect to";
        let lines = said.lines().filter(|line| line.contains(waited));
        let why = |line: &str| line.ends_with("FATAL: the database system is starting up");
        // The summary of a restore repeats it.
        let lines: Vec<&str> = lines.filter(|line| !line.starts_with("  ")).collect();
        assert!(matches!(lines[..], [line] if why(line)), "{said}");
    };
    proxy.starting_up(2);
    let restored = restore_to(&source.path(), &proxy.url(&target), &["-j", "1"]).expect(0);
    told(&restored.stderr());
    assert_whole(&source, &target);

    proxy.starting_up(2);
    let verify = nocturne().arg("verify").arg(source.path()).args(["-d", &proxy.url(&target)]);
    told(&verify.succeed().stderr());
}
