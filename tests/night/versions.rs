//! Nights on every version of the server: what the catalogue is asked, and what is kept, differs.

use crate::common::compare::{difference, dump_with};
use crate::common::{Owned, Tool, bare_nocturne, for_each_version};

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

#[test]
fn nights_with_a_kept_table_and_all_that_it_needs() {
    for_each_version(|cluster| {
        let source = cluster.fresh_db("night_versions_source");
        source.execute(SOURCE);
        let warehouse = Owned::new(cluster, "night_versions");
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup.pgsql");
        let night = || -> Tool {
            bare_nocturne()
                .arg("run")
                .env("MAX_RETRY_COUNT", "0")
                .env("BACKUP_SOURCE", &backup)
                .env("BACKUP_MODE", r#"{"kept.events":"incremental"}"#)
                .env("SOURCE_DATABASE_URL", source.url())
                .env("DATABASE_URL", warehouse.url())
                .current_dir(folder.path())
        };
        for events in [50, 300, 700] {
            source.execute(&format!(
                "INSERT INTO kept.events (kind, word) SELECT 'a', 'word ' || n \
                 FROM generate_series(1 + (SELECT count(*) FROM kept.events), {events}) n"
            ));
            source.pg_dump(&["--format=custom", "--file"]).arg(&backup).succeed();
            night().succeed();
        }
        // Owners apart, the two are the same: rows, types, functions, the sequence's value.
        let state = |database| {
            dump_with(database, &["--no-owner", "--no-acl", "--exclude-schema", "nocturne"])
        };
        let (here, there) = (state(&warehouse.database), state(&source));
        if let Some(found) = difference(&here, &there) {
            panic!("the warehouse (+) differs from the source (-):\n{found}");
        }
    });
}
