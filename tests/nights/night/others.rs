//! What other roles have in a warehouse, and what a night would take from them.

use std::collections::BTreeSet;

use super::scene::{MAJOR, Scene, stages};
use super::swapped::{WAITS, drop_others, exists, others, waits_in};
use crate::common::{Beside, Cluster, folder};
use nocturne::server::{ConnectOptions, Session, SessionSettings, Target};

/// A role that may create objects in the warehouse.
fn analyst(scene: &Scene<'_>) -> String {
    let analyst = format!("{}_analyst", scene.warehouse.role);
    scene.warehouse.database.execute(&format!(
        "CREATE ROLE {analyst}; GRANT ALL ON SCHEMA public TO {analyst};
         CREATE SCHEMA theirs AUTHORIZATION {analyst}; GRANT ALL ON SCHEMA theirs TO {0}",
        scene.warehouse.role
    ));
    analyst
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_created_during_a_swap_are_never_lost() {
    let scene = Scene::with("night_swap_late", "CREATEDB").await;
    let [next, previous] = others(&scene);
    let warehouse = &scene.warehouse.database;
    let analyst = analyst(&scene);
    warehouse.execute("DROP SCHEMA theirs");
    let hooks = folder(&[("after-restore.sql", WAITS)]);
    let night = || scene.night().arg("--swap").env("HOOKS_DIR", hooks.path());
    let running = Beside::start(night());
    warehouse.wait_until(&waits_in(&next));
    warehouse.execute(&format!(
        "SET ROLE {analyst}; CREATE TABLE late AS SELECT 1 AS id; CREATE VIEW later AS SELECT 2"
    ));
    let state = scene.state();
    next.execute("CREATE TABLE go ()");
    let failed = running.end().expect_code(1);
    let said = format!("own view public.later of {analyst}, table public.late of {analyst}, which");
    assert!(failed.stderr().contains(&said), "{failed}");
    assert!(failed.stderr().contains(" is complete and stays: "), "{failed}");
    assert_eq!(scene.state(), state);
    assert!(exists(&next) && !exists(&previous));
    // Without them, the same backup needs no second restore.
    warehouse.execute("DROP VIEW later; DROP TABLE late");
    let resumed = night().succeed();
    assert!(resumed.stderr().contains("; continuing after the restore"), "{resumed}");
    assert_eq!(warehouse.query("SELECT count(*) FROM users"), "1000");
    // What was created later still, even while the names were swapped, is in the old database.
    previous.execute(&format!("SET ROLE {analyst}; CREATE TABLE latest AS SELECT 3 AS id"));
    let named = format!("table public.latest of {analyst}, not recorded when it was replaced (");
    for dry in [&["--dry-run"][..], &[]] {
        let failed = scene.night().arg("--swap").args(dry).run().expect_code(1);
        let text = format!("{}{}", failed.stdout(), failed.stderr());
        assert!(text.contains(&named) && text.contains("hint: move them to "), "{failed}");
        assert_eq!(previous.query("SELECT id FROM latest"), "3");
    }
    let lost = scene.night().args(["--swap", "--swap-drops-others"]).succeed();
    assert!(lost.stderr().contains(&named), "{lost}");
    drop_others(&scene);
    warehouse.execute(&format!("DROP OWNED BY {analyst}; DROP ROLE {analyst}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn swap_obstacles_are_refused_before_any_change() {
    // Slots belong to a whole server.
    let cluster = Cluster::start(MAJOR, &[]);
    let scene = Scene::on(&cluster, "night_swap_obstacles", "CREATEDB").await;
    let [next, previous] = others(&scene).map(|database| database.name.clone());
    let warehouse = &scene.warehouse.database.name;
    let template = cluster.fresh_db("obstacles_template");
    template.execute("CREATE EXTENSION pg_trgm");
    let alter = |what: &str| format!("ALTER DATABASE {} {what}", template.name);
    let run = |database: &str, sql: &str| {
        cluster.psql(database).args(["--command", sql]).succeed();
    };
    run("postgres", &alter("IS_TEMPLATE true"));
    let night = || scene.night().arg("--swap").env("SWAP_TEMPLATE", &template.name);
    let state = scene.state();
    let create = |name: &str| (format!("CREATE DATABASE {name}"), format!("DROP DATABASE {name}"));
    let (with_next, without_next) = create(&next);
    let (with_previous, without_previous) = create(&previous);
    let (closed, open) = (alter("ALLOW_CONNECTIONS false"), alter("ALLOW_CONNECTIONS true"));
    let owner = format!("OWNER TO {}", scene.warehouse.role);
    for (database, breaks, cures, hints) in [
        (
            warehouse.as_str(),
            "CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p \
             WITH (connect = false, slot_name = NONE)",
            "DROP SUBSCRIPTION s",
            "DROP SUBSCRIPTION s",
        ),
        (
            warehouse,
            "SELECT pg_create_logical_replication_slot('slot', 'pgoutput')",
            "SELECT pg_drop_replication_slot('slot')",
            "SELECT pg_drop_replication_slot('slot')",
        ),
        ("postgres", &with_next, &without_next, &owner),
        ("postgres", &with_previous, &without_previous, &owner),
        ("postgres", &closed, &open, &open),
    ] {
        run(database, breaks);
        for dry in [&["--dry-run"][..], &[]] {
            let failed = night().args(dry).run().expect_code(1);
            let text = format!("{}{}", failed.stdout(), failed.stderr());
            let hint = text.split_once("(hint: ").map(|(_, hint)| hint).unwrap_or_default();
            assert!(hint.contains(hints), "{breaks}: {failed}");
        }
        assert_eq!(stages(&scene.record()), "", "{breaks}");
        run(database, cures);
        assert_eq!(scene.state(), state);
    }
    night().arg("--dry-run").succeed();
    // A template in use cannot be copied.
    let options = ConnectOptions { dbname: Some(template.url()), ..Default::default() };
    let superuser = Target::resolve(&options, &|_| None).unwrap();
    let in_use = Session::connect(&superuser, &SessionSettings::default()).await.unwrap();
    let failed = night().run().expect_code(1);
    let said = "(SWAP_TEMPLATE): it is in use by process ";
    assert!(failed.stderr().contains(said) && failed.stderr().contains("(hint: end"), "{failed}");
    assert_eq!(scene.state(), state);
    drop(in_use);
    run("postgres", &alter("IS_TEMPLATE false"));
}

/// What the objects of others depend on.
const SOURCE: &str = "
CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('sad');
CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE SEQUENCE numbers;
CREATE TABLE pages (id int PRIMARY KEY);
CREATE SCHEMA shared; CREATE TABLE shared.notes (id int);
";

/// An object of each kind that depends on one of those; `theirs.kept` does not.
const THEIRS: &str = "
SET search_path = theirs, public;
CREATE TABLE cited (id int, name citext);
CREATE DOMAIN glad AS mood;
CREATE DOMAIN even AS int CONSTRAINT even_check CHECK (twice(VALUE) > 0);
CREATE TABLE computed (id int CONSTRAINT big CHECK (twice(id) > 2),
    double int GENERATED ALWAYS AS (twice(id)) STORED, n int DEFAULT nextval('numbers'));
CREATE INDEX computed_index ON computed (twice(id));
CREATE STATISTICS computed_stats ON (twice(id)), n FROM computed;
CREATE TABLE kept (id int DEFAULT 3, page int CONSTRAINT kept_page REFERENCES pages);
CREATE TRIGGER kept_trigger BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY kept_policy ON kept USING (twice(id) > 1);
CREATE RULE kept_rule AS ON INSERT TO kept DO ALSO SELECT twice(1);
CREATE TABLE keyed (m mood) PARTITION BY LIST (m);
CREATE TABLE keyed_sad PARTITION OF keyed FOR VALUES IN ('sad');
CREATE VIEW seen AS SELECT id FROM pages;
CREATE VIEW seen_again AS SELECT id FROM seen;
CREATE FUNCTION takes(mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE trio AS (a int, m mood);
";

const LOST: [&str; 18] = [
    "composite type column theirs.trio.m",
    "default value for theirs.computed.n",
    "domain constraint even_check on theirs.even",
    "function theirs.takes(public.mood)",
    "index theirs.computed_index",
    "policy kept_policy on theirs.kept",
    "rule kept_rule on theirs.kept",
    "statistics object theirs.computed_stats",
    "table column theirs.cited.name",
    "table column theirs.computed.double",
    "table constraint big on theirs.computed",
    "table constraint kept_page on theirs.kept",
    "table theirs.keyed",
    "table theirs.keyed_sad",
    "trigger kept_trigger on theirs.kept",
    "type theirs.glad",
    "view theirs.seen",
    "view theirs.seen_again",
];

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_others_lose_is_named() {
    let scene = Scene::new("night_others_lose").await;
    let warehouse = &scene.warehouse.database;
    let analyst = analyst(&scene);
    scene.source.execute(SOURCE);
    scene.backup_again();
    scene.night().succeed();
    warehouse.execute(&format!(
        "GRANT REFERENCES, SELECT ON pages TO {analyst};
         GRANT USAGE ON SEQUENCE numbers TO {analyst}; GRANT ALL ON SCHEMA shared TO {analyst};
         SET ROLE {analyst}; CREATE COLLATION shared.sorting FROM \"C\"; {THEIRS}"
    ));
    let of_others = || -> BTreeSet<String> {
        let sql = "SELECT DISTINCT i.type || ' ' || i.identity FROM pg_depend d CROSS JOIN \
                       pg_identify_object(d.classid, d.objid, d.objsubid) i \
                   WHERE i.identity ~ 'theirs|shared.sorting' UNION \
                   SELECT 'table column theirs.' || relname || '.' || attname \
                   FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
                   WHERE relnamespace = 'theirs'::regnamespace AND relkind IN ('r', 'p') \
                     AND attnum > 0 AND NOT attisdropped";
        warehouse.query(sql).lines().map(str::to_owned).collect()
    };
    let before = of_others();
    let planned = scene.night().arg("--dry-run").succeed();
    let end = format!(", which belongs to {analyst} and depends on these");
    let named = planned.stdout();
    let named = named.lines().filter_map(|line| line.trim().strip_prefix("also "));
    let named: Vec<&str> = named.filter_map(|line| line.strip_suffix(end.as_str())).collect();
    let lost = BTreeSet::from(LOST);
    assert_eq!(lost, named.iter().copied().collect(), "{planned}");
    let night = scene.night().succeed();
    for object in named {
        let said = format!("{object} of {analyst} is also dropped, because it depends on dropped");
        assert!(night.stderr().contains(&said), "{said}: {night}");
    }
    // The rest of what is gone are the parts of these.
    let after = of_others();
    let gone: BTreeSet<&str> = before.difference(&after).map(String::as_str).collect();
    assert!(gone.is_superset(&lost), "{gone:#?}");
    let of_named = ["type ", "rule \"_RETURN\"", "trigger \"RI_", "table column theirs.keyed"];
    let parts = gone.difference(&lost).copied();
    let parts: Vec<_> =
        parts.filter(|part| !of_named.iter().any(|named| part.starts_with(named))).collect();
    assert_eq!(parts, ["default value for theirs.computed.double"], "{gone:#?}");
    assert!(after.contains("collation shared.sorting"), "{night}");
    warehouse.execute(&format!("DROP OWNED BY {analyst}; DROP ROLE {analyst}"));
}
