//! What is known before the drop is refused before it, or named: tables that would lack rows or could
//! not be created, and what other roles would lose.

use super::case::WithAnalyst;
use super::scene::MAJOR;
use crate::common::Tool;

#[test]
fn table_that_would_lack_a_partition_refuses_night() {
    let case = WithAnalyst::new(
        "before_partition",
        "CREATE TABLE ev (id int NOT NULL) PARTITION BY RANGE (id);
         CREATE TABLE ev_1 PARTITION OF ev FOR VALUES FROM (0) TO (10);
         CREATE TABLE ev_2 PARTITION OF ev FOR VALUES FROM (10) TO (20);
         ALTER TABLE ev ADD PRIMARY KEY (id); INSERT INTO ev VALUES (1), (11);
         CREATE TABLE old (id int NOT NULL) PARTITION BY RANGE (id);
         CREATE TABLE logs (id int NOT NULL) PARTITION BY RANGE (id);
         CREATE TABLE logs_3 PARTITION OF logs FOR VALUES FROM (20) TO (30);
         INSERT INTO logs VALUES (21)",
    );
    let night = || case.night(r#"{"ev":"incremental"}"#);
    night().succeed();
    let role = &case.warehouse.role;
    // From the kept table to a full one.
    case.source.execute(
        "ALTER TABLE ev DETACH PARTITION ev_1;
         ALTER TABLE old ATTACH PARTITION ev_1 FOR VALUES FROM (0) TO (10)",
    );
    case.dump();
    let text = case.refused(night, "moved away");
    let said = "TABLE public.old would lack the rows of its partition public.ev_1, which in the target \
                is a partition of public.ev, which is kept (hint: ";
    let (_, hint) = text.split_once(said).unwrap_or_else(|| panic!("{text}"));
    night().env("RESTORE_EXCLUDE", r#"["TABLE public.ev_1"]"#).succeed();
    assert_eq!(case.query("SELECT count(*), (SELECT count(*) FROM old) FROM ev"), "2|0");
    case.execute_as(role, hint.split_once(" lets the next run").unwrap().0);
    night().succeed();
    assert_eq!(case.query("SELECT count(*), (SELECT count(*) FROM old) FROM ev"), "1|1");
    // From a full table to the kept one.
    case.source.execute(
        "ALTER TABLE logs DETACH PARTITION logs_3;
         ALTER TABLE ev ATTACH PARTITION logs_3 FOR VALUES FROM (20) TO (30)",
    );
    case.dump();
    let text = case.refused(night, "moved here");
    let said = "TABLE public.logs_3 is a partition of public.ev in the backup, but not in the target: it \
                would not get new rows (hint: ";
    let (_, hint) = text.split_once(said).unwrap_or_else(|| panic!("{text}"));
    let (attach, rest) = hint.split_once(" keeps its rows").unwrap();
    assert!(rest.contains(r#"add "TABLE public.logs_3" to RESTORE_EXCLUDE"#), "{text}");
    // That of another role is not to be attached.
    let owner = |role: &str| {
        case.warehouse.database.execute(&format!("ALTER TABLE logs_3 OWNER TO {role}"));
    };
    owner(&case.analyst);
    let text = case.refused(night, "of another role");
    let said = format!("logs_3 already exists, owned by role {} (hint: drop", case.analyst);
    assert!(text.contains(&said) && !text.contains("ATTACH"), "{text}");
    owner(role);
    case.execute_as(role, attach);
    night().succeed();
    assert_eq!(case.query("SELECT count(*), (SELECT count(*) FROM logs) FROM ev"), "2|0");
}

#[test]
fn partition_without_a_place_refuses_night() {
    let case = WithAnalyst::new(
        "before_place",
        "CREATE TABLE ev (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE users (id int);
         CREATE TABLE ev_0 PARTITION OF ev FOR VALUES FROM (0) TO (10);
         CREATE TABLE ev_1 PARTITION OF ev FOR VALUES FROM (-10) TO (0);
         INSERT INTO ev VALUES (-1), (1)",
    );
    let night = || case.night(r#"{"ev":"incremental"}"#);
    night().succeed();
    case.source.execute(
        "ALTER TABLE ev DETACH PARTITION ev_1; ALTER TABLE ev_1 RENAME TO older;
         ALTER INDEX ev_1_pkey RENAME TO older_pkey;
         CREATE TABLE ev_1 PARTITION OF ev FOR VALUES FROM (10) TO (20)",
    );
    case.dump();
    // It has no row yet.
    night().succeed();
    case.source.execute("INSERT INTO ev VALUES (11)");
    let text = case.refused(night, "bounds");
    assert!(text.contains("no partition of the target holds the rows of public.ev_1, "), "{text}");
    // The target may divide the rows otherwise.
    case.execute_as(
        &case.warehouse.role,
        "ALTER TABLE ev DETACH PARTITION ev_1; DELETE FROM ev_1;
         ALTER TABLE ev ATTACH PARTITION ev_1 FOR VALUES FROM (10) TO (30)",
    );
    night().succeed();
    assert_eq!(case.query("SELECT count(*) FROM ev_1"), "1");
}

#[test]
fn table_of_a_missing_or_moved_extension_refuses_night() {
    let case = WithAnalyst::on(
        MAJOR,
        "before_extension",
        "CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE TABLE users (id int, h hstore);
         INSERT INTO users VALUES (1, 'a=>1')",
    );
    let night = || case.night("{}");
    case.execute_as(&case.warehouse.role, "CREATE TABLE yesterday (id int)");
    let warehouse = &case.warehouse.database;
    warehouse.execute(
        "CREATE SCHEMA elsewhere; CREATE EXTENSION hstore SCHEMA elsewhere;
         CREATE EXTENSION citext SCHEMA elsewhere",
    );
    let text = case.refused(night, "moved");
    let said = "extension hstore is in schema elsewhere, but the backup needs its objects in schema \
                public (hint: ";
    let (_, hint) = text.split_once(said).unwrap_or_else(|| panic!("{text}"));
    // Nothing needs the other one.
    assert!(!text.contains("extension citext is in"), "{text}");
    warehouse.execute(hint.split_once(" as its owner").unwrap().0);
    night().succeed();
    assert_eq!(case.query("SELECT h->'a', to_regclass('yesterday') FROM users"), "1|");
    case.source.execute(
        "CREATE EXTENSION pageinspect; CREATE EXTENSION pg_visibility;
         ALTER TABLE users ADD page bytea DEFAULT get_raw_page('users', 0)",
    );
    case.dump();
    let text = case.refused(night, "missing");
    let said = |name: &str| {
        text.contains(&format!("extension {name} is not installed, only a superuser can create it"))
    };
    assert!(said("pageinspect") && said("pg_visibility"), "{text}");
    warehouse.execute("CREATE EXTENSION pageinspect");
    // No table needs the other one: the night reports it, and restores the rest.
    let failed = night().run().expect_code(1);
    assert!(failed.stderr().contains("1 entry could not be restored"), "{failed}");
    assert_eq!(case.query("SELECT count(page) FROM users"), "1");
}

#[test]
fn range_type_goes_with_its_parts_in_silence() {
    let case = WithAnalyst::new(
        "before_range",
        "CREATE TYPE r AS RANGE (SUBTYPE = int); CREATE TABLE t (r r)",
    );
    let night = || case.night("{}").succeed();
    night();
    let again = night();
    assert!(!again.stderr().contains("is also dropped"), "{again}");
    // Another object has the name of its multirange.
    case.source.execute(
        "DROP TYPE r CASCADE; CREATE TYPE r AS RANGE (SUBTYPE = int, MULTIRANGE_TYPE_NAME = mr);
         CREATE TABLE r_multirange (id int)",
    );
    case.dump();
    night();
    assert_eq!(
        case.query("SELECT to_regclass('r_multirange'), to_regtype('mr')"),
        "r_multirange|mr"
    );
}

#[test]
fn mappings_and_publications_of_others_are_named_or_kept() {
    let case = WithAnalyst::new(
        "before_mapping",
        "CREATE SCHEMA app; CREATE TABLE app.users (id int); INSERT INTO app.users VALUES (1)",
    );
    let (warehouse, role, analyst) =
        (&case.warehouse.database, &case.warehouse.role, &case.analyst);
    warehouse.execute(&format!(
        "CREATE FOREIGN DATA WRAPPER dummy; GRANT USAGE ON FOREIGN DATA WRAPPER dummy TO {role};
         SET ROLE {role}; CREATE SCHEMA app; CREATE TABLE app.users (id int);
         CREATE SERVER far FOREIGN DATA WRAPPER dummy; CREATE USER MAPPING FOR PUBLIC SERVER far;
         GRANT USAGE ON FOREIGN SERVER far TO {analyst}; SET ROLE {analyst};
         CREATE USER MAPPING FOR {analyst} SERVER far; RESET ROLE;
         CREATE PUBLICATION p FOR TABLES IN SCHEMA app"
    ));
    let planned = case.night("{}").arg("--dry-run").succeed();
    let mapping = format!("user mapping {analyst} on server far");
    let also = format!("also {mapping}, which belongs to {analyst} and depends on these\n");
    assert!(planned.stdout().contains(&also), "{planned}");
    assert_eq!(planned.stdout().matches("  also ").count(), 1, "{planned}");
    let night = case.night("{}").succeed();
    assert!(night.stderr().contains(&format!("{mapping} of {analyst} is also dropped")), "{night}");
    let left = "SELECT count(*), (SELECT count(*) FROM pg_user_mapping) FROM pg_publication_namespace, \
                app.users";
    assert_eq!(case.query(left), "1|0", "{night}");
}

#[test]
fn swap_names_objects_without_owner() {
    let case = WithAnalyst::new("before_swap", "CREATE TABLE users (id int)");
    let warehouse = &case.warehouse.database;
    warehouse.execute(&format!(
        "ALTER ROLE {} CREATEDB; CREATE CAST (text AS point) WITH INOUT;
         CREATE ACCESS METHOD index_too TYPE INDEX HANDLER bthandler;
         CREATE TEXT SEARCH PARSER parser (START = prsd_start, GETTOKEN = prsd_nexttoken,
             END = prsd_end, LEXTYPES = prsd_lextype);
         CREATE TEXT SEARCH TEMPLATE template (LEXIZE = dsimple_lexize);
         SET ROLE {}; CREATE PUBLICATION nocturne",
        case.warehouse.role, case.analyst
    ));
    let night = |args: &[&str]| -> Tool { case.night("{}").arg("--swap").args(args) };
    for dry in [&["--dry-run"][..], &[]] {
        let failed = night(dry).run().expect_code(1);
        let text = format!("{}{}", failed.stdout(), failed.stderr());
        for named in [
            "cast (pg_catalog.text AS pg_catalog.point)",
            "access method index_too",
            "text search parser public.parser",
            "text search template public.template",
            &format!("publication nocturne of {}", case.analyst),
        ] {
            assert!(text.contains(named), "{named}: {failed}");
        }
    }
}
