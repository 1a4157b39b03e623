//! What a server refuses, reported with a remedy.

use nocturne::replicate::incremental::{CopySettings, IncrementalError, Side};
use nocturne::server::Retry;

use super::pair::{Pair, chain, copied, error, execute, target};
use crate::common::{Database, Interactive};

const TABLE: &str = "CREATE TABLE answers (id bigint PRIMARY KEY, value text)";

fn pair(name: &str) -> Pair {
    let pair = Pair::new(name);
    pair.both(TABLE);
    pair.source.execute(
        "INSERT INTO answers SELECT n, n FROM generate_series(1, 1000) n; ANALYZE answers",
    );
    pair
}

/// The URL of a database as a dedicated role, which is not dropped.
fn as_role(database: &Database<'_>, role: &str) -> String {
    database.execute(&format!("CREATE ROLE {role} LOGIN"));
    let (url, superuser) = (database.url(), database.cluster.server().superuser());
    let as_role = url.replace(&format!("user={superuser}"), &format!("user={role}"));
    assert_ne!(as_role, url);
    as_role
}

#[test]
fn read_only_role_suffices_and_less_is_reported() {
    let pair = pair("reader");
    let url = as_role(&pair.source, "incremental_reader");
    let settings = CopySettings { source: target(&url), ..pair.settings(&["answers"]) };
    let error = error(execute(&settings));
    assert!(matches!(error, IncrementalError::Privilege { side: Side::Source, .. }), "{error:?}");
    assert_eq!(
        chain(&error),
        "table public.answers: role incremental_reader lacks a privilege in the source (GRANT USAGE \
         ON SCHEMA public TO incremental_reader; GRANT SELECT ON public.answers TO \
         incremental_reader): ERROR: permission denied for table answers"
    );
    pair.source.execute("GRANT SELECT ON public.answers TO incremental_reader");
    // A source that cannot export a snapshot is read all the same.
    pair.source.execute("REVOKE EXECUTE ON FUNCTION pg_export_snapshot() FROM PUBLIC");
    let settings = CopySettings { range_rows: 300.try_into().ok(), ..settings };
    let copied = copied(execute(&settings));
    assert_eq!((copied.rows, copied.ranges), (1000, 4));
    pair.source.execute("DROP OWNED BY incremental_reader");
}

#[test]
fn row_security_never_hides_rows() {
    let pair = pair("security");
    let url = as_role(&pair.source, "incremental_limited");
    pair.source.execute(
        "ALTER TABLE answers ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY half ON answers USING (id % 2 = 0); \
         GRANT SELECT ON answers TO incremental_limited",
    );
    let settings = CopySettings { source: target(&url), ..pair.settings(&["answers"]) };
    let failed = error(execute(&settings));
    assert!(matches!(failed, IncrementalError::RowSecurity { side: Side::Source, .. }));
    let cure = |error: &IncrementalError| {
        let text = chain(error);
        let (_, cure) = text.split_once("(hint: ").expect("it has a hint");
        cure.strip_suffix(')').expect("it ends with the hint").to_owned()
    };
    assert_eq!(cure(&failed), "ALTER ROLE incremental_limited BYPASSRLS");
    assert_eq!(pair.target.query("SELECT count(*) FROM answers"), "0");
    pair.source.execute(&cure(&failed));
    assert_eq!(copied(execute(&settings)).rows, 1000);

    // The owner obeys it, too, if it is forced.
    let url = as_role(&pair.target, "incremental_owner");
    pair.target.execute(
        "ALTER TABLE answers OWNER TO incremental_owner; \
         ALTER TABLE answers ENABLE ROW LEVEL SECURITY; ALTER TABLE answers FORCE ROW LEVEL SECURITY",
    );
    pair.source.execute("INSERT INTO answers VALUES (1001, 'new')");
    let settings = CopySettings { target: target(&url), ..pair.settings(&["answers"]) };
    let failed = error(execute(&settings));
    assert!(matches!(failed, IncrementalError::RowSecurity { side: Side::Target, .. }));
    let cure = cure(&failed);
    let (own, other) = cure.split_once(", or ").expect("the owner has a choice");
    assert_eq!(other, "ALTER ROLE incremental_owner BYPASSRLS");
    pair.target.execute(own);
    assert_eq!(copied(execute(&settings)).rows, 1);
    pair.source.execute("DROP OWNED BY incremental_limited");
    pair.target.execute("DROP OWNED BY incremental_owner");
}

