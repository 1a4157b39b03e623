//! Dropping what the last night left, as the owner of the objects without superuser rights.

use std::time::Duration;

use crate::common::{Cluster, cluster, versions};
use nocturne::replicate::clean::{self, CleanError, DropPlan};
use nocturne::server::Retry;
use tokio_util::sync::CancellationToken;

/// A database whose objects are dropped.
struct Owned<'a>(crate::common::Owned<'a>);

impl<'a> std::ops::Deref for Owned<'a> {
    type Target = crate::common::Owned<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a> Owned<'a> {
    fn new(cluster: &'a Cluster, name: &str) -> Self {
        Self(crate::common::Owned::new(cluster, name))
    }

    async fn clean(&self, keep: impl Fn(&str, &str) -> bool) -> (DropPlan, Result<(), CleanError>) {
        let session = self.session().await;
        let plan = clean::plan(&session, keep, |_| true).await.unwrap();
        let stop = CancellationToken::new();
        let timeout = Some(Duration::from_millis(300));
        let result = clean::execute(&session, &plan, timeout, &stop, |_| {}).await;
        (plan, result)
    }

    /// The remaining objects of the role, except those in the schema `nocturne`.
    fn left(&self) -> String {
        self.database.query(&format!(
            "SELECT string_agg(i.type || ' ' || i.identity, ', ' ORDER BY i.type, i.identity)
             FROM pg_shdepend s, pg_identify_object(s.classid, s.objid, 0) i
             WHERE s.refobjid = '{}'::regrole AND s.deptype = 'o' AND s.classid <> 'pg_database'::regclass
               AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND i.identity NOT LIKE 'nocturne%'",
            self.role
        ))
    }
}

/// Every kind of object that a role can create without being a superuser, and all the cases
/// that have broken lists of drops before.
const EVERYTHING: &str = r#"
CREATE SCHEMA pgboss;
CREATE SCHEMA "odd ""schema";
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE pgboss.state AS ENUM ('a');
CREATE TYPE pair AS (a integer, b mood);
CREATE TYPE span AS RANGE (subtype = integer);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE SEQUENCE alone;
CREATE TABLE users (id serial PRIMARY KEY, mood mood, n positive);
CREATE TABLE "knowledge-elements" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "userId" integer REFERENCES users);
CREATE TABLE pgboss.job (id integer, state pgboss.state);
CREATE TABLE "odd ""schema"."t.""x" (a integer);
CREATE TABLE parted (id integer, k integer) PARTITION BY LIST (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1) PARTITION BY LIST (id);
CREATE TABLE parted_1_1 PARTITION OF parted_1 FOR VALUES IN (1);
CREATE TABLE heir () INHERITS (users);
CREATE VIEW over_users AS SELECT id FROM users;
CREATE VIEW over_view AS SELECT id FROM over_users;
CREATE VIEW over_nothing AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW matview AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW pgboss.over_job AS SELECT id FROM pgboss.job;
CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 * 2';
CREATE FUNCTION twice(text, "odd ""schema"."t.""x") RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE PROCEDURE proceed() LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION add(state integer, n integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 + $2';
CREATE AGGREGATE total(integer) (SFUNC = add, STYPE = integer, INITCOND = '0');
CREATE FUNCTION one_more(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 + 1';
CREATE AGGREGATE number_of(*) (SFUNC = one_more, STYPE = integer, INITCOND = '0');
CREATE FUNCTION is_like(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT $1 = $2';
CREATE OPERATOR ~~~~ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = is_like);
CREATE FUNCTION to_mood(integer) RETURNS mood LANGUAGE sql AS $$SELECT 'sad'::mood$$;
CREATE CAST (integer AS mood) WITH FUNCTION to_mood(integer);
CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION searching (COPY = simple);
CREATE COLLATION sorting FROM "C";
CREATE CONVERSION turning FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE STATISTICS of_both ON k, id FROM parted;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touching BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE silent AS ON DELETE TO pgboss.job DO INSTEAD NOTHING;
CREATE PUBLICATION telling FOR TABLE users;
SELECT lo_create(4711);
"#;

#[test]
fn everything_owned_by_the_role_is_dropped() {
    for major in versions() {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let owned = Owned::new(cluster(major), "clean_all");
            owned.execute("CREATE SCHEMA nocturne; CREATE TABLE nocturne.runs (id integer)").await;
            owned.execute(EVERYTHING).await;
            let (plan, result) = owned.clean(|_, _| false).await;
            result.unwrap_or_else(|error| panic!("{major}: {error}: {plan:#?}"));
            assert_eq!(owned.left(), "", "{major}");
            assert_eq!(owned.database.query("SELECT count(*) FROM nocturne.runs"), "0");
            // Everything can be created again: nothing is in its way.
            owned.execute(EVERYTHING).await;
            // And a clean target has nothing to drop.
            owned.clean(|_, _| false).await.1.unwrap();
            assert_eq!(owned.clean(|_, _| false).await.0, DropPlan::default());
        });
    }
}

