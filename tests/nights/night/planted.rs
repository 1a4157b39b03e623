//! Code of another role in the warehouse: wherever it hangs, and whenever it was put there, it does not
//! run with the privileges of the night's role.

use super::case::WithAnalyst;
use crate::common::folder;

/// A trigger's function that records who runs it.
const SPY: &str = "
CREATE TABLE seen (who name);
GRANT ALL ON seen TO PUBLIC;
CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO public.seen VALUES (current_user); RETURN NEW; END';
";

#[test]
fn resumed_night_refuses_what_was_planted_since() {
    let case = WithAnalyst::new(
        "planted_resumed",
        "CREATE FUNCTION g(bigint) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE FUNCTION \"p(q\"(bigint) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE FUNCTION is_ok(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT public.g($1)';
         CREATE TABLE people (id int CHECK (is_ok(id))); INSERT INTO people VALUES (1);
         CREATE TABLE users (id int); INSERT INTO users VALUES (1)",
    );
    let hooks = folder(&[("after-pre-data.sql", "SELECT 1 / 0;")]);
    let night = || case.night("{}").env("HOOKS_DIR", hooks.path());
    night().run().expect_code(1);
    let warehouse = &case.warehouse.database;
    warehouse.execute(&format!("DROP TABLE people; GRANT TRIGGER ON users TO {}", case.analyst));
    case.execute_as(
        &case.analyst,
        &format!(
            "{SPY} CREATE TABLE people (id int); GRANT ALL ON people TO PUBLIC;
             CREATE TRIGGER spy BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION spy();
             CREATE TRIGGER spy BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION spy();
             CREATE FUNCTION g(int) RETURNS bool LANGUAGE plpgsql AS
                 'BEGIN INSERT INTO public.seen VALUES (current_user); RETURN true; END';
             CREATE FUNCTION \"p(q\"(int) RETURNS bool LANGUAGE sql AS 'SELECT true'"
        ),
    );
    std::fs::write(hooks.path().join("after-pre-data.sql"), "SELECT 1;").unwrap();
    let planned = night().arg("--dry-run").run().expect_code(1);
    let refused = night().run().expect_code(1);
    let analyst = &case.analyst;
    for text in [
        format!("TABLE public.people already exists, owned by role {analyst} (hint: drop"),
        format!("FUNCTION public.g(bigint): function public.g(integer) of role {analyst} has the"),
        format!("trigger spy on public.users uses function public.spy() of role {analyst}, whose"),
        format!("function public.\"p(q\"(integer) of role {analyst} has the"),
    ] {
        assert!(planned.stdout().contains(&text), "{text}: {planned}");
        assert!(refused.stderr().contains(&text), "{text}: {refused}");
    }
    assert!(refused.stderr().contains("resuming the restore of this backup"), "{refused}");
    assert_eq!(case.query("SELECT (SELECT count(*) FROM seen), count(*) FROM users"), "0|0");
    warehouse.execute(&format!("DROP OWNED BY {analyst} CASCADE"));
    night().succeed();
    assert_eq!(case.query("SELECT (TABLE people), (TABLE users)"), "1|1");
}

/// What makes a kept table run code of the analyst, by the name of the table, and how it is reported.
const KEPT: [(&str, &str, &str); 10] = [
    (
        "k_member",
        "ALTER TABLE k_member ADD CONSTRAINT c CHECK (member(v) > 0)",
        "table constraint c on public.k_member uses function public.member(integer)",
    ),
    (
        "k_trigger",
        "GRANT TRIGGER ON k_trigger TO analyst; SET ROLE analyst; CREATE TRIGGER spy BEFORE INSERT ON \
         k_trigger FOR EACH ROW EXECUTE FUNCTION spy(); RESET ROLE",
        "trigger spy on public.k_trigger uses function public.spy()",
    ),
    (
        "k_check",
        "ALTER TABLE k_check ADD CONSTRAINT c CHECK (one(v) > 0)",
        "table constraint c on public.k_check uses function public.one(integer)",
    ),
    (
        "k_default",
        "ALTER TABLE k_default ALTER v SET DEFAULT one(1)",
        "default value for public.k_default.v uses function public.one(integer)",
    ),
    (
        "k_generated",
        "ALTER TABLE k_generated ADD w int GENERATED ALWAYS AS (one(id)) STORED",
        "default value for public.k_generated.w uses function public.one(integer)",
    ),
    (
        "k_index",
        "CREATE INDEX k_i ON k_index (one(v))",
        "index public.k_i uses function public.one(integer)",
    ),
    (
        "k_policy",
        "CREATE POLICY p ON k_policy USING (one(v) > 0)",
        "policy p on public.k_policy uses function public.one(integer)",
    ),
    (
        "k_rule",
        "CREATE RULE r AS ON INSERT TO k_rule DO ALSO SELECT one(1)",
        "rule r on public.k_rule uses function public.one(integer)",
    ),
    (
        "k_domain",
        "ALTER DOMAIN kept OWNER TO analyst",
        "table column public.k_domain.v uses domain public.kept",
    ),
    (
        "k_text",
        "ALTER TABLE k_text ADD CONSTRAINT c CHECK (calls(v))",
        "table constraint c on public.k_text may call function public.g(integer)",
    ),
];

