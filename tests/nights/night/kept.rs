//! What a night keeps: partitions of incremental tables that the source adds or detaches, comments
//! on objects of other roles, and tables that no backup has yet.

use super::case::Case;
use crate::common::Finished;

impl Case {
    /// Whether both sides have the same rows of a table.
    fn assert_same(&self, table: &str, context: &Finished) {
        let sql = format!("SELECT count(*), sum(id) FROM {table}");
        assert_eq!(self.query(&sql), self.source.query(&sql), "{table}: {context}");
    }
}

/// The partitions of the warehouse, each with its table and bound.
const PARTITIONS: &str = "
SELECT string_agg(concat_ws(' ', i.inhrelid::regclass, i.inhparent::regclass,
    pg_get_expr(c.relpartbound, c.oid)), ', ' ORDER BY i.inhrelid::regclass::text)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind IN ('r', 'p')";

const EVENTS: &str = "
CREATE TABLE events (id int, kind int, word text NOT NULL DEFAULT 'none', CHECK (kind > 0))
    PARTITION BY LIST (kind);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2) PARTITION BY RANGE (id);
CREATE TABLE events_2a PARTITION OF events_2 FOR VALUES FROM (0) TO (1000);
CREATE INDEX events_id ON events (id);
CREATE TABLE users (id int PRIMARY KEY);
CREATE VIEW first AS SELECT id FROM events_1;
INSERT INTO events SELECT n, 1 + n % 2 FROM generate_series(1, 100) n;
INSERT INTO users SELECT generate_series(1, 10);
";

const KEEPS_EVENTS: &str = r#"{"events":"incremental"}"#;

#[test]
fn new_partitions_of_the_source_are_followed() {
    let case = Case::new("night_new_partitions", EVENTS);
    case.night(KEEPS_EVENTS).succeed();
    // One before the backup, with partitions of its own, and one after it.
    case.source.execute(
        "CREATE TABLE events_3 PARTITION OF events FOR VALUES IN (3) PARTITION BY RANGE (id);
         CREATE TABLE events_3a PARTITION OF events_3 FOR VALUES FROM (0) TO (1000);
         INSERT INTO events SELECT n, 1 + n % 3 FROM generate_series(101, 200) n;
         INSERT INTO users VALUES (11)",
    );
    case.dump();
    case.source.execute(
        "CREATE TABLE events_2b PARTITION OF events_2 FOR VALUES FROM (1000) TO (2000);
         INSERT INTO events VALUES (1001, 2)",
    );
    let before = case.query(PARTITIONS);
    let planned = case.night(KEEPS_EVENTS).arg("--dry-run").succeed();
    for new in ["events_3", "events_2b"] {
        let said = format!("partition public.{new} is only in the source and will be created (");
        assert!(planned.stdout().contains(&said), "{planned}");
    }
    assert_eq!(case.query(PARTITIONS), before);
    let finished = case.night(KEEPS_EVENTS).succeed();
    assert_eq!(finished.stderr().matches("created partition (CREATE TABLE").count(), 2);
    assert_eq!(case.query(PARTITIONS), case.source.query(PARTITIONS), "{finished}");
    for table in ["events", "events_3a", "events_2b", "users"] {
        case.assert_same(table, &finished);
    }
    // With what their table gives them.
    let like = "SELECT count(*) FROM pg_index WHERE indrelid::regclass::text LIKE 'events%'";
    assert_eq!(case.query(like), case.source.query(like));
    let checks = "SELECT count(*) FROM pg_constraint WHERE contype = 'c'";
    assert_eq!(case.query(checks), case.source.query(checks));
    // They stay, whether the backup has them or not.
    let again = case.night(KEEPS_EVENTS).succeed();
    assert!(!again.stderr().contains("partition ("), "{again}");
    assert_eq!(case.query(PARTITIONS), case.source.query(PARTITIONS));
    case.assert_same("events", &again);
}