#[test]
fn kept_tables_stay_with_everything_they_need() {
    for major in versions() {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let owned = Owned::new(cluster(major), "clean_kept");
            owned.execute(EVERYTHING).await;
            owned
                .execute(
                    r#"
                    CREATE TABLE answers (
                        id serial PRIMARY KEY, mood mood DEFAULT to_mood(1), name text,
                        n positive, "userId" integer CONSTRAINT answers_user REFERENCES users,
                        other bigint CONSTRAINT answers_ke REFERENCES "knowledge-elements"
                    );
                    CREATE INDEX answers_twice ON answers (twice(n));
                    CREATE TRIGGER touching BEFORE UPDATE ON answers FOR EACH ROW EXECUTE FUNCTION touch();
                    CREATE VIEW over_answers AS SELECT id FROM answers;
                    CREATE TABLE of_answers (answer integer REFERENCES answers);
                    INSERT INTO users (id) VALUES (1);
                    INSERT INTO answers (name, n, "userId") VALUES ('a', 1, 1), ('b', 2, 1);
                    INSERT INTO "knowledge-elements" ("userId") VALUES (1);
                    "#,
                )
                .await;
            let keep = |schema: &str, table: &str| {
                schema == "public" && ["answers", "knowledge-elements"].contains(&table)
            };
            let (plan, result) = owned.clean(keep).await;
            result.unwrap_or_else(|error| panic!("{major}: {error}: {plan:#?}"));
            assert_eq!(plan.kept, ["public.answers", "public.\"knowledge-elements\""]);
            assert_eq!(
                owned.left(),
                "function public.to_mood(integer), function public.touch(), \
                 function public.twice(integer), sequence public.\"knowledge-elements_id_seq\", \
                 sequence public.answers_id_seq, table public.\"knowledge-elements\", \
                 table public.answers, type public.mood, type public.positive",
                "{major}"
            );
            assert_eq!(owned.database.query("SELECT string_agg(id || name || n, ',' ORDER BY id) FROM answers"), "1a1,2b2");
            // The sequence continues, and the key between the two kept tables exists.
            owned.execute("INSERT INTO answers (name) VALUES ('c')").await;
            assert_eq!(owned.database.query("SELECT max(id) FROM answers"), "3");
            assert_eq!(
                owned.database.query("SELECT string_agg(conname, ',') FROM pg_constraint WHERE contype = 'f'"),
                "answers_ke"
            );
            assert_eq!(owned.database.query("SELECT count(*) FROM pg_indexes WHERE tablename = 'answers'"), "2");
            // Once more: there is nothing left to do.
            let (plan, result) = owned.clean(keep).await;
            result.unwrap();
            assert_eq!(plan.drops, []);
        });
    }
}

#[test]
fn extensions_of_the_role_are_dropped_unless_needed() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let owned = Owned::new(cluster(15), "clean_extensions");
        owned.execute("CREATE EXTENSION citext; CREATE EXTENSION pgcrypto").await;
        owned.execute("CREATE TABLE answers (name citext)").await;
        owned.clean(|_, table| table == "answers").await.1.unwrap();
        assert_eq!(owned.left(), "extension citext, table public.answers");
        owned.clean(|_, _| false).await.1.unwrap();
        assert_eq!(owned.left(), "");
    });
}

