//! Nights that change only what differs, and those that restore everything instead.

use super::case::{Case, WithAnalyst};
use super::scene::{GATE, Scene, stages};
use super::source::grow;
use crate::common::{Beside, Finished, Tool, folder};

const SOURCE: &str = "
CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE answers (id int PRIMARY KEY, word text);
CREATE TABLE campaigns (id int PRIMARY KEY);
CREATE INDEX answers_word ON answers (word);
CREATE VIEW named AS SELECT id FROM users WHERE name <> '';
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM users;
INSERT INTO users (name) SELECT 'user ' || n FROM generate_series(1, 500) n;
INSERT INTO answers SELECT n, md5(n::text) FROM generate_series(1, 500) n;
INSERT INTO campaigns SELECT generate_series(1, 10);
";

/// Changes of rows alone.
const CHANGES: &str = "
UPDATE users SET name = 'renamed' WHERE id = 7;
DELETE FROM users WHERE id % 100 = 0;
INSERT INTO users (name) VALUES ('new');
";

const FULL: &str = "restoring everything tonight: ";

impl Case {
    fn delta(&self, modes: &str) -> Tool {
        self.night(modes).arg("--delta")
    }

    /// A night that only changes what differs: no table is dropped.
    fn applied(&self, night: Tool) -> Finished {
        let before = self.oids();
        let finished = night.succeed();
        assert!(!finished.stderr().contains(FULL), "{finished}");
        assert_eq!(self.oids(), before, "{finished}");
        self.assert_same_rows(&finished);
        finished
    }

    /// A night that restores everything, for this reason.
    fn restored(&self, night: Tool, reason: &str) -> Finished {
        let before = self.oids();
        let finished = night.succeed();
        assert!(finished.stderr().contains(&format!("{FULL}{reason}")), "{finished}");
        assert_ne!(self.oids(), before, "{finished}");
        self.assert_same_rows(&finished);
        finished
    }

    fn oids(&self) -> String {
        self.query("SELECT 'users'::regclass::oid, 'campaigns'::regclass::oid")
    }

    fn assert_same_rows(&self, context: &Finished) {
        for sql in [
            "SELECT count(*), md5(string_agg(u::text, ',' ORDER BY id)) FROM users u",
            "SELECT count(*), md5(string_agg(a::text, ',' ORDER BY id)) FROM answers a",
            "SELECT count(*) FROM campaigns",
            "SELECT last_value, is_called FROM users_id_seq",
        ] {
            assert_eq!(self.query(sql), self.source.query(sql), "{context}");
        }
        let counted = "SELECT n = (SELECT count(*) FROM users) FROM counted";
        assert_eq!(self.query(counted), "t", "{context}");
    }
}

#[test]
fn delta_nights_change_only_what_differs() {
    let case = WithAnalyst::new("delta_rows", SOURCE);
    case.night("{}").succeed();
    let reason = "no earlier night has recorded the warehouse";
    let planned = case.delta("{}").arg("--dry-run").succeed();
    assert!(planned.stdout().contains(reason), "{planned}");
    case.restored(case.delta("{}"), reason);
    let analyst = &case.analyst;
    case.query(&format!("GRANT SELECT ON users TO {analyst}"));
    case.execute_as(analyst, "CREATE VIEW of_analyst AS SELECT count(*) AS n FROM public.users");

    let planned = case.delta("{}").arg("--dry-run").succeed();
    assert!(planned.stdout().contains("  nothing is dropped: only what differs "), "{planned}");
    let unchanged = case.applied(case.delta("{}"));
    assert!(unchanged.stderr().contains("3 of 3 tables unchanged"), "{unchanged}");

    case.source.execute(CHANGES);
    case.dump();
    let patched = case.applied(case.delta("{}"));
    let said = "2 of 3 tables unchanged, 1 patched (2 rows in, 6 out)";
    assert!(patched.stderr().contains(said), "{patched}");
    let delta = "SELECT record->>'delta' FROM nocturne.runs ORDER BY started_at DESC LIMIT 1";
    assert!(case.query(delta).starts_with(said), "{patched}");
    assert_eq!(case.query("SELECT n FROM of_analyst"), "496");
}

#[test]
fn changed_definition_restores_everything_once() {
    let case = Case::new("delta_definition", SOURCE);
    case.delta("{}").succeed();
    case.source.execute("ALTER TABLE campaigns ADD name text");
    case.dump();
    case.restored(case.delta("{}"), "definitions changed: TABLE public.campaigns (changed)");
    case.applied(case.delta("{}"));
    // Other settings are other definitions.
    case.restored(
        case.delta("{}").arg("--restore-fk-constraints"),
        "the settings or hooks changed",
    );
    case.restored(case.delta("{}").arg("--from-scratch"), "FROM_SCRATCH is set");
}

#[test]
fn incremental_tables_are_copied_beside_what_differs() {
    let case = Case::new("delta_incremental", SOURCE);
    let modes = r#"{"answers":"incremental"}"#;
    case.delta(modes).succeed();
    let answers = "SELECT 'answers'::regclass::oid";
    let before = case.query(answers);
    for id in [501, 502] {
        case.source.execute(CHANGES);
        case.source.execute(&format!("INSERT INTO answers VALUES ({id}, 'new')"));
        case.dump();
        let finished = case.applied(case.delta(modes));
        assert!(finished.stderr().contains("1 of 2 tables unchanged, 1 patched"), "{finished}");
    }
    assert_eq!(case.query(answers), before);
}

