//! Sessions that end early.

use std::time::Duration;

use nocturne::server::{ConnectOptions, Session, SessionSettings, Target, TransactionStatus};

use super::source::PAUSED;
use crate::common::gate::{AT_A_GATE, Gate, NO_SESSION, ROW, at_gate, stands_at_gate};
use crate::common::versions::newest;
use crate::common::{
    Archive, Cluster, Database, Proxy, Restored, Running, Tool, cluster, fresh_name, restore_to,
};

/// Kills the session that loads the big table, by any means and on every retry, and
/// checks what is left.
fn broken_in_the_middle(jobs: &str, cut: impl Fn(&Database<'_>)) -> Restored {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, PAUSED);
    let target = cluster.fresh_db("paused");
    let _gate = Gate::shut(&target, ROW);
    let running = Running::start(&archive.path(), &target.url(), &["-j", jobs]);
    let mut running = at_gate(running, &target);
    while stands_at_gate(&mut running, &target) {
        cut(&target);
    }
    let restored = running.wait().expect(1);
    assert_eq!(target.rows("a_before"), 500);
    assert_eq!(target.rows("big"), 0);
    assert_eq!(target.rows("z_after"), 500);
    // The keys came later, in a new session.
    let keys = target.query(
        "SELECT count(*) FROM pg_constraint \
         WHERE contype = 'p' AND connamespace = 'public'::regnamespace",
    );
    assert_eq!(keys, "3");
    restored
}

#[test]
fn killed_loading_backend_costs_only_its_table() {
    for jobs in ["1", "2"] {
        let restored = broken_in_the_middle(jobs, |target| {
            target.kill_backends(AT_A_GATE);
        });
        let tries =
            restored.stderr().matches("WARN TABLE DATA public.big interrupted, retrying").count();
        assert_eq!(tries, 5, "{}", restored.finished);
        // Rows of z_after refer to missing ones: a failure of its own.
        let failed = restored.failed();
        let expected = ["TABLE DATA big: 57P01", "FK CONSTRAINT z_after z_after_big_fkey: 23503"];
        assert_eq!(failed, expected, "{}", restored.finished);
        assert!(restored.stderr().contains("TABLE DATA public.big"), "{}", restored.finished);
    }
}

#[test]
fn cancelled_statement_fails_only_its_entry() {
    let restored = broken_in_the_middle("1", |target| {
        target.query(&format!(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND {AT_A_GATE}"
        ));
    });
    assert_eq!(restored.failed()[0], "TABLE DATA big: 57014", "{}", restored.finished);
}

#[test]
fn immediate_shutdown_leaves_every_entry_accounted_for() {
    let server = Cluster::start(newest(), &[]);
    let archive = Archive::of(&server, PAUSED);
    let target = server.fresh_db("paused");
    let _gate = Gate::shut(&target, ROW);
    let running = Running::start(&archive.path(), &target.url(), &["-j", "2"]);
    let running = at_gate(running, &target);
    let pid = server.server().postmaster_pid().unwrap();
    Tool::new("sh").args(["-c", &format!("kill -s QUIT {pid}")]).succeed();
    let restored = running.wait().expect(1);
    let failed = restored.failed();
    // The restore waited for it, but it did not come back.
    assert!(failed.iter().any(|f| f.starts_with("TABLE DATA big")), "{}", restored.finished);
    assert!(restored.stderr().contains("cannot connect to"), "{}", restored.finished);
    assert!(restored.total("skipped") > 0, "{}", restored.finished);
    assert!(restored.total("done") > 0, "{}", restored.finished);
}

#[test]
fn server_crash_ends_restore_as_commits_may_vanish() {
    let server = Cluster::start(newest(), &[]);
    let archive = Archive::of(&server, PAUSED);
    let target = server.fresh_db("paused");
    let _gate = Gate::shut(&target, ROW);
    let running = Running::start(&archive.path(), &target.url(), &["-j", "1"]);
    let running = at_gate(running, &target);
    let pid = target.query(&format!("SELECT pid FROM pg_stat_activity WHERE {AT_A_GATE}"));
    Tool::new("sh").args(["-c", &format!("kill -s KILL {pid}")]).succeed();
    let restored = running.wait().expect(1);
    let said = "the server crashed or was replaced during the restore";
    assert!(restored.stderr().contains(said), "{}", restored.finished);
    assert!(restored.total("skipped") > 0, "{}", restored.finished);
}

#[test]
fn cut_connection_leaves_tables_whole_or_empty() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, PAUSED);
    for (number, bytes) in [1_000, 20_000, 2_500, 400_000, 3_000_000].into_iter().enumerate() {
        let target = cluster.fresh_db("cut");
        let proxy = Proxy::start(cluster);
        proxy.cut_after(bytes);
        let jobs = ["1", "3"][number % 2];
        let restored = restore_to(&archive.path(), &proxy.url(&target), &["-j", jobs]);
        assert_eq!(proxy.cut(), 1, "{bytes}: {}", restored.finished);
        // A cut at the very beginning may precede all work. After that, interrupted definitions
        // and loads are repeated.
        let is_whole = bytes >= 20_000 || restored.finished.code() == 0;
        let restored = restored.expect(i32::from(!is_whole));
        for (table, whole) in [("a_before", 500), ("big", 20_000), ("z_after", 500)] {
            if target.query(&format!("SELECT to_regclass('{table}') IS NOT NULL")) == "t" {
                let rows = target.rows(table);
                assert!(
                    rows == whole || rows == 0 && !is_whole,
                    "{bytes}: {table} has {rows} rows, {}",
                    restored.finished
                );
            }
        }
    }
}