#[test]
fn extensions_the_restore_lacks_stay_with_their_schema() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let owned = Owned::new(cluster(15), "clean_extensions_stay");
        let sql = "CREATE SCHEMA ext; CREATE EXTENSION pgcrypto SCHEMA ext; \
                   CREATE EXTENSION cube; \
                   CREATE EXTENSION citext; CREATE TABLE users (id int)";
        owned.execute(sql).await;
        owned.database.execute("CREATE EXTENSION earthdistance");
        let session = owned.session().await;
        // earthdistance requires cube, which the restore would create again.
        let brings = |name: &str| ["citext", "cube"].contains(&name);
        let plan = clean::plan(&session, |_, _| false, brings).await.unwrap();
        assert_eq!(plan.extensions, ["cube", "pgcrypto"]);
        clean::execute(&session, &plan, None, &CancellationToken::new(), |_| {}).await.unwrap();
        assert_eq!(owned.left(), "extension cube, extension pgcrypto, schema ext");
    });
}

#[test]
fn objects_of_others_are_kept_or_reported() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let owned = Owned::new(cluster(15), "clean_others");
        owned.execute("CREATE SCHEMA shared; CREATE TABLE shared.t (a integer); CREATE TABLE users (id integer)").await;
        owned.database.execute(
            "CREATE TABLE shared.theirs (a integer); CREATE TABLE theirs (a integer);
             CREATE VIEW analysis AS SELECT id FROM users; CREATE EXTENSION hstore",
        );
        let (plan, result) = owned.clean(|_, _| false).await;
        result.unwrap();
        let others: Vec<String> = plan.others.iter().map(|o| format!("{} {} {}", o.kind, o.identity, o.owner)).collect();
        assert_eq!(others, ["view public.analysis postgres"]);
        assert_eq!(plan.shared_schemas, ["shared"]);
        assert_eq!(owned.left(), "schema shared");
        assert_eq!(
            owned.database.query("SELECT string_agg(oid::regclass::text, ',' ORDER BY oid::regclass::text) FROM pg_class WHERE relkind = 'r' AND relname = 'theirs'"),
            "shared.theirs,theirs"
        );
    });
}

#[test]
fn user_of_a_table_is_named() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let owned = Owned::new(cluster(15), "clean_in_use");
        owned.execute("CREATE TABLE a (a integer); CREATE TABLE users (id integer)").await;
        let reader = owned.session().await;
        reader
            .execute("SET application_name = 'dashboard'; BEGIN; SELECT * FROM public.users")
            .await
            .unwrap();
        let (_, result) = owned.clean(|_, _| false).await;
        let error = result.unwrap_err();
        assert_ne!(error.retry(), Retry::Never);
        let said = error.to_string();
        assert!(
            said.starts_with("cannot drop table public.users: it is in use by process "),
            "{said}"
        );
        assert!(said.contains(&format!("of {} (dashboard) since 20", owned.role)), "{said}");
        reader.rollback().await.unwrap();
        owned.clean(|_, _| false).await.1.unwrap();
        assert_eq!(owned.left(), "");
    });
}

/// What a reader holds, and how the error names it.
const HELD: [(&str, &str); 6] = [
    ("SELECT * FROM public.serfs", "cannot drop table public.bosses: public.serfs is in use"),
    (
        "SELECT * FROM public.teams",
        "cannot drop foreign key of_team on public.answers: public.teams is in use",
    ),
    ("SELECT * FROM public.zebras", "cannot drop table public.zebras: it is in use"),
    ("SELECT * FROM public.over_zebras", "cannot drop view public.over_zebras: it is in use"),
    ("SELECT * FROM public.matview", "cannot drop materialized view public.matview: it is in use"),
    ("SELECT * FROM public.alone", "cannot drop sequence public.alone: it is in use"),
];

