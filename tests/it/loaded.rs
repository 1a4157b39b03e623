//! Whatever pg_restore loads is loaded: rows that triggers divert, data of a role that may not
//! disable triggers, INSERTs of which one is refused, servers that a statement does not reach.

use crate::common::versions::newest;
use crate::common::{
    Archive, Cluster, Database, Owned, assert_same_database, cluster, fresh_name, nocturne,
    restore, restore_to,
};

#[test]
fn row_triggers_skipping_or_moving_rows_lose_nothing() {
    let cluster = cluster(newest());
    let tables = "
        CREATE TABLE moved (id int, t text);
        CREATE TABLE merged (id int, t text);
        CREATE TABLE parted (id int, t text) PARTITION BY RANGE (id);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10000);
        CREATE TABLE other (id int, t text);";
    let rows = "
        INSERT INTO moved SELECT i, repeat('x', 50) FROM generate_series(1, 2000) i;
        INSERT INTO merged SELECT i % 10, repeat('x', 50) FROM generate_series(1, 2000) i;
        INSERT INTO parted SELECT i, repeat('x', 50) FROM generate_series(1, 2000) i;";
    let triggers = "
        CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO public.other VALUES (NEW.*); RETURN NULL; END $$;
        CREATE FUNCTION merge() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM FROM public.merged WHERE id = NEW.id; IF FOUND THEN RETURN NULL; END IF;
               RETURN NEW; END $$;
        CREATE FUNCTION half() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.id % 2 = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER move BEFORE INSERT ON moved FOR EACH ROW EXECUTE FUNCTION move();
        CREATE TRIGGER merge BEFORE INSERT ON merged FOR EACH ROW EXECUTE FUNCTION merge();
        CREATE TRIGGER half BEFORE INSERT ON parted_1 FOR EACH ROW EXECUTE FUNCTION half();
        ALTER TABLE merged ENABLE ALWAYS TRIGGER merge;";
    let all = format!("{tables}{rows}");
    for dump in [&["--format=custom"][..], &["--format=custom", "--load-via-partition-root"]] {
        let archive = Archive::with(cluster, &all, dump);
        let [actual, expected] = ["actual", "expected"].map(|name| {
            let database = cluster.fresh_db(name);
            database.execute(&format!("{tables}{triggers}"));
            database
        });
        expected.pg_restore(&archive.path(), &["--data-only"]);
        let restored = restore(&archive.path(), &actual, &["--data-only"]).expect(0);
        assert_same_database(&actual, &expected);
        assert_eq!(actual.rows("merged"), 10);
        let warned = restored.stderr();
        assert!(warned.contains("2000 rows sent, 0 stored"), "{}", restored.finished);
        // A disabled trigger neither explains nor diverts anything.
        actual.execute("TRUNCATE moved; ALTER TABLE moved DISABLE TRIGGER move");
        restore(&archive.path(), &actual, &["--data-only", "--table=moved"]).expect(0);
        assert_eq!(actual.rows("moved"), 2000);
    }
}

#[test]
fn disable_triggers_by_plain_owner_reports_and_loads() {
    let cluster = cluster(newest());
    // The key's triggers are internal ones.
    let table = "CREATE TABLE node (id int PRIMARY KEY, up int REFERENCES node);";
    let rows = "INSERT INTO node SELECT i, i FROM generate_series(1, 500) i;";
    for dump in [&["--format=custom"][..], &["--format=custom", "--inserts"]] {
        let archive = Archive::with(cluster, &format!("{table}{rows}"), dump);
        let owned = Owned::new(cluster, "owned");
        owned.database.execute(&format!("SET ROLE {};{table}", owned.role));
        let args = ["--data-only", "--disable-triggers", "-j", "1"];
        let restored = restore_to(&archive.path(), &owned.url(), &args).expect(1);
        assert_eq!(owned.database.rows("node"), 500, "{}", restored.finished);
        assert_eq!(restored.failed(), ["TABLE DATA node: 42501"]);
    }
}

