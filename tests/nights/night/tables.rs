//! The result for each table by its mode, and the hooks between the stages.

use super::scene::{Scene, stages, without_secrets};
use super::source::grow;
use super::swapped::exists;
use crate::common::{folder, fresh_name};
use nocturne::replicate::swap::Names;

#[tokio::test(flavor = "multi_thread")]
async fn foreign_keys_join_only_fully_restored_tables() {
    let scene = Scene::new("night_modes").await;
    let modes = r#"{"secrets":"schema-only","element-*":"none","knowledge-elements":"none",
        "learning.*":"schema-only","no-such-table":"none"}"#;
    let finished =
        scene.night().env("BACKUP_MODE", modes).env("RESTORE_FK_CONSTRAINTS", "true").succeed();
    let warehouse = &scene.warehouse.database;
    let has = |table: &str| warehouse.query(&format!("SELECT to_regclass('{table}') IS NOT NULL"));
    for (table, there) in [
        ("secrets", "t"),
        ("secrets_word_key", "t"),
        ("learning.skills", "t"),
        ("\"element-answers\"", "f"),
        ("\"element-answers_id_seq\"", "f"),
        ("\"knowledge-elements\"", "f"),
        ("answers", "t"),
        ("\"user-answers\"", "t"),
    ] {
        assert_eq!(has(table), there, "{table}");
    }
    let rows = "SELECT (SELECT count(*) FROM secrets), (SELECT count(*) FROM learning.skills), \
                (SELECT count(*) FROM answers)";
    assert_eq!(warehouse.query(rows), "0|0|4000");
    // The keys between fully restored tables, validated.
    let keys = "SELECT string_agg(conname || ' ' || convalidated, ', ' ORDER BY conname) \
                FROM pg_constraint WHERE contype = 'f'";
    let expected = "answers_assessmentId_fkey true, assessments_userId_fkey true, \
                    organization-learners_userId_fkey true";
    assert_eq!(warehouse.query(keys), expected);
    // A name without effect is reported, an old variable's default is not.
    let unused = "no table of the archive matches \"no-such-table\" (none)";
    assert!(finished.stderr().contains(unused), "{finished}");
    assert_eq!(finished.stderr().matches("no table of the archive").count(), 1, "{finished}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_between_the_stages_in_order() {
    let scene = Scene::new("night_hooks").await;
    let log = |stage: &str, what: &str| {
        format!(
            "CREATE SCHEMA IF NOT EXISTS nocturne;
             CREATE TABLE IF NOT EXISTS nocturne.seen (n serial, stage text, what text);
             INSERT INTO nocturne.seen (stage, what) SELECT '{stage}', ({what})::text;"
        )
    };
    let users = "to_regclass('public.users') IS NOT NULL";
    let index = "to_regclass('public.users_pkey') IS NOT NULL";
    let enriched = "to_regclass('public.\"users_createdAt_idx\"') IS NOT NULL";
    let hooks = folder(&[
        ("before-restore.sql", &log("before-restore", &format!("SELECT {users}"))),
        ("after-pre-data/10.sql", &log("after-pre-data", "SELECT count(*) FROM public.users")),
        (
            "after-data.sql",
            &log("after-data", &format!("SELECT count(*) || ' ' || ({index}) FROM public.users")),
        ),
        (
            "after-restore.sql",
            &log("after-restore", &format!("SELECT ({index}) || ' ' || ({enriched})")),
        ),
    ]);
    let finished = scene.night().env("HOOKS_DIR", hooks.path()).succeed();
    let seen = "SELECT string_agg(stage || ': ' || what, ', ' ORDER BY n) FROM nocturne.seen";
    assert_eq!(
        scene.warehouse.database.query(seen),
        "before-restore: false, after-pre-data: 0, after-data: 1000 false, \
         after-restore: true false"
    );
    let record = scene.record();
    assert_eq!(
        stages(&record),
        "find-backup download drop hooks restore hooks hooks hooks enrich",
        "{finished}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_first_load_is_repeated() {
    let scene = Scene::new("night_broken_load").await;
    let hooks = folder(&[("after-data.sql", "SELECT 1 / 0;")]);
    // The hook ends the first night when the rows exist and the keys do not.
    let night = || scene.incremental(scene.night());
    let failed = night().env("HOOKS_DIR", hooks.path()).run().expect_code(1);
    assert!(failed.stderr().contains("after-data.sql, line 1: statement failed (SQLSTATE 22012)"));
    let warehouse = &scene.warehouse.database;
    assert_eq!(warehouse.query("SELECT count(*) FROM answers"), "4000");
    assert_eq!(warehouse.query("SELECT to_regclass('answers_pkey') IS NULL"), "t");
    assert_eq!(warehouse.query("SELECT count(*) FROM nocturne.first_loads"), "2");
    grow(&scene.source, 4400);
    let again = night().succeed();
    without_secrets(&again);
    let said = "loading table public.answers again: its first load was interrupted";
    assert!(again.stderr().contains(said), "{again}");
    assert_eq!(warehouse.query("SELECT count(*) FROM answers"), "4400");
    assert_eq!(warehouse.query("SELECT to_regclass('answers_pkey') IS NULL"), "f");
    assert_eq!(warehouse.query("SELECT count(*) FROM nocturne.first_loads"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_copied_to_another_database_are_not_restored() {
    let scene = Scene::new("night_elsewhere").await;
    let other = scene.warehouse.database.cluster.fresh_db("night_elsewhere_large");
    other.execute(
        "CREATE TYPE \"answer-result\" AS ENUM ('ok', 'ko', 'aband');
         CREATE TABLE answers (id bigint PRIMARY KEY, \"assessmentId\" int, \"challengeId\" text, \
             result \"answer-result\", \"createdAt\" timestamptz)",
    );
    let tool = scene.night().env("SOURCE_DATABASE_URL", scene.source.url());
    let tool = tool.env("TARGET_DATABASE_URL", other.url());
    tool.env("BACKUP_MODE", r#"{"answers":"incremental"}"#).succeed();
    assert_eq!(other.query("SELECT count(*) FROM answers"), "4000");
    let here = "SELECT to_regclass('answers') IS NULL";
    assert_eq!(scene.warehouse.database.query(here), "t");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_get_the_default_privileges_every_night() {
    let scene = Scene::with("night_readers_see", "CREATEDB").await;
    let names = Names::of(&scene.warehouse.database.name);
    let cluster = scene.warehouse.database.cluster;
    let others = [names.next, names.previous].map(|name| cluster.adopt_db(name));
    let reader = fresh_name("reader");
    cluster.psql("postgres").args(["--command", &format!("CREATE ROLE {reader}")]).succeed();
    let grant =
        format!("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {reader}");
    scene.warehouse.execute(&grant).await;
    let privileges = format!(
        "SELECT has_table_privilege('{reader}', 'users', 'SELECT'), \
                has_table_privilege('{reader}', 'students', 'SELECT'), \
                has_table_privilege('{reader}', 'learning.skills', 'SELECT')"
    );
    for arguments in [&[][..], &[], &["--swap"], &[]] {
        let finished = scene.night().args(arguments).succeed();
        // Only the last run is without --swap after one with it.
        let left = finished.stderr().contains("is left over from an earlier swap");
        let is_there = exists(&others[1]) && arguments.is_empty();
        assert_eq!(left, is_there, "{finished}");
        let seen = scene.warehouse.database.query(&privileges);
        assert_eq!(seen, "t|t|f", "{arguments:?}");
    }
    let databases = others.iter().chain([&scene.warehouse.database]);
    for database in databases.filter(|database| exists(database)) {
        database.execute(&format!("DROP OWNED BY {reader}"));
    }
    cluster.psql("postgres").args(["--command", &format!("DROP ROLE {reader}")]).succeed();
}
