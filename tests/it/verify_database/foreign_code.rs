//! Code that an unprivileged role has planted in the database does not run when a superuser
//! compares it with an archive.

use std::path::Path;

use super::source::{restored, verify};
use crate::common::versions::newest;
use crate::common::{Archive, Database, cluster};

const SOURCE: &str = "CREATE TABLE seen (id int, word text); INSERT INTO seen VALUES (1, 'a'); \
     CREATE TABLE typed (id int, word text); INSERT INTO typed VALUES (1, 'a'); \
     CREATE TABLE spans (id int, word text); INSERT INTO spans VALUES (1, '[1,5)'); \
     CREATE TABLE cast_to (id int); INSERT INTO cast_to VALUES (1); \
     CREATE SEQUENCE counter;";

/// A function that creates a file, which only a superuser's session can.
fn planted(database: &Database<'_>, marker: &Path) {
    let role = format!("{}_low", database.name);
    database.execute(&format!(
        "CREATE ROLE \"{role}\"; GRANT CREATE ON SCHEMA public TO \"{role}\"; \
         DROP TABLE seen, typed, spans, cast_to; DROP SEQUENCE counter; SET ROLE \"{role}\"; \
         CREATE FUNCTION mark() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $f$BEGIN \
             EXECUTE 'COPY (SELECT 1) TO ''{}'''; RETURN 1; END$f$; \
         CREATE VIEW seen AS SELECT mark() AS id, 'a'::text AS word; \
         CREATE VIEW counter AS SELECT mark()::bigint AS last_value, false AS is_called; \
         CREATE DOMAIN checked AS text CHECK (mark() > 0 OR VALUE = 'x'); \
         CREATE TABLE typed (id int, word checked); \
         CREATE TYPE pair AS (a int, b checked); \
         CREATE TABLE spans (id int, word pair); \
         CREATE TYPE wrapped AS (a int, b int); \
         CREATE FUNCTION wrap(int) RETURNS wrapped LANGUAGE sql AS 'SELECT ROW(mark(), $1)::wrapped'; \
         CREATE CAST (int AS wrapped) WITH FUNCTION wrap(int) AS ASSIGNMENT; \
         CREATE TABLE cast_to (id wrapped);",
        marker.display()
    ));
    // As many rows as in the archive, so that values have to be compared exactly. These
    // ran the code themselves: not as a superuser, who alone can write the file.
    database.execute(
        "ALTER DOMAIN checked DROP CONSTRAINT checked_check; INSERT INTO typed VALUES (1, 'b'); \
         INSERT INTO spans VALUES (1, ROW(1, 'b')); INSERT INTO cast_to VALUES (ROW(1, 1)); \
         ALTER DOMAIN checked ADD CHECK (mark() > 0 OR VALUE = 'x') NOT VALID;",
    );
}

#[test]
fn planted_code_does_not_run() {
    let cluster = cluster(newest());
    for args in [&["--format=custom"][..], &["--format=custom", "--inserts"]] {
        let archive = Archive::with(cluster, SOURCE, args);
        let target = restored(&archive, cluster);
        // A folder that the server may write to.
        let marker = target.query("SHOW data_directory");
        let marker = Path::new(marker.trim()).join(format!("{}.marker", target.name));
        planted(&target, &marker);
        let verified = verify(&archive.path(), &target.url(), &[]).expect(1);
        assert!(!marker.exists(), "{args:?}: planted code ran: {}", verified.finished);
        let found = verified.differences();
        let of = |name: &str| found.iter().find(|line| line.starts_with(name)).cloned();
        let view = "seen different not a table: the database has a view with this name";
        assert_eq!(of("seen").as_deref(), Some(view), "{}", verified.finished);
        assert_eq!(of("counter").as_deref(), Some("counter missing"), "{}", verified.finished);
        // A domain's values are compared by its base type.
        let typed = "typed different same row count, different rows";
        assert_eq!(of("typed").as_deref(), Some(typed), "{}", verified.finished);
        for name in ["spans", "cast_to"] {
            let line = of(name).unwrap_or_default();
            assert!(line.contains("code of the type"), "{line} {}", verified.finished);
        }
    }
}
