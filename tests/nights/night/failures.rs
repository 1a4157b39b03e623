//! Failed nights: what is left, what is reported, and whether they are retried.

use serde_json::json;

use super::scene::{Scene, stages, without_secrets};
use crate::common::{Beside, folder, nocturne};
use crate::host::backups_path;

/// Settings that make a second attempt start at once.
fn tried_again(tool: crate::common::Tool, times: &str) -> crate::common::Tool {
    tool.env("MAX_RETRY_COUNT", times).env("MIN_TIMEOUT", "1").env("MAX_TIMEOUT", "1")
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_backup_is_retried_and_next_night_succeeds() {
    let scene = Scene::new("night_cut").await;
    let whole = std::fs::read(scene.folder.path().join("backup.tar.gz")).unwrap();
    scene.serve(whole[..whole.len() * 2 / 3].to_vec());
    let failed = tried_again(scene.night(), "1").env("NOCTURNE_LOG", "trace").run().expect_code(1);
    without_secrets(&failed);
    let record = scene.record();
    assert_eq!(record["attempts"], 2, "{failed}");
    assert_eq!(record["outcome"], "failed");
    let error = record["error"].as_str().unwrap();
    assert!(error.contains("the restore ended early") && error.contains("tar.gz"), "{error}");
    // The second attempt has nothing to drop.
    assert_eq!(stages(&record), "find-backup download restore!");
    // Whole tables or none: no part of a truncated row.
    let counts = "SELECT count(*) IN (0, 1000) FROM users";
    assert_eq!(scene.warehouse.database.query(counts), "t");
    let told = scene.told().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["status"], "failed");
    assert_eq!(told[0]["attempts"], 2);

    assert!(failed.stderr().contains("resuming the restore of this backup"), "{failed}");

    scene.serve(whole);
    let went_on = scene.night().succeed();
    assert!(went_on.stderr().contains("entries already done"), "{went_on}");
    assert_eq!(stages(&scene.record()), "find-backup download restore enrich");
    assert_eq!(scene.warehouse.database.query("SELECT count(*) FROM users"), "1000");
    assert_eq!(scene.record()["outcome"], "succeeded");
    assert_eq!(scene.told().await[1]["status"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_entry_stops_nothing_and_is_not_retried() {
    let scene = Scene::new("night_entry").await;
    // Only a superuser may create one, so pg_dump writes it and the warehouse refuses it.
    scene.source.execute(
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION watch()",
    );
    scene.backup_again();
    let finished = tried_again(scene.night(), "3").run().expect_code(1);
    let record = scene.record();
    assert_eq!(record["attempts"], 1);
    assert_eq!(record["entries"]["failed"], 1);
    assert_eq!(stages(&record), "find-backup download drop restore! enrich");
    let error = record["error"].as_str().unwrap();
    let expected = "1 entry could not be restored, the first: EVENT TRIGGER watcher: \
                    permission denied to create event trigger";
    assert!(error.starts_with(expected), "{error}");
    let last = finished.stderr().lines().last().unwrap().to_owned();
    assert!(last.starts_with("nocturne: 1 entry "), "{finished}");
    let enriched = "SELECT to_regclass('students') IS NOT NULL, count(*) FROM users";
    assert_eq!(scene.warehouse.database.query(enriched), "t|1000");
}

#[tokio::test(flavor = "multi_thread")]
async fn manual_run_completes_backup_after_a_failed_entry() {
    let scene = Scene::new("night_mended").await;
    scene.night().succeed();
    let expected = scene.state();
    // A view of a hook is in the way, which no check before the drop can know.
    let hooks = folder(&[("before-restore.sql", "CREATE VIEW public.\"user-days\" AS SELECT 1;")]);
    scene.night().env("HOOKS_DIR", hooks.path()).run().expect_code(1);
    let error = scene.record()["error"].as_str().unwrap().to_owned();
    let said = "VIEW public.user-days: relation \"user-days\" already exists";
    assert!(error.contains(said), "{error}");
    scene.warehouse.database.execute("DROP VIEW \"user-days\"");
    let mended = scene.night().env("HOOKS_DIR", hooks.path()).succeed();
    assert!(mended.stderr().contains("resuming the restore of this backup"), "{mended}");
    assert_eq!(stages(&scene.record()), "find-backup download restore enrich");
    assert_eq!(scene.state(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicting_table_of_a_superuser_is_not_retried() {
    let scene = Scene::new("night_in_the_way").await;
    scene.warehouse.database.execute("CREATE TABLE secrets (id int)");
    let state = scene.state();
    let failed = tried_again(scene.night(), "3").run().expect_code(1);
    let record = scene.record();
    assert_eq!(record["attempts"], 1, "{failed}");
    let error = record["error"].as_str().unwrap();
    let said = "nothing was dropped, because 1 entry could not be restored, the first: TABLE \
                public.secrets already exists, owned by role postgres (hint: ";
    assert!(error.starts_with(said), "{error}");
    assert_eq!(scene.state(), state, "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn day_without_a_backup_leaves_the_target_unchanged() {
    let scene = Scene::new("night_none").await;
    scene.warehouse.execute("CREATE TABLE yesterday (id int)").await;
    let yesterday = crate::host::backup("5f1", "2020-10-21T00:00:12Z", "done", None);
    let list = json!({"database_backups": [yesterday]});
    let answer = wiremock::ResponseTemplate::new(200).set_body_json(list);
    scene.host.instead(&backups_path(), answer, None).await;
    let failed = tried_again(scene.night(), "2").run().expect_code(1);
    let record = scene.record();
    // It may arrive later.
    assert_eq!(record["attempts"], 3);
    assert_eq!(stages(&record), "find-backup!");
    assert!(failed.stderr().contains("the newest is 5f1 of 2020-10-21"), "{failed}");
    let there = "SELECT to_regclass('yesterday') IS NOT NULL, to_regclass('users') IS NULL";
    assert_eq!(scene.warehouse.database.query(there), "t|t");
    scene.night().arg("--any-day").succeed();
    assert_eq!(scene.record()["backup"]["id"], "5f1");
    let there = "SELECT to_regclass('yesterday') IS NULL, to_regclass('users') IS NOT NULL";
    assert_eq!(scene.warehouse.database.query(there), "t|t");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_sql_files_fail_night_before_drop() {
    let scene = Scene::new("night_files").await;
    scene.warehouse.execute("CREATE TABLE yesterday (id int)").await;
    let broken = folder(&[("a.sql", "\\i other.sql\n"), ("after-restore.sql", "\\i x\n")]);
    for (variable, path) in [
        ("ENRICHMENT_DIR", broken.path().to_owned()),
        ("ENRICHMENT_DIR", broken.path().join("nowhere")),
        ("HOOKS_DIR", broken.path().join("nowhere")),
    ] {
        let failed = tried_again(scene.night(), "3").env(variable, &path).run().expect_code(1);
        assert!(failed.stderr().contains(path.to_str().unwrap()), "{failed}");
        assert_eq!(scene.record()["attempts"], 1, "{failed}");
    }
    let there = "SELECT to_regclass('yesterday') IS NOT NULL";
    assert_eq!(scene.warehouse.database.query(there), "t");
    // If no folder was configured, none has to exist.
    scene.night().current_dir(broken.path()).succeed();
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_enrichment_file_does_not_stop_the_others() {
    let scene = Scene::new("night_enrich").await;
    let files = folder(&[
        ("a.sql", "-- requires-table: users\nCREATE VIEW a AS SELECT no_such_column FROM users;"),
        ("b.sql", "-- requires-table: users\nCREATE VIEW b AS SELECT id FROM users;"),
        ("c.sql", "-- requires-table: answers\nCREATE VIEW c AS SELECT id FROM answers;"),
    ]);
    let failed =
        tried_again(scene.night(), "3").env("ENRICHMENT_DIR", files.path()).run().expect_code(1);
    let record = scene.record();
    assert_eq!(record["attempts"], 1, "{failed}");
    assert_eq!(stages(&record), "find-backup download drop restore enrich!");
    assert!(record["error"].as_str().unwrap().starts_with("1 file of the enrichment failed"));
    let views = "SELECT string_agg(viewname, ' ' ORDER BY 1) FROM pg_views WHERE viewname ~ '^.$'";
    assert_eq!(scene.warehouse.database.query(views), "b");
    assert!(failed.stderr().contains("c.sql: skipped: table answers does not exist"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lingering_readers_are_named_and_night_is_retried() {
    let scene = Scene::new("night_readers").await;
    scene.warehouse.execute("CREATE TABLE yesterday (id int)").await;
    let reader = scene.warehouse.session().await;
    reader.execute("BEGIN; SELECT * FROM public.yesterday").await.unwrap();
    let tool = tried_again(scene.night(), "1").env("DROP_TIMEOUT_MS", "100");
    let failed = tool.run().expect_code(1);
    assert_eq!(scene.record()["attempts"], 2, "{failed}");
    let said = "cannot drop table public.yesterday: it is in use by process ";
    assert!(failed.stderr().contains(said), "{failed}");
    drop(reader);
}

#[tokio::test(flavor = "multi_thread")]
async fn saved_report_equals_the_report_of_its_log() {
    let scene = Scene::new("night_report").await;
    for format in ["text", "json"] {
        let finished = scene.night().env("LOG_FORMAT", format).env("LANG", "fr_FR.UTF-8").succeed();
        without_secrets(&finished);
        let log = scene.folder.path().join("log");
        std::fs::write(&log, finished.stderr()).unwrap();
        let read = nocturne().args(["report", "--lang", "fr"]).arg(&log).succeed().stdout();
        let kept = scene.record()["report"].as_str().unwrap().to_owned();
        // Except for the seconds: the log has the one in which the run's last line was written.
        assert_eq!(shape(&read), shape(&kept), "{format}");
        assert!(kept.starts_with("Durée de récupération du backup: 0h 0min "), "{kept}");
        assert!(kept.contains("\n\tTABLE DATA public."), "{kept}");
        assert!(
            kept.lines().all(|line| finished.stderr().contains(line.trim_start())),
            "{finished}"
        );
    }
}

/// A report without its numbers and the order of entries that they determine.
fn shape(report: &str) -> Vec<String> {
    let mut lines: Vec<String> = report
        .lines()
        .filter(|line| !line.starts_with('\t'))
        .map(|line| line.split(|c: char| c.is_ascii_digit()).next().unwrap().to_owned())
        .collect();
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailable_target_is_waited_for() {
    let server = crate::common::Cluster::start(super::scene::MAJOR, &[]);
    let scene = Scene::on(&server, "night_gone", "").await;
    scene.night().succeed();
    let expected = scene.state();
    let gate = scene.gate().await;
    let proxy = crate::common::Proxy::start(&server);
    let url = proxy.url(&scene.warehouse.database);
    let url = url.replace("postgres@", &format!("{}@", scene.warehouse.role));
    let hooks = folder(&[("after-data.sql", super::scene::GATE)]);
    let tool =
        tried_again(scene.night(), "100").env("MAX_TIMEOUT", "300").env("MIN_TIMEOUT", "300");
    let tool = tool.env("DATABASE_URL", url).env("HOOKS_DIR", hooks.path());
    let night = Beside::start(tool);
    scene.wait_at_the_gate();
    // A crash: every session ends, and the server is unavailable until it has recovered.
    proxy.refuse(true);
    let backend = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                   AND wait_event = 'advisory'";
    let pid = scene.warehouse.database.query(backend);
    crate::common::Tool::new("sh").args(["-c", &format!("kill -s KILL {pid}")]).succeed();
    drop(gate);
    // The first attempt was interrupted, and another one has not found the server.
    night.wait_for("retrying in", 2);
    proxy.refuse(false);
    let finished = night.end().expect_code(0);
    let record = scene.record();
    assert!(record["attempts"].as_u64().unwrap() > 2, "{finished}");
    assert_eq!(record["outcome"], "succeeded");
    assert_eq!(scene.state(), expected);
}
