//! The warehouse's own indexes and views, created by the tables' owner without superuser rights.

use std::path::Path;
use std::sync::Mutex;

use crate::common::cluster::repository;
use crate::common::{Owned, cluster, folder, until, versions};
use nocturne::replicate::enrich::{
    self, EnrichError, EnrichProgress, Enrichment, FileOutcome, Report,
};
use nocturne::replicate::sql_file::FileError;
use nocturne::server::Retry;
use tokio_util::sync::CancellationToken;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

async fn enrich(owned: &Owned<'_>, folder: &Path, sessions: usize) -> Report {
    let enrichment = Enrichment::read(folder).unwrap_or_else(|error| panic!("{error}"));
    let stop = CancellationToken::new();
    enrich::run(&enrichment, &owned.target(), sessions, &stop, |_| {}).await.unwrap()
}

/// The outcome of each file, by name.
fn told(report: &Report) -> Vec<String> {
    let mut told: Vec<String> =
        report.files.iter().map(|one| format!("{}: {}", one.file, one.outcome)).collect();
    told.sort();
    told
}

#[test]
fn shipped_files_create_replaced_systems_indexes_and_views() {
    let shipped = repository().join("sql/enrichment");
    for major in versions() {
        block_on(async {
            let owned = Owned::new(cluster(major), "enrich_shipped");
            owned
                .execute(
                    r#"
                    CREATE TABLE users (id int, "createdAt" timestamptz);
                    CREATE TABLE "knowledge-elements" (id int, "createdAt" timestamptz);
                    CREATE TABLE "knowledge-element-snapshots" (id int, "snappedAt" timestamptz);
                    CREATE TABLE answers (id int, "challengeId" text);
                    CREATE TABLE "organization-learners" (id int);
                    INSERT INTO users SELECT n, now() FROM generate_series(1, 100) n;
                    "#,
                )
                .await;
            let report = enrich(&owned, &shipped, 4).await;
            assert_eq!(report.failures().count(), 0, "{major}: {report:?}");
            assert!(told(&report).iter().all(|line| line.ends_with(": done")), "{report:?}");
            assert_eq!(
                owned.database.query(
                    "SELECT string_agg(indexdef, E'\n' ORDER BY indexname) FROM pg_indexes
                     WHERE schemaname = 'public'"
                ),
                "CREATE INDEX \"answers_challengeId_idx\" ON public.answers USING btree (\"challengeId\")\n\
                 CREATE INDEX \"knowledge-element-snapshots_snappedAt_idx\" ON public.\"knowledge-element-snapshots\" \
                 USING btree ((((\"snappedAt\" AT TIME ZONE 'UTC+1'::text))::date) DESC)\n\
                 CREATE INDEX \"knowledge-elements_createdAt_idx\" ON public.\"knowledge-elements\" \
                 USING btree ((((\"createdAt\" AT TIME ZONE 'UTC+1'::text))::date) DESC)\n\
                 CREATE INDEX \"users_createdAt_idx\" ON public.users \
                 USING btree ((((\"createdAt\" AT TIME ZONE 'UTC+1'::text))::date) DESC)"
            );
            assert_eq!(owned.database.query("SELECT count(*) FROM students"), "0");
            // The expression used by the reports finds the index.
            let plan = owned.database.query(
                "SET enable_seqscan = off; EXPLAIN SELECT FROM users \
                 WHERE cast(\"createdAt\" AT TIME ZONE 'UTC+1' as date) = '2026-01-01'",
            );
            assert!(plan.contains("users_createdAt_idx"), "{plan}");
            // Once more on the same target: a kept table already has its index.
            let again = enrich(&owned, &shipped, 4).await;
            assert_eq!(again.failures().count(), 0, "{again:?}");
            assert_eq!(
                told(&again)[3..5],
                [
                    "schooling-registrations.sql: not needed: schooling-registrations exists",
                    "students.sql: not needed: students exists"
                ]
            );
        });
    }
}

