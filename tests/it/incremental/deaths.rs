//! A process that dies midway leaves nothing behind, and the next run copies everything.

use nocturne::replicate::incremental::{CopySettings, IncrementalError, Retries, Side};
use nocturne::server::{Retry, Session, SessionSettings};
use tokio_util::sync::CancellationToken;

use super::pair::{Pair, copied, error, execute, start, table, target};
use crate::common::{Proxy, Tool};

const EMPTY: &str = "CREATE TABLE answers (id bigint PRIMARY KEY, value text NOT NULL)";

/// Rows stored in descending order of their keys, 16 MB: more than fits between two servers.
const DESCENDING: &str = "\
INSERT INTO answers SELECT id, repeat(md5(id::text), 25) FROM generate_series(20000, 1, -1) id";

fn pair(name: &str) -> Pair {
    let pair = Pair::new(name);
    pair.both(EMPTY);
    pair.source.execute(DESCENDING);
    pair
}

fn rows(pair: &Pair) -> String {
    pair.target.query("SELECT count(*) FROM answers")
}

#[test]
fn gap_check_finds_rows_the_replaced_system_lost() {
    let pair = Pair::new("loss");
    pair.both(EMPTY);
    pair.source.execute("INSERT INTO answers SELECT id, id FROM generate_series(200000, 1, -1) id");
    // Two psql and a pipe, of which the first ends early: what the second received is committed.
    let pipe = |condition: &str, rows: u64| {
        let copy = format!("COPY (SELECT * FROM answers WHERE {condition}) TO STDOUT");
        let line = format!(
            "{psql} '{source}' --command '{copy}' | head -n {rows} | {psql} '{target}' --command \
             'COPY answers FROM STDIN'",
            psql = pair.source.cluster.server().bin_dir().join("psql").display(),
            source = pair.source.url(),
            target = pair.target.url(),
        );
        Tool::new("sh").args(["-c", &line]).succeed();
    };
    pipe("id > 0", 175_000);
    pipe("id > 200000", 1_000_000);
    assert_eq!(rows(&pair), "175000");

    let settings = CopySettings { check_gaps: true, ..pair.settings(&["answers"]) };
    let copied = copied(execute(&settings));
    assert_eq!((copied.rows, copied.before.as_deref()), (0, Some("200000")));
    let gaps = copied.gaps.unwrap();
    assert_eq!((gaps.missing(), gaps.deleted()), (25_000, 0));
    assert_eq!((gaps.source, gaps.target), (200_000, 175_000));
    let (first, last) = (gaps.places.first().unwrap(), gaps.places.last().unwrap());
    assert_eq!((first.from, last.through.as_str()), (Some(1), "25000"));
}

#[test]
fn source_dying_midway_leaves_nothing_behind() {
    let pair = pair("source_dies");
    let stall = pair.stall("answers", 19_900);
    let running = start(pair.settings(&["answers"]), CancellationToken::new());
    pair.wait_for_stall();
    assert_eq!(pair.source.kill_backends("query LIKE 'COPY (%'"), 1);
    drop(stall);
    let error = error(running.join().unwrap());
    assert!(matches!(error, IncrementalError::Server { side: Side::Source, .. }), "{error:?}");
    assert_ne!(error.retry(), Retry::Never);
    assert_eq!(rows(&pair), "0");

    let copied = pair.copy("answers");
    assert_eq!((copied.rows, copied.before, copied.ranges), (20_000, None, 1));
    assert_eq!(copied.after.as_deref(), Some("20000"));
    pair.assert_same("answers", "*");
}

#[test]
fn target_dying_midway_rolls_back_and_releases_source() {
    let pair = pair("target_dies");
    let stall = pair.stall("answers", 19_900);
    let running = start(pair.settings(&["answers"]), CancellationToken::new());
    pair.wait_for_stall();
    assert_eq!(pair.target.kill_backends("query LIKE 'COPY public.answers%'"), 1);
    let error = error(running.join().unwrap());
    assert!(matches!(error, IncrementalError::Server { side: Side::Target, .. }), "{error:?}");
    // The source does not keep reading without a client.
    pair.source.wait_until(
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() \
         AND query LIKE 'COPY (%' AND state = 'active'",
    );
    drop(stall);
    assert_eq!(rows(&pair), "0");
    assert_eq!(pair.copy("answers").rows, 20_000);
    pair.assert_same("answers", "*");
}

#[test]
fn stop_request_rolls_back_and_releases_both_sides() {
    let pair = pair("stop");
    let _stall = pair.stall("answers", 19_900);
    let stop = CancellationToken::new();
    let running = start(pair.settings(&["answers"]), stop.clone());
    pair.wait_for_stall();
    stop.cancel();
    let error = error(running.join().unwrap());
    assert!(matches!(error, IncrementalError::Stopped), "{error:?}");
    pair.source.wait_until(
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'nocturne incremental'",
    );
    assert_eq!(rows(&pair), "0");
}