#[test]
fn enrichment_stays_and_its_views_are_refreshed() {
    let case = Case::new("delta_enrichment", SOURCE);
    let file = |sql: &str| folder(&[("a.sql", sql)]);
    let views = "CREATE VIEW enriched AS SELECT * FROM users;
                 CREATE INDEX of_enrichment ON users (name);
                 CREATE MATERIALIZED VIEW words AS SELECT count(DISTINCT name) AS n FROM enriched;";
    let files = file(views);
    let night = || case.delta("{}").env("ENRICHMENT_DIR", files.path());
    night().succeed();
    case.source.execute(CHANGES);
    case.dump();
    case.applied(night());
    assert_eq!(case.query("SELECT n FROM words"), "496");
    std::fs::write(files.path().join("a.sql"), format!("{views} CREATE VIEW more AS SELECT 1;"))
        .unwrap();
    case.restored(night(), "the enrichment changed since the last night");
    case.applied(night());
    assert_eq!(case.query("SELECT * FROM more"), "1");
    // A view that cannot be refreshed is not left as it was.
    std::fs::write(
        files.path().join("a.sql"),
        "CREATE MATERIALIZED VIEW inverse AS SELECT 1 / (count(*) - 497) AS n FROM users;",
    )
    .unwrap();
    case.restored(night(), "the enrichment changed since the last night");
    case.source.execute("INSERT INTO users (name) VALUES ('one more')");
    case.dump();
    let failed = night().run().expect_code(1);
    let said = "1 materialized view could not be refreshed, the first: public.inverse; the next night \
                restores everything";
    assert!(failed.stderr().contains(said), "{failed}");
    let failed = night().run().expect_code(1);
    assert!(failed.stderr().contains("division by zero"), "{failed}");
    // Tables would keep the rows of the last night.
    std::fs::write(files.path().join("a.sql"), "CREATE TABLE names AS SELECT name FROM users;")
        .unwrap();
    // The unfinished night had restored the backup.
    night().succeed();
    for _ in 0..2 {
        let finished = night().succeed();
        let said = "a.sql, line 1: the result of CREATE TABLE may depend on rows";
        assert!(finished.stderr().contains(said), "{finished}");
    }
}

#[test]
fn failed_delta_night_leaves_yesterdays_warehouse() {
    let case = Case::new("delta_failed", SOURCE);
    case.delta("{}").succeed();
    let sum = "SELECT md5(string_agg(u::text, ',' ORDER BY id)) FROM users u";
    let (oids, before) = (case.oids(), case.query(sum));
    case.source.execute(CHANGES);
    case.source.execute("UPDATE answers SET word = 'x' WHERE id = 1");
    case.dump();
    let path = case.folder.path().join("backup.dump");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    let failed = case.delta("{}").env("VERIFY_BACKUP", "false").run().expect_code(1);
    assert!(failed.stderr().contains("cannot apply what differs: "), "{failed}");
    assert_eq!((case.oids(), case.query(sum)), (oids, before), "{failed}");
    std::fs::write(&path, &bytes).unwrap();
    case.applied(case.delta("{}"));
}

#[test]
fn night_without_delta_drops_and_restores_as_before() {
    let case = Case::new("delta_back", SOURCE);
    case.delta("{}").succeed();
    case.applied(case.delta("{}"));
    let before = case.oids();
    case.night("{}").succeed();
    assert_ne!(case.oids(), before);
    assert_eq!(case.query("SELECT count(*) FROM nocturne.sync_head"), "0");
    case.restored(case.delta("{}"), "no earlier night has recorded the warehouse");
}

#[test]
fn hook_during_restore_restores_everything_every_night() {
    let case = Case::new("delta_hook", SOURCE);
    let hooks = folder(&[("after-data.sql", "ANALYZE;")]);
    let night = || case.delta("{}").env("HOOKS_DIR", hooks.path());
    night().succeed();
    case.restored(night(), "hook after-data runs during a restore");
}

#[test]
fn delta_with_swap_is_refused() {
    let case = Case::new("delta_swap", SOURCE);
    let refused = case.delta("{}").arg("--swap").run().expect_code(2);
    let said = "cannot be combined with SWAP: it needs no second database";
    assert!(refused.stderr().contains(said), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_no_gap_in_a_delta_night() {
    let scene = Scene::new("delta_readers").await;
    let hooks = folder(&[("before-restore.sql", GATE), ("after-restore.sql", GATE)]);
    let night = || scene.night().arg("--delta").env("HOOKS_DIR", hooks.path());
    night().succeed();
    grow(&scene.source, 4400);
    scene.backup_again();
    let counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM assessments)";
    let then = scene.warehouse.database.query(counts);
    let gate = scene.gate().await;
    let applied = Beside::start(night());
    scene.wait_at_the_gate();
    assert_eq!(scene.warehouse.database.query(counts), then);
    // One hook passes, the next one waits.
    gate.execute("SELECT pg_advisory_unlock(4242), pg_advisory_lock(4242)").await.unwrap();
    scene.wait_at_the_gate();
    let now = scene.source.query(counts);
    assert_ne!(then, now);
    assert_eq!(scene.warehouse.database.query(counts), now);
    drop(gate);
    let finished = applied.end().expect_code(0);
    assert!(!finished.stderr().contains(FULL), "{finished}");
    let record = scene.record();
    assert_eq!(stages(&record), "find-backup download hooks restore hooks");
    let told = scene.told().await;
    let said = told[1]["text"].as_str().unwrap();
    assert!(said.contains(" tables unchanged, "), "{said}");
    assert_eq!(told[1]["delta"], record["delta"]);
}
