//! Forms of archives in which the rows of a table are not stored as a COPY into the table itself.

use std::path::Path;

use super::source::{restored, verify};
use crate::common::versions::newest;
use crate::common::{Archive, Database, cluster, nocturne, restore};

/// Rewrites the data files of an uncompressed directory archive.
fn rewrite(archive: &Path, edit: impl Fn(&str) -> String) -> usize {
    let files = std::fs::read_dir(archive).unwrap().map(|file| file.unwrap().path());
    let data = files.filter(|path| path.extension().is_some_and(|ext| ext == "dat"));
    let mut changed = 0;
    for path in data.filter(|path| !path.ends_with("toc.dat")) {
        let before = std::fs::read_to_string(&path).unwrap();
        let after = edit(&before);
        changed += usize::from(before != after);
        std::fs::write(path, after).unwrap();
    }
    changed
}

#[test]
fn insert_archives_are_compared_for_any_table_name() {
    let cluster = cluster(newest());
    let sql = "CREATE TABLE plain (id int, word text); INSERT INTO plain VALUES (1, 'a'), (2, 'b'); \
         CREATE TABLE \"Od.d \"\"name\" (id int); INSERT INTO \"Od.d \"\"name\" VALUES (1); \
         CREATE DOMAIN needed AS int NOT NULL; CREATE DOMAIN more AS needed CHECK (VALUE > 0); \
         CREATE TABLE computed (n int, g more GENERATED ALWAYS AS (n * 2) STORED); \
         INSERT INTO computed VALUES (1), (2); \
         CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY, n int); \
         INSERT INTO numbered (n) VALUES (7);";
    let args = ["--format=directory", "--compress=0"];
    for (more, is_old) in
        [("--inserts", true), ("--column-inserts", true), ("--quote-all-identifiers", false)]
    {
        let args = [&args[..], &["--inserts", more]].concat();
        let archive = Archive::with(cluster, sql, &args);
        let target = restored(&archive, cluster);
        if is_old {
            // As pg_dump wrote it before 2018, when the session's search path named the schema.
            let old = |text: &str| text.replace("INSERT INTO public.", "INSERT INTO ");
            assert_eq!(rewrite(&archive.path(), old), 4, "{more}");
        }
        let verified = verify(&archive.path(), &target.url(), &[]).expect(0);
        assert_eq!(verified.exactly().len(), 4, "{more}: {}", verified.finished);
        target.execute(
            "UPDATE plain SET word = 'c' WHERE id = 2; UPDATE computed SET n = 5 WHERE n = 1",
        );
        let verified = verify(&archive.path(), &target.url(), &[]).expect(1);
        let others = ["computed", "plain"]
            .map(|name| format!("{name} different same row count, different rows"));
        assert_eq!(verified.differences(), others, "{more}: {}", verified.finished);
    }
    // Rows of another table are not this table's.
    let archive = Archive::with(cluster, sql, &[&args[..], &["--inserts"]].concat());
    let target = restored(&archive, cluster);
    rewrite(&archive.path(), |text| {
        text.replace("INSERT INTO public.plain", "INSERT INTO s.plain")
    });
    let verified = verify(&archive.path(), &target.url(), &[]).expect(1);
    let differences = verified.differences();
    assert!(differences[0].contains("does not insert into public.plain"), "{differences:?}");
}

#[test]
fn root_with_line_breaks_in_name_is_found() {
    let cluster = cluster(newest());
    let sql = "CREATE SCHEMA \"s\n\"; \
         CREATE TABLE \"s\n\".\"ro\no \rt\" (id int) PARTITION BY HASH (id); \
         CREATE TABLE part PARTITION OF \"s\n\".\"ro\no \rt\" \
             FOR VALUES WITH (MODULUS 1, REMAINDER 0); \
         INSERT INTO part VALUES (1), (2);";
    for more in [&[][..], &["--inserts"]] {
        let args = [&["--format=custom", "--load-via-partition-root"], more].concat();
        let archive = Archive::with(cluster, sql, &args);
        let target = restored(&archive, cluster);
        let verified = verify(&archive.path(), &target.url(), &[]).expect(0);
        let table = &verified.items()[0];
        assert_eq!(table["name"], "ro\no \rt", "{}", verified.finished);
        assert_eq!(table["in_database"], 2, "{}", verified.finished);
        target.execute("UPDATE part SET id = 3 WHERE id = 2");
        verify(&archive.path(), &target.url(), &[]).expect(1);
    }
}