#[test]
fn detached_partition_stays_and_is_named() {
    let case = Case::new("night_detached", EVENTS);
    case.night(KEEPS_EVENTS).succeed();
    let before = case.query(PARTITIONS);
    case.source.execute(
        "ALTER TABLE events DETACH PARTITION events_1; ALTER TABLE events DETACH PARTITION events_2;
         CREATE TABLE events_9 PARTITION OF events FOR VALUES IN (9);
         CREATE INDEX events_1_word ON events_1 (word);
         INSERT INTO events VALUES (101, 9); INSERT INTO users VALUES (11)",
    );
    case.dump();
    let said = "is not restored: in the target it is a partition of public.events, which is kept \
                (hint: ALTER TABLE public.events DETACH PARTITION public.events_2 ";
    let planned = case.night(KEEPS_EVENTS).arg("--dry-run").succeed();
    assert!(planned.stdout().contains(said), "{planned}");
    assert!(!planned.stdout().contains("owned by another role"), "{planned}");
    let finished = case.night(KEEPS_EVENTS).succeed();
    // Its own partitions come with it.
    assert_eq!(finished.stderr().matches("a partition of public.events, which").count(), 2);
    assert!(finished.stderr().contains(said), "{finished}");
    case.assert_same("users", &finished);
    case.assert_same("events_9", &finished);
    // No row is lost, and what reads the partition is restored.
    assert_eq!(case.query("SELECT count(*) FROM events"), "101");
    assert_eq!(case.query("SELECT count(*) FROM first"), "50");
    assert!(case.query(PARTITIONS).starts_with(&before));
    // The hint works: the next night replaces it.
    case.warehouse.database.execute(
        "ALTER TABLE events DETACH PARTITION events_1; ALTER TABLE events DETACH PARTITION events_2",
    );
    let replaced = case.night(KEEPS_EVENTS).succeed();
    assert!(!replaced.stderr().contains("a partition of public.events, which"), "{replaced}");
    assert_eq!(case.query(PARTITIONS), case.source.query(PARTITIONS), "{replaced}");
    case.assert_same("events_1", &replaced);
    case.assert_same("events_2a", &replaced);
}