#[test]
fn object_in_use_stops_drop_before_it_starts() {
    let server = Cluster::start(15, &[("max_prepared_transactions", "1")]);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let owned = Owned::new(&server, "clean_whole");
        owned
            .execute(
                "CREATE TABLE accounts (id int); CREATE TABLE bosses (id int PRIMARY KEY);
                 CREATE TABLE serfs (boss int REFERENCES bosses);
                 CREATE TABLE teams (id int PRIMARY KEY);
                 CREATE TABLE answers (id int, team int CONSTRAINT of_team REFERENCES teams);
                 CREATE TABLE zebras (id int); CREATE VIEW over_zebras AS SELECT id FROM zebras;
                 CREATE MATERIALIZED VIEW matview AS SELECT 1 AS one; CREATE SEQUENCE alone;
                 SELECT lo_create(4711)",
            )
            .await;
        let before = owned.left();
        let is_kept = |_: &str, table: &str| table == "answers";
        for (statement, named) in HELD {
            let reader = owned.session().await;
            reader
                .execute(&format!("SET application_name = 'dashboard'; BEGIN; {statement}"))
                .await
                .unwrap();
            let (_, result) = owned.clean(is_kept).await;
            let error = result.unwrap_err();
            assert_ne!(error.retry(), Retry::Never, "{error}");
            let said = error.to_string();
            assert!(said.starts_with(&format!("{named} by process ")), "{said}");
            assert!(said.contains(&format!("of {} (dashboard) since 20", owned.role)), "{said}");
            assert!(said.ends_with("; nothing was dropped"), "{said}");
            assert_eq!(owned.left(), before, "{statement}");
            let keys =
                "SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint WHERE contype = 'f'";
            assert_eq!(owned.database.query(keys), "of_team serfs_boss_fkey", "{statement}");
            reader.rollback().await.unwrap();
        }
        owned.execute("BEGIN; SELECT * FROM zebras; PREPARE TRANSACTION 'p'").await;
        let said = owned.clean(is_kept).await.1.unwrap_err().to_string();
        let named = "public.zebras: it is in use by a prepared transaction (see";
        assert!(said.contains(named), "{said}");
        owned.execute("ROLLBACK PREPARED 'p'").await;
        owned.clean(is_kept).await.1.unwrap();
        assert_eq!(owned.left(), "table public.answers");
    });
}

#[test]
fn drop_affecting_a_kept_table_is_rolled_back() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let owned = Owned::new(cluster(15), "clean_touch");
        owned.execute("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE answers (id integer)").await;
        let session = owned.session().await;
        let plan = clean::plan(&session, |_, table| table == "answers", |_| true).await.unwrap();
        // Between planning and execution the table starts to depend on the type.
        owned.execute("ALTER TABLE answers ADD mood mood").await;
        let stop = CancellationToken::new();
        let error = clean::execute(&session, &plan, None, &stop, |_| {}).await.unwrap_err();
        assert!(matches!(error, CleanError::TouchesKept { .. }), "{error}");
        assert_eq!(owned.database.query("SELECT count(mood) FROM answers"), "0");
    });
}

#[test]
fn more_tables_than_locks_can_be_dropped() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let small = Cluster::start(15, &[("max_locks_per_transaction", "10"), ("max_connections", "10")]);
        let owned = Owned::new(&small, "clean_many");
        for from in [1, 101, 201] {
            let create = format!("DO $$BEGIN FOR n IN {from}..{from}+99 LOOP EXECUTE format('CREATE TABLE t%s (id serial PRIMARY KEY)', n); COMMIT; END LOOP; END$$");
            owned.execute(&create).await;
        }
        let before = owned.left();
        let reader = owned.session().await;
        reader.execute("BEGIN; SELECT * FROM public.t100").await.unwrap();
        let said = owned.clean(|_, _| false).await.1.unwrap_err().to_string();
        assert!(said.starts_with("cannot drop table public.t100: it is in use by"), "{said}");
        assert_eq!(owned.left(), before);
        reader.rollback().await.unwrap();
        owned.clean(|_, _| false).await.1.unwrap();
        assert_eq!(owned.left(), "");
    });
}