#[test]
fn stored_generated_columns_are_reported_as_not_compared() {
    let cluster = cluster(newest());
    let sql = "CREATE TABLE plain (id int); INSERT INTO plain VALUES (1); CREATE TABLE computed \
         (n int, g int GENERATED ALWAYS AS (n * 2) STORED); INSERT INTO computed VALUES (1), (2);";
    let archive = Archive::of(cluster, sql);
    let target = restored(&archive, cluster);
    // Differences in generated values alone cannot be seen: the archive has none of them.
    target.execute("ALTER TABLE computed ALTER COLUMN g SET EXPRESSION AS (n * 3)");
    let text = |args: &[&str]| {
        let tool = nocturne().arg("verify").arg(archive.path()).args(["-d", &target.url()]);
        tool.args(args).run().expect_code(0).stdout()
    };
    let line = "not compared: stored generated columns of 1 table (-v lists them)\n";
    assert!(text(&[]).contains(line), "{}", text(&[]));
    assert!(text(&["-v"]).contains("not compared: generated column g"), "{}", text(&["-v"]));
}

#[test]
fn names_impossible_in_the_database_are_missing() {
    let cluster = cluster(newest());
    let database = |encoding: &str, name: &str| {
        let tool = cluster.tool("createdb").args(["--template=template0", "--locale=C"]);
        tool.args(["--encoding", encoding, name]).succeed();
        cluster.adopt_db(name)
    };
    let source = database("SQL_ASCII", "names_bytes");
    let sql = "CREATE TABLE \"t\u{e9}\" (id int); INSERT INTO \"t\u{e9}\" VALUES (1); \
         CREATE TABLE plain (word text); INSERT INTO plain VALUES ('a'), ('b'); \
         CREATE SEQUENCE \"s\u{e9}\"; CREATE SEQUENCE plain_s; \
         CREATE MATERIALIZED VIEW \"v\u{e9}\" AS SELECT 1 AS a;";
    let bytes: Vec<u8> = sql.chars().map(|c| c as u8).collect();
    source.psql().env("PGCLIENTENCODING", "SQL_ASCII").input(bytes).succeed();
    let archive = Archive::dump(&source, &["--format=custom"]);
    let compared = |database: &Database<'_>| {
        let verified = verify(&archive.path(), &database.url(), &[]);
        let missing = verified.items().iter().filter(|item| item["verdict"] == "missing").count();
        (verified.items().len(), missing, verified.differences().len(), verified.finished.code())
    };
    // Bytes are compared with bytes.
    for (encoding, name) in [("SQL_ASCII", "names_ascii"), ("LATIN1", "names_latin1")] {
        let target = database(encoding, name);
        restore(&archive.path(), &target, &[]).expect(0);
        assert_eq!(compared(&target), (5, 0, 0, 0), "{encoding}");
        target.execute("UPDATE plain SET word = 'c' WHERE word = 'a'");
        assert_eq!(compared(&target), (5, 0, 1, 1), "{encoding}");
    }
    let target = database("UTF8", "names_utf8");
    target.execute(
        "CREATE TABLE plain (word text); INSERT INTO plain VALUES ('a'), ('b'); \
         CREATE SEQUENCE plain_s;",
    );
    assert_eq!(compared(&target), (5, 3, 3, 1));
    target.execute("UPDATE plain SET word = 'c' WHERE word = 'a'");
    assert_eq!(compared(&target), (5, 3, 4, 1));
}