#[test]
fn default_folder_is_found_from_any_working_directory() {
    let app = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (bin, sql) = (app.path().join("bin"), app.path().join("sql/enrichment"));
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(&sql).unwrap();
    std::fs::write(sql.join("one.sql"), "CREATE TABLE enriched (a int);").unwrap();
    let program = bin.join("nocturne");
    std::fs::hard_link(env!("CARGO_BIN_EXE_nocturne"), &program).unwrap();
    block_on(async {
        let owned = Owned::new(cluster(15), "enrich_anywhere");
        let other = folder(&[("sql/enrichment/other.sql", "CREATE TABLE other (a int);")]);
        let tool = |program: &Path| {
            let tool = crate::common::Tool::new(program).bare().arg("enrich");
            tool.env("DATABASE_URL", owned.url()).current_dir(other.path())
        };
        tool(&program).succeed();
        let tables = "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(owned.database.query(tables), "enriched");
        let elsewhere = app.path().join("nowhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::remove_dir_all(&sql).unwrap();
        let said = tool(&program).current_dir(&elsewhere).run().expect_code(2);
        let folder = elsewhere.join("sql/enrichment").display().to_string();
        assert!(said.stderr().contains(&folder) && said.stderr().contains("hint: "), "{said}");
    });
}

#[test]
fn unrestored_tables_are_not_enriched() {
    let shipped = repository().join("sql/enrichment");
    block_on(async {
        let owned = Owned::new(cluster(15), "enrich_skipped");
        owned.execute("CREATE TABLE \"schooling-registrations\" (id int)").await;
        let report = enrich(&owned, &shipped, 4).await;
        assert_eq!(
            told(&report),
            [
                "answers.sql: skipped: table answers does not exist",
                "knowledge-element-snapshots.sql: skipped: table knowledge-element-snapshots does \
                 not exist",
                "knowledge-elements.sql: skipped: table knowledge-elements does not exist",
                "schooling-registrations.sql: not needed: schooling-registrations exists",
                "students.sql: done",
                "users.sql: skipped: table users does not exist",
            ]
        );
        owned.execute("DROP TABLE \"schooling-registrations\" CASCADE").await;
        let report = enrich(&owned, &shipped, 4).await;
        assert_eq!(
            told(&report)[3..5],
            [
                "schooling-registrations.sql: skipped: table organization-learners does not exist",
                "students.sql: skipped: it depends on schooling-registrations.sql"
            ]
        );
    });
}

#[test]
fn failed_file_skips_only_its_dependents() {
    let folder = folder(&[
        ("1.sql", "-- depends: 2\nSELECT 1;"),
        ("2.sql", "CREATE TABLE two (a int);\n\nINSERT INTO two\nVALUES ('x');\nSELECT 1;"),
        ("3.sql", "-- depends: 1\nSELECT 1;"),
        ("4.sql", "-- depends: 5\nINSERT INTO five VALUES (1);"),
        ("5.sql", "CREATE TABLE five (a int);"),
        ("6.sql", "BEGIN;\nCREATE TABLE six (a int);"),
    ]);
    block_on(async {
        let owned = Owned::new(cluster(15), "enrich_failure");
        let report = enrich(&owned, folder.path(), 3).await;
        let told = told(&report);
        assert_eq!(told[0], "1.sql: skipped: it depends on 2.sql");
        assert!(
            told[1].contains("2.sql, line 4: statement failed (SQLSTATE 22P02): ERROR: invalid"),
            "{told:?}"
        );
        assert_eq!(told[2], "3.sql: skipped: it depends on 1.sql");
        assert_eq!(told[3..5], ["4.sql: done", "5.sql: done"]);
        assert!(told[5].ends_with("6.sql ends inside a transaction, which is rolled back"));
        assert_eq!(report.failures().map(|(file, _)| file).max(), Some("6.sql"));
        // What the file did before its error stays, as with psql.
        let tables = "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(owned.database.query(tables), "five two");
    });
}

#[test]
fn files_on_larger_tables_start_first() {
    let folder = folder(&[
        ("a.sql", "-- requires-table: small\nSELECT 1;"),
        ("b.sql", "SELECT 1;"),
        ("c.sql", "-- requires-table: large\nSELECT 1;"),
        ("d.sql", "-- requires-table: small\n-- requires-table: parted\nSELECT 1;"),
    ]);
    block_on(async {
        let owned = Owned::new(cluster(15), "enrich_order");
        owned
            .execute(
                "CREATE TABLE small (a int); INSERT INTO small VALUES (1);
                 CREATE TABLE large (a int); INSERT INTO large SELECT generate_series(1, 2000);
                 CREATE TABLE parted (a int) PARTITION BY RANGE (a);
                 CREATE TABLE part PARTITION OF parted DEFAULT;
                 INSERT INTO parted SELECT generate_series(1, 9000);",
            )
            .await;
        let begun = Mutex::new(Vec::new());
        let tell = |progress: EnrichProgress<'_>| {
            if let EnrichProgress::Started { file } = progress {
                begun.lock().unwrap().push(file.to_owned());
            }
        };
        let enrichment = Enrichment::read(folder.path()).unwrap();
        let stop = CancellationToken::new();
        enrich::run(&enrichment, &owned.target(), 1, &stop, tell).await.unwrap();
        assert_eq!(*begun.lock().unwrap(), ["d.sql", "c.sql", "a.sql", "b.sql"]);
    });
}

