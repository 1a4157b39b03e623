//! A backup that is already restored is not restored again unless requested.

use serde_json::Value;

use super::scene::{GATE, Scene, stages};
use super::source::grow;
use crate::common::{Beside, Tool, folder};
use crate::host::archive_path;

impl Scene<'_> {
    /// Shows that the table was created anew.
    fn users(&self) -> String {
        self.warehouse.database.query("SELECT 'users'::regclass::oid")
    }

    /// Starts a worker and stops it when a condition holds.
    fn worker_until(&self, change: impl Fn(Tool) -> Tool, condition: &str) {
        let worker = change(self.command("worker").env("SCHEDULE", "* * * * * *"));
        let worker = Beside::start(worker);
        self.warehouse.database.wait_until(condition);
        worker.signal("TERM");
        worker.end().expect_code(0);
    }

    /// The successful runs, oldest first: ID, and which run had restored the backup.
    fn succeeded(&self) -> Vec<(String, Value)> {
        let sql = "SELECT pg_catalog.json_agg(pg_catalog.json_build_array(id, \
                   record->'restored_by') ORDER BY started_at) FROM nocturne.runs \
                   WHERE outcome = 'succeeded'";
        let all: Vec<(String, Value)> =
            serde_json::from_str(&self.warehouse.database.query(sql)).unwrap();
        all
    }
}

const TWICE: &str = "EXISTS (SELECT FROM nocturne.runs WHERE outcome = 'succeeded' \
                     AND record->>'restored_by' IS NOT NULL)";