#[test]
fn command_prints_the_plan_and_drops_it() {
    let owned = Owned::new(cluster(15), "clean_command");
    owned.database.execute(&format!(
        "SET ROLE {}; CREATE TABLE users (id int); CREATE TABLE answers (id int);
         CREATE TABLE scores (id int); CREATE VIEW v AS SELECT id FROM users",
        owned.role
    ));
    let command = |args: &[&str]| {
        let tool = crate::common::nocturne().args(["drop-objects", "-d", &owned.url()]).args(args);
        tool.env("BACKUP_MODE", "{\"answers\":\"incremental\"}").run()
    };
    let printed = command(&["--keep", "sc*", "--dry-run"]);
    assert_eq!(printed.code(), 0, "{printed}");
    assert_eq!(
        printed.stdout(),
        "-- kept: table public.answers\n-- kept: table public.scores\n\
         DROP VIEW IF EXISTS public.v CASCADE;\nDROP TABLE IF EXISTS public.users CASCADE;\n"
    );
    let mistyped = command(&["--keep", "score"]);
    assert_eq!(mistyped.code(), 2, "{mistyped}");
    assert!(mistyped.stderr().contains("--keep score: no such table"), "{mistyped}");
    assert_eq!(owned.database.query("SELECT count(*) FROM pg_views WHERE viewname = 'v'"), "1");

    let done = command(&["--keep", "sc*"]);
    assert_eq!(done.code(), 0, "{done}");
    assert_eq!(owned.left(), "table public.answers, table public.scores");
}

#[test]
fn column_lost_by_another_roles_table_is_named() {
    let owned = Owned::new(cluster(15), "clean_column");
    let (role, other) = (&owned.role, format!("{}_analyst", owned.role));
    owned.database.execute(&format!(
        "CREATE ROLE {other}; GRANT ALL ON SCHEMA public TO {other}; SET ROLE {role};
         CREATE TYPE result AS ENUM ('ok'); CREATE TABLE users (id int);
         GRANT SELECT ON users TO {other}; RESET ROLE; SET ROLE {other};
         CREATE TABLE notes (id int, result public.result);
         CREATE VIEW notes_seen AS SELECT result FROM notes;
         CREATE VIEW users_seen AS SELECT id FROM users"
    ));
    let drop = |args: &[&str]| {
        crate::common::nocturne().args(["drop-objects", "-d", &owned.url()]).args(args).succeed()
    };
    let others =
        ["table column public.notes.result", "view public.notes_seen", "view public.users_seen"];
    let printed = drop(&["--dry-run"]);
    let lines = printed.stdout();
    let lines: Vec<&str> = lines.lines().filter(|line| line.starts_with("-- also")).collect();
    assert_eq!(lines, others.map(|object| format!("-- also dropped: {object} of {other}")));
    drop(&[]);
    let left = "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute \
                WHERE attrelid = 'notes'::regclass AND attnum > 0 AND NOT attisdropped";
    assert_eq!(owned.database.query(left), "id");
    owned.database.execute(&format!("DROP OWNED BY {other}; DROP ROLE {other}"));
}

#[test]
fn schema_of_another_role_is_named_before_drop() {
    let owned = Owned::new(cluster(15), "clean_foreign_schema");
    let (role, other) = (&owned.role, format!("{}_other", owned.role));
    owned.database.execute(&format!(
        "CREATE ROLE {other}; CREATE SCHEMA nocturne AUTHORIZATION {other};
         SET ROLE {role}; CREATE TABLE users (id int)"
    ));
    let command = |args: &[&str]| {
        crate::common::nocturne().args(["drop-objects", "-d", &owned.url()]).args(args).run()
    };
    for args in [&["--dry-run"][..], &[]] {
        let refused = command(args).expect_code(1);
        let said = format!("schema nocturne belongs to role \"{other}\", not to \"{role}\"");
        assert!(refused.stderr().contains(&said), "{refused}");
        assert!(refused.stderr().contains(&format!("hint: connect as \"{other}\"")), "{refused}");
        assert_eq!(owned.left(), "table public.users");
    }
    // A superuser's schema contains none of our records and stops nothing.
    owned.database.execute("ALTER SCHEMA nocturne OWNER TO postgres");
    let done = command(&[]).expect_code(0);
    assert_eq!(owned.left(), "", "{done}");
    owned.database.execute(&format!("DROP OWNED BY {other}; DROP ROLE {other}"));
}