#[test]
fn signal_ends_the_restore_and_its_statements() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, PAUSED);
    for (signal, jobs) in [("INT", "1"), ("TERM", "2")] {
        let target = cluster.fresh_db("paused");
        let _gate = Gate::shut(&target, ROW);
        let running = Running::start(&archive.path(), &target.url(), &["-j", jobs]);
        let running = at_gate(running, &target);
        running.signal(signal);
        let restored = running.wait().expect(130);
        assert!(restored.stderr().contains("interrupted"), "{}", restored.finished);
        // The cancel request was sent before the end, and the server rolls back at its own pace,
        // although the gate is still closed.
        target.wait_until(NO_SESSION);
        assert_eq!(target.rows("big"), 0);
        assert!([0, 500].contains(&target.rows("a_before")));
    }
}

#[test]
fn interrupted_restore_names_missing_tables_and_next_step() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, PAUSED);
    for (options, hint) in [
        (&["-j", "1"][..], "a restore with --resume can be interrupted and continued"),
        (&["-j", "1", "--resume"], "run the same command again to resume"),
    ] {
        let target = cluster.fresh_db("paused");
        let _gate = Gate::shut(&target, ROW);
        let running = Running::start(&archive.path(), &target.url(), options);
        let running = at_gate(running, &target);
        running.signal("INT");
        let restored = running.wait().expect(130);
        let said = restored.stderr();
        assert!(said.contains("tables not loaded\n") && said.contains("  public.big\n"), "{said}");
        let last = said.lines().last().unwrap();
        assert!(last.starts_with("hint: ") && last.ends_with(hint), "{said}");
        let named = restored.summary["not_loaded"].as_array().unwrap();
        assert!(named.iter().any(|entry| entry["name"] == "big"), "{named:?}");
        target.wait_until(NO_SESSION);
    }
}

#[test]
fn restore_works_without_the_unavailable_sessions() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, PAUSED);
    let target = cluster.fresh_db("few");
    let user = fresh_name("few");
    target.execute(&format!(
        "CREATE ROLE {user} LOGIN CONNECTION LIMIT 2; ALTER DATABASE \"{}\" OWNER TO {user};",
        target.name
    ));
    let url = target.url().replace("user=postgres", &format!("user={user}"));
    let restored = restore_to(&archive.path(), &url, &["-j", "4", "--no-owner"]);
    let restored = restored.expect(0);
    let said = "WARN continuing with 2 of 4 sessions: the server has no more free connections";
    assert_eq!(restored.stderr().matches(" WARN ").count(), 1, "{}", restored.finished);
    assert!(restored.stderr().contains(said), "{}", restored.finished);
    assert_eq!(restored.summary["jobs"], 2, "{}", restored.finished);
    assert_eq!(target.rows("big"), 20_000);
    target.execute(&format!("REASSIGN OWNED BY {user} TO postgres; DROP ROLE {user};"));
}

/// The threads of a process.
fn threads(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count()
}

#[test]
fn excessive_jobs_open_only_the_sessions_needed() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, PAUSED);
    let target = cluster.fresh_db("absurd");
    let proxy = Proxy::start(cluster);
    let gate = Gate::shut(&target, ROW);
    let running = Running::start(&archive.path(), &proxy.url(&target), &["-j", "100000"]);
    let running = at_gate(running, &target);
    assert!(threads(running.pid()) < 200);
    drop(gate);
    let restored = running.wait().expect(0);
    assert!(!restored.stderr().contains(" WARN "), "{}", restored.finished);
    // Three tables by four sessions each, three keys in two steps, a foreign key in two.
    let jobs = restored.summary["jobs"].as_u64().unwrap();
    assert!((2..=20).contains(&jobs) && proxy.accepted() as u64 <= jobs, "{}", restored.finished);
}

