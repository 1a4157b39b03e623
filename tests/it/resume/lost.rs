//! Sessions and servers that are lost while nocturne survives.

use super::source::{SOURCE, Source, assert_whole, resume, trace};
use crate::common::gate::{Gate, ROW, TRAP, WAITING, at_gate, trap_commit, trap_commit_of, untrap};
use crate::common::versions::newest;
use crate::common::{Cluster, Database, Proxy, Running, Tool, cluster};

/// Ends the sessions that wait at a gate.
fn end_waiting(target: &Database<'_>) {
    let waiting =
        format!("pid IN (SELECT pid FROM pg_locks WHERE objid IN ({ROW}, {TRAP}) AND NOT granted)");
    assert_eq!(target.kill_backends(&waiting), 1);
}

#[test]
fn table_of_a_terminated_session_is_loaded_again() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    for args in [&["-j", "1"][..], &["-j", "3", "--split-size", "64kB"], &["-j", "1", "--resume"]] {
        let target = cluster.fresh_db("lost");
        let gate = Gate::shut(&target, ROW);
        let running = at_gate(Running::start(&source.path(), &target.url(), args), &target);
        end_waiting(&target);
        drop(gate);
        let restored = running.wait().expect(0);
        let said = restored.stderr();
        assert!(said.contains("TABLE DATA public.big interrupted, retrying"), "{said}");
        assert_whole(&source, &target);
    }
}

/// Someone monitoring the server resets its statistics: not a crash.
#[test]
fn statistics_reset_is_not_taken_for_a_crash() {
    let server = Cluster::start(newest(), &[]);
    let source = Source::of(cluster(newest()), SOURCE, &["--format=custom"]);
    let target = server.fresh_db("reset");
    let gate = Gate::shut(&target, ROW);
    let running = at_gate(Running::start(&source.path(), &target.url(), &["-j", "1"]), &target);
    target.execute("SELECT pg_stat_reset_shared('bgwriter');");
    end_waiting(&target);
    drop(gate);
    running.wait().expect(0);
    assert_whole(&source, &target);
}

#[test]
fn stream_cannot_be_reread_but_can_be_resumed() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("lost");
    let gate = Gate::shut(&target, ROW);
    let args = ["-j", "2", "--resume"];
    let running = at_gate(Running::start_stream(&source.path(), &target.url(), &args), &target);
    end_waiting(&target);
    drop(gate);
    let restored = running.wait().expect(1);
    let said = restored.stderr();
    assert!(said.contains("a stream cannot be read again: run the same command again"), "{said}");
    let done = trace(&target, "z_last");
    Running::start_stream(&source.path(), &target.url(), &args).wait().expect(0);
    assert_eq!(trace(&target, "z_last"), done);
    assert_whole(&source, &target);
}

/// The connection is cut while the server is at the COMMIT, which then succeeds or fails.
#[test]
fn commit_without_an_answer_is_looked_up() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let id = source.dump_id("TABLE DATA public a_first");
    for goes_through in [true, false] {
        let target = cluster.fresh_db("lost");
        trap_commit(&target, &id, "done");
        lose_commit(&source, &target, &["-j", "1", "--resume"], goes_through);
    }
}

/// Restores, and cuts the connection while the trapped COMMIT of `a_first` waits. The rows are loaded
/// again only if that does not go through.
fn lose_commit(source: &Source, target: &Database<'_>, args: &[&str], goes_through: bool) {
    let gate = Gate::shut(target, TRAP);
    let proxy = Proxy::start(target.cluster);
    let running = at_gate(Running::start(&source.path(), &proxy.url(target), args), target);
    proxy.cut_all();
    if !goes_through {
        end_waiting(target);
    }
    drop(gate);
    let restored = running.wait().expect(0);
    let again = restored.stderr().contains("TABLE DATA public.a_first interrupted, retrying");
    assert_eq!(again, !goes_through, "{}", restored.finished);
    untrap(target);
    assert_whole(source, target);
}

/// The same without a journal: the server identifies the transaction by its number.
#[test]
fn without_journal_the_server_reports_the_transaction() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    for goes_through in [true, false] {
        let target = cluster.fresh_db("lost");
        // A deferred trigger makes the COMMIT of the rows wait.
        trap_commit_of(&target, "public.a_first", "NEW.id = 1");
        lose_commit(&source, &target, &["-j", "1"], goes_through);
    }
}

/// No session is available for a moment; the server itself continues.
#[test]
fn network_outage_is_survived() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    for args in [&["-j", "3"][..], &["-j", "1", "--resume"]] {
        let target = cluster.fresh_db("outage");
        let proxy = Proxy::start(cluster);
        let gate = Gate::shut(&target, ROW);
        let mut running =
            at_gate(Running::start(&source.path(), &proxy.url(&target), args), &target);
        proxy.refuse(true);
        proxy.cut_all();
        // The server would notice only after the row.
        end_waiting(&target);
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert!(!running.has_ended());
        proxy.refuse(false);
        drop(gate);
        running.wait().expect(0);
        assert_whole(&source, &target);
    }
}

/// All sessions are cut, and asynchronous commits are lost: the server recovers.
#[test]
fn server_crash_while_loading_is_survived() {
    let server = Cluster::start(newest(), &[]);
    // Rows of an UNLOGGED table would be lost.
    let sql = SOURCE.replace("CREATE UNLOGGED", "CREATE");
    let source = Source::of(cluster(newest()), &sql, &["--format=custom"]);
    for jobs in ["1", "3"] {
        let target = server.fresh_db("crash");
        let gate = Gate::shut(&target, ROW);
        let running = at_gate(
            Running::start(&source.path(), &target.url(), &["-j", jobs, "--resume"]),
            &target,
        );
        crash(&target);
        // The gate's own session is also gone.
        drop(gate);
        let restored = running.wait().expect(0);
        assert!(restored.stderr().contains("interrupted, retrying"), "{}", restored.finished);
        assert_whole(&source, &target);
    }
}

#[test]
fn unlogged_rows_are_reloaded_after_a_crash() {
    let server = Cluster::start(newest(), &[]);
    let source = Source::of(cluster(newest()), SOURCE, &["--format=custom"]);
    let target = server.fresh_db("crash");
    let gate = Gate::shut(&target, ROW);
    let args = ["-j", "1", "--resume"];
    let running = at_gate(Running::start(&source.path(), &target.url(), &args), &target);
    crash(&target);
    drop(gate);
    let restored = running.wait().expect(1);
    assert!(
        restored.stderr().contains("run the same command again to resume"),
        "{}",
        restored.finished
    );
    let done = trace(&target, "a_first");
    assert_eq!(target.query("SELECT count(*) FROM b_unlogged"), "0");
    resume(&source, &target, &["-j", "1"]);
    assert_eq!(trace(&target, "a_first"), done);
}

/// Kills the session that waits at a gate, which the server treats as a crash.
fn crash(target: &Database<'_>) {
    let pid = target.query("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
    assert_eq!(target.query(&format!("SELECT {WAITING}")), "1");
    Tool::new("sh").args(["-c", &format!("kill -s KILL {pid}")]).succeed();
    // It may refuse sessions for a moment.
    let ready = || target.psql().args(["--command", "SELECT 1"]).run().code() == 0;
    while !ready() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
