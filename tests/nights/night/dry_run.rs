//! The plan of a night in advance: what it shows, what it finds, and that it changes nothing.

use super::scene::{Scene, without_secrets};
use super::source::grow;
use crate::common::folder;

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_shows_the_plan_and_changes_nothing() {
    let scene = Scene::new("night_plan").await;
    let first = scene.night().arg("--dry-run").succeed();
    for expected in ["backup 5f2 of ", "no run has succeeded yet", "\nDropped\n  nothing\n"] {
        assert!(first.stdout().contains(expected), "{expected}: {first}");
    }
    let untouched = "SELECT to_regnamespace('nocturne') IS NULL, to_regclass('users') IS NULL";
    assert_eq!(scene.warehouse.database.query(untouched), "t|t");

    scene.incremental(scene.night()).succeed();
    grow(&scene.source, 4400);
    let (state, record) = (scene.state(), scene.record());
    let told = scene.told().await.len();
    let planned = scene.incremental(scene.night()).arg("--dry-run").succeed();
    without_secrets(&planned);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = planned.stdout().lines().map(|line| words(line) + "\n").collect();
    for expected in [
        "expected to take ",
        "\nrestore ",
        "public.answers incremental kept, new rows are copied",
        "public.users full",
        "table public.users",
        "materialized view public.\"user-count\"",
        "total: 21 objects",
        "kept: table public.answers",
        "already restored this backup: a scheduled run only copies incremental tables",
        "public.\"knowledge-elements\", by id",
        "foreign keys not restored (RESTORE_FK_CONSTRAINTS is not set)",
    ] {
        assert!(text.contains(expected), "{expected}: {planned}");
    }
    assert!(!text.contains("Problems"), "{planned}");
    assert_eq!((scene.state(), scene.record()), (state, record));
    assert_eq!(scene.told().await.len(), told);

    // The next night resumes an interrupted restore.
    let hooks = folder(&[("after-data.sql", "SELECT 1 / 0;")]);
    scene.night().env("HOOKS_DIR", hooks.path()).run().expect_code(1);
    let resumed = scene.night().arg("--dry-run").succeed();
    let said = "an unfinished restore of this backup will be resumed";
    assert!(resumed.stdout().contains(said), "{resumed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_reports_everything_that_would_fail() {
    let scene = Scene::new("night_problems").await;
    scene.source.execute(
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION watch()",
    );
    scene.backup_again();
    let reader = format!("{}_reader", scene.source.name);
    scene.source.execute(&format!("CREATE ROLE {reader} LOGIN"));
    let readers = scene.source.url().replace("user=postgres", &format!("user={reader}"));
    let nowhere = "postgresql://owner:word-in-a-path@127.0.0.1:1/nowhere";
    let warehouse = &scene.warehouse.database;
    let by_increment = ("RESTORE_ANSWERS_AND_KES_INCREMENTALLY", "true");
    let event_trigger = "EVENT TRIGGER watcher: only a superuser can create event triggers";
    for (variables, problems) in [
        (&[("SCALINGO_API_TOKEN", "another")][..], &["cannot exchange the API token"][..]),
        (&[("BACKUP_ID", "5f9")], &["backup 5f9 does not exist"]),
        (&[("DATABASE_URL", nowhere)], &["cannot use the target: cannot connect"]),
        (
            &[("HOOKS_DIR", "/nowhere"), ("ENRICHMENT_DIR", "/nowhere")],
            &["hooks folder", "/nowhere", event_trigger],
        ),
        (&[by_increment, ("SOURCE_DATABASE_URL", nowhere)], &["source database: cannot connect"]),
        (
            &[by_increment, ("SOURCE_DATABASE_URL", &readers)],
            &["role night_problems", "GRANT SELECT ON public.answers TO"],
        ),
        (&[("SWAP", "true")], &["the role may not create databases"]),
    ] {
        let tool = scene.night().arg("--dry-run");
        let tool = variables.iter().fold(tool, |tool, (name, value)| tool.env(name, value));
        let failed = tool.run().expect_code(1);
        without_secrets(&failed);
        let text = failed.stdout();
        let (_, listed) = text.split_once("\nProblems\n").expect("problems are listed");
        for problem in problems {
            assert!(listed.contains(problem), "{problem}: {failed}");
        }
        assert!(failed.stderr().contains("nocturne: the night would fail: "), "{failed}");
    }
    let fails = |problem: &str| {
        let failed = scene.night().arg("--dry-run").run().expect_code(1);
        assert!(failed.stdout().contains(problem), "{problem}: {failed}");
    };
    warehouse.execute("CREATE TABLE secrets (id int)");
    fails("TABLE public.secrets already exists");
    warehouse.execute("DROP TABLE secrets; ALTER SCHEMA public OWNER TO postgres");
    let role = &scene.warehouse.role;
    warehouse.execute(&format!("REVOKE ALL ON SCHEMA public FROM PUBLIC, {role}"));
    fails("cannot create objects in schema public");
    warehouse.execute("DROP EXTENSION pg_trgm");
    // Trusted: a role that may create objects in the database may create it.
    scene.source.execute("CREATE EXTENSION pageinspect");
    scene.backup_again();
    fails("extension pageinspect is not installed, only a superuser can create it");
    let name = &warehouse.name;
    warehouse.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    fails("the target is read-only");
    assert_eq!(scene.told().await.len(), 0);
    scene.source.execute(&format!("DROP OWNED BY {reader}; DROP ROLE {reader}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn uncopyable_incremental_table_fails_night_before_drop() {
    let scene = Scene::new("night_precheck").await;
    let reader = format!("{}_reader", scene.source.name);
    scene.source.execute(&format!(
        "CREATE ROLE {reader} LOGIN; GRANT SELECT ON answers, \"knowledge-elements\" TO {reader};
         CREATE FUNCTION base() RETURNS int LANGUAGE sql AS 'SELECT 7';
         CREATE FUNCTION first() RETURNS int LANGUAGE sql AS 'SELECT base()';
         ALTER TABLE answers ALTER \"assessmentId\" SET DEFAULT first();
         CREATE RULE seen AS ON INSERT TO \"knowledge-elements\" DO ALSO SELECT first()"
    ));
    // Its default and rule find their functions with a search path only; COPY runs neither.
    scene.backup_again();
    // Names of the target's catalog come with quotes, the source's without.
    let role = &scene.warehouse.role;
    let quotes = format!("ALTER ROLE {role} SET quote_all_identifiers = on");
    scene.warehouse.database.execute(&quotes);
    let readers = scene.source.url().replace("user=postgres", &format!("user={reader}"));
    let night = || scene.incremental(scene.night()).env("SOURCE_DATABASE_URL", &readers);
    night().succeed();
    let users = || scene.warehouse.database.query("SELECT 'users'::regclass::oid");
    let before = users();
    for (breaks, mends, problem) in [
        (
            "ALTER TABLE answers ADD COLUMN note text",
            "ALTER TABLE answers DROP COLUMN note",
            "ALTER TABLE public.answers ADD COLUMN note text;",
        ),
        (
            "ALTER TYPE \"answer-result\" ADD VALUE 'late'",
            "",
            "ALTER TYPE public.\"answer-result\" ADD VALUE 'late' AFTER 'aband';",
        ),
    ] {
        scene.source.execute(breaks);
        for dry in [&["--dry-run"][..], &[]] {
            let failed = night().args(dry).run().expect_code(1);
            let said = if dry.is_empty() { failed.stderr() } else { failed.stdout() };
            assert!(said.contains(problem), "{failed}");
        }
        let error = scene.record()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with("nothing was dropped, because 1 table could"), "{error}");
        assert_eq!(users(), before, "{breaks}");
        if !mends.is_empty() {
            scene.source.execute(mends);
        }
    }
    scene.warehouse.execute("ALTER TYPE \"answer-result\" ADD VALUE 'late'").await;
    // The columns that are copied are enough: the target computes this one.
    scene
        .warehouse
        .execute("ALTER TABLE answers ADD twice bigint GENERATED ALWAYS AS (id * 2) STORED")
        .await;
    let (revoke, grant) = (
        "REVOKE INSERT ON answers FROM",
        "GRANT INSERT (id, \"assessmentId\", \"challengeId\", result, \"createdAt\") ON answers TO",
    );
    for (breaks, mends, problem) in [
        (format!("{revoke} {role}"), format!("{grant} {role}"), "a privilege in the target (GRANT"),
        (
            "ALTER TABLE answers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY".to_owned(),
            "ALTER TABLE answers NO FORCE ROW LEVEL SECURITY".to_owned(),
            "(hint: ALTER TABLE public.answers NO FORCE ROW LEVEL SECURITY, or",
        ),
    ] {
        scene.warehouse.execute(&breaks).await;
        let failed = night().run().expect_code(1);
        assert!(failed.stderr().contains(problem), "{failed}");
        assert_eq!(users(), before, "{breaks}");
        scene.warehouse.execute(&mends).await;
    }
    let revoke = format!("REVOKE SELECT ON \"knowledge-elements\" FROM {reader}");
    scene.source.execute(&revoke);
    let failed = night().run().expect_code(1);
    assert!(failed.stderr().contains("lacks a privilege in the source"), "{failed}");
    assert_eq!(users(), before);
    scene.source.execute(&format!("GRANT SELECT ON \"knowledge-elements\" TO {reader}"));
    // Column privileges are enough, as for COPY.
    scene.source.execute(&format!(
        "REVOKE SELECT ON answers FROM {reader}; GRANT SELECT (id, \"assessmentId\", \
         \"challengeId\", result, \"createdAt\") ON answers TO {reader}"
    ));
    grow(&scene.source, 4400);
    night().succeed();
    assert_ne!(users(), before);
    assert_eq!(scene.warehouse.database.query("SELECT count(*) FROM answers"), "4400");
    // An unfinished restore is resumed anyway, unless that would drop something.
    let hooks = folder(&[("after-data.sql", "SELECT 1 / 0;")]);
    night().env("HOOKS_DIR", hooks.path()).run().expect_code(1);
    let before = users();
    scene.source.execute("ALTER TABLE answers ADD COLUMN note text");
    // Without the hook the restore is another one, and starts over.
    for from_scratch in [&[][..], &["--from-scratch"]] {
        let failed = night().args(from_scratch).run().expect_code(1);
        assert!(failed.stderr().contains("nothing was dropped, because 1 table could"), "{failed}");
        assert_eq!(users(), before);
    }
    let indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = 'secrets'";
    assert_eq!(scene.warehouse.database.query(indexes), "0");
    std::fs::write(hooks.path().join("after-data.sql"), "SELECT 1;").unwrap();
    let resumed = night().env("HOOKS_DIR", hooks.path()).run().expect_code(1);
    let told = "resuming the unfinished restore; 1 incremental table will not be copied";
    assert!(resumed.stderr().contains(told), "{resumed}");
    assert_eq!(users(), before);
    assert_eq!(scene.warehouse.database.query(indexes), "2", "{resumed}");
    scene.source.execute(&format!("DROP OWNED BY {reader}; DROP ROLE {reader}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn incremental_table_without_a_restore_fails_night_before_drop() {
    let scene = Scene::new("night_lacking").await;
    scene.warehouse.execute("CREATE TABLE yesterday (id int)").await;
    scene.source.execute(
        "CREATE TABLE labelled (id \"answer-result\" UNIQUE); CREATE TABLE written (id json);
         CREATE TABLE guarded (id serial PRIMARY KEY); INSERT INTO guarded VALUES (1);
         ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
         CREATE POLICY odd ON guarded USING (id % 2 = 1)",
    );
    scene.backup_again();
    scene.source.execute("CREATE TABLE later (id serial PRIMARY KEY)");
    let night = |table: &str, exclude: &str| {
        let tool = scene.night().env("SOURCE_DATABASE_URL", scene.source.url());
        let tool = tool.env("BACKUP_MODE", format!("{{\"{table}\":\"incremental\"}}"));
        tool.env("RESTORE_EXCLUDE", exclude)
    };
    let guard = "add \"ROW SECURITY public.guarded\" to RESTORE_EXCLUDE";
    for (table, exclude, problem) in [
        ("later", "[]", "neither the target nor the backup has it (hint: restore a newer backup"),
        ("answers", r#"["TABLE public.answers"]"#, "excludes it or an object it depends on (hint:"),
        ("answers", r#"["TYPE *"]"#, "excludes it or an object it depends on (hint:"),
        ("labelled", "[]", "of type public.\"answer-result\", which cannot be a key"),
        ("written", "[]", "ordering operator for type json"),
        ("guarded", "[]", guard),
    ] {
        for dry in [&["--dry-run"][..], &[]] {
            let failed = night(table, exclude).args(dry).run().expect_code(1);
            let said = if dry.is_empty() { failed.stderr() } else { failed.stdout() };
            assert!(said.contains(problem), "{problem}: {failed}");
        }
        let error = scene.record()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with("nothing was dropped, because 1 table could"), "{error}");
        let is_there = "SELECT to_regclass('yesterday') IS NOT NULL";
        assert_eq!(scene.warehouse.database.query(is_there), "t", "{table}");
    }
    scene.source.execute("INSERT INTO guarded VALUES (2)");
    night("guarded", r#"["ROW SECURITY public.guarded"]"#).succeed();
    assert_eq!(scene.warehouse.database.query("SELECT count(*) FROM guarded"), "2");
}
