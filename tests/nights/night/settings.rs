//! Effects of variables on a whole night that no other test here covers.

use super::scene::{Scene, stages, without_secrets};
use crate::common::{bare_nocturne, fresh_name};

#[tokio::test(flavor = "multi_thread")]
async fn backup_may_be_spooled_file_folder_or_id() {
    let scene = Scene::new("night_places").await;
    let users = || scene.warehouse.database.query("SELECT count(*) FROM users");
    let first = scene.night().env("DOWNLOAD_FIRST", "true").succeed();
    without_secrets(&first);
    let text = first.stderr();
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {first}"));
    assert!(at("stage done stage=\"download\"") < at("stage started stage=\"drop\""));
    assert_eq!(users(), "1000");
    let bytes = scene.record()["stages"][1]["bytes"].as_u64().unwrap();
    let size = std::fs::metadata(scene.folder.path().join("backup.tar.gz")).unwrap().len();
    assert_eq!(bytes, size);

    scene.night().args(["--backup", "5f1"]).succeed();
    assert_eq!(scene.record()["backup"]["id"], "5f1");

    let file = scene.folder.path().join("backup.tar.gz");
    for place in [file.as_path(), scene.folder.path()] {
        let tool = scene.night().env("SCALINGO_API_TOKEN", "").env("SCALINGO_APP", "");
        // The server of the dump may be in another zone.
        tool.env("BACKUP_SOURCE", place).arg("--any-day").succeed();
        assert_eq!(users(), "1000");
        assert_eq!(stages(&scene.record()), "find-backup drop restore enrich");
        let bytes = &scene.record()["stages"][2]["bytes"];
        assert!(bytes.as_u64().unwrap() > 0, "the restore counts the bytes of a file");
    }
    let url = scene.files.url("/elsewhere.tar.gz?signature=secret-signature");
    let finished = scene.night().env("BACKUP_SOURCE", url).arg("--any-day").succeed();
    without_secrets(&finished);
    assert_eq!(users(), "1000");
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_prints_the_settings_and_touches_nothing() {
    let scene = Scene::with("night_dry", "CREATEDB").await;
    let finished = scene.night().args(["--dry-run", "--jobs", "8", "--swap"]).succeed();
    without_secrets(&finished);
    let text = finished.stdout();
    for line in ["PG_RESTORE_JOBS", "SWAP", "knowledge-elements"] {
        assert!(text.contains(line), "{finished}");
    }
    assert!(!text.contains("SCHEDULE  "), "a run has no schedule: {finished}");
    assert_eq!(scene.told().await.len(), 0);
    let records = "SELECT to_regclass('nocturne.runs') IS NULL";
    assert_eq!(scene.warehouse.database.query(records), "t");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_problems_are_reported_at_once() {
    let wrong =
        bare_nocturne().arg("run").env("MIN_TIMEOUT", "soon").env("BACKUP_MODE", "[]").run();
    let wrong = wrong.expect_code(2);
    for name in ["SCALINGO_APP", "SCALINGO_API_TOKEN", "DATABASE_URL", "MIN_TIMEOUT", "BACKUP_MODE"]
    {
        assert!(wrong.stderr().contains(name), "{name}: {wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_gets_the_outcome_under_its_old_variable() {
    let scene = Scene::new("night_told").await;
    let url = format!("[\"{}/hooks/word-in-a-path\"]", scene.host.server.uri());
    let tool = scene.night().env("NOTIFICATIONS", "").env("NOTIFICATION_URLS", url);
    without_secrets(&tool.succeed());
    let told = scene.told().await;
    assert_eq!(told.len(), 1);
    let message = &told[0];
    assert_eq!(message["status"], "succeeded");
    assert_eq!(message["app"], "pix-datawarehouse");
    assert_eq!(message["trigger"], "manual");
    assert_eq!(message["backup"]["id"], "5f2");
    // users, assessments, elements, learners, secrets, skills
    assert_eq!(message["rows"], 1000 + 2000 + 400 + 500 + 200 + 200);
    assert_eq!(message["entries"]["failed"], 0);
    let text = message["text"].as_str().unwrap();
    assert!(text.starts_with("nocturne (pix-datawarehouse): run succeeded after "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_of_others_stay_and_are_not_recreated() {
    let scene = Scene::new("night_shared").await;
    scene.night().succeed();
    // An analyst's view in one of the warehouse's own schemas.
    let role = fresh_name("analyst");
    scene.warehouse.database.execute(&format!(
        "CREATE ROLE {role}; GRANT ALL ON SCHEMA learning TO {role}; SET ROLE {role};
         CREATE TABLE learning.notes (id int); RESET ROLE"
    ));
    let finished = scene.night().succeed();
    let said = "schema learning is kept: other roles have objects in it";
    assert!(finished.stderr().contains(said), "{finished}");
    let there = "SELECT to_regclass('learning.notes') IS NOT NULL, count(*) FROM learning.skills";
    assert_eq!(scene.warehouse.database.query(there), "t|200");
    scene.warehouse.database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn archive_in_another_format_is_also_a_backup() {
    let scene = Scene::new("night_tar").await;
    let path = scene.folder.path().join("pix.tar");
    scene.source.pg_dump(&["--format=tar", "--file"]).arg(&path).succeed();
    scene.night().env("BACKUP_SOURCE", &path).arg("--any-day").succeed();
    assert_eq!(scene.warehouse.database.query("SELECT count(*) FROM users"), "1000");
}
