//! What others do to a synced database between two nights: it is noticed, named, and undone.

use super::nights::Nights;
use crate::common::versions::newest;
use crate::common::{Interactive, cluster, for_each_version};

/// Tables with the same rows, named after what is done to them.
const ROWS: &str = "
    CREATE FUNCTION made(name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, word text);
            INSERT INTO %1$I SELECT n, ''word '' || n FROM generate_series(1, 100) n', name);
    END $$;
    SELECT made(name) FROM unnest(ARRAY['untouched', 'inserted', 'updated', 'deleted', 'exchanged',
        'truncated', 'vacuumed', 'clustered', 'rolled_back', 'locked']) name;
    ALTER TABLE clustered CLUSTER ON clustered_pkey;";

const WRITTEN: &str = "
    INSERT INTO inserted VALUES (0);
    UPDATE updated SET word = word WHERE id < 3;
    DELETE FROM deleted WHERE id = 7;
    DELETE FROM exchanged WHERE id = 7;
    INSERT INTO exchanged VALUES (7, 'word 7');
    TRUNCATE truncated;
    VACUUM FULL vacuumed;
    CLUSTER clustered;
    BEGIN; DELETE FROM rolled_back; INSERT INTO rolled_back VALUES (0); ROLLBACK;
    BEGIN; SELECT * FROM locked FOR UPDATE; COMMIT;";

#[test]
fn written_rows_are_noticed_and_undone() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, ROWS);
        nights.target.execute(WRITTEN);
        let synced = nights.night("SELECT 1");
        let said = synced.stderr();
        for expected in [
            "public.inserted: 1 row was written by someone else",
            "public.updated: 2 rows were written by someone else",
            "public.deleted: someone else deleted or added rows: 100 then, 99 now",
            "public.exchanged: 1 row was written by someone else",
            "public.truncated: the table was rewritten by someone else",
            "public.vacuumed: the table was rewritten by someone else",
            "public.clustered: the table was rewritten by someone else",
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        for table in ["untouched", "rolled_back", "locked"] {
            assert!(!said.contains(&format!("public.{table}: ")), "{table}: {said}");
        }
        // Their own rows are known again.
        let synced = nights.night("SELECT 1");
        assert_eq!(synced.changes(), [""; 0]);
        assert!(!synced.stderr().contains("someone else"), "{}", synced.stderr());
    });
}

#[test]
fn maintenance_and_own_objects_of_others_change_nothing() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, ROWS);
        nights.target.execute(
            "VACUUM (FREEZE); ANALYZE; REINDEX TABLE untouched;
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
             CREATE SCHEMA analysts;
             CREATE VIEW analysts.report AS SELECT count(*) FROM untouched;
             CREATE TABLE analysts.notes (id int REFERENCES untouched);
             CREATE INDEX own ON untouched (word);",
        );
        let synced = nights.sync(&[]).expect(0);
        assert_eq!(synced.changes(), [""; 0]);
        assert!(!synced.stderr().contains("someone else"), "{}", synced.stderr());
        assert_eq!(nights.target.query("SELECT * FROM analysts.report"), "100");
    });
}

/// The transaction is older than the sync that records its table, and its rows have the ID of a
/// savepoint.
#[test]
fn rows_of_a_transaction_open_during_the_sync_are_noticed() {
    let nights = Nights::new(cluster(newest()), ROWS);
    let mut open = Interactive::start(
        &nights.target,
        "open",
        "BEGIN; SAVEPOINT a; SELECT pg_catalog.txid_current();",
    );
    let is_open = "EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'open' \
         AND backend_xid IS NOT NULL AND state = 'idle in transaction')";
    nights.target.wait_until(is_open);
    let changed = nights.night("UPDATE updated SET word = 'x' WHERE id = 1").changes();
    assert_eq!(changed, ["updated patched 1 1"]);
    open.say("INSERT INTO updated VALUES (0); COMMIT;");
    open.end();
    let synced = nights.night("SELECT 1");
    assert!(synced.stderr().contains("1 row was written by someone else"), "{}", synced.stderr());
    assert_eq!(synced.changes(), ["updated patched 0 1"]);
}

const OBJECTS: &str = "
    CREATE TABLE users (id int PRIMARY KEY, email text, n int DEFAULT 3 CHECK (n > 0));
    INSERT INTO users SELECT n, 'u' || n FROM generate_series(1, 100) n;
    CREATE INDEX users_email ON users (email);
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
    CREATE TRIGGER kept BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();
    CREATE VIEW seen AS SELECT id FROM users;
    CREATE TYPE mood AS ENUM ('good', 'bad');
    CREATE SEQUENCE numbers;
    CREATE TABLE secured (id int);
    ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
    CREATE POLICY visible ON secured USING (id > 0);
    CREATE STATISTICS both_columns ON id, email FROM users;
    COMMENT ON TABLE users IS 'people';";

/// What others do, a night at a time, with the names of the objects.
const CHANGED: [&[(&str, &str)]; 5] = [
    &[
        ("ALTER TABLE users ADD added int", "TABLE public.users (changed)"),
        ("DROP INDEX users_email", "INDEX public.users_email (dropped)"),
        ("ALTER TABLE users DISABLE TRIGGER kept", "TRIGGER public.users kept (changed)"),
        ("COMMENT ON VIEW seen IS 'x'", "VIEW public.seen (changed)"),
    ],
    &[
        ("COMMENT ON TABLE users IS NULL", "TABLE public.users (changed)"),
        ("ALTER TABLE users ALTER n SET DEFAULT 4", "column n of TABLE public.users (changed)"),
        ("ALTER TYPE mood ADD VALUE 'none'", "TYPE public.mood (changed)"),
        ("ALTER SEQUENCE numbers INCREMENT 2", "SEQUENCE public.numbers (changed)"),
    ],
    &[
        ("ALTER TABLE users DROP email CASCADE", "column 2 of TABLE public.users (changed)"),
        (
            "CREATE OR REPLACE VIEW seen AS SELECT id FROM secured",
            "RULE public.seen _RETURN (changed)",
        ),
        ("ALTER POLICY visible ON secured USING (true)", "POLICY public.secured visible (changed)"),
    ],
    &[
        ("ALTER TABLE secured DISABLE ROW LEVEL SECURITY", "TABLE public.secured (changed)"),
        (
            "ALTER TABLE users DROP CONSTRAINT users_n_check",
            "constraint of TABLE public.users (dropped)",
        ),
        ("DROP STATISTICS both_columns", "STATISTICS public.both_columns (dropped)"),
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END'",
            "FUNCTION public.f() (changed)",
        ),
    ],
    &[
        ("DROP VIEW seen", "VIEW public.seen (dropped)"),
        ("ALTER INDEX users_email RENAME TO own", "INDEX public.own (changed)"),
        ("ALTER TABLE secured SET (fillfactor = 50)", "TABLE public.secured (changed)"),
    ],
];

#[test]
fn changed_objects_are_named_and_restored() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, OBJECTS);
        for night in CHANGED {
            let statements: Vec<&str> = night.iter().map(|(sql, _)| *sql).collect();
            nights.target.execute(&statements.join("; "));
            let reasons = nights.night("SELECT 1").reasons();
            for (sql, label) in night {
                assert!(reasons.contains(label), "{sql}: {reasons}");
            }
        }
        assert_eq!(nights.night("SELECT 1").changes(), [""; 0]);
    });
}
