//! Swaps and what does not come from the backup: objects given to other roles, and templates.

use super::scene::Scene;
use super::swapped::{drop_others, others};
use crate::common::folder;

/// An object of each kind, which the enrichment gives to another role.
const GIVEN: &str = "
SET search_path = public;
GRANT CREATE ON SCHEMA public TO analyst;
CREATE SCHEMA given_schema; ALTER SCHEMA given_schema OWNER TO analyst;
CREATE VIEW given_view AS SELECT id FROM users; ALTER VIEW given_view OWNER TO analyst;
CREATE TABLE given_table (id int); ALTER TABLE given_table OWNER TO analyst;
CREATE MATERIALIZED VIEW given_rows AS SELECT 1; ALTER MATERIALIZED VIEW given_rows OWNER TO analyst;
CREATE FUNCTION given_function() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION given_function() OWNER TO analyst;
CREATE TYPE given_type AS ENUM ('a'); ALTER TYPE given_type OWNER TO analyst;
SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO analyst;
";

#[tokio::test(flavor = "multi_thread")]
async fn objects_the_night_gave_away_do_not_block_the_next_swap() {
    let scene = Scene::with("night_swap_given", "CREATEDB").await;
    let _others = others(&scene);
    let warehouse = &scene.warehouse.database;
    let role = &scene.warehouse.role;
    let analyst = format!("{role}_analyst");
    warehouse.execute(&format!("CREATE ROLE {analyst}; GRANT {analyst} TO {role}"));
    let files = folder(&[("given.sql", &GIVEN.replace("analyst", &analyst))]);
    let night = || scene.night().arg("--swap").env("ENRICHMENT_DIR", files.path());
    night().succeed();
    night().arg("--dry-run").succeed();
    let second = night().succeed();
    let said = format!(
        "will not have what others added to table public.given_table of {analyst}, large object \
         4711 of {analyst} since"
    );
    assert!(second.stderr().contains(&said), "{second}");
    let replaced = "will have the night's version of view public.given_view of";
    assert!(!second.stderr().contains(replaced), "{second}");
    warehouse.execute(&format!(
        "SET ROLE {analyst}; CREATE OR REPLACE VIEW given_view AS SELECT 2 AS id; CREATE OR REPLACE \
         FUNCTION given_function() RETURNS int LANGUAGE sql AS 'SELECT 2'; \
         ALTER TYPE given_type ADD VALUE 'b'"
    ));
    let planned = night().arg("--dry-run").succeed();
    for object in
        ["view public.given_view", "function public.given_function()", "type public.given_type"]
    {
        let lines = planned.stdout();
        let line = lines.lines().find(|line| line.contains(replaced));
        assert!(
            line.is_some_and(|line| line.contains(&format!("{object} of {analyst}"))),
            "{planned}"
        );
    }
    let owner = "SELECT viewowner FROM pg_views WHERE viewname = 'given_view'";
    assert_eq!(warehouse.query(owner), analyst);
    // The analyst's own objects are still refused, even in the place of the night's.
    let refused = |sql: &str, named: &str, args: &[&str]| {
        warehouse.execute(&format!("SET ROLE {analyst}; {sql}"));
        let failed = night().args(args).run().expect_code(1);
        let text = format!("{}{}", failed.stdout(), failed.stderr());
        let said = format!("other roles own {named} of {analyst}, which");
        assert!(text.contains(&said), "{failed}");
    };
    refused("CREATE VIEW own AS SELECT 1", "view public.own", &[]);
    let replaced = "DROP VIEW own; DROP VIEW given_view; CREATE VIEW given_view AS SELECT 2";
    refused(replaced, "view public.given_view", &["--dry-run"]);
    drop_others(&scene);
    warehouse.execute(&format!("DROP OWNED BY {analyst}; DROP ROLE {analyst}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_swap_template_fails_before_any_change() {
    let scene = Scene::with("night_swap_unusable", "CREATEDB").await;
    let _others = others(&scene);
    let cluster = scene.warehouse.database.cluster;
    let template = cluster.fresh_db("night_unusable_template");
    let ascii = cluster.adopt_db(format!("{}_ascii", template.name));
    let create = format!(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
        ascii.name
    );
    cluster.psql("postgres").args(["--command", &create]).succeed();
    let is_template = |name: &str, is: bool| {
        let sql = format!("ALTER DATABASE {name} IS_TEMPLATE {is}");
        cluster.psql("postgres").args(["--command", &sql]).succeed();
    };
    is_template(&ascii.name, true);
    let night = |name: &str| scene.night().arg("--swap").env("SWAP_TEMPLATE", name);
    for (name, said, nights) in [
        ("night_no_such_template", "does not exist (hint: correct or unset SWAP_TEMPLATE", 2),
        (&template.name, "is not a template, and belongs to postgres (hint: ALTER DATABASE", 1),
        (&ascii.name, "has another encoding or locale (SQL_ASCII C C c, not UTF8", 1),
    ] {
        for dry in [&["--dry-run"][..], &[]].into_iter().take(nights) {
            let failed = night(name).args(dry).run().expect_code(1);
            let text = format!("{}{}", failed.stdout(), failed.stderr());
            assert!(text.contains(said), "{name}: {failed}");
            // The hint for a database to connect to.
            assert!(!text.contains("createdb"), "{failed}");
        }
    }
    // A usable template that lacks an extension, and has a table of the archive.
    scene.source.execute("CREATE EXTENSION pageinspect");
    scene.backup_again();
    template.execute("CREATE EXTENSION pg_trgm; CREATE TABLE users ()");
    is_template(&template.name, true);
    let planned = night(&template.name).arg("--dry-run").run().expect_code(1);
    for said in [
        "extension pageinspect is not installed, only a superuser can create it",
        "TABLE public.users already exists, owned by role postgres (hint: ",
    ] {
        assert!(planned.stdout().contains(said), "{planned}");
    }
    assert!(!planned.stdout().contains("extension pg_trgm"), "{planned}");
    template.execute("CREATE EXTENSION pageinspect; DROP TABLE users");
    night(&template.name).arg("--dry-run").succeed();
    is_template(&template.name, false);
    is_template(&ascii.name, false);
}