#[test]
fn more_jobs_than_free_connections_are_one_warning() {
    let server = Cluster::start(newest(), &[("max_connections", "20")]);
    let source = server.fresh_db("source");
    let tables = "DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE format(
        'CREATE TABLE t%s (id int PRIMARY KEY); INSERT INTO t%s VALUES (1)', i, i);
        END LOOP; END $$";
    source.execute(tables);
    let archive = Archive::dump(&source, &["--format=custom"]);
    let target = server.fresh_db("many");
    let restored = restore_to(&archive.path(), &target.url(), &["-j", "1000"]).expect(0);
    let warnings = restored.stderr().matches(" WARN ").count();
    assert_eq!(warnings, 1, "{}", restored.finished);
    assert!(restored.stderr().contains("WARN continuing with "), "{}", restored.finished);
    assert!(restored.summary["jobs"].as_u64().unwrap() < 20, "{}", restored.finished);
}

/// A pooler makes a client wait, for minutes, until another one leaves.
#[test]
fn sessions_queued_by_a_pooler_block_nothing() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, PAUSED);
    let target = cluster.fresh_db("pooled");
    let proxy = Proxy::start(cluster);
    proxy.answer_first(1);
    let restored = restore_to(&archive.path(), &proxy.url(&target), &["-j", "4"]).expect(0);
    assert_eq!(proxy.kept_waiting(), 3, "{}", restored.finished);
    assert!(!restored.stderr().contains(" WARN "), "no connection waited: {}", restored.finished);
    assert_eq!(target.rows("big"), 20_000);
}

#[test]
fn refused_tables_keep_their_session() {
    let cluster = cluster(newest());
    let tables = |columns: &str| {
        let each = |number| format!("CREATE TABLE t{number} ({columns});");
        (1..=50).map(each).collect::<String>()
    };
    let rows = (1..=50).map(|number| format!("INSERT INTO t{number} VALUES (1, 2);"));
    let archive = Archive::of(cluster, &(tables("a int, b int") + &rows.collect::<String>()));
    let target = cluster.fresh_db("refused");
    // A missing column, a missing privilege, a missing table.
    target.execute(&tables("a int"));
    target.execute("DROP TABLE t7; REVOKE ALL ON t8 FROM PUBLIC;");
    let theirs = target.pg_restore(&archive.path(), &["--data-only"]);
    assert_eq!(theirs.stderr().matches("ERROR:").count(), 50, "{theirs}");
    let proxy = Proxy::start(cluster);
    let restored = restore_to(&archive.path(), &proxy.url(&target), &["-a", "-j", "1"]).expect(1);
    assert_eq!(restored.failed().len(), 50, "{}", restored.finished);
    assert_eq!(proxy.accepted(), 1, "{}", restored.finished);
}

/// While a statement runs, a proxy that closes idle connections sees traffic.
#[test]
fn long_statement_is_kept_alive_and_answers_ordered() {
    let cluster = cluster(newest());
    let target = cluster.fresh_db("alive");
    let proxy = Proxy::start(cluster);
    let options = ConnectOptions { dbname: Some(proxy.url(&target)), ..Default::default() };
    let through = Target::resolve(&options, &|_| None).expect("the test's URL is valid");
    let settings = SessionSettings { keep_alive: Duration::from_millis(20), ..Default::default() };
    let runtime = tokio::runtime::Runtime::new().expect("creating the runtime");
    runtime.block_on(async {
        let session = Session::connect(&through, &settings).await.expect("the server is running");
        for (before, sql, after) in [
            (
                "SELECT 1",
                "SELECT pg_catalog.pg_advisory_xact_lock_shared(77)",
                TransactionStatus::Idle,
            ),
            (
                "BEGIN",
                "SELECT pg_catalog.pg_advisory_xact_lock_shared(77)::text::int",
                TransactionStatus::Failed,
            ),
        ] {
            session.execute(before).await.expect("preparing the statement");
            let gate = Gate::shut(&target, ROW);
            let opened = async {
                let before = proxy.sent();
                while proxy.sent() < before + 4 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                drop(gate);
            };
            let (run, ()) = tokio::join!(session.execute(sql), opened);
            assert_eq!(run.is_ok(), after == TransactionStatus::Idle, "{run:?}");
            assert_eq!(session.transaction_status(), after);
        }
        session.rollback().await.expect("the session is alive");
        let value = session.query_value("SELECT 42").await.expect("the session is alive");
        assert_eq!(value.as_deref(), Some("42"));
    });
}