#[test]
fn refused_insert_keeps_the_other_rows() {
    let cluster = cluster(newest());
    let table = |check: &str| format!("CREATE TABLE t (id int PRIMARY KEY, v text {check});");
    let rows = "INSERT INTO t SELECT i, repeat('x', 600) || i FROM generate_series(1, 1000) i;";
    let all = format!("{}{rows}", table(""));
    for dump in [&["--format=custom", "--inserts"][..], &["--format=custom", "--rows-per-insert=7"]]
    {
        let archive = Archive::with(cluster, &all, dump);
        let check = "CHECK (v NOT LIKE '%x500' AND v NOT LIKE '%x990')";
        for jobs in ["1", "4"] {
            let [actual, expected] = ["actual", "expected"].map(|name| {
                let database = cluster.fresh_db(name);
                database.execute(&table(check));
                database
            });
            expected.pg_restore(&archive.path(), &["--data-only", "-j", jobs]);
            let args = ["--data-only", "-j", jobs];
            let restored = restore(&archive.path(), &actual, &args).expect(1);
            assert_same_database(&actual, &expected);
            let statement = restored.summary["failures"][0]["statement"].as_str().unwrap();
            let first = if dump[1] == "--inserts" { "VALUES (500," } else { "(498," };
            assert!(statement.contains(first), "{statement}");
            let detail = restored.summary["failures"][0]["detail"].as_str().unwrap();
            assert!(detail.contains("2 statements were refused"), "{detail}");
        }
        let actual = cluster.fresh_db("stopped");
        actual.execute(&table(check));
        restore(&archive.path(), &actual, &["--data-only", "--single-transaction"]);
        assert_eq!(actual.rows("t"), 0, "one transaction is all or nothing");
    }
}

#[test]
fn unreachable_publisher_does_not_end_a_clean_restore() {
    let cluster = cluster(newest());
    let sql = "CREATE TABLE t AS SELECT generate_series(1, 100) AS id;
        CREATE SUBSCRIPTION away CONNECTION 'host=127.0.0.1 port=1 dbname=x connect_timeout=1'
            PUBLICATION p WITH (connect = false, slot_name = 'away', enabled = false)";
    let source = cluster.fresh_db("source");
    source.execute(sql);
    let archive = Archive::dump(&source, &["--format=custom"]);
    let target = cluster.fresh_db("target");
    target.execute(sql);
    target.execute("TRUNCATE t");
    let restored = restore(&archive.path(), &target, &["--clean"]).expect(1);
    assert_eq!(target.rows("t"), 100, "{}", restored.finished);
    for database in [source, target] {
        database.execute("ALTER SUBSCRIPTION away SET (slot_name = NONE)");
        database.execute("DROP SUBSCRIPTION away");
    }
}

#[test]
fn resume_with_missing_tablespace_uses_the_default() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("source");
    source.execute("SET allow_in_place_tablespaces = on; CREATE TABLESPACE fast LOCATION ''");
    source.execute(
        "CREATE TABLE t (id int PRIMARY KEY USING INDEX TABLESPACE fast, v int) TABLESPACE fast;
         INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i;
         CREATE INDEX t_v ON t (v) TABLESPACE fast;",
    );
    let archive = Archive::dump(&source, &["--format=custom"]);
    source.execute(
        "ALTER TABLE t SET TABLESPACE pg_default; ALTER INDEX t_pkey SET TABLESPACE pg_default;
         ALTER INDEX t_v SET TABLESPACE pg_default",
    );
    source.execute("DROP TABLESPACE fast");
    let target = cluster.fresh_db("target");
    let restored = restore(&archive.path(), &target, &["--resume"]).expect(1);
    assert_eq!(target.rows("t"), 1000, "{}", restored.finished);
    assert_eq!(target.query("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"), "2");
}

/// Event triggers that record every definition and refuse to drop tables and schemas.
const EVENT_TRIGGERS: &str = "
    CREATE TABLE audit (tag text);
    CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO public.audit VALUES (tg_tag); END $$;
    CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'not here'; END $$;
    CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION told();
    CREATE EVENT TRIGGER dropped ON sql_drop EXECUTE FUNCTION told();
    CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('DROP TABLE', 'DROP SCHEMA')
        EXECUTE FUNCTION refuse();";

#[test]
fn journal_is_hidden_from_the_archives_event_triggers() {
    for major in [15, newest()] {
        let cluster = cluster(major);
        let source = cluster.fresh_db("source");
        source.execute(&format!("CREATE TABLE t AS SELECT 1 AS id; {EVENT_TRIGGERS}"));
        let archive = Archive::dump(&source, &["--format=custom"]);
        let [actual, expected] = ["actual", "expected"].map(|name| cluster.fresh_db(name));
        expected.pg_restore(&archive.path(), &[]);
        restore(&archive.path(), &actual, &["--resume", "-j", "1"]).expect(0);
        assert_same_database(&actual, &expected);
        let left = "SELECT count(*) FROM pg_namespace WHERE nspname = 'nocturne'";
        assert_eq!(actual.query(left), "0");
    }
}

