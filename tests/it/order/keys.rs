//! Foreign keys: those that exist before the rows, old archives', and row security with them.

use std::fs;

use super::case::Case;
use crate::common::archive::Archive;
use crate::common::cluster;
use crate::common::versions::newest;

#[test]
fn rows_of_extensions_wait_for_referenced_rows() {
    // What an extension's script would do with pg_extension_config_dump.
    let extension = "CREATE EXTENSION citext;
        CREATE TABLE a_topology (id int PRIMARY KEY, filler text);
        CREATE TABLE b_layer (id int PRIMARY KEY, topology int REFERENCES a_topology);
        CREATE TABLE c_part (layer int REFERENCES b_layer, topology int REFERENCES a_topology);
        ALTER EXTENSION citext ADD TABLE a_topology;
        ALTER EXTENSION citext ADD TABLE b_layer;
        ALTER EXTENSION citext ADD TABLE c_part;
        UPDATE pg_extension SET extconfig = ARRAY['a_topology'::regclass, 'b_layer'::regclass,
            'c_part'::regclass]::oid[], extcondition = '{\"\",\"\",\"\"}' WHERE extname = 'citext';";
    Case {
        name: "config",
        source: &format!(
            "{extension}
            INSERT INTO a_topology SELECT n, repeat('x', 300) FROM generate_series(1, 2000) n;
            INSERT INTO b_layer SELECT n, n FROM generate_series(1, 100) n;
            INSERT INTO c_part SELECT n, n FROM generate_series(1, 10) n;"
        ),
        target: extension,
        probe: "SELECT (SELECT count(*) FROM a_topology), (SELECT count(*) FROM b_layer),
            (SELECT count(*) FROM c_part)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn data_only_rows_wait_for_referenced_rows() {
    let schema = "CREATE TABLE a (id int PRIMARY KEY, filler text);
        CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
        CREATE TABLE p (id int PRIMARY KEY, b int REFERENCES b) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (50);
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (50) TO (1000);
        CREATE TABLE q (p int REFERENCES p);
        CREATE TABLE x (id int PRIMARY KEY, y int);
        CREATE TABLE y (id int PRIMARY KEY, x int REFERENCES x);
        ALTER TABLE x ADD FOREIGN KEY (y) REFERENCES y;";
    Case {
        name: "alone",
        source: &format!(
            "{schema}
            INSERT INTO a SELECT n, repeat('x', 300) FROM generate_series(1, 2000) n;
            INSERT INTO b SELECT n, n FROM generate_series(1, 100) n;
            INSERT INTO p SELECT n, n FROM generate_series(1, 100) n;
            INSERT INTO q SELECT n FROM generate_series(1, 100) n;
            INSERT INTO x SELECT n FROM generate_series(1, 10) n;
            INSERT INTO y SELECT n, n FROM generate_series(1, 10) n;"
        ),
        target: schema,
        data_only: true,
        probe:
            "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM p),
            (SELECT count(*) FROM q), (SELECT count(*) FROM x), (SELECT count(*) FROM y)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn key_with_unlisted_dependency_waits_for_all_keys() {
    let cluster = cluster(newest());
    let archive = Archive::with(
        cluster,
        "CREATE TABLE parent (id int PRIMARY KEY, other int UNIQUE);
        INSERT INTO parent SELECT n, n FROM generate_series(1, 3000) n;
        CREATE TABLE child (id int REFERENCES parent, other int REFERENCES parent (other));
        INSERT INTO child SELECT n, n FROM generate_series(1, 10) n;
        CREATE TABLE self (id int PRIMARY KEY, up int REFERENCES self);
        INSERT INTO self SELECT n, n FROM generate_series(1, 3000) n;",
        &["--format=directory"],
    );
    // As pg_dump 8.4 to 9.1 wrote it: a key depends on an index without an entry.
    let list = cluster.tool("pg_restore").arg("--list").arg(archive.path()).succeed().stdout();
    let toc = archive.path().join("toc.dat");
    let mut bytes = fs::read(&toc).unwrap();
    for line in list.lines().filter(|line| line.contains(" CONSTRAINT public ")) {
        if !line.contains(" FK ") {
            let number = line.split(';').next().unwrap();
            rename_dependency(&mut bytes, number);
        }
    }
    fs::write(&toc, bytes).unwrap();
    Case {
        name: "old_keys",
        probe: "SELECT count(*), bool_and(convalidated) FROM pg_constraint WHERE contype = 'f'",
        ..Case::default()
    }
    .hold_with(cluster, &archive.path());
}

/// Changes dependencies on one ID to an ID that no entry has. A dependency is a text with its
/// length before it (`WriteStr` in `pg_backup_archiver.c`).
fn rename_dependency(toc: &mut [u8], number: &str) {
    let mut written = vec![0];
    written.extend_from_slice(&u32::try_from(number.len()).unwrap().to_le_bytes());
    let digits = written.len();
    written.extend_from_slice(number.as_bytes());
    let mut found = 0;
    for at in 0..toc.len() - written.len() {
        if toc[at..].starts_with(&written) {
            toc[at + digits] = b'9';
            found += 1;
        }
    }
    assert!(found > 0, "nothing depends on {number}");
}

#[test]
fn row_security_waits_until_keys_are_checked() {
    Case {
        name: "forced",
        source: "CREATE TABLE parent (id int PRIMARY KEY);
            CREATE TABLE child (id int REFERENCES parent, filler text);
            INSERT INTO parent SELECT generate_series(1, 500);
            INSERT INTO child SELECT n, repeat('x', 100) FROM generate_series(1, 500) n;
            ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
            ALTER TABLE parent FORCE ROW LEVEL SECURITY;
            ALTER TABLE child ENABLE ROW LEVEL SECURITY;
            ALTER TABLE child FORCE ROW LEVEL SECURITY;
            CREATE POLICY p ON child USING (id < 3);",
        dump: &["--format=custom", "--no-owner", "--no-privileges"],
        role: Some("order_owner"),
        probe: "SELECT bool_and(convalidated), count(*) FROM pg_constraint WHERE contype = 'f'",
        ..Case::default()
    }
    .hold();
}

#[test]
fn row_security_waits_for_rows_that_call_functions() {
    Case {
        name: "called",
        source: "CREATE TABLE codes (code int); INSERT INTO codes VALUES (1);
            CREATE FUNCTION known(int) RETURNS bool LANGUAGE sql IMMUTABLE
                AS 'SELECT EXISTS (SELECT FROM public.codes WHERE code = $1)';
            CREATE DOMAIN code AS int CHECK (known(VALUE));
            CREATE TYPE pair AS (code code, n int);
            CREATE TABLE items (id int, pair pair, filler text);
            INSERT INTO items SELECT n, ROW(1, n)::pair, repeat('x', 100)
                FROM generate_series(1, 2000) n;
            ALTER TABLE codes ENABLE ROW LEVEL SECURITY;
            ALTER TABLE codes FORCE ROW LEVEL SECURITY;",
        dump: &["--format=custom", "--no-owner", "--no-privileges"],
        role: Some("order_owner"),
        probe: "SELECT count(*) FROM items",
        ..Case::default()
    }
    .hold();
}

#[test]
fn partition_properties_wait_for_their_rows() {
    Case {
        name: "parts",
        source: "CREATE TABLE zref (id int PRIMARY KEY);
            INSERT INTO zref SELECT generate_series(1, 2000);
            CREATE TABLE p (id int REFERENCES zref, n int) PARTITION BY RANGE (id);
            CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (50);
            CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (50) TO (1000) PARTITION BY RANGE (id);
            CREATE TABLE p21 PARTITION OF p2 FOR VALUES FROM (50) TO (1000);
            INSERT INTO p SELECT n, n FROM generate_series(1, 900) n;
            CREATE TABLE log (n int);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql
                AS $$BEGIN INSERT INTO public.log VALUES (NEW.n); RETURN NEW; END$$;
            CREATE TRIGGER note AFTER INSERT ON p FOR EACH ROW EXECUTE FUNCTION note();
            CREATE TABLE old (n int); CREATE TABLE older () INHERITS (old);
            INSERT INTO older SELECT generate_series(1, 900);
            ALTER TABLE old ADD CONSTRAINT positive CHECK (n > 5) NOT VALID;",
        probe: "SELECT (SELECT count(*) FROM p), (SELECT count(*) FROM log),
            (SELECT count(*) FROM older), (SELECT bool_and(convalidated) FROM pg_constraint)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn not_valid_domain_constraint_comes_after_rows() {
    Case {
        name: "not_valid",
        source: "CREATE DOMAIN positive AS int;
            CREATE TYPE pair AS (a positive, b int);
            CREATE TABLE t (n positive); INSERT INTO t SELECT generate_series(-500, 500);
            CREATE TABLE pairs (p pair[]); INSERT INTO pairs VALUES (ARRAY[ROW(-1, 2)::pair]);
            ALTER DOMAIN positive ADD CONSTRAINT above CHECK (VALUE > 0) NOT VALID;",
        probe: "SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM pairs),
            (SELECT string_agg(conname || convalidated, ' ') FROM pg_constraint
             WHERE contypid <> 0 AND connamespace = 'public'::regnamespace)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn not_valid_not_null_comes_after_partition_rows() {
    if newest() < 18 {
        return;
    }
    let tables = |n: usize| {
        format!(
            "CREATE TABLE parent_{n} (a int, b int);
            CREATE TABLE child_{n} () INHERITS (parent_{n});
            INSERT INTO child_{n} SELECT NULL, n FROM generate_series(1, 50) n;
            ALTER TABLE parent_{n} ADD CONSTRAINT of_parent NOT NULL a NOT VALID;
            CREATE TABLE whole_{n} (a int, b int) PARTITION BY LIST (b);
            CREATE TABLE part_{n} PARTITION OF whole_{n} FOR VALUES IN (1);
            INSERT INTO part_{n} SELECT NULL, 1 FROM generate_series(1, 50) n;
            -- The archive has the constraints by name.
            ALTER TABLE part_{n} ADD CONSTRAINT a_part NOT NULL a NOT VALID;
            ALTER TABLE whole_{n} ADD CONSTRAINT whole NOT NULL a NOT VALID;"
        )
    };
    Case {
        name: "not_null",
        source: &(0..3).map(tables).collect::<String>(),
        probe: "SELECT string_agg(format('%s %s %s %s', conrelid::regclass, conname, coninhcount,
                convalidated), ', ' ORDER BY conrelid::regclass::text, conname),
            (SELECT count(*) FROM parent_0), (SELECT count(*) FROM whole_0),
            (SELECT count(*) FROM parent_1), (SELECT count(*) FROM whole_1)
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
        ..Case::default()
    }
    .hold();
}
