//! nocturne is killed, by SIGKILL, at chosen points.

use super::source::{SOURCE, Source, assert_whole, resume, trace};
use crate::common::gate::{
    Gate, PACE, PACED, ROW, TRAP, at_gate, copying, stands_at_gate, trap_command, trap_commit,
    untrap,
};
use crate::common::versions::newest;
use crate::common::{Cluster, Database, Running, cluster, for_each_version};

/// Kills a restore in the middle of the big table's rows and resumes it.
fn killed_in_the_rows(cluster: &Cluster, dump: &[&str], first: &[&str], then: &[&str]) {
    let source = Source::of(cluster, SOURCE, dump);
    let target = cluster.fresh_db("killed");
    let gate = Gate::shut(&target, ROW);
    let args = [first, &["--resume"]].concat();
    let running = at_gate(Running::start(&source.path(), &target.url(), &args), &target);
    running.kill();
    let done = ["a_first", "b_unlogged"].map(|table| trace(&target, table));
    drop(gate);
    let restored = resume(&source, &target, then);
    assert_eq!(["a_first", "b_unlogged"].map(|table| trace(&target, table)), done);
    assert!(
        restored.stderr().contains("resuming the restore started at "),
        "{}",
        restored.finished
    );
    assert!(restored.total("skipped") > 5, "{}", restored.finished);
}

#[test]
fn killed_restore_resumes_without_touching_finished_tables() {
    for_each_version(|cluster| {
        killed_in_the_rows(cluster, &["--format=custom"], &["-j", "1"], &["-j", "1"]);
    });
}

#[test]
fn format_and_job_count_do_not_matter() {
    let cluster = cluster(newest());
    killed_in_the_rows(cluster, &["--format=directory"], &["-j", "1"], &["-j", "4"]);
    killed_in_the_rows(cluster, &["--format=tar"], &["-j", "1"], &["-j", "2"]);
    let inserts = ["--format=custom", "--rows-per-insert=100"];
    killed_in_the_rows(cluster, &inserts, &["-j", "1"], &["-j", "3"]);
}

#[test]
fn stream_is_read_past_finished_entries() {
    let cluster = cluster(newest());
    for (format, jobs) in [("custom", "1"), ("tar", "1"), ("custom", "3"), ("tar", "3")] {
        let source = Source::of(cluster, SOURCE, &["--format", format]);
        let target = cluster.fresh_db("killed");
        let gate = Gate::shut(&target, ROW);
        let args = ["-j", jobs, "--resume"];
        let running = at_gate(Running::start_stream(&source.path(), &target.url(), &args), &target);
        target.wait_until("EXISTS (SELECT FROM a_first)");
        running.kill();
        let done = trace(&target, "a_first");
        drop(gate);
        let restored = Running::start_stream(&source.path(), &target.url(), &args).wait();
        let restored = restored.expect(0);
        assert_whole(&source, &target);
        assert_eq!(trace(&target, "a_first"), done, "{}", restored.finished);
    }
}

#[test]
fn partially_committed_table_is_loaded_again() {
    let cluster = cluster(newest());
    // No other work remains meanwhile.
    let sql = "CREATE TABLE big (id int PRIMARY KEY, t text,
             CONSTRAINT pace CHECK (id % 100 <> 0 OR public.paced(50)));
         INSERT INTO big SELECT i, repeat(md5(i::text), 4) FROM generate_series(1, 200000) i;";
    let source = Source::of(cluster, &[PACED, sql].concat(), &["--format=custom"]);
    let target = cluster.fresh_db("killed");
    // The session with the line commits last, and waits.
    trap_commit(&target, &source.dump_id("TABLE DATA public big"), "done");
    let gate = Gate::shut(&target, TRAP);
    let pace = Gate::shut(&target, PACE);
    let args = ["-j", "3", "--split-size", "64kB"];
    let first = [&args[..], &["--resume"]].concat();
    let running = Running::start(&source.path(), &target.url(), &first);
    target.wait_until(&format!("{} = 3", copying("big")));
    drop(pace);
    let running = at_gate(running, &target);
    let rows = target.rows("big");
    assert!(0 < rows && rows < 200_000, "{rows}");
    running.kill();
    drop_trap_of_journal(&target);
    drop(gate);
    resume(&source, &target, &args);
}