#[test]
fn code_on_kept_tables_is_refused_by_its_owner() {
    let tables: String = KEPT.iter().map(|(table, ..)| *table).chain(["k_group", "k_fine"]).fold(
        String::new(),
        |sql, table| {
            let of = if table == "k_domain" { "kept" } else { "int" };
            sql + &format!("CREATE TABLE {table} (id int PRIMARY KEY, v {of});")
        },
    );
    let case = WithAnalyst::new(
        "planted_kept",
        &format!(
            "CREATE DOMAIN kept AS int; CREATE DOMAIN word AS int; CREATE TYPE mood AS ENUM ('sad');
             {tables} CREATE TABLE words (word word, mood mood)"
        ),
    );
    let modes = r#"{"k_*":"incremental"}"#;
    case.night(modes).succeed();
    let (role, analyst) = (&case.warehouse.role, &case.analyst);
    let team = format!("{role}_team");
    case.execute_as(
        analyst,
        &format!(
            "{SPY} CREATE FUNCTION one(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
             CREATE EXTENSION hstore;
             CREATE FUNCTION member(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
             ALTER EXTENSION hstore ADD FUNCTION member(int);
             CREATE FUNCTION g(int) RETURNS bool LANGUAGE sql AS 'SELECT true';
             CREATE FUNCTION fmt(int) RETURNS text LANGUAGE sql AS 'SELECT 1'"
        ),
    );
    case.execute_as(
        role,
        "CREATE FUNCTION g(bigint) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE FUNCTION calls(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT public.G($1)';
         CREATE FUNCTION fmt(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
         CREATE FUNCTION fine(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
         ALTER TABLE k_fine ADD CHECK (fine(v)) NOT VALID",
    );
    // A role that this one is a member of: its tables and types are fine, its functions are not.
    let warehouse = &case.warehouse.database;
    warehouse.execute(&format!(
        "CREATE ROLE {team}; GRANT {team} TO {role}; GRANT ALL ON SCHEMA public TO {team};
         ALTER TABLE k_group OWNER TO {team}; ALTER TYPE mood OWNER TO {team};
         ALTER DOMAIN word OWNER TO {team}; SET ROLE {team};
         CREATE FUNCTION f(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
         ALTER DOMAIN word ADD CONSTRAINT c CHECK (f(VALUE))"
    ));
    for (_, sql, _) in KEPT {
        warehouse.execute(&sql.replace("analyst", analyst));
    }
    warehouse.execute(&format!(
        "GRANT TRIGGER ON words TO {analyst}; SET ROLE {analyst};
         CREATE TRIGGER spy BEFORE INSERT ON words FOR EACH ROW EXECUTE FUNCTION spy()"
    ));
    for (table, ..) in KEPT.iter().chain([&("k_group", "", ""), &("k_fine", "", "")]) {
        case.source.execute(&format!("INSERT INTO {table} VALUES (1, 1)"));
    }
    let text = case.refused(|| case.night(modes), "kept tables");
    let copied = case.command("incremental", modes).run().expect_code(1);
    for (table, _, found) in KEPT {
        let line = format!("table public.{table}: {found} of role {analyst}, whose code would run");
        assert!(text.contains(&line), "{line}: {text}");
        assert!(copied.stderr().contains(&line), "{line}: {copied}");
        assert_eq!(case.query(&format!("SELECT count(*) FROM {table}")), "0", "{copied}");
    }
    let checked = format!(
        "DOMAIN public.word already exists: domain constraint c on public.word uses function \
         public.f(integer) of role {team}, whose code would run with the privileges of role {role} \
         (hint: drop the domain constraint, or ALTER FUNCTION public.f(integer) OWNER TO {role})"
    );
    assert!(text.contains(&checked), "{text}");
    assert!(
        !text.contains("k_group:")
            && !text.contains("k_fine:")
            && !text.contains("TYPE public.mood already"),
        "{text}"
    );
    assert_eq!(case.query("SELECT k_group.id, k_fine.id FROM k_group, k_fine"), "1|1", "{copied}");
    // A full table loses it.
    let also = format!("also trigger spy on public.words, which belongs to {analyst} and depends");
    assert!(text.contains(&also), "{text}");
    warehouse.execute(&format!("REASSIGN OWNED BY {analyst} TO {role}"));
    case.command("incremental", modes).succeed();
    assert_eq!(
        case.query("SELECT (SELECT count(*) FROM k_trigger), (TABLE seen)"),
        format!("1|{role}")
    );
    warehouse.execute(&format!("DROP OWNED BY {team} CASCADE; DROP ROLE {team}"));
}
