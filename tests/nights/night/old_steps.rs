//! The night compared with the steps of the system that it replaces, done by hand with
//! PostgreSQL's own programs: the two databases are equal.

use super::scene::{Scene, stages, without_secrets};
use super::source::grow;
use crate::common::{Database, Tool, dump_without};

/// A second database of the same role.
fn twin<'a>(scene: &Scene<'a>, name: &str) -> Database<'a> {
    let (cluster, role) = (scene.warehouse.database.cluster, &scene.warehouse.role);
    let twin = cluster.fresh_db(name);
    twin.execute(&format!(
        "ALTER DATABASE \"{}\" OWNER TO {role}; GRANT ALL ON SCHEMA public TO {role}; \
         CREATE EXTENSION pg_trgm",
        twin.name
    ));
    twin
}

/// psql as the warehouse's role.
fn psql(scene: &Scene<'_>, twin: &Database<'_>) -> Tool {
    twin.psql().env("PGUSER", &scene.warehouse.role)
}

/// The old restore: a list without some lines, then pg_restore with it, without owners.
fn old_restore(scene: &Scene<'_>, twin: &Database<'_>, left_out: &[&str]) {
    let pg_restore = || twin.cluster.tool("pg_restore").env("PGUSER", &scene.warehouse.role);
    let listed = pg_restore().arg("--list").arg(scene.dump()).succeed().stdout();
    let always = ["COMMENT - EXTENSION", "FK CONSTRAINT"];
    let kept = |line: &&str| !always.iter().chain(left_out).any(|words| line.contains(words));
    let list: Vec<&str> = listed.lines().filter(kept).collect();
    let path = scene.folder.path().join("restore.list");
    std::fs::write(&path, list.join("\n")).unwrap();
    pg_restore()
        .args(["--no-owner", "--no-acl", "--dbname", &twin.name, "--use-list"])
        .arg(&path)
        .arg(scene.dump())
        .succeed();
}

/// The old enrichment, for the tables that exist.
const ENRICHMENT: &str = r#"
CREATE INDEX "users_createdAt_idx" ON users (cast("createdAt" AT TIME ZONE 'UTC+1' as date) DESC);
CREATE VIEW "schooling-registrations" AS SELECT * FROM "organization-learners";
CREATE VIEW students AS SELECT * FROM "schooling-registrations";
"#;

/// The enrichment of the two large tables.
const LARGE: &str = r#"
CREATE INDEX "answers_challengeId_idx" ON answers ("challengeId");
CREATE INDEX "knowledge-elements_createdAt_idx"
    ON "knowledge-elements" (cast("createdAt" AT TIME ZONE 'UTC+1' as date) DESC);
"#;

/// Lines of the list about the two tables or objects built on them.
const ABOUT_LARGE: [&str; 7] = [
    " answers ",
    " answers_id_seq",
    " answers_assessment",
    "knowledge-elements",
    "user-answers",
    "answers answers_pkey",
    "TABLE answers",
];