/// Objects of every kind that a host may have set up, and that a source may comment on.
const OF_OTHERS: &str = "
CREATE SCHEMA shared;
CREATE TYPE shared.kind AS ENUM ('a', 'b');
CREATE TYPE shared.pair AS (a int, b int);
CREATE DOMAIN shared.word AS text CONSTRAINT filled CHECK (VALUE <> '');
ALTER DOMAIN shared.word ADD CONSTRAINT short CHECK (length(VALUE) < 9) NOT VALID;
CREATE FUNCTION shared.next(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1';
CREATE PROCEDURE shared.nothing() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE shared.total(int) (SFUNC = int4pl, STYPE = int);
CREATE OPERATOR shared.### (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR FAMILY shared.family USING btree;
CREATE COLLATION shared.letters FROM \"C\";
CREATE CAST (text AS shared.kind) WITH INOUT;
CREATE SEQUENCE shared.numbers;
CREATE TEXT SEARCH DICTIONARY shared.words (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION shared.plain (PARSER = \"default\");
CREATE FOREIGN DATA WRAPPER elsewhere;
CREATE SERVER far FOREIGN DATA WRAPPER elsewhere;
";

const COMMENTS: &str = "
COMMENT ON SCHEMA public IS 'of the source';
COMMENT ON SCHEMA shared IS 'of the source';
COMMENT ON TYPE shared.kind IS 'of the source';
COMMENT ON COLUMN shared.pair.a IS 'of the source';
COMMENT ON DOMAIN shared.word IS 'of the source';
COMMENT ON CONSTRAINT filled ON DOMAIN shared.word IS 'of the source';
COMMENT ON FUNCTION shared.next(int) IS 'of the source';
COMMENT ON PROCEDURE shared.nothing() IS 'of the source';
COMMENT ON AGGREGATE shared.total(int) IS 'of the source';
COMMENT ON OPERATOR shared.### (int, int) IS 'of the source';
COMMENT ON OPERATOR FAMILY shared.family USING btree IS 'of the source';
COMMENT ON COLLATION shared.letters IS 'of the source';
COMMENT ON CAST (text AS shared.kind) IS 'of the source';
COMMENT ON SEQUENCE shared.numbers IS 'of the source';
COMMENT ON TEXT SEARCH DICTIONARY shared.words IS 'of the source';
COMMENT ON TEXT SEARCH CONFIGURATION shared.plain IS 'of the source';
COMMENT ON FOREIGN DATA WRAPPER elsewhere IS 'of the source';
COMMENT ON SERVER far IS 'of the source';
CREATE TABLE shared.events (id int PRIMARY KEY, kind shared.kind, word shared.word);
COMMENT ON COLUMN shared.events.kind IS 'of the source';
CREATE TABLE users (id int PRIMARY KEY);
COMMENT ON TABLE users IS 'of the source';
INSERT INTO shared.events VALUES (1, 'a', 'word');
";

#[test]
fn comments_on_objects_of_others_fail_no_night() {
    let case = Case::new("night_comments", &format!("{OF_OTHERS}{COMMENTS}"));
    let role = &case.warehouse.role;
    let warehouse = &case.warehouse.database;
    warehouse.execute(OF_OTHERS);
    warehouse.execute(&format!(
        "GRANT ALL ON SCHEMA shared TO {role}; ALTER SCHEMA public OWNER TO postgres"
    ));
    let comments = |owned: bool| {
        let of = "SELECT count(*) FROM pg_description WHERE description = 'of the source'";
        let tables = format!(
            "{of} AND classoid = 'pg_class'::regclass AND objoid IN (SELECT oid \
                              FROM pg_class WHERE pg_get_userbyid(relowner) = '{role}')"
        );
        warehouse.query(if owned { &tables } else { of })
    };
    for modes in [r#"{"shared.events":"incremental"}"#; 2] {
        let finished = case.night(modes).succeed();
        // Each is named.
        let named = COMMENTS.lines().filter(|line| line.starts_with("COMMENT ON"));
        let tolerated = named.count() - 2;
        let text = finished.stderr();
        assert!(text.contains(&format!("{tolerated} tolerated")), "{finished}");
        assert!(text.contains("must be owner of schema shared"), "{finished}");
        case.assert_same("shared.events", &finished);
        // Those of the role's own objects are restored, and no others.
        assert_eq!((comments(true), comments(false)), ("2".into(), "2".into()), "{finished}");
    }
}

#[test]
fn new_table_of_a_pattern_waits_for_its_backup() {
    let case = Case::new(
        "night_new_table",
        "CREATE TABLE log_1 (id int PRIMARY KEY); INSERT INTO log_1 VALUES (1);
         CREATE TABLE users (id int PRIMARY KEY)",
    );
    let modes = r#"{"log_*":"incremental"}"#;
    case.night(modes).succeed();
    // The second has no key.
    case.source.execute(
        "CREATE TABLE log_2 (id int PRIMARY KEY); INSERT INTO log_2 VALUES (1), (2);
         CREATE TABLE log_3 (word text); INSERT INTO log_1 VALUES (2)",
    );
    for dry in [&["--dry-run"][..], &[]] {
        let finished = case.night(modes).args(dry).succeed();
        let said = if dry.is_empty() { finished.stderr() } else { finished.stdout() };
        for new in ["log_2", "log_3"] {
            let said_of = format!("table public.{new} is incremental, but not in the target");
            assert!(said.contains(&said_of), "{finished}");
        }
    }
    assert_eq!(case.query("SELECT count(*), to_regclass('log_2') FROM log_1"), "2|");
    // A newer backup has them: one is loaded, and the other has no key, which is found before the
    // drop.
    case.dump();
    let before = case.query("SELECT 'users'::regclass::oid");
    let failed = case.night(modes).run().expect_code(1);
    assert!(failed.stderr().contains("nothing was dropped"), "{failed}");
    assert_eq!(case.query("SELECT 'users'::regclass::oid"), before);
    let finished = case.night(r#"{"log_3":"full","log_*":"incremental"}"#).succeed();
    case.assert_same("log_2", &finished);
}