#[test]
fn target_role_needs_write_privileges() {
    let pair = pair("writer");
    let url = as_role(&pair.target, "incremental_writer");
    pair.target.execute("GRANT SELECT ON answers TO incremental_writer");
    let settings = CopySettings { target: target(&url), ..pair.settings(&["answers"]) };
    let refused = error(execute(&settings));
    assert!(
        matches!(refused, IncrementalError::Privilege { side: Side::Target, .. }),
        "{refused:?}"
    );
    // It then moves no sequence: that is no reason to skip the rows.
    pair.target.execute(
        "GRANT INSERT ON answers TO incremental_writer; \
         CREATE SEQUENCE numbers OWNED BY answers.id",
    );
    assert_eq!(copied(execute(&settings)).after.as_deref(), Some("1000"));
    assert_eq!(pair.target.query("SELECT nextval('numbers')"), "1");
    pair.target.execute("DROP OWNED BY incremental_writer");
}

#[test]
fn code_of_other_roles_never_runs() {
    let pair = Pair::new("code");
    pair.both(
        "CREATE TABLE ev (id bigint, v int) PARTITION BY RANGE (id); \
         CREATE TABLE ev_1 PARTITION OF ev FOR VALUES FROM (0) TO (10)",
    );
    let url = as_role(&pair.target, "incremental_trusting");
    pair.target.execute(
        "ALTER TABLE ev OWNER TO incremental_trusting; ALTER TABLE ev_1 OWNER TO incremental_trusting; \
         CREATE ROLE incremental_planter; \
         GRANT ALL ON SCHEMA public TO incremental_planter, incremental_trusting; \
         GRANT TRIGGER ON ev_1 TO incremental_planter",
    );
    let settings = pair.settings(&["ev"]);
    let settings = CopySettings { target: target(&url), add_columns: true, ..settings };
    // Expressions run when a table is created, if only their functions are constant.
    let raise = "LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE EXCEPTION $$it ran$$; END'";
    for (in_source, in_target, uses) in [
        (
            "CREATE FUNCTION bucket(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'; \
             CREATE TABLE ev_2 PARTITION OF ev FOR VALUES FROM (10) TO (20) \
                 PARTITION BY RANGE ((bucket(1) + v)); \
             CREATE TABLE ev_3 PARTITION OF ev_2 DEFAULT; INSERT INTO ev VALUES (1, 1), (11, 1)",
            format!("CREATE FUNCTION bucket(int) RETURNS int {raise}"),
            "new partition public.ev_2 uses function public.bucket(integer)",
        ),
        (
            "CREATE DOMAIN word AS text; ALTER TABLE ev ADD d word",
            format!(
                "CREATE FUNCTION is_ok(text) RETURNS bool {raise}; \
                 CREATE DOMAIN word AS text CHECK (is_ok(VALUE))"
            ),
            "new column d uses domain public.word",
        ),
        (
            "INSERT INTO ev VALUES (2, 2)",
            "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
             CREATE TRIGGER spy BEFORE INSERT ON ev_1 FOR EACH ROW EXECUTE FUNCTION spy()"
                .to_owned(),
            "trigger spy on public.ev_1 uses function public.spy()",
        ),
    ] {
        pair.source.execute(in_source);
        pair.target.execute(&format!("SET ROLE incremental_planter; {in_target}"));
        let error = error(execute(&settings)).to_string();
        let expected = format!("table public.ev: {uses} of role incremental_planter, whose code");
        assert!(error.starts_with(&expected), "{error}");
        assert_eq!(pair.target.query("SELECT count(*) FROM pg_class WHERE relname = 'ev_2'"), "0");
        pair.target.execute(
            "DROP OWNED BY incremental_planter CASCADE; \
             GRANT ALL ON SCHEMA public TO incremental_planter; \
             GRANT TRIGGER ON ev_1 TO incremental_planter",
        );
        pair.source.execute(match uses.starts_with("new partition") {
            true => "DROP TABLE ev_2",
            false => "ALTER TABLE ev DROP IF EXISTS d",
        });
    }
    assert_eq!(copied(execute(&settings)).rows, 2);
    pair.target.execute("DROP OWNED BY incremental_planter, incremental_trusting");
}