#[tokio::test(flavor = "multi_thread")]
async fn nights_without_large_tables_match_the_old_steps() {
    let scene = Scene::new("night_old").await;
    let finished = scene.night().env("NOCTURNE_LOG", "trace").succeed();
    without_secrets(&finished);
    let expected = twin(&scene, "night_old_twin");
    old_restore(&scene, &expected, &ABOUT_LARGE);
    psql(&scene, &expected).input(ENRICHMENT).succeed();
    assert_eq_text(&scene.state(), &dump_without(&expected, "nocturne"));
    let record = scene.record();
    assert_eq!(record["outcome"], "succeeded");
    assert_eq!(stages(&record), "find-backup download drop restore enrich");
    assert_eq!(record["backup"]["id"], "5f2");
    assert_eq!(record["entries"]["failed"], 0);
    assert_eq!(record["entries"]["tolerated"], 1, "the comment on the extension");

    // The next night: more rows, one table fewer, a new one.
    grow(&scene.source, 6000);
    scene.source.execute(
        "DROP TABLE \"element-answers\"; CREATE TABLE tutorials (id int PRIMARY KEY); \
         INSERT INTO tutorials VALUES (1)",
    );
    scene.backup_again();
    let again = scene.night().succeed();
    let expected = twin(&scene, "night_old_again");
    old_restore(&scene, &expected, &ABOUT_LARGE);
    psql(&scene, &expected).input(ENRICHMENT).succeed();
    assert_eq_text(&scene.state(), &dump_without(&expected, "nocturne"));
    let view = "VIEW public.user-answers is not restored: it depends on TABLE public.answers";
    assert!(again.stderr().contains(view), "{again}");
    assert_eq!(scene.warehouse.database.query("SELECT count(*) FROM nocturne.runs"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn incremental_tables_load_once_and_then_copy() {
    let scene = Scene::new("night_inc").await;
    let night = || scene.incremental(scene.night());
    // Rows that are newer than the backup.
    grow(&scene.source, 5000);
    let first = night().succeed();
    assert!(
        first.stderr().contains("incremental table public.answers is loaded for the first time")
    );
    let expected = twin(&scene, "night_inc_twin");
    old_restore(&scene, &expected, &[]);
    psql(&scene, &expected).input([ENRICHMENT, LARGE].concat()).succeed();
    old_copy(&scene, &expected);
    assert_eq_text(&scene.state(), &dump_without(&expected, "nocturne"));
    assert_eq!(stages(&scene.record()), "find-backup download drop restore incremental enrich");
    // Each row from its origin.
    let rows = |record: &serde_json::Value, name: &str| {
        let stages = record["stages"].as_array().unwrap();
        stages.iter().find(|stage| stage["name"] == name).unwrap()["rows"].clone()
    };
    assert_eq!(rows(&scene.record(), "incremental"), 2000);
    assert_eq!(notes(&scene), "0");

    // The second night keeps the tables with everything they need, and copies the new rows.
    let oid = "SELECT 'answers'::regclass::oid";
    let before = scene.warehouse.database.query(oid);
    grow(&scene.source, 7000);
    scene.backup_again();
    grow(&scene.source, 7500);
    let second = night().succeed();
    without_secrets(&second);
    assert_eq!(scene.warehouse.database.query(oid), before, "the table is the same one");
    assert_eq!(rows(&scene.record(), "incremental"), 5000);
    let expected = twin(&scene, "night_inc_again");
    // From scratch, with all rows: the same state.
    old_restore(&scene, &expected, &[]);
    psql(&scene, &expected).input([ENRICHMENT, LARGE].concat()).succeed();
    old_copy(&scene, &expected);
    assert_eq_text(&scene.state(), &dump_without(&expected, "nocturne"));
    assert!(second.stderr().contains("TYPE public.answer-result is kept"), "{second}");
    let copied = "last_record_index_before_replication=\"5000\"";
    assert!(second.stderr().contains(copied), "{second}");
}

/// How many first loads are recorded.
fn notes(scene: &Scene<'_>) -> String {
    let sql = "SELECT count(*) FROM nocturne.first_loads";
    scene.warehouse.database.query(sql)
}

/// The old copy, by psql and a pipe.
fn old_copy(scene: &Scene<'_>, twin: &Database<'_>) {
    for table in ["answers", "\"knowledge-elements\""] {
        let max = twin.query(&format!("SELECT max(id) FROM {table}"));
        let copy = format!("COPY (SELECT * FROM {table} WHERE id > {max}) TO STDOUT");
        let rows = scene.source.psql().args(["--command", &copy]).succeed();
        let script = format!("COPY {table} FROM STDIN;\n{}\\.\n", rows.stdout());
        psql(scene, twin).input(script).succeed();
        // nocturne advances the sequence.
        let sequence = format!("pg_get_serial_sequence('{table}', 'id')");
        let set = format!("SELECT setval({sequence}, (SELECT max(id) FROM {table}))");
        psql(scene, twin).args(["--command", &set]).succeed();
    }
}

/// Compares two dumps by line.
fn assert_eq_text(actual: &str, expected: &str) {
    if let Some(difference) = crate::common::compare::difference(actual, expected) {
        panic!("the warehouse (+) differs from the old steps' (-):\n{difference}");
    }
}
