//! What the target has in the place of the backup's objects: objects of other roles, objects that a
//! kept table needs, and tables that the source made partitions. None is used in silence.

use super::case::WithAnalyst;
use crate::common::Finished;

fn has(text: &str, part: &str, context: &Finished) {
    assert!(text.contains(part), "{part}: {context}");
}

/// Objects of every kind that a plain role can create.
const SOURCE: &str = "
CREATE FUNCTION is_ok(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
CREATE FUNCTION is_fine(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
CREATE OPERATOR @@@ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE PROCEDURE work(int) LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
CREATE OPERATOR ### (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE TYPE mood AS ENUM ('sad');
CREATE TYPE pair AS (a int, b int);
CREATE DOMAIN word AS text;
CREATE COLLATION letters FROM \"C\";
CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION plain (PARSER = \"default\");
CREATE SEQUENCE numbers;
CREATE TABLE people (id int PRIMARY KEY CHECK (is_ok(id)), name word);
CREATE TABLE secrets (id int);
CREATE TABLE users (id int, n int, CONSTRAINT users_key PRIMARY KEY (id));
CREATE INDEX users_n ON users (n);
CREATE STATISTICS users_both ON id, n FROM users;
CREATE VIEW recent AS SELECT id FROM users;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM users;
CREATE AGGREGATE number(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0');
CREATE TYPE span AS RANGE (SUBTYPE = int);
CREATE TYPE gap AS RANGE (SUBTYPE = int, MULTIRANGE_TYPE_NAME = gaps);
CREATE CONVERSION conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE PUBLICATION published FOR TABLE users;
CREATE TABLE \"x ADD CONSTRAINT y\" (id int CONSTRAINT odd_key PRIMARY KEY);
SELECT lo_from_bytea(70000, 'of the source');
INSERT INTO people VALUES (1), (2);
INSERT INTO users SELECT 1, 2;
";

/// What the analyst creates in their place, and the entry that is refused for each.
const PLANTED: [(&str, &str); 26] = [
    ("TABLE notes (id int, n int)", ""),
    (
        "FUNCTION is_ok(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'",
        "FUNCTION public.is_ok(integer)",
    ),
    (
        "FUNCTION is_fine(bigint) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'",
        "FUNCTION public.is_fine(integer)",
    ),
    (
        "OPERATOR @@@ (FUNCTION = int8pl, LEFTARG = bigint, RIGHTARG = bigint)",
        "OPERATOR public.@@@",
    ),
    ("PROCEDURE work(int) LANGUAGE sql AS 'SELECT 2'", "PROCEDURE public.work(integer)"),
    ("AGGREGATE total(int) (SFUNC = int4mul, STYPE = int)", "AGGREGATE public.total(integer)"),
    ("OPERATOR ### (FUNCTION = int4mul, LEFTARG = int, RIGHTARG = int)", "OPERATOR public.###"),
    ("TYPE mood AS ENUM ('glad')", "TYPE public.mood"),
    ("TYPE pair AS (a text)", "TYPE public.pair"),
    ("DOMAIN word AS text CHECK (VALUE <> '')", "DOMAIN public.word"),
    ("COLLATION letters FROM \"POSIX\"", "COLLATION public.letters"),
    ("TEXT SEARCH DICTIONARY words (TEMPLATE = simple)", "TEXT SEARCH DICTIONARY public.words"),
    (
        "TEXT SEARCH CONFIGURATION plain (PARSER = \"default\")",
        "TEXT SEARCH CONFIGURATION public.plain",
    ),
    ("SEQUENCE numbers", "SEQUENCE public.numbers"),
    ("TABLE people (id int PRIMARY KEY)", "TABLE public.people"),
    ("INDEX users_key ON notes (id)", "CONSTRAINT public.users users_key"),
    ("INDEX users_n ON notes (n)", "INDEX public.users_n"),
    ("STATISTICS users_both ON id, n FROM notes", "STATISTICS public.users_both"),
    ("VIEW recent AS SELECT 1", "VIEW public.recent"),
    ("MATERIALIZED VIEW totals AS SELECT 1", "MATERIALIZED VIEW public.totals"),
    ("FUNCTION number() RETURNS int LANGUAGE sql AS 'SELECT 1'", "AGGREGATE public.number(*)"),
    ("TYPE span_multirange AS ENUM ('a')", "TYPE public.span cannot be created, because it needs"),
    ("FUNCTION gaps() RETURNS int LANGUAGE sql AS 'SELECT 1'", "TYPE public.gap"),
    (
        "CONVERSION conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
        "CONVERSION public.conversion",
    ),
    ("PUBLICATION published", "PUBLICATION published"),
    ("INDEX odd_key ON notes (id)", "CONSTRAINT public.x ADD CONSTRAINT y odd_key"),
];

#[test]
fn objects_of_other_roles_refuse_night_before_drop() {
    let case = WithAnalyst::new("owners_objects", SOURCE);
    case.execute_as(&case.warehouse.role, "CREATE TABLE yesterday (id int)");
    let planted: Vec<String> = PLANTED.iter().map(|(sql, _)| format!("CREATE {sql}")).collect();
    // One of another kind, too.
    let planted = format!(
        "{}; CREATE VIEW secrets AS SELECT 1; SELECT lo_from_bytea(70000, 'of the analyst, longer');
         GRANT ALL ON LARGE OBJECT 70000 TO PUBLIC",
        planted.join("; ")
    );
    case.execute_as(&case.analyst, &planted);
    for tolerate in ["[]", r#"["already-exists"]"#] {
        let text = case
            .refused(|| case.night("{}").env("RESTORE_TOLERATE", tolerate), "objects of others");
        let (_, problems) = text.split_once("\nProblems\n").unwrap();
        for (_, label) in PLANTED.iter().filter(|(_, label)| !label.is_empty()) {
            let is_named = |line: &str| {
                let line = line.trim_start().trim_start_matches("- ");
                line.starts_with(label)
                    && (line.contains(&format!(", owned by role {} (hint: drop", case.analyst))
                        || line.contains(&format!(" of role {} has the same", case.analyst)))
            };
            assert!(problems.lines().any(is_named), "{label}: {text}");
        }
        let other =
            "TABLE public.secrets cannot be created, because its name is that of an existing view";
        assert!(problems.contains(other), "{text}");
        let object = format!("OIDs: 70000 of {} (hint: SELECT lo_unlink(70000), or", case.analyst);
        assert!(problems.contains(&object), "{text}");
    }
    // Those of a superuser are kept, and excluded entries may have any.
    case.warehouse.database.execute(&format!(
        "DROP OWNED BY {}; {SOURCE_FUNCTION}; GRANT ALL ON SCHEMA public TO {0}",
        case.analyst
    ));
    case.execute_as(&case.analyst, "CREATE VIEW recent AS SELECT 1");
    let night = || case.night("{}").env("RESTORE_EXCLUDE", r#"["VIEW public.recent"]"#);
    night().arg("--dry-run").succeed();
    let finished = night().succeed();
    has(&finished.stderr(), "FUNCTION public.is_ok(integer) is kept: it already exists", &finished);
    assert_eq!(case.query("SELECT count(*), to_regclass('yesterday') FROM people"), "2|");
}

const SOURCE_FUNCTION: &str =
    "CREATE FUNCTION is_ok(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'";

#[test]
fn incremental_table_of_another_role_gets_no_row() {
    let case = WithAnalyst::new(
        "owners_incremental",
        "CREATE TABLE ev (id int PRIMARY KEY) PARTITION BY LIST (id);
         CREATE TABLE ev_1 PARTITION OF ev DEFAULT; INSERT INTO ev VALUES (1), (2);
         CREATE TABLE users (id int)",
    );
    case.execute_as(&case.warehouse.role, "CREATE TABLE users (id int)");
    case.execute_as(
        &case.analyst,
        "CREATE TABLE ev (id int PRIMARY KEY) PARTITION BY LIST (id);
         CREATE TABLE ev_1 PARTITION OF ev DEFAULT; CREATE TABLE seen (who name);
         GRANT ALL ON ev, ev_1, seen TO PUBLIC;
         CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.seen VALUES (current_user); RETURN NEW; END';
         CREATE TRIGGER spy BEFORE INSERT ON ev_1 FOR EACH ROW EXECUTE FUNCTION spy()",
    );
    let nothing = || assert_eq!(case.query("SELECT (TABLE ev), (SELECT count(*) FROM seen)"), "|0");
    for modes in [r#"{"ev":"incremental"}"#, r#"{"e*":"incremental"}"#] {
        let text = case.refused(|| case.night(modes), modes);
        let expected = format!("public.ev belongs to role {} in the target", case.analyst);
        assert!(text.contains(&expected), "{text}");
        let copied = case.command("incremental", modes).run().expect_code(1);
        has(&copied.stderr(), &expected, &copied);
        nothing();
    }
    // Without the source's table, it would still count as the backup's.
    case.source.execute("ALTER TABLE ev RENAME TO old");
    let text = case.refused(|| case.night(r#"{"e*":"incremental"}"#), "not in the source");
    assert!(text.contains("TABLE public.ev already exists, owned by role"), "{text}");
    case.source.execute("ALTER TABLE old RENAME TO ev");
    // A partition is enough.
    let role = &case.warehouse.role;
    case.warehouse.database.execute(&format!("ALTER TABLE ev OWNER TO {role}"));
    let copied = case.command("incremental", r#"{"ev":"incremental"}"#).run().expect_code(1);
    has(&copied.stderr(), "table public.ev: public.ev_1 belongs to role", &copied);
    nothing();
    let mend = format!("DROP TRIGGER spy ON ev_1; ALTER TABLE ev_1 OWNER TO {role}");
    case.warehouse.database.execute(&mend);
    case.night(r#"{"ev":"incremental"}"#).succeed();
    assert_eq!(case.query("SELECT count(*) FROM ev"), "2");
}

#[test]
fn tables_that_stay_refuse_night_before_drop() {
    let case = WithAnalyst::new(
        "owners_stay",
        "CREATE TABLE ev (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE ev_1 PARTITION OF ev FOR VALUES FROM (0) TO (100);
         CREATE TABLE older (id int PRIMARY KEY); INSERT INTO older VALUES (-2), (-1);
         CREATE TABLE members (id serial PRIMARY KEY); INSERT INTO members VALUES (1);
         CREATE VIEW active AS SELECT id FROM members; INSERT INTO ev VALUES (1)",
    );
    let modes = r#"{"ev":"incremental"}"#;
    let night = || case.night(modes);
    night().succeed();
    // A policy of the kept table mentions a table and a view, which the drop spares.
    let role = &case.warehouse.role;
    case.execute_as(
        role,
        "CREATE POLICY p ON ev USING (id IN (SELECT id FROM members) OR id IN (SELECT id FROM active))",
    );
    for tolerate in ["[]", r#"["already-exists"]"#] {
        let text = case.refused(|| night().env("RESTORE_TOLERATE", tolerate), tolerate);
        let stays = |label: &str| text.contains(&format!("- {label} already exists and is not"));
        assert!(stays("TABLE public.members"), "{text}");
        assert_eq!(stays("VIEW public.active"), tolerate == "[]", "{text}");
        assert!(!text.contains("members_pkey"), "{text}");
    }
    night().env("RESTORE_EXCLUDE", r#"["TABLE public.members"]"#).succeed();
    case.execute_as(role, "DROP POLICY p ON ev");
    // The source makes a table a partition of the kept one.
    case.source.execute(
        "ALTER TABLE ev ATTACH PARTITION older FOR VALUES FROM (-100) TO (0); INSERT INTO ev VALUES (2)",
    );
    case.dump();
    let text = case.refused(night, "partition");
    assert!(!text.contains("public.older incremental  kept"), "{text}");
    let said = "TABLE public.older is a partition of public.ev in the backup, but not in the target: \
                it would not get new rows (hint: ";
    let (_, hint) = text.split_once(said).unwrap_or_else(|| panic!("{text}"));
    let (attach, _) = hint.split_once(" keeps its rows").unwrap();
    case.execute_as(role, attach);
    night().arg("--dry-run").succeed();
    let finished = night().succeed();
    let rows = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM ev";
    assert_eq!(case.query(rows), "-2 -1 1 2", "{finished}");
    assert_eq!(case.query("SELECT count(*) FROM members"), "1");
}
