//! `--analyze`: statistics of filled tables, once, and not those in the archive.

use crate::common::{
    Archive, Database, assert_same_database, cluster, for_each_version, nocturne, restore,
    restore_to, versions,
};

const TABLES: &str = "
    CREATE TABLE plain (id int PRIMARY KEY, t text, u text);
    CREATE INDEX by_length ON plain (length(t));
    CREATE STATISTICS of_both ON t, u FROM plain;
    CREATE TABLE child (id int REFERENCES plain);
    CREATE TABLE empty (id int);
    CREATE TABLE parts (id int, sub int) PARTITION BY RANGE (id);
    CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (5000);
    CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (5000) TO (9000) PARTITION BY LIST (sub);
    CREATE TABLE part_2_0 PARTITION OF part_2 FOR VALUES IN (0);
    CREATE TABLE part_2_1 PARTITION OF part_2 FOR VALUES IN (1);
    CREATE TABLE base (id int); CREATE TABLE heir (more int) INHERITS (base);
    INSERT INTO plain SELECT i, repeat('x', i % 100), i % 7 FROM generate_series(1, 8000) i;
    INSERT INTO child SELECT id FROM plain;
    INSERT INTO parts SELECT i, i % 2 FROM generate_series(1, 8000) i;
    INSERT INTO base SELECT generate_series(1, 100); INSERT INTO heir SELECT i, i FROM generate_series(101, 300) i;";

/// Tables with column statistics; those over all partitions are marked with a star.
fn analyzed(database: &Database<'_>) -> String {
    database.query(
        "SELECT string_agg(DISTINCT tablename || CASE WHEN inherited THEN '*' ELSE '' END, ' ')
         FROM pg_stats WHERE schemaname = 'public'",
    )
}

/// How often each table was analyzed, where the server counts that.
fn counts(database: &Database<'_>) -> String {
    database.query(
        "SELECT pg_stat_force_next_flush(); SELECT string_agg(relname || ' ' || analyze_count, ', ' ORDER BY relname)
         FROM pg_stat_user_tables WHERE relname LIKE 'part%'",
    )
}

const ALL: &str = "base base* by_length child heir part_1 part_2* part_2_0 part_2_1 parts* plain";

#[test]
fn filled_tables_have_statistics_afterwards() {
    for_each_version(|cluster| {
        let archive = Archive::with(cluster, TABLES, &["--format=custom", "--compress=0"]);
        let expected = cluster.fresh_db("analyze_expected");
        assert!(expected.pg_restore(&archive.path(), &[]).success());
        for options in [&["-j", "1"][..], &["-j", "3"], &["-1"], &["--transaction-size", "3"]] {
            let target = cluster.fresh_db("analyze");
            let options = [options, &["--analyze"]].concat();
            let restored = restore(&archive.path(), &target, &options).expect(0);
            assert_same_database(&target, &expected);
            assert_eq!(analyzed(&target), ALL, "{options:?}");
            let told = restored.stderr();
            assert!(told.contains("\nanalyzed  "), "{told}");
            let extended = "SELECT count(*) FROM pg_stats_ext WHERE statistics_name = 'of_both' \
                            AND n_distinct IS NOT NULL";
            assert_eq!(target.query(extended), "1", "{options:?}");
            let inherited =
                "SELECT n_distinct FROM pg_stats WHERE tablename = 'base' AND inherited";
            assert_eq!(target.query(inherited), "-1", "with the rows of the child: {options:?}");
            let reltuples = "SELECT reltuples FROM pg_class WHERE relname = 'parts'";
            assert_eq!(target.query(reltuples), "8000");
            let once = counts(&target);
            assert!(
                once.ends_with("part_1 1, part_2 1, part_2_0 1, part_2_1 1, parts 1"),
                "{options:?}: {once}"
            );
        }
        let target = cluster.fresh_db("analyze");
        let restored = restore(&archive.path(), &target, &["-j", "3"]).expect(0);
        assert_eq!(analyzed(&target), "", "only on request");
        assert_eq!(restored.summary["analyzed"]["count"], 0);
    });
}

#[test]
fn stream_is_also_analyzed() {
    let cluster = cluster(versions::newest());
    let archive = Archive::of(cluster, TABLES);
    let target = cluster.fresh_db("analyze");
    let tool = nocturne().args(["restore", "-j", "3", "--analyze", "-d", &target.url()]);
    tool.input(std::fs::read(archive.path()).unwrap()).succeed();
    assert_eq!(analyzed(&target), ALL);
}

#[test]
fn only_filled_tables_of_a_selection_are_analyzed() {
    let cluster = cluster(versions::newest());
    let archive = Archive::of(cluster, TABLES);
    let target = cluster.fresh_db("analyze");
    let options = ["-j", "3", "--analyze", "-t", "part_1", "-t", "child"];
    let restored = restore(&archive.path(), &target, &options).expect(0);
    assert_eq!(analyzed(&target), "child part_1");
    assert_eq!(restored.summary["warnings"].as_array().unwrap().len(), 0, "{}", restored.finished);
    // A table whose rows are refused has nothing to analyze.
    let target = cluster.fresh_db("analyze");
    target.execute("CREATE TABLE child (id int CHECK (id < 100))");
    let options = ["-a", "--analyze", "-t", "child"];
    restore(&archive.path(), &target, &options).expect(1);
    assert_eq!(analyzed(&target), "");
}

#[test]
fn archived_statistics_are_not_gathered_again() {
    let newest = versions::newest();
    if newest < 18 {
        return;
    }
    let cluster = cluster(newest);
    let sql = "CREATE TABLE t (id int); INSERT INTO t SELECT 7 FROM generate_series(1, 1000); \
               ANALYZE t; TRUNCATE t; INSERT INTO t SELECT generate_series(1, 1000);
               CREATE TABLE u (id int); INSERT INTO u VALUES (1);";
    let archive = Archive::with(cluster, sql, &["--format=custom", "--statistics"]);
    let distinct = "SELECT n_distinct FROM pg_stats WHERE tablename = 't'";
    for (options, expected) in
        [(&["--analyze"][..], "1"), (&["--analyze", "--no-statistics"], "-1")]
    {
        for jobs in ["1", "2"] {
            let target = cluster.fresh_db("analyze");
            restore(&archive.path(), &target, &[options, &["-j", jobs]].concat()).expect(0);
            assert_eq!(target.query(distinct), expected, "{options:?}");
        }
    }
}

#[test]
fn failed_analyze_is_a_warning() {
    let cluster = cluster(versions::newest());
    let archive = Archive::of(
        cluster,
        // Evaluated for statistics as well as for the index.
        "CREATE FUNCTION public.picky(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
             $$ BEGIN IF current_query() ~* 'analyze' THEN RAISE EXCEPTION 'not like this'; END IF;
             RETURN id; END $$;
         CREATE TABLE t (id int); CREATE INDEX ON t (public.picky(id)); INSERT INTO t VALUES (1), (2);
         CREATE TABLE u (id int); INSERT INTO u VALUES (1), (2);",
    );
    for options in [&["-j", "2"][..], &["-j", "1"], &["-1"]] {
        let target = cluster.fresh_db("analyze");
        let options = [options, &["--analyze"]].concat();
        let restored = restore_to(&archive.path(), &target.url(), &options).expect(0);
        let warnings = restored.summary["warnings"].to_string();
        assert!(warnings.contains("ANALYZE public.t: not like this (P0001)"), "{warnings}");
        assert_eq!(analyzed(&target), "u");
    }
}