#[test]
fn owner_empties_journal_where_drop_fires_event_triggers() {
    for major in [15, newest()] {
        let cluster = cluster(major);
        let [first, second] = ["a", "b"].map(|table| {
            Archive::of(cluster, &format!("CREATE TABLE {table} AS SELECT generate_series(1, 9)"))
        });
        let owned = Owned::new(cluster, "owned");
        owned.database.execute(EVENT_TRIGGERS);
        for (archive, table) in [(&first, "a"), (&second, "b")] {
            let args = ["--resume", "--no-owner"];
            let restored = restore_to(&archive.path(), &owned.url(), &args).expect(0);
            assert_eq!(owned.database.rows(table), 9, "{}", restored.finished);
            assert_eq!(owned.database.rows("nocturne.restore_journal_line"), 0);
            assert_eq!(owned.database.query("SELECT run FROM nocturne.restore_journal"), "0");
        }
        let dropped = "SELECT count(*) FROM audit WHERE tag LIKE 'DROP%'";
        assert_eq!(owned.database.query(dropped), "0");
    }
}

/// Two databases with the same contents, for nocturne and pg_restore.
fn two<'a>(cluster: &'a Cluster, sql: &str) -> [Database<'a>; 2] {
    ["actual", "expected"].map(|name| {
        let database = cluster.fresh_db(name);
        database.execute(sql);
        database
    })
}