#[test]
fn foreign_key_that_refuses_rows_is_named() {
    let pair = pair("foreign_key");
    pair.target.execute(
        "CREATE TABLE assessments (id bigint PRIMARY KEY); \
         ALTER TABLE answers ADD CONSTRAINT \"answers_Fk\" FOREIGN KEY (id) REFERENCES assessments",
    );
    let error = pair.error("answers");
    assert!(matches!(error, IncrementalError::ForeignKey { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "table public.answers: a foreign key of the target rejects new rows (ALTER TABLE \
         public.answers DROP CONSTRAINT \"answers_Fk\")"
    );
    pair.target.execute("ALTER TABLE public.answers DROP CONSTRAINT \"answers_Fk\"");
    assert_eq!(pair.copy("answers").rows, 1000);
}

#[test]
fn swallowed_rows_are_detected_and_nothing_is_committed() {
    let pair = pair("swallow");
    pair.target.execute(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RETURN CASE WHEN NEW.id <> 7 THEN NEW END; END $$; \
         CREATE TRIGGER swallow BEFORE INSERT ON answers FOR EACH ROW EXECUTE FUNCTION swallow()",
    );
    let error = pair.error("answers");
    assert_eq!(
        error.to_string(),
        "table public.answers: the source sent 1000 rows and the target stored 999"
    );
    assert_eq!(pair.target.query("SELECT count(*) FROM answers"), "0");
}

#[test]
fn existing_row_is_an_error_not_a_duplicate() {
    let pair = pair("twice");
    pair.both("CREATE TABLE other (id int PRIMARY KEY, name text UNIQUE)");
    pair.source.execute("INSERT INTO other VALUES (1, 'a'), (2, 'b')");
    pair.target.execute("INSERT INTO other VALUES (0, 'b')");
    let error = pair.error("other");
    let IncrementalError::Server { source, side: Side::Target, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(source.sqlstate(), Some("23505"));
    assert_eq!(pair.target.query("SELECT count(*) FROM other"), "1");
}

#[test]
fn second_run_waits_no_longer_than_allowed() {
    let pair = pair("busy");
    let oid = pair.target.query("SELECT 'answers'::regclass::oid::int");
    let lock = format!("SELECT pg_advisory_lock({}, {oid});", 0x6e6f_6301);
    let holder = Interactive::start(&pair.target, "holder", &lock);
    pair.target.wait_until(
        "EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
         WHERE locktype = 'advisory' AND granted AND datname = current_database())",
    );
    let settings = CopySettings {
        lock_timeout: Some(std::time::Duration::from_millis(50)),
        ..pair.settings(&["answers"])
    };
    let error = error(execute(&settings));
    holder.end();
    assert!(matches!(error, IncrementalError::Busy { .. }), "{error:?}");
    assert_ne!(error.retry(), Retry::Never);
}

#[test]
fn time_limit_of_the_source_applies() {
    let pair = pair("limit");
    pair.source.execute(
        "CREATE FUNCTION slow(n bigint) RETURNS text LANGUAGE sql AS \
         'SELECT pg_sleep(60)::text'; ALTER TABLE answers RENAME TO real; \
         CREATE VIEW answers AS SELECT id, slow(id) AS value FROM real",
    );
    let settings = CopySettings {
        // Long enough for everything except the rows.
        statement_timeout: Some(std::time::Duration::from_secs(2)),
        ..pair.settings(&["answers"])
    };
    let error = error(execute(&settings));
    let IncrementalError::Server { source, side: Side::Source, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(source.sqlstate(), Some("57014"));
}
