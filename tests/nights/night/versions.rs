//! Nights on every version of the server: catalog queries and kept objects differ.

use std::path::Path;

use crate::common::compare::{difference, dump_with};
use crate::common::{Database, Owned, Tool, bare_nocturne, for_each_version};

const SOURCE: &str = r#"
CREATE SCHEMA kept;
CREATE TYPE kept.kind AS ENUM ('a', 'b');
CREATE DOMAIN kept.word AS text CHECK (VALUE <> '');
CREATE FUNCTION kept.first(kept.kind, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $2';
CREATE FUNCTION kept.first(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE PROCEDURE kept.nothing() LANGUAGE sql AS 'SELECT 1';
CREATE SEQUENCE kept.numbers;
CREATE TABLE kept.events (
    id int DEFAULT nextval('kept.numbers') PRIMARY KEY, kind kept.kind, word kept.word,
    n int GENERATED ALWAYS AS (kept.first('a', 1)) STORED
) PARTITION BY RANGE (id);
ALTER SEQUENCE kept.numbers OWNED BY kept.events.id;
CREATE TABLE kept.events_low PARTITION OF kept.events FOR VALUES FROM (0) TO (100);
CREATE TABLE kept.events_high PARTITION OF kept.events FOR VALUES FROM (100) TO (10000);
CREATE INDEX ON kept.events (word);
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE VIEW seen AS SELECT u.name, e.kind FROM users u JOIN kept.events e ON e.id = u.id;
INSERT INTO users SELECT n, 'user ' || n FROM generate_series(1, 100) n;
"#;

/// A kept table with objects of every kind that it can need or that stays with it.
const ALL_KINDS: &str = r#"
CREATE SCHEMA kept;
CREATE COLLATION kept.letters FROM "C";
CREATE TYPE kept.kind AS ENUM ('a', 'b');
CREATE CAST (text AS kept.kind) WITH INOUT AS ASSIGNMENT;
CREATE FUNCTION kept.compare(int, int) RETURNS int LANGUAGE sql IMMUTABLE
    AS 'SELECT pg_catalog.btint4cmp($2, $1)';
CREATE OPERATOR kept.<# (FUNCTION = int4gt, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR kept.<=# (FUNCTION = int4ge, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR kept.=# (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR kept.>=# (FUNCTION = int4le, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR kept.># (FUNCTION = int4lt, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR kept.<# (FUNCTION = int4um, RIGHTARG = int);
CREATE OPERATOR FAMILY kept.backwards USING btree;
CREATE OPERATOR CLASS kept.backwards FOR TYPE int USING btree FAMILY kept.backwards AS
    OPERATOR 1 kept.<#, OPERATOR 2 kept.<=#, OPERATOR 3 kept.=#, OPERATOR 4 kept.>=#,
    OPERATOR 5 kept.>#, FUNCTION 1 kept.compare(int, int);
CREATE TEXT SEARCH TEMPLATE kept.template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH PARSER kept.parser (START = prsd_start, GETTOKEN = prsd_nexttoken,
    END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH DICTIONARY kept."the words" (TEMPLATE = kept.template);
CREATE TEXT SEARCH CONFIGURATION kept.plain (PARSER = kept.parser);
ALTER TEXT SEARCH CONFIGURATION kept.plain ADD MAPPING FOR word WITH kept."the words";
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE kept.answers (
    id int PRIMARY KEY, user_id int CONSTRAINT to_user REFERENCES users,
    name text COLLATE kept.letters, kind kept.kind
);
COMMENT ON CONSTRAINT to_user ON kept.answers IS 'the key that is left out';
CREATE INDEX ON kept.answers (user_id kept.backwards);
CREATE INDEX ON kept.answers USING gin (to_tsvector('kept.plain', name));
CREATE RULE none AS ON DELETE TO kept.answers DO INSTEAD NOTHING;
INSERT INTO users SELECT generate_series(1, 10);
"#;

/// What the host of a warehouse has set up, by the names of the source.
const OF_THE_HOST: &str = r#"
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER "the far one" FOREIGN DATA WRAPPER nowhere;
CREATE USER MAPPING FOR PUBLIC SERVER "the far one";
"#;

#[test]
fn kept_objects_never_fail_the_next_night() {
    for_each_version(|cluster| {
        let source = cluster.fresh_db("night_kinds_source");
        source.execute(ALL_KINDS);
        source.execute(OF_THE_HOST);
        // Operator classes require a superuser.
        let warehouse = Owned::with(cluster, "night_kinds", "SUPERUSER");
        warehouse.database.execute(OF_THE_HOST);
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup.pgsql");
        for answers in [50, 120, 200] {
            source.execute(&format!(
                "INSERT INTO kept.answers SELECT n, 1 + n % 10, 'word ' || n, 'a'::text \
                 FROM generate_series(1 + (SELECT count(*) FROM kept.answers), {answers}) n"
            ));
            source.pg_dump(&["--format=custom", "--file"]).arg(&backup).succeed();
            night(&backup, "kept.answers", &source, &warehouse).succeed();
        }
        // Everything equals the source, except the foreign key of the kept table.
        source.execute("ALTER TABLE kept.answers DROP CONSTRAINT to_user");
        assert_alike(&warehouse, &source);
    });
}

/// Owners and nocturne's own records apart.
fn assert_alike(warehouse: &Owned<'_>, source: &Database<'_>) {
    let state =
        |database| dump_with(database, &["--no-owner", "--no-acl", "--exclude-schema", "nocturne"]);
    let (here, there) = (state(&warehouse.database), state(source));
    if let Some(found) = difference(&here, &there) {
        panic!("the warehouse (+) differs from the source (-):\n{found}");
    }
}

/// A night from a file, working in the file's folder, with a table that is copied incrementally.
fn night(backup: &Path, kept: &str, source: &Database<'_>, warehouse: &Owned<'_>) -> Tool {
    bare_nocturne()
        .arg("run")
        .env("MAX_RETRY_COUNT", "0")
        .env("BACKUP_SOURCE", backup)
        .env("BACKUP_ANY_DAY", "true")
        .env("BACKUP_MODE", format!(r#"{{"{kept}":"incremental"}}"#))
        .env("SOURCE_DATABASE_URL", source.url())
        .env("DATABASE_URL", warehouse.url())
        .current_dir(backup.parent().unwrap())
}

#[test]
fn nights_keep_a_table_and_everything_it_needs() {
    for_each_version(|cluster| {
        let source = cluster.fresh_db("night_versions_source");
        source.execute(SOURCE);
        let warehouse = Owned::new(cluster, "night_versions");
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup.pgsql");
        let night = || night(&backup, "kept.events", &source, &warehouse);
        for events in [50, 300, 700] {
            source.execute(&format!(
                "INSERT INTO kept.events (kind, word) SELECT 'a', 'word ' || n \
                 FROM generate_series(1 + (SELECT count(*) FROM kept.events), {events}) n"
            ));
            source.pg_dump(&["--format=custom", "--file"]).arg(&backup).succeed();
            night().succeed();
        }
        // Owners apart, the two are equal: rows, types, functions, the sequence's value.
        assert_alike(&warehouse, &source);
    });
}
