//! Nights that restore into a new database beside the old one.

use super::scene::{Scene, stages, without_secrets};
use super::source::grow;
use crate::common::{Beside, Database, folder};
use nocturne::replicate::swap::Names;
use nocturne::server::{Session, SessionSettings};

/// A hook that waits for a table.
pub const WAITS: &str = "DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'go') LOOP PERFORM pg_sleep(0.05); END LOOP;
END $$;";

/// Whether that hook waits in this database.
pub fn waits_in(database: &Database<'_>) -> String {
    let name = &database.name;
    format!(
        "EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{name}' AND wait_event = 'PgSleep')"
    )
}

/// Handles that drop the other databases at the end.
pub fn others<'a>(scene: &Scene<'a>) -> [Database<'a>; 2] {
    let database = &scene.warehouse.database;
    let names = Names::of(&database.name);
    [names.next, names.previous].map(|name| database.cluster.adopt_db(name))
}

/// Drops the previous night's database.
pub fn drop_others(scene: &Scene<'_>) {
    let database = &scene.warehouse.database;
    let drop = format!("DROP DATABASE \"{}\"", Names::of(&database.name).previous);
    database.cluster.psql("postgres").args(["--command", &drop]).succeed();
}

pub fn exists(database: &Database<'_>) -> bool {
    let sql = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", database.name);
    let psql = database.cluster.psql("postgres").args(["-At", "--command", &sql]).succeed();
    psql.stdout().trim() == "1"
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_old_rows_until_swap() {
    let scene = Scene::with("night_swap", "CREATEDB").await;
    let [next, previous] = others(&scene);
    scene.night().succeed();
    let first = scene.state();
    grow(&scene.source, 6000);
    scene.backup_again();
    // Everything is restored, and the hook waits until a reader has seen the old database.
    let hooks = folder(&[("after-restore.sql", WAITS)]);
    let night = Beside::start(scene.night().arg("--swap").env("HOOKS_DIR", hooks.path()));
    let warehouse = &scene.warehouse.database;
    warehouse.wait_until(&waits_in(&next));
    assert_eq!(scene.state(), first);
    // A superuser may connect to it, and no other role.
    next.execute("CREATE TABLE go ()");
    let finished = night.end().expect_code(0);
    without_secrets(&finished);
    assert_eq!(warehouse.query("SELECT count(*) FROM users"), "1500", "{finished}");
    assert_eq!(previous.query("SELECT count(*) FROM users"), "1000");
    assert!(!exists(&next));
    assert_ne!(scene.state(), first);
    // The records were carried over, with that of the swap itself.
    let record = scene.record();
    assert_eq!(record["outcome"], "succeeded");
    assert_eq!(stages(&record), "find-backup download drop restore hooks enrich swap");
    assert_eq!(warehouse.query("SELECT count(*) FROM nocturne.runs"), "2");
    warehouse.execute("DROP TABLE go");
    // A third one replaces the second.
    scene.night().arg("--swap").succeed();
    assert_eq!(previous.query("SELECT count(*) FROM users"), "1500");
    assert_eq!(warehouse.query("SELECT count(*) FROM nocturne.runs"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_night_leaves_the_old_database_unchanged() {
    let scene = Scene::with("night_swap_fails", "CREATEDB").await;
    let [next, previous] = others(&scene);
    scene.night().succeed();
    let state = scene.state();
    let whole = std::fs::read(scene.folder.path().join("backup.tar.gz")).unwrap();
    // Interrupted: another attempt continues there.
    scene.serve(whole[..whole.len() / 2].to_vec());
    scene.night().arg("--swap").run().expect_code(1);
    assert!(exists(&next) && !exists(&previous));
    assert_eq!(scene.state(), state);
    scene.serve(whole);
    // A run that cannot inspect the existing database does not treat it as missing.
    let limit =
        |n: i32| next.execute(&format!("ALTER DATABASE \"{}\" CONNECTION LIMIT {n}", next.name));
    limit(0);
    scene.night().arg("--swap").run().expect_code(1);
    limit(-1);
    let went_on = scene.night().arg("--swap").succeed();
    assert!(went_on.stderr().contains("resuming the restore of this backup"), "{went_on}");
    assert!(!exists(&next) && exists(&previous));
    assert_eq!(scene.state(), state);
    // An entry that the role may not create: no further attempt would succeed.
    scene.source.execute(
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION watch()",
    );
    scene.backup_again();
    let failed = scene.night().arg("--swap").run().expect_code(1);
    assert!(failed.stderr().contains("the new database is incomplete"), "{failed}");
    assert!(failed.stderr().contains("; the old one is unchanged"), "{failed}");
    assert_eq!(scene.state(), state);
    assert!(!exists(&next));
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_night_succeeds_despite_failed_cleanup() {
    let scene = Scene::with("night_swap_untidy", "CREATEDB").await;
    let [next, _previous] = others(&scene);
    let hooks = folder(&[("after-restore.sql", WAITS)]);
    let night = Beside::start(scene.night().arg("--swap").env("HOOKS_DIR", hooks.path()));
    let warehouse = &scene.warehouse.database;
    warehouse.wait_until(&waits_in(&next));
    // Only a superuser may connect, here and, as the limit is copied, in the new one.
    warehouse.execute(&format!("ALTER DATABASE \"{}\" CONNECTION LIMIT 0", warehouse.name));
    next.execute("CREATE TABLE go ()");
    let finished = night.end().expect_code(0);
    assert!(
        finished.stderr().contains("cannot delete the record of an unfinished restore"),
        "{finished}"
    );
    assert_eq!(warehouse.query("SELECT count(*) FROM users"), "1000", "{finished}");
}

/// The current holder of the lock on the target.
const HOLDER: &str = "SELECT COALESCE(max(l.pid), 0) FROM pg_locks l \
    JOIN pg_stat_activity a ON a.pid = l.pid AND a.application_name = 'nocturne lock' \
    WHERE l.locktype = 'advisory' AND l.granted AND l.database = \
        (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread")]
async fn other_runs_cannot_start_between_rename_attempts() {
    let scene = Scene::with("night_swap_tries", "CREATEDB").await;
    let [next, _previous] = others(&scene);
    let warehouse = &scene.warehouse.database;
    let url = warehouse.url();
    let options = nocturne::server::ConnectOptions { dbname: Some(url), ..Default::default() };
    let superuser = nocturne::server::Target::resolve(&options, &|_| None).unwrap();
    // It cannot be terminated, so the first attempt fails.
    let in_the_way = Session::connect(&superuser, &SessionSettings::default()).await.unwrap();
    let hooks = folder(&[("after-restore.sql", WAITS)]);
    let night = Beside::start(scene.night().arg("--swap").env("HOOKS_DIR", hooks.path()));
    warehouse.wait_until(&waits_in(&next));
    let first = warehouse.query(HOLDER);
    assert_ne!(first, "0");
    next.execute("CREATE TABLE go ()");
    warehouse.wait_until(&format!("({HOLDER}) NOT IN (0, {first})"));
    night.signal("TERM");
    let finished = night.end().expect_code(130);
    assert!(finished.stderr().contains("retrying: "), "{finished}");
    assert!(exists(&next));
    drop(in_the_way);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_createdb_privilege_is_reported_before_drop() {
    let scene = Scene::new("night_swap_role").await;
    scene.warehouse.execute("CREATE TABLE yesterday (id int)").await;
    let failed = scene.night().env("SWAP", "true").run().expect_code(1);
    let said = "the role may not create databases (it lacks CREATEDB)";
    assert!(failed.stderr().contains(said), "{failed}");
    assert_eq!(scene.record()["attempts"], 1);
    let there = "SELECT to_regclass('yesterday') IS NOT NULL";
    assert_eq!(scene.warehouse.database.query(there), "t");
}
