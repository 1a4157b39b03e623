//! Statistics, event triggers and views that are refreshed.

use crate::case::Case;
use crate::common::versions::newest;

#[test]
fn statistics_stay_where_the_archive_has_them() {
    if newest() < 18 {
        return;
    }
    Case {
        name: "statistics",
        source: "CREATE TABLE t (n int PRIMARY KEY, m int, filler text);
            INSERT INTO t SELECT n, n % 10, repeat('x', 20) FROM generate_series(1, 2000) n;
            CREATE INDEX by_m ON t (m); CREATE INDEX by_sum ON t ((n + m));
            CREATE MATERIALIZED VIEW v AS SELECT m, count(*) AS c FROM t GROUP BY m;
            CREATE INDEX of_v ON v ((m + c));
            CREATE TABLE small (n int); INSERT INTO small SELECT generate_series(1, 5);
            ANALYZE;",
        dump: &["--format=custom", "--statistics"],
        // The pages that are all visible depend on how rows were written, not on order.
        probe: "SELECT (SELECT string_agg(format('%s %s %s %s', tablename, attname, n_distinct,
                histogram_bounds::text), chr(10) ORDER BY tablename, attname) FROM pg_stats
                WHERE schemaname = 'public'),
            (SELECT string_agg(format('%s %s', relname, reltuples), chr(10) ORDER BY relname)
             FROM pg_class WHERE relnamespace = 'public'::regnamespace)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn event_triggers_stay_in_order_with_refreshed_views() {
    Case {
        name: "events",
        source: "CREATE TABLE log (tag text);
            CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql
                AS $$BEGIN INSERT INTO public.log VALUES (tg_tag); END$$;
            CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 100);
            CREATE MATERIALIZED VIEW v AS SELECT n FROM t;
            CREATE MATERIALIZED VIEW w AS SELECT n FROM v;
            CREATE MATERIALIZED VIEW x AS SELECT n FROM t;
            CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION note();
            COMMENT ON EVENT TRIGGER note IS 'notes';
            TRUNCATE log;",
        probe: "SELECT count(*), string_agg(tag, ' ' ORDER BY tag) FROM log",
        ..Case::default()
    }
    .hold();
}