/// Steps through all definitions of a restore, including its journal.
#[test]
fn killed_definition_of_any_kind_ends_well() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let mut killed = 0;
    for number in (1..).step_by(2) {
        let jobs = if number % 4 == 1 { "4" } else { "1" };
        let target = cluster.fresh_db("killed");
        trap_command(&target, number);
        let gate = Gate::shut(&target, TRAP);
        let mut running = Running::start(&source.path(), &target.url(), &["-j", jobs, "--resume"]);
        if !stands_at_gate(&mut running, &target) {
            running.wait().expect(0);
            break;
        }
        running.kill();
        killed += 1;
        // The last command drops the journal: killed after that, there is nothing left to do.
        let dropping = "EXISTS (SELECT FROM pg_stat_activity WHERE query ~ 'DROP TABLE nocturne' \
             AND datname = current_database() AND pid <> pg_backend_pid())";
        if target.query(&format!("SELECT {dropping}")) == "t" {
            drop(gate);
            target.wait_until("to_regnamespace('nocturne') IS NULL");
            untrap(&target);
            assert_whole(&source, &target);
            continue;
        }
        drop(gate);
        untrap(&target);
        let jobs = if number % 3 == 0 { "2" } else { jobs };
        resume(&source, &target, &["-j", jobs]);
    }
    assert!(killed > 10, "{killed}");
}

#[test]
fn two_step_constraints_are_finished_in_one_step() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    for entry in ["CONSTRAINT public big big_pkey", "FK CONSTRAINT public z_last"] {
        let target = cluster.fresh_db("killed");
        // The second step's COMMIT waits.
        trap_commit(&target, &source.dump_id(entry), "done");
        let gate = Gate::shut(&target, TRAP);
        let running = at_gate(
            Running::start(&source.path(), &target.url(), &["-j", "4", "--resume"]),
            &target,
        );
        running.kill();
        drop_trap_of_journal(&target);
        drop(gate);
        let begun = "SELECT count(*) FROM nocturne.restore_journal_line WHERE mark = 'first step'";
        assert_ne!(target.query(begun), "0");
        resume(&source, &target, &["-j", "1"]);
    }
}

/// Later commits do not wait. The waiting backend is ended.
fn drop_trap_of_journal(target: &Database<'_>) {
    target.kill_backends(&format!(
        "pid IN (SELECT pid FROM pg_locks WHERE objid = {TRAP} AND NOT granted)"
    ));
    target.execute("DROP TRIGGER wait ON nocturne.restore_journal_line");
    untrap(target);
}

#[test]
fn successful_commit_of_a_dead_client_counts() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("killed");
    trap_commit(&target, &source.dump_id("TABLE DATA public a_first"), "done");
    let gate = Gate::shut(&target, TRAP);
    let args = ["-j", "1", "--resume"];
    let running = at_gate(Running::start(&source.path(), &target.url(), &args), &target);
    running.kill();
    // The server is still at the COMMIT of a client that is gone.
    drop(gate);
    target.wait_until("SELECT count(*) = 500 FROM a_first");
    let done = trace(&target, "a_first");
    drop_trap_of_journal(&target);
    resume(&source, &target, &["-j", "1"]);
    assert_eq!(trace(&target, "a_first"), done);
}

#[test]
fn uncommitted_work_of_a_dead_client_never_commits() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("killed");
    trap_commit(&target, &source.dump_id("TABLE DATA public a_first"), "done");
    let gate = Gate::shut(&target, TRAP);
    let args = ["-j", "1", "--resume"];
    let first = at_gate(Running::start(&source.path(), &target.url(), &args), &target);
    let waiting = format!(
        "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity USING (pid) \
         WHERE objid = {TRAP} AND NOT granted AND datname = current_database()"
    );
    let pid = target.query(&waiting);
    first.kill();
    let second = Running::start(&source.path(), &target.url(), &args);
    // It reaches the same point, where the first one no longer waits.
    target.wait_until(&format!("({waiting}) <> {pid}"));
    drop(gate);
    second.wait().expect(0);
    untrap(&target);
    assert_whole(&source, &target);
}
