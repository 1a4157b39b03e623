//! Large tables in ranges: in parallel, committed in ascending order.

use nocturne::replicate::incremental::{CopySettings, IncrementalError};
use tokio_util::sync::CancellationToken;

use super::pair::{Pair, copied, error, execute, start};

const TABLE: &str = "CREATE TABLE answers (id bigint PRIMARY KEY, value text NOT NULL)";

/// A hundred thousand rows, in ranges of ten thousand when three are read in parallel.
fn pair(name: &str) -> (Pair, CopySettings) {
    let pair = Pair::new(name);
    pair.both(TABLE);
    pair.source.execute(
        "INSERT INTO answers SELECT id, repeat(md5(id::text), 10) \
         FROM generate_series(100000, 1, -1) id; ANALYZE answers",
    );
    let settings = CopySettings {
        range_rows: 10_000.try_into().ok(),
        jobs: 3.try_into().unwrap(),
        ..pair.settings(&["answers"])
    };
    (pair, settings)
}

fn extent(pair: &Pair) -> String {
    pair.target.query("SELECT count(*), min(id), max(id) FROM answers")
}

#[test]
fn parallel_ranges_copy_every_row_once() {
    let (pair, settings) = pair("ranges");
    let first = copied(execute(&settings));
    assert_eq!((first.rows, first.ranges), (100_000, 10));
    pair.assert_same("answers", "*");
    // Widely spaced keys do not create more ranges.
    pair.source
        .execute("INSERT INTO answers SELECT id * 1000000, 'x' FROM generate_series(1, 100) id");
    let second = copied(execute(&settings));
    assert_eq!((second.rows, second.before.as_deref()), (100, Some("100000")));
    assert!(second.ranges <= 10, "{second:?}");
    assert_eq!(second.after.as_deref(), Some("100000000"));
    pair.assert_same("answers", "*");
    let third = copied(execute(&settings));
    assert_eq!((third.rows, third.ranges, third.is_binary), (0, 0, None));
}

#[test]
fn refused_range_keeps_only_earlier_ones() {
    let (pair, settings) = pair("refused_range");
    pair.target.execute("ALTER TABLE answers ADD CONSTRAINT bad CHECK (id <> 34567)");
    let summary = execute(&settings);
    assert_eq!(summary.rows(), 30_000);
    let IncrementalError::Server { source, .. } = error(summary) else {
        panic!("not a server error")
    };
    assert_eq!(source.sqlstate(), Some("23514"));
    assert_eq!(extent(&pair), "30000|1|30000");

    pair.target.execute("ALTER TABLE answers DROP CONSTRAINT bad");
    let rest = copied(execute(&settings));
    assert_eq!((rest.rows, rest.before.as_deref()), (70_000, Some("30000")));
    pair.assert_same("answers", "*");
}

#[test]
fn ranges_finished_early_wait_for_their_predecessors() {
    let (pair, settings) = pair("order");
    let stall = pair.stall("answers", 15_000);
    let stop = CancellationToken::new();
    let running = start(settings.clone(), stop.clone());
    // The third range waits only for the second.
    pair.target.wait_until(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
         AND state = 'idle in transaction' AND query LIKE 'COPY public.answers%'",
    );
    pair.target.wait_until("SELECT count(*) = 10000 FROM answers");
    stop.cancel();
    assert!(matches!(error(running.join().unwrap()), IncrementalError::Stopped));
    drop(stall);
    assert_eq!(extent(&pair), "10000|1|10000");
    assert_eq!(copied(execute(&settings)).rows, 90_000);
    pair.assert_same("answers", "*");
}

#[test]
fn lag_leaves_the_last_keys_for_next_run() {
    let (pair, settings) = pair("lag");
    let settings = CopySettings { lag: 500, ..settings };
    assert_eq!(copied(execute(&settings)).rows, 99_500);
    assert_eq!(extent(&pair), "99500|1|99500");
    // Committed late, with a low key.
    pair.source.execute("DELETE FROM answers WHERE id = 99900");
    assert_eq!(copied(execute(&settings)).rows, 0);
    pair.source.execute(
        "INSERT INTO answers SELECT id, 'x' FROM generate_series(100001, 100600) id; \
         INSERT INTO answers VALUES (99900, 'late')",
    );
    assert_eq!(copied(execute(&settings)).rows, 600);
    assert_eq!(pair.target.query("SELECT value FROM answers WHERE id = 99900"), "late");
}

#[test]
fn source_below_the_target_fails_unless_allowed() {
    let (pair, settings) = pair("behind");
    copied(execute(&settings));
    pair.source.execute("DELETE FROM answers WHERE id > 90000");
    let IncrementalError::Behind { source_key, target, .. } = error(execute(&settings)) else {
        panic!("expected a source behind the target")
    };
    assert_eq!((source_key.as_deref(), target.as_str()), (Some("90000"), "100000"));
    let allowed = CopySettings { allow_behind: true, ..settings.clone() };
    assert_eq!(copied(execute(&allowed)).rows, 0);
    pair.source.execute("DELETE FROM answers");
    let IncrementalError::Behind { source_key: None, .. } = error(execute(&settings)) else {
        panic!("expected a source behind the target")
    };
}

/// A line break in a name ends an SQL comment.
#[test]
fn hostile_table_name_runs_nothing() {
    let pair = Pair::new("hostile");
    let name = "y\n; COMMIT; DROP TABLE canary; --{name}{schema}";
    pair.both(&format!("CREATE TABLE \"{name}\" (id int PRIMARY KEY); CREATE TABLE canary ()"));
    pair.source.execute(&format!("INSERT INTO \"{name}\" VALUES (1), (2)"));
    assert_eq!(copied(execute(&pair.settings(&[name]))).rows, 2);
    for database in [&pair.source, &pair.target] {
        assert_eq!(database.query("SELECT to_regclass('canary')"), "canary");
    }
}

#[test]
fn without_ranges_new_rows_are_one_transaction() {
    let (pair, settings) = pair("whole");
    let settings = CopySettings { range_rows: None, ..settings };
    pair.target.execute("ALTER TABLE answers ADD CONSTRAINT bad CHECK (id <> 100000)");
    error(execute(&settings));
    assert_eq!(extent(&pair), "0||");
    pair.target.execute("ALTER TABLE answers DROP CONSTRAINT bad");
    assert_eq!(copied(execute(&settings)).ranges, 1);
    pair.assert_same("answers", "*");
}

#[test]
fn gap_left_by_a_late_commit_is_found() {
    let (pair, settings) = pair("late");
    pair.source.execute("DELETE FROM answers WHERE id IN (5, 70000)");
    assert_eq!(copied(execute(&settings)).rows, 99_998);
    pair.source.execute(
        "INSERT INTO answers VALUES (5, 'late'), (70000, 'late'); \
         DELETE FROM answers WHERE id = 90000",
    );
    let settings = CopySettings { check_gaps: true, ..settings };
    let gaps = copied(execute(&settings)).gaps.unwrap();
    assert_eq!((gaps.missing(), gaps.deleted()), (2, 1));
    let places: Vec<_> =
        gaps.places.iter().map(|gap| (gap.from.unwrap(), gap.through.as_str())).collect();
    assert_eq!(places, [(1, "100"), (69_901, "70000"), (89_901, "90000")]);
}