#[test]
fn lost_connection_is_retried() {
    let pair = pair("retry");
    let proxy = Proxy::start(pair.target.cluster);
    let settings = CopySettings {
        target: target(&proxy.url(&pair.target)),
        retries: Retries {
            times: 2,
            min: std::time::Duration::from_millis(10),
            ..Retries::default()
        },
        ..pair.settings(&["answers"])
    };
    // In the middle of 16 MB.
    proxy.cut_after(8_000_000);
    let copied = copied(execute(&settings));
    assert_eq!(proxy.cut(), 1);
    assert_eq!((copied.rows, copied.ranges, copied.before), (20_000, 1, None));
    pair.assert_same("answers", "*");
}

#[test]
fn retries_are_limited() {
    let pair = pair("no_retry");
    let proxy = Proxy::start(pair.target.cluster);
    proxy.refuse(true);
    let settings = CopySettings {
        target: target(&proxy.url(&pair.target)),
        retries: Retries {
            times: 2,
            min: std::time::Duration::from_millis(1),
            ..Retries::default()
        },
        ..pair.settings(&["answers"])
    };
    let error = error(execute(&settings));
    assert!(matches!(error, IncrementalError::Connect { side: Side::Target, .. }), "{error:?}");
}

#[test]
fn run_waits_for_pending_commits_of_dead_ones() {
    let pair = Pair::new("orphan");
    pair.both("CREATE TABLE answers (id bigint, value text)");
    pair.source.execute("INSERT INTO answers SELECT id, id::text FROM generate_series(1, 100) id");
    let oid = pair.target.query("SELECT 'answers'::regclass::oid::int");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Like a writer of another run: its process is gone, its transaction is not.
    let orphan = runtime.block_on(async {
        let session =
            Session::connect(&target(&pair.target.url()), &SessionSettings::default()).await.unwrap();
        session.begin().await.unwrap();
        let lock = format!("SELECT pg_catalog.pg_advisory_xact_lock_shared({}, {oid})", 0x6e6f_6302);
        session.execute(&lock).await.unwrap();
        let rows = "INSERT INTO public.answers SELECT id, id::text FROM pg_catalog.generate_series(1, 60) id";
        session.execute(rows).await.unwrap();
        session
    });
    let running = start(pair.settings(&["answers"]), CancellationToken::new());
    pair.target.wait_until(
        "EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
         WHERE locktype = 'advisory' AND NOT granted AND datname = current_database())",
    );
    runtime.block_on(orphan.commit()).unwrap();
    let copied = copied(running.join().unwrap());
    assert_eq!((copied.rows, copied.before.as_deref()), (40, Some("60")));
    pair.assert_same("answers", "*");
}

#[test]
fn all_tables_share_one_snapshot_of_the_source() {
    let pair = pair("moment");
    pair.both("CREATE TABLE later (id int PRIMARY KEY)");
    pair.source.execute("INSERT INTO later VALUES (1)");
    let stall = pair.stall("answers", 19_900);
    let settings =
        CopySettings { jobs: 1.try_into().unwrap(), ..pair.settings(&["answers", "later"]) };
    let running = start(settings, CancellationToken::new());
    pair.wait_for_stall();
    pair.source.execute("INSERT INTO later VALUES (2); UPDATE answers SET value = 'new'");
    drop(stall);
    let summary = running.join().unwrap();
    let rows: Vec<u64> = summary.tables.iter().map(|outcome| outcome.copied.rows).collect();
    assert_eq!((rows, summary.errors().count()), (vec![20_000, 1], 0));
    assert_eq!(pair.target.query("SELECT count(*) FROM answers WHERE value = 'new'"), "0");
    assert_eq!(summary.tables[1].table, table("later"));
    assert_eq!(pair.copy("later").rows, 1);
}

#[test]
fn lost_snapshot_is_replaced_by_a_later_one() {
    let pair = pair("snapshot");
    pair.both("CREATE TABLE later (id int PRIMARY KEY)");
    let stall = pair.stall("answers", 19_900);
    // The row arrives after the run has recorded the highest keys.
    let settings = CopySettings {
        jobs: 1.try_into().unwrap(),
        late_commits_timeout: None,
        ..pair.settings(&["answers", "later"])
    };
    let running = start(settings, CancellationToken::new());
    pair.wait_for_stall();
    pair.source.execute("INSERT INTO later VALUES (1)");
    assert_eq!(pair.source.kill_backends("query LIKE '%pg_export_snapshot%'"), 1);
    drop(stall);
    let summary = running.join().unwrap();
    let rows: Vec<u64> = summary.tables.iter().map(|outcome| outcome.copied.rows).collect();
    assert_eq!((rows, summary.errors().count()), (vec![20_000, 1], 0));
}