#[test]
fn rules_and_triggers_diverting_rows_are_reported() {
    let cluster = cluster(newest());
    let tables = "CREATE TABLE void (id int); CREATE TABLE odds (id int, t text);
        CREATE TABLE half (id int); CREATE TABLE plain (\"(\" text, t text); CREATE TABLE bare ();";
    let rows = "INSERT INTO void SELECT generate_series(1, 20);
        INSERT INTO odds SELECT i, '''), (' FROM generate_series(1, 20) i;
        INSERT INTO half SELECT generate_series(1, 20); INSERT INTO bare DEFAULT VALUES;
        INSERT INTO plain SELECT '(' || i, '''),(;' FROM generate_series(1, 20) i;";
    let takers = "CREATE RULE nothing AS ON INSERT TO void DO INSTEAD NOTHING;
        CREATE RULE odd AS ON INSERT TO odds WHERE NEW.id % 2 = 0 DO INSTEAD NOTHING;
        CREATE FUNCTION half() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.id % 2 = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER half BEFORE INSERT ON half FOR EACH ROW EXECUTE FUNCTION half();";
    let all = format!("{tables}{rows}");
    for more in [&["--inserts"][..], &["--rows-per-insert=7"], &["--column-inserts"]] {
        let archive = Archive::with(cluster, &all, &[&["--format=custom"], more].concat());
        let [actual, expected] = two(cluster, &format!("{tables}{takers}"));
        assert!(expected.pg_restore(&archive.path(), &["--data-only"]).success());
        let restored = restore(&archive.path(), &actual, &["--data-only"]).expect(0);
        assert_same_database(&actual, &expected);
        let told = restored.summary["warnings"].to_string();
        for lacking in ["void: 20 rows sent, 0", "odds: 20 rows sent, 10", "half: 20 rows sent, 10"]
        {
            assert!(told.contains(&format!("{lacking} stored")), "{more:?}: {told}");
        }
        assert_eq!(told.matches(" rows sent").count(), 3, "{more:?}: {told}");
    }
    // Existing rows are skipped on purpose.
    let args = ["--format=custom", "--inserts", "--on-conflict-do-nothing"];
    let unique = "CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u SELECT generate_series(1, 9);";
    let archive = Archive::with(cluster, unique, &args);
    let [actual, _] = two(cluster, unique);
    let restored = restore(&archive.path(), &actual, &["--data-only"]).expect(0);
    assert!(!restored.stderr().contains("rows sent"), "{}", restored.finished);
}

#[test]
fn exit_on_error_leaves_an_existing_object_unchanged() {
    let cluster = cluster(newest());
    let owner = fresh_name("boss");
    let source = cluster.fresh_db("source");
    source.execute(&format!("CREATE ROLE {owner}"));
    source.execute("SET allow_in_place_tablespaces = on; CREATE TABLESPACE gone LOCATION ''");
    for (object, kind, is_new) in [
        ("TABLE t (id int)", "TABLE t", false),
        ("FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "FUNCTION f()", false),
        // Its tablespace is missing: pg_restore stops before the table.
        ("TABLE t (id int) TABLESPACE gone", "TABLE t", true),
    ] {
        source.execute(&format!("CREATE {object}; ALTER {kind} OWNER TO {owner};"));
        let archive = Archive::dump(&source, &["--format=custom"]);
        source.execute(&format!("DROP {kind}"));
        if is_new {
            source.execute("DROP TABLESPACE gone");
        }
        let there = if is_new { String::new() } else { format!("CREATE {object}") };
        for args in [&["--exit-on-error"][..], &[]] {
            let [actual, expected] = two(cluster, &there);
            assert!(!expected.pg_restore(&archive.path(), args).success());
            restore(&archive.path(), &actual, args).expect(1);
            assert_same_database(&actual, &expected);
        }
        let [actual, _] = two(cluster, &there);
        let args = ["--exit-on-error", "--tolerate", "already-exists"];
        restore(&archive.path(), &actual, &args).expect(i32::from(is_new));
    }
}

#[test]
fn existing_large_object_keeps_others_and_gets_owner() {
    let owner = fresh_name("keeper");
    // Up to 16 each object is an entry, later all objects of an owner are one.
    for major in [15, newest()] {
        let cluster = cluster(major);
        let source = cluster.fresh_db("source");
        source.execute(&format!(
            "CREATE ROLE {owner};
             SELECT lo_from_bytea(7000 + i, convert_to('object ' || i, 'UTF8'))
                 FROM generate_series(1, 250) i;
             DO $$ BEGIN FOR i IN 7001..7250 LOOP
                 EXECUTE format('ALTER LARGE OBJECT %s OWNER TO {owner}', i);
             END LOOP; END $$;"
        ));
        let archive = Archive::dump(&source, &["--format=custom"]);
        let there = "SELECT lo_from_bytea(7002, 'older and longer'), lo_from_bytea(7240, '')";
        for args in [&[][..], &["--clean"]] {
            let [actual, expected] = two(cluster, there);
            assert!(!expected.pg_restore(&archive.path(), args).success());
            let restored = restore(&archive.path(), &actual, args).expect(1);
            assert_same_database(&actual, &expected);
            let objects = "SELECT count(*) FROM pg_largeobject_metadata";
            assert_eq!(actual.query(objects), "250", "{args:?} {}", restored.finished);
        }
        let [actual, _] = two(cluster, there);
        let args = ["--tolerate", "already-exists"];
        let restored = restore(&archive.path(), &actual, &args).expect(0);
        assert!(restored.total("tolerated") > 0, "{}", restored.finished);
    }
}

#[test]
fn tables_with_oids_are_restored_with_a_warning() {
    let cluster = cluster(newest());
    let sql = "CREATE TABLE old (id int); CREATE TABLE other (id int); INSERT INTO old VALUES (1);";
    let archive = Archive::with(cluster, sql, &["--format=directory"]);
    // What pg_dump before 12 wrote for a table WITH OIDS: a string in its entry.
    let toc = archive.path().join("toc.dat");
    let bytes = std::fs::read(&toc).unwrap();
    let (plain, with_oids) = (b"\0\x05\0\0\0false", b"\0\x04\0\0\0true");
    let place_of = |from: usize, text: &[u8]| {
        from + bytes[from..].windows(text.len()).position(|window| window == text).unwrap()
    };
    let place = place_of(place_of(0, b"CREATE TABLE public.old"), plain);
    let edited = [&bytes[..place], &with_oids[..], &bytes[place + plain.len()..]].concat();
    std::fs::write(&toc, edited).unwrap();
    let [actual, expected] = two(cluster, "");
    let oracle = expected.pg_restore(&archive.path(), &[]);
    assert!(oracle.success() && oracle.stderr().contains("WITH OIDS"), "{oracle}");
    let restored = restore(&archive.path(), &actual, &[]).expect(0);
    assert_same_database(&actual, &expected);
    let warning = "WITH OIDS is no longer supported; tables restored without: TABLE public.old";
    assert!(restored.stderr().contains(warning), "{}", restored.finished);
    assert!(!restored.stderr().contains("public.old, TABLE"), "{}", restored.finished);
    let script = nocturne().args(["restore", "-f", "-"]).arg(archive.path()).succeed();
    assert!(script.stderr().contains(warning), "{script}");
}
