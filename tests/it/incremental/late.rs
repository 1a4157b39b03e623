//! Rows that the source commits late, with keys below those already committed.

use std::time::Duration;

use nocturne::replicate::incremental::{CopySettings, IncrementalTable};
use nocturne::server::{Session, SessionSettings};
use tokio_util::sync::CancellationToken;

use super::pair::{Pair, copied, execute, start, table, target};
use crate::common::{Owned, bare_nocturne, cluster, versions};

/// Both methods of waiting for the source's transactions.
const RUN_WAITS: &str = "EXISTS (SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
    AND datname = current_database() AND (query LIKE '%virtualtransaction = ANY%' OR query LIKE '% x = ANY%'))";

/// A session of the source that holds a transaction.
async fn writer(url: &str) -> Session {
    let session = Session::connect(&target(url), &SessionSettings::default()).await.unwrap();
    session
        .execute("SET search_path = public; SET application_name = 'shop'; BEGIN")
        .await
        .unwrap();
    session
}

/// How a transaction takes the key 1, and how it writes its row before it commits.
const WAYS: [(&str, &str); 5] = [
    ("INSERT INTO answers DEFAULT VALUES", ""),
    // As object-relational mappers do.
    ("SELECT nextval('answers_id_seq')", "INSERT INTO answers VALUES (1)"),
    ("SELECT nextval('answers_id_seq'); SAVEPOINT a", "INSERT INTO low VALUES (1)"),
    ("INSERT INTO low VALUES (nextval('answers_id_seq'))", ""),
    (
        "DELETE FROM answers WHERE id < 0; SELECT nextval('answers_id_seq')",
        "INSERT INTO answers VALUES (1)",
    ),
];

const PARTITIONED: &str = "CREATE TABLE answers (id bigserial PRIMARY KEY) PARTITION BY RANGE (id); \
    CREATE TABLE low PARTITION OF answers FOR VALUES FROM (0) TO (2); \
    CREATE TABLE high PARTITION OF answers FOR VALUES FROM (2) TO (1000)";

