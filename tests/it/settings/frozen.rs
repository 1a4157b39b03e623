//! Rows of tables created by the restore are frozen and marked all-visible.

use crate::common::{
    Archive, Cluster, Database, assert_same_database, for_each_version, restore, versions,
};

const TABLES: &str = "
    CREATE ACCESS METHOD other_heap TYPE TABLE HANDLER heap_tableam_handler;
    CREATE TABLE plain (id int PRIMARY KEY, t text);
    CREATE UNLOGGED TABLE unlogged (id int, t text);
    CREATE TABLE other (id int, t text) USING other_heap;
    CREATE TABLE parts (id int, t text) PARTITION BY RANGE (id);
    CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (2000);
    CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (2000) TO (9000);
    INSERT INTO plain SELECT i, md5(i::text) || repeat('x', 70) FROM generate_series(1, 5000) i;
    INSERT INTO unlogged SELECT * FROM plain; INSERT INTO other SELECT * FROM plain;
    INSERT INTO parts SELECT * FROM plain;";

/// Whether every page of a table is marked all-visible.
fn is_frozen(database: &Database<'_>, table: &str) -> bool {
    // ANALYZE counts it; nothing else sets it, as autovacuum is off. From PostgreSQL 16
    // on a table has pages without rows at its end.
    database.execute(&format!("ANALYZE {table}"));
    let query = format!(
        "SELECT relallvisible > 10
             AND relallvisible = (SELECT count(DISTINCT (ctid::text::point)[0]) FROM {table})
         FROM pg_class WHERE relname = '{table}'"
    );
    database.query(&query) == "t"
}

#[test]
fn rows_of_new_tables_are_frozen() {
    for_each_version(|cluster| {
        let archive = Archive::of(cluster, TABLES);
        let expected = cluster.fresh_db("frozen_expected");
        assert!(expected.pg_restore(&archive.path(), &[]).success());
        for format in ["text", "binary"] {
            let target = cluster.fresh_db("frozen");
            let options = ["-j", "3", "--copy-format", format];
            restore(&archive.path(), &target, &options).expect(0);
            assert_same_database(&target, &expected);
            for table in ["plain", "unlogged", "part_1", "part_2"] {
                assert!(is_frozen(&target, table), "{table}");
            }
            // Another access method may treat FREEZE differently.
            assert!(!is_frozen(&target, "other"));
        }
        // Queried last, as ANALYZE leaves statistics behind.
        assert!(!is_frozen(&expected, "plain"), "otherwise the test would show nothing");
    });
}

#[test]
fn rows_joining_others_are_not_frozen() {
    for_each_version(|cluster| {
        let archive = Archive::of(cluster, TABLES);
        let target = cluster.fresh_db("frozen");
        restore(&archive.path(), &target, &["--section", "pre-data"]).expect(0);
        restore(&archive.path(), &target, &["--data-only"]).expect(0);
        assert!(!is_frozen(&target, "plain"));
        assert_eq!(target.rows("plain"), 5000);
    });
}

#[test]
fn wal_level_minimal_stores_the_same() {
    let newest = versions::newest();
    let settings = [("wal_level", "minimal"), ("max_wal_senders", "0")];
    let cluster = Cluster::start(newest, &settings);
    let source = cluster.fresh_db("minimal_source");
    source.execute(TABLES);
    let archive = Archive::dump(&source, &["--format=custom"]);
    let target = cluster.fresh_db("minimal");
    restore(&archive.path(), &target, &["-j", "3"]).expect(0);
    assert_same_database(&target, &source);
    assert!(is_frozen(&target, "plain"));
}
