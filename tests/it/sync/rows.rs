//! Rows of every form: what is deleted and inserted is the smallest difference, or all rows.

use super::nights::Nights;
use crate::common::versions::newest;
use crate::common::{cluster, for_each_version};

#[test]
fn duplicates_and_empty_tables_are_counted() {
    let nights = Nights::new(
        cluster(newest()),
        "CREATE TABLE twice (a text, b int);
         INSERT INTO twice SELECT 'x', n % 3 FROM generate_series(1, 30) n;
         CREATE TABLE emptied AS SELECT n FROM generate_series(1, 100) n;
         CREATE TABLE filled (n int);
         CREATE TABLE left_empty (n int);",
    );
    let synced = nights.night(
        "DELETE FROM twice WHERE ctid IN (SELECT ctid FROM twice WHERE b = 0 LIMIT 4);
         INSERT INTO twice VALUES ('x', 1), ('x', 1), (NULL, NULL), (NULL, NULL);
         DELETE FROM emptied;
         INSERT INTO filled VALUES (1), (1), (NULL);",
    );
    let changes = ["emptied patched 0 100", "filled patched 3 0", "twice patched 4 4"];
    assert_eq!(synced.changes(), changes);
}

#[test]
fn moved_rows_are_left() {
    let nights = Nights::new(
        cluster(newest()),
        "CREATE TABLE t AS SELECT n AS id, md5(n::text) AS text FROM generate_series(1, 30000) n;
         CREATE INDEX by_text ON t (text);",
    );
    let synced = nights.night("CLUSTER t USING by_text; ALTER TABLE t SET WITHOUT CLUSTER");
    assert_eq!(synced.changes(), [""; 0]);
    let synced =
        nights.night("UPDATE t SET id = -id WHERE id % 100 = 0; DELETE FROM t WHERE id = 1");
    assert_eq!(synced.changes(), ["t patched 300 301"]);
}

#[test]
fn table_that_changed_too_much_is_replaced() {
    let nights = Nights::new(
        cluster(newest()),
        "CREATE TABLE t (id int PRIMARY KEY, text text);
         INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 20000) n;",
    );
    nights.source.execute("UPDATE t SET text = 'new' WHERE id % 2 = 0");
    let few = nights.sync(&["--patch-limit", "100"]).expect(0);
    assert_eq!(few.changes(), ["t patched 10000 10000"]);
    nights.assert_same();
    let many = nights.night("UPDATE t SET text = 'newer' WHERE id % 2 = 0");
    assert_eq!(many.changes(), ["t replaced 20000 20000"]);
}

#[test]
fn values_of_all_forms_are_patched() {
    for_each_version(|cluster| {
        let nights = Nights::new(
            cluster,
            r#"CREATE TYPE mood AS ENUM ('good', 'bad');
            CREATE TYPE pair AS (a int, b text);
            CREATE DOMAIN positive AS int CHECK (VALUE > 0) NOT NULL;
            CREATE TABLE "All, of ""it" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
              "nocturne_row" positive DEFAULT 1, "a b" text COLLATE "C", mood mood, pair pair,
              double float8, single real, number numeric, bytes bytea, list text[],
              at timestamptz, span interval, range tstzrange, json jsonb, bits bit(3), net inet,
              twice int GENERATED ALWAYS AS (id * 2) STORED);
            INSERT INTO "All, of ""it" ("a b", mood, pair, double, single, number, bytes, list, at,
              span, range, json, bits, net)
            SELECT E'tab\t newline\n back\\slash' || n, 'good', (n, 'x,"y')::pair, n / 3.0, n / 7.0,
              1.10, decode(md5(n::text), 'hex'), ARRAY['a', NULL, '{}'],
              timestamptz '2026-01-01 00:00:00.123456+02' + n * interval '1 hour', '-1 day 2:03',
              tstzrange(now(), NULL), '{"a": [1, null]}', '101', '10.0.0.1/8'
            FROM generate_series(1, 300) n;
            CREATE TABLE parent (id int, text text);
            CREATE TABLE child (more int) INHERITS (parent);
            INSERT INTO parent SELECT n, 'p' FROM generate_series(1, 100) n;
            INSERT INTO child SELECT n, 'c', 1 FROM generate_series(1, 100) n;
            CREATE TABLE parts (id int, text text) PARTITION BY RANGE (id);
            CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (100);
            CREATE TABLE high PARTITION OF parts DEFAULT;
            INSERT INTO parts SELECT n, 'x' FROM generate_series(1, 200) n;
            CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS n;"#,
        );
        let synced = nights.night(
            r#"UPDATE "All, of ""it" SET double = 0.1::float8 * 3, list = '{}' WHERE id = 7;
            DELETE FROM "All, of ""it" WHERE id = 8;
            INSERT INTO "All, of ""it" (mood) VALUES ('bad');
            UPDATE ONLY parent SET text = 'changed' WHERE id = 3;
            DELETE FROM child WHERE id = 5;
            UPDATE parts SET id = 150 WHERE id = 50;
            UPDATE unlogged SET n = 2;"#,
        );
        let all = r#"All, of "it patched 2 2"#;
        let others =
            ["child patched 0 1", "high patched 1 0", "low patched 0 1", "parent patched 1 1"];
        assert_eq!(synced.changes()[0], all);
        assert_eq!(synced.changes()[1..5], others);
        assert_eq!(synced.changes()[5..], ["unlogged patched 1 1"]);
        assert_eq!(nights.night("SELECT 1").changes(), [""; 0]);
    });
}

#[test]
fn rows_of_megabytes_are_patched() {
    let nights = Nights::new(
        cluster(newest()),
        "CREATE TABLE t (id int, text text);
         INSERT INTO t SELECT n, repeat(md5(n::text), 200000) FROM generate_series(1, 4) n;",
    );
    let synced = nights.night("UPDATE t SET text = text || 'x' WHERE id = 2");
    assert_eq!(synced.changes(), ["t patched 1 1"]);
}

#[test]
fn table_without_columns_is_left_or_all_is_restored() {
    let nights = Nights::new(
        cluster(newest()),
        "CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES; CREATE TABLE t AS SELECT 1 AS n",
    );
    assert_eq!(nights.night("UPDATE t SET n = 2").changes(), ["t patched 1 1"]);
    let synced = nights.night("INSERT INTO nothing DEFAULT VALUES");
    assert_eq!(synced.reasons(), "public.nothing: the table has no columns");
}

#[test]
fn tables_whose_indexes_call_functions_follow_all_others() {
    let nights = Nights::new(
        cluster(newest()),
        "CREATE TABLE t (n int); INSERT INTO t VALUES (1);
         CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT -$1';
         CREATE TABLE computed (n int CHECK (public.f(n) < 0));
         INSERT INTO computed SELECT generate_series(1, 10);",
    );
    assert_eq!(nights.night("SELECT 1").changes(), [""; 0]);
    let changes = ["computed replaced 10 10", "t patched 1 1"];
    assert_eq!(nights.night("UPDATE t SET n = 2").changes(), changes);
    let changes = ["computed replaced 11 10"];
    assert_eq!(nights.night("INSERT INTO computed VALUES (11)").changes(), changes);
}