#[tokio::test(flavor = "multi_thread")]
async fn open_transactions_are_awaited_and_their_rows_copied() {
    for (number, (takes, writes)) in WAYS.into_iter().enumerate() {
        let pair = Pair::new(&format!("late_{number}"));
        pair.both(PARTITIONED);
        let writer = writer(&pair.source.url()).await;
        writer.execute(takes).await.unwrap();
        pair.source.execute("INSERT INTO answers DEFAULT VALUES");
        let running = start(pair.settings(&["answers"]), CancellationToken::new());
        pair.source.wait_until(RUN_WAITS);
        // Above the recorded key: below it there may be open transactions again.
        pair.source.execute("INSERT INTO answers DEFAULT VALUES");
        writer.execute(writes).await.unwrap();
        writer.commit().await.unwrap();
        let first = copied(running.join().unwrap());
        assert_eq!((first.rows, first.after.as_deref()), (2, Some("2")), "{takes}");
        let second = start(pair.settings(&["answers"]), CancellationToken::new());
        assert_eq!(copied(second.join().unwrap()).rows, 1, "{takes}");
        pair.assert_same("answers", "*");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn view_waits_for_writers_of_its_tables() {
    let pair = Pair::new("late_view");
    pair.source.execute(
        "CREATE TABLE rows (id bigserial PRIMARY KEY); CREATE VIEW answers AS SELECT id FROM rows",
    );
    pair.target.execute("CREATE TABLE answers (id bigint PRIMARY KEY)");
    let writer = writer(&pair.source.url()).await;
    writer.execute("INSERT INTO rows DEFAULT VALUES").await.unwrap();
    // The highest key is not that of the first to commit, and an empty table has none.
    let running = start(pair.settings(&["answers"]), CancellationToken::new());
    pair.source.wait_until(RUN_WAITS);
    pair.source.execute("INSERT INTO rows DEFAULT VALUES");
    writer.commit().await.unwrap();
    assert_eq!(copied(running.join().unwrap()).rows, 0);
    let second = start(pair.settings(&["answers"]), CancellationToken::new());
    assert_eq!(copied(second.join().unwrap()).rows, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn role_without_pg_locks_waits_for_all_transactions() {
    let owned = Owned::new(cluster(versions::newest()), "late_hidden");
    owned.database.execute("REVOKE SELECT ON pg_catalog.pg_locks FROM PUBLIC");
    owned.execute("CREATE TABLE answers (id bigserial PRIMARY KEY)").await;
    let pair = Pair::new("late_hidden");
    pair.target.execute("CREATE TABLE answers (id bigint PRIMARY KEY)");
    let writer = writer(&owned.url()).await;
    writer.execute("INSERT INTO answers DEFAULT VALUES").await.unwrap();
    owned.execute("INSERT INTO answers DEFAULT VALUES").await;
    let settings = CopySettings { source: target(&owned.url()), ..pair.settings(&["answers"]) };
    let running = start(settings, CancellationToken::new());
    owned.database.wait_until(RUN_WAITS);
    writer.commit().await.unwrap();
    assert_eq!(copied(running.join().unwrap()).rows, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_past_the_deadline_is_named_and_filled() {
    let pair = Pair::new("late_deadline");
    pair.both(
        "CREATE TABLE answers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
               twice bigint GENERATED ALWAYS AS (id * 2) STORED, value text)",
    );
    let writer = writer(&pair.source.url()).await;
    writer.execute("INSERT INTO answers (value) VALUES ('late')").await.unwrap();
    pair.source.execute("INSERT INTO answers (value) SELECT 'x' FROM generate_series(1, 9)");
    let command = |options: &[&str]| {
        bare_nocturne()
            .args(["incremental", "--source", &pair.source.url(), "-d", &pair.target.url()])
            .args(["-t", "answers", "--late-commits-timeout-ms", "1"])
            .args(options)
            .run()
    };
    let copied = command(&[]).expect_code(0);
    let said = "transactions of the source are still open after 0s: process ";
    assert!(copied.stderr().contains(said), "{copied}");
    assert!(copied.stderr().contains("of postgres (shop) since 20"), "{copied}");
    writer.commit().await.unwrap();
    let found = command(&["--check-gaps"]).expect_code(1);
    assert!(found.stderr().contains("hint: --fill-gaps copies them"), "{found}");
    pair.source.execute("INSERT INTO answers (value) VALUES ('new')");
    command(&["--fill-gaps"]).expect_code(0);
    pair.assert_same("answers", "*");
    assert_eq!(pair.target.query("SELECT count(*) FROM answers"), "11");
    command(&["--check-gaps"]).expect_code(0);
}

#[test]
fn gaps_of_any_key_are_filled_once() {
    let pair = Pair::new("late_fill");
    pair.both(
        "CREATE TABLE answers (id int PRIMARY KEY, value text); \
         CREATE TABLE events (id text PRIMARY KEY, at timestamptz); \
         CREATE TABLE twins (id int)",
    );
    pair.source.execute(
        "INSERT INTO answers SELECT n, n FROM generate_series(-5000, 5000) n; \
         INSERT INTO events SELECT 'e' || n, now() FROM generate_series(1, 100) n; \
         INSERT INTO twins SELECT n FROM generate_series(1, 10) n",
    );
    let tables = ["answers", "events", "twins"];
    let settings =
        CopySettings { fill_gaps: true, jobs: 1.try_into().unwrap(), ..pair.settings(&tables) };
    execute(&settings);
    // Missed rows in several places, and a row that the source has since deleted.
    pair.target.execute(
        "DELETE FROM answers WHERE id IN (-5000, -4999, 17, 4998); \
         INSERT INTO answers VALUES (20000, 'source deleted it'); \
         DELETE FROM events WHERE id IN ('e5', 'e6'); DELETE FROM twins WHERE id = 3",
    );
    pair.source
        .execute("INSERT INTO answers VALUES (20000, 'x'); DELETE FROM answers WHERE id = 3000");
    let outcomes = execute(&settings).tables;
    let filled = |n: usize| {
        assert!(outcomes[n].error.is_none(), "{:?}", outcomes[n].error);
        (outcomes[n].copied.filled, outcomes[n].copied.gaps.as_ref().unwrap().missing())
    };
    assert_eq!((filled(0), filled(1)), ((4, 0), (2, 0)));
    // Rows with equal keys do not show which one is missing.
    assert_eq!(filled(2), (0, 1));
    assert_eq!(pair.target.query("SELECT count(*) FROM answers"), "10002");
    pair.assert_same("events", "*");
    let again = CopySettings { tables: vec![table("answers"), table("events")], ..settings };
    assert!(execute(&again).tables.iter().all(|outcome| outcome.copied.rows == 0));
}

#[test]
fn zero_timeout_copies_up_to_the_snapshot() {
    let pair = Pair::new("late_off");
    pair.both("CREATE TABLE answers (id int PRIMARY KEY)");
    pair.source.execute("INSERT INTO answers VALUES (1), (2)");
    let settings = CopySettings { late_commits_timeout: None, ..pair.settings(&["answers"]) };
    assert_eq!(copied(execute(&settings)).rows, 2);
    // What cannot be checked beforehand is reported with its table.
    let missing = IncrementalTable { key: "no_key".into(), ..table("answers") };
    let late_commits_timeout = Some(Duration::from_millis(1));
    let settings = CopySettings { tables: vec![missing], late_commits_timeout, ..settings };
    assert!(execute(&settings).tables[0].error.is_some());
}

#[test]
fn unfillable_gaps_explain_why() {
    let pair = Pair::new("late_refused");
    pair.both("CREATE TABLE twins (id int); CREATE TABLE answers (id int PRIMARY KEY)");
    for table in ["twins", "answers"] {
        pair.source.execute(&format!("INSERT INTO {table} SELECT generate_series(1, 9)"));
        pair.target.execute(&format!("INSERT INTO {table} VALUES (9)"));
    }
    let command = |table: &str, target: &str, option: &str| {
        bare_nocturne()
            .args(["incremental", "--source", &pair.source.url(), "-d", target])
            .args(["-t", table, option])
            .run()
            .expect_code(1)
    };
    let advice = "hint: --fill-gaps copies them";
    let target = pair.target.url();
    let found = command("twins", &target, "--check-gaps");
    assert!(found.stderr().contains(advice), "{found}");
    let refused = command("twins", &target, "--fill-gaps");
    assert!(refused.stderr().contains("cannot fill the gaps: the key is not unique"), "{refused}");
    assert!(!refused.stderr().contains(advice), "{refused}");

    // Without the privilege to create the temporary table.
    let role = format!("{}_filler", pair.target.name);
    let name = &pair.target.name;
    pair.target.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT, INSERT ON answers TO {role}; \
         REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC"
    ));
    let fillers = target.replace("user=postgres", &format!("user={role}"));
    let refused = command("answers", &fillers, "--fill-gaps");
    let said = format!("GRANT TEMPORARY ON DATABASE {name} TO {role}");
    assert!(refused.stderr().contains(&said), "{refused}");
    assert!(!refused.stderr().contains("GRANT USAGE"), "{refused}");
    pair.target.execute(&format!("GRANT TEMPORARY ON DATABASE {name} TO {role}"));
    bare_nocturne()
        .args(["incremental", "--source", &pair.source.url(), "-d", &fillers])
        .args(["-t", "answers", "--fill-gaps"])
        .succeed();
    assert_eq!(pair.target.query("SELECT count(*) FROM answers"), "9");
    pair.target.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