/// Waits in the server until another session has locked the other table, the first time.
fn deadlock(first: &str, second: &str) -> String {
    format!(
        "DO $$BEGIN
            LOCK TABLE {first};
            WHILE NOT EXISTS (SELECT FROM pg_locks WHERE relation = '{second}'::regclass
                AND granted AND pid <> pg_backend_pid()) AND NOT EXISTS (SELECT FROM done) LOOP
                PERFORM pg_sleep(0.01);
            END LOOP;
            LOCK TABLE {second};
            INSERT INTO done VALUES ('{first}');
        END$$;"
    )
}

#[test]
fn deadlock_victim_is_retried() {
    let (a, b) = (deadlock("a", "b"), deadlock("b", "a"));
    let folder = folder(&[("a.sql", &a), ("b.sql", &b)]);
    block_on(async {
        let owned = Owned::new(cluster(15), "enrich_deadlock");
        owned
            .execute("CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE TABLE done (x text)")
            .await;
        let report = enrich(&owned, folder.path(), 2).await;
        assert_eq!(told(&report), ["a.sql: done", "b.sql: done"]);
        assert_eq!(owned.database.query("SELECT string_agg(x, '' ORDER BY x) FROM done"), "ab");
        // Statistics come a moment later.
        owned.database.wait_until(
            "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()",
        );
    });
}

#[test]
fn stopping_cancels_the_statement_on_the_server() {
    let folder =
        folder(&[("a.sql", "SELECT pg_sleep(3600);"), ("b.sql", "-- depends: a\nSELECT 1;")]);
    block_on(async {
        let owned = Owned::new(cluster(15), "enrich_stop");
        let enrichment = Enrichment::read(folder.path()).unwrap();
        let stop = CancellationToken::new();
        let target = owned.target();
        let begun = |progress: EnrichProgress<'_>| {
            assert!(matches!(progress, EnrichProgress::Started { file: "a.sql" }), "{progress:?}");
        };
        let run = enrich::run(&enrichment, &target, 2, &stop, begun);
        let cancel = async {
            let sleeps = "EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' \
                          AND datname = current_database() AND query LIKE 'SELECT pg_sleep(3600)%')";
            until("it sleeps", || owned.database.query(&format!("SELECT {sleeps}")) == "t").await;
            stop.cancel();
            sleeps
        };
        let (result, sleeps) = tokio::join!(run, cancel);
        assert!(matches!(result, Err(EnrichError::Stopped)), "{result:?}");
        owned.database.wait_until(&format!("NOT {sleeps}"));
    });
}

#[test]
fn command_reports_each_file_and_fails_with_any() {
    let owned = Owned::new(cluster(15), "enrich_command");
    let folder = folder(&[
        ("bad.sql", "SELECT nothing;"),
        ("good.sql", "CREATE TABLE good (a int);"),
        ("users.sql", "-- requires-table: users\nSELECT 1;"),
    ]);
    let dir = folder.path().to_str().unwrap();
    let command = |dir: &str| {
        crate::common::nocturne().args(["enrich", "-d", &owned.url(), "--dir", dir]).run()
    };
    let done = command(dir);
    assert_eq!(done.code(), 1, "{done}");
    let said = done.stderr();
    for line in [
        "bad.sql, line 1: statement failed (SQLSTATE 42703): ERROR: column \"nothing\" does not \
         exist",
        "good.sql: done in ",
        "users.sql: skipped: table users does not exist",
        "1 of the files failed",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(owned.database.query("SELECT count(*) FROM good"), "0");
    let nowhere = command("/nowhere/at/all");
    assert_eq!(nowhere.code(), 2, "{nowhere}");
    assert!(nowhere.stderr().contains("the folder /nowhere/at/all does not exist"), "{nowhere}");
}

#[test]
fn unreachable_server_is_not_a_file_failure() {
    let folder = folder(&[("a.sql", "SELECT 1;")]);
    block_on(async {
        let enrichment = Enrichment::read(folder.path()).unwrap();
        let options = nocturne::server::ConnectOptions {
            dbname: Some("postgres://nobody@127.0.0.1:1/x".to_owned()),
            ..Default::default()
        };
        let target = nocturne::server::Target::resolve(&options, &|_| None).unwrap();
        let stop = CancellationToken::new();
        let error = enrich::run(&enrichment, &target, 1, &stop, |_| {}).await.unwrap_err();
        assert!(
            matches!(error, EnrichError::Target(_)) && error.retry() != Retry::Never,
            "{error}"
        );
    });
}

#[test]
fn outcome_holds_the_error_of_its_file() {
    let folder = folder(&[("a.sql", "SELECT 1/0;")]);
    block_on(async {
        let owned = Owned::new(cluster(15), "enrich_error");
        let report = enrich(&owned, folder.path(), 1).await;
        let FileOutcome::Failed(FileError::Statement { line: 1, source, .. }) =
            &report.files[0].outcome
        else {
            panic!("{report:?}");
        };
        assert_eq!(source.sqlstate(), Some("22012"));
    });
}
