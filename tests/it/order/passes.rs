//! Statistics, triggers and refreshed views.

use super::case::Case;
use crate::common::versions::newest;

#[test]
fn statistics_stay_in_archive_order() {
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
        // The all-visible pages depend on how rows were written, not on order.
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

#[test]
fn state_of_inherited_trigger_follows_its_trigger() {
    // The table in between has no entry for the trigger: pg_dump records no dependency through it.
    let tree = |n: usize| {
        format!(
            "CREATE TABLE p{n} (id int, k int) PARTITION BY LIST (k);
            CREATE TABLE p{n}_1 PARTITION OF p{n} FOR VALUES IN (1) PARTITION BY LIST (id);
            CREATE TABLE p{n}_1_1 PARTITION OF p{n}_1 FOR VALUES IN (1);
            CREATE TABLE p{n}_1_2 PARTITION OF p{n}_1 DEFAULT;
            INSERT INTO p{n} SELECT n, 1 FROM generate_series(1, 20) n;
            CREATE TRIGGER note AFTER INSERT ON p{n} FOR EACH ROW EXECUTE FUNCTION note();
            CREATE TRIGGER also AFTER UPDATE ON p{n} FOR EACH ROW EXECUTE FUNCTION note();
            ALTER TABLE p{n}_1_1 DISABLE TRIGGER note;
            ALTER TABLE p{n}_1_2 ENABLE ALWAYS TRIGGER note;
            ALTER TABLE p{n}_1_2 ENABLE REPLICA TRIGGER also;"
        )
    };
    Case {
        name: "states",
        source: &format!(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            {}",
            (0..3).map(tree).collect::<String>()
        ),
        probe: "SELECT string_agg(format('%s %s %s', tgrelid::regclass, tgname, tgenabled), ', '
            ORDER BY tgrelid::regclass::text, tgname) FROM pg_trigger",
        ..Case::default()
    }
    .hold();
}
