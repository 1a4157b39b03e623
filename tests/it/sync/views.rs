//! Materialized views are refreshed if, and only if, their rows may have changed.

use super::nights::Nights;
use crate::common::versions::newest;
use crate::common::{cluster, for_each_version};

const SOURCE: &str = "
    CREATE TABLE a (id int PRIMARY KEY, n int);
    CREATE TABLE b (id int PRIMARY KEY, n int);
    INSERT INTO a SELECT n, n FROM generate_series(1, 100) n;
    INSERT INTO b SELECT n, n FROM generate_series(1, 100) n;
    CREATE VIEW seen AS SELECT n FROM a;
    CREATE MATERIALIZED VIEW z_of_a AS SELECT sum(n) AS n FROM seen;
    CREATE MATERIALIZED VIEW a_of_z AS SELECT n FROM z_of_a;
    CREATE MATERIALIZED VIEW of_b AS SELECT sum(n) AS n FROM b;
    CREATE MATERIALIZED VIEW empty AS SELECT sum(n) AS n FROM b WITH NO DATA;";

/// The files of the views: a refreshed one has another.
const FILES: &str = "SELECT string_agg(relname || relfilenode, ' ' ORDER BY relname) \
     FROM pg_class WHERE relkind = 'm' AND relname ";

#[test]
fn only_views_over_changed_tables_are_refreshed() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, SOURCE);
        let others = format!("{FILES} !~ '_of_'");
        let before = nights.target.query(&others);
        let refresh = "REFRESH MATERIALIZED VIEW z_of_a; REFRESH MATERIALIZED VIEW a_of_z;";
        let synced = nights.night(&format!("UPDATE a SET n = 1000 WHERE id = 7; {refresh}"));
        assert_eq!(synced.values(), (0, 2));
        assert_eq!(nights.target.query("SELECT n FROM a_of_z"), "6043");
        assert_eq!(nights.target.query(&others), before);
        // Nothing changed.
        let before = nights.target.query(&format!("{FILES} <> ''"));
        assert_eq!(nights.night("SELECT 1").values(), (0, 0));
        assert_eq!(nights.target.query(&format!("{FILES} <> ''")), before);
    });
}

#[test]
fn view_that_someone_emptied_is_filled() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    nights.target.execute("REFRESH MATERIALIZED VIEW of_b WITH NO DATA");
    assert_eq!(nights.night("SELECT 1").values(), (0, 1));
    assert_eq!(nights.target.query("SELECT n FROM of_b"), "5050");
}

/// A restore would compute it anew.
#[test]
fn view_that_reads_the_clock_is_refreshed_each_time() {
    let nights = Nights::new(
        cluster(newest()),
        "CREATE TABLE t (id int); CREATE MATERIALIZED VIEW made AS SELECT now() AS at;
         CREATE MATERIALIZED VIEW days AS SELECT date_trunc('day', at) FROM made;
         CREATE MATERIALIZED VIEW fixed AS SELECT count(*) FROM t",
    );
    assert_eq!(nights.sync(&[]).expect(0).values(), (0, 2));
}

/// Views that others create are refreshed, too, but need not succeed.
#[test]
fn failing_view_of_others_is_a_warning() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    nights.target.execute(
        "CREATE SCHEMA own;
         CREATE MATERIALIZED VIEW own.good AS SELECT sum(n) AS n FROM a;
         CREATE MATERIALIZED VIEW own.bad AS SELECT 1 / (sum(n) - 6043) AS n FROM a;",
    );
    nights.source.execute("UPDATE a SET n = 1000 WHERE id = 7");
    let synced = nights.sync(&[]).expect(0);
    let said = synced.stderr();
    assert!(said.contains("cannot refresh materialized view own.bad"), "{said}");
    assert_eq!(nights.target.query("SELECT n FROM own.good"), "6043");
}