#[tokio::test(flavor = "multi_thread")]
async fn second_scheduled_run_of_backup_only_copies_rows() {
    let scene = Scene::new("night_again").await;
    scene.source.execute("CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM answers");
    scene.backup_again();
    let incremental = |tool| scene.incremental(tool);
    incremental(scene.night()).succeed();
    let (users, first) = (scene.users(), scene.record()["id"].clone());
    grow(&scene.source, 4400);
    scene.worker_until(incremental, TWICE);
    assert_eq!(scene.users(), users);
    let again = scene.succeeded();
    assert_eq!(again[1].1, first);
    let told = scene.told().await;
    assert_eq!(told[1]["restored_by"], first);
    let counts = "SELECT (SELECT count(*) FROM answers), (SELECT n FROM counted)";
    assert_eq!(scene.warehouse.database.query(counts), "4400|4400");

    // Other settings are another night; so is another enrichment.
    let anew = |since: usize| {
        format!(
            "(SELECT count(*) > {since} FROM nocturne.runs WHERE outcome = 'succeeded' \
             AND record->>'restored_by' IS NULL)"
        )
    };
    let other = folder(&[("a.sql", "CREATE VIEW a AS SELECT 1 AS b;")]);
    let enriched = |tool: Tool| incremental(tool).env("ENRICHMENT_DIR", other.path());
    scene.worker_until(enriched, &anew(1));
    assert_ne!(scene.users(), users);
    let users = scene.users();
    scene.worker_until(|tool| enriched(tool).env("RESTORE_FK_CONSTRAINTS", "true"), &anew(2));
    assert_ne!(scene.users(), users);
    // Manually dropped objects are missing.
    scene.command("drop-objects").succeed();
    scene.worker_until(|tool| enriched(tool).env("RESTORE_FK_CONSTRAINTS", "true"), &anew(3));
    // A manual run is an explicit request.
    let users = scene.users();
    scene.night().succeed();
    assert_ne!(scene.users(), users);
    // And so is a worker told to start from scratch.
    scene.worker_until(|tool| tool.env("FROM_SCRATCH", "true"), &anew(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn run_that_waited_for_same_backup_does_nothing() {
    let scene = Scene::new("night_waited").await;
    let gate = scene.gate().await;
    let hooks = folder(&[("after-restore.sql", GATE)]);
    let night = || scene.night().env("HOOKS_DIR", hooks.path());
    let first = Beside::start(night());
    scene.wait_at_the_gate();
    let users = scene.users();
    let retries = night().env("MAX_RETRY_COUNT", "1000").env("MIN_TIMEOUT", "50");
    let second = Beside::start(retries.env("MAX_TIMEOUT", "50"));
    second.wait_for("another run is using this target", 1);
    drop(gate);
    first.end().expect_code(0);
    let second = second.end().expect_code(0);
    assert!(second.stderr().contains("already restored this backup"), "{second}");
    let report = scene.record()["report"].to_string();
    assert!(report.contains(": complete, backup already restored\\n"), "{report}");
    assert_eq!(scene.users(), users);
    let ids = scene.succeeded();
    assert_eq!(ids[1].1, Value::from(ids[0].0.clone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_failed_copy_skips_download_and_restore() {
    let scene = Scene::new("night_copy_failed").await;
    let gate = scene.gate().await;
    let hooks = folder(&[("after-restore.sql", GATE)]);
    let night = || scene.incremental(scene.night()).env("HOOKS_DIR", hooks.path());
    // The source changes after the drop.
    let first = Beside::start(night());
    scene.wait_at_the_gate();
    scene.source.execute("ALTER TABLE answers ADD COLUMN note text");
    drop(gate);
    let failed = first.end().expect_code(1);
    assert!(failed.stderr().contains("ADD COLUMN note text"), "{failed}");
    assert_eq!(
        stages(&scene.record()),
        "find-backup download drop restore hooks incremental! enrich"
    );
    scene.source.execute("ALTER TABLE answers DROP COLUMN note");
    grow(&scene.source, 4400);
    let downloads = scene.host.count(&archive_path("5f2")).await;
    let users = scene.users();
    let again = night().succeed();
    assert!(again.stderr().contains("continuing after the restore"), "{again}");
    assert_eq!(stages(&scene.record()), "find-backup hooks incremental enrich");
    let report = scene.record()["report"].to_string();
    for line in
        [": complete, backup already restored\\n", "\\nIncremental copy: ", "\\nEnrichment: "]
    {
        assert!(report.contains(line) && !report.contains("no line"), "{line}: {report}");
    }
    assert_eq!(scene.host.count(&archive_path("5f2")).await, downloads);
    assert_eq!(scene.users(), users);
    assert_eq!(scene.warehouse.database.query("SELECT count(*) FROM answers"), "4400");
    // An explicit request is honoured.
    night().arg("--from-scratch").succeed();
    assert_ne!(scene.users(), users);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_scratch_drops_what_an_unfinished_attempt_restored() {
    let scene = Scene::new("night_scratch").await;
    let hooks = folder(&[("after-data.sql", "SELECT 1 / 0;")]);
    let failed = scene.night().env("HOOKS_DIR", hooks.path()).run().expect_code(1);
    // Nothing in the log recommends an option that `run` does not have.
    assert!(!failed.stderr().contains("--resume"), "{failed}");
    let users = scene.users();
    let planned = |args: &[&str]| {
        let plan = scene.night().arg("--dry-run").args(args).succeed().stdout();
        let resumed = plan.contains("an unfinished restore of this backup will be resumed");
        (
            resumed,
            plan.contains("already restored this backup"),
            plan.contains("  table public.users\n"),
        )
    };
    assert_eq!(planned(&[]), (true, false, false));
    assert_eq!(planned(&["--from-scratch"]), (false, false, true));
    let again = scene.night().arg("--from-scratch").succeed();
    assert_eq!(stages(&scene.record()), "find-backup download drop restore enrich", "{again}");
    assert_ne!(scene.users(), users);
    assert_eq!(planned(&[]), (false, true, true));
    assert_eq!(planned(&["--from-scratch"]), (false, false, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn incremental_only_run_is_recorded_and_reported() {
    let scene = Scene::new("night_copy_alone").await;
    scene.incremental(scene.night()).succeed();
    grow(&scene.source, 4400);
    scene.incremental(scene.command("incremental")).env("REPORT_LANG", "fr").succeed();
    let record = scene.record();
    assert_eq!((&record["mode"], &record["outcome"]), (&"incremental".into(), &"succeeded".into()));
    assert!(record["report"].as_str().unwrap().contains("Durée totale"), "{record}");
    let told = scene.told().await;
    assert_eq!(told[1]["mode"], "incremental");
    let sentence = told[1]["text"].as_str().unwrap();
    assert!(sentence.contains("incremental copy succeeded after "), "{sentence}");
    scene.source.execute("ALTER TABLE answers ADD COLUMN n int NOT NULL DEFAULT 7");
    let failed = scene.incremental(scene.command("incremental")).run().expect_code(1);
    assert!(failed.stderr().contains("ADD COLUMN n integer DEFAULT 7 NOT NULL;"), "{failed}");
    assert_eq!(scene.told().await[2]["status"], "failed");
}
