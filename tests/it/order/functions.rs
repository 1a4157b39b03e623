//! Functions that read other tables, where rows, indexes and views call them.

use super::case::Case;

/// A table of labels, a function that reads it, and a large table to keep sessions busy.
pub const LABELS: &str = "
    CREATE TABLE codes (code int, label text);
    INSERT INTO codes SELECT n, 'label ' || n FROM generate_series(1, 600) n;
    CREATE TABLE zcodes (code int, label text);
    CREATE TABLE big (n int, filler text);
    INSERT INTO big SELECT n, repeat('x', 200) FROM generate_series(1, 3000) n;
    CREATE FUNCTION label(c int) RETURNS text LANGUAGE sql IMMUTABLE
        AS $$SELECT label FROM public.codes WHERE code = c$$;
    CREATE FUNCTION known(c int) RETURNS bool LANGUAGE plpgsql STABLE
        AS $$BEGIN RETURN (SELECT count(*) > 0 FROM public.codes WHERE code = c); END$$;
    CREATE FUNCTION zlabel(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
        AS $$BEGIN RETURN (SELECT max(label) FROM public.zcodes WHERE code >= c); END$$;
    CREATE FUNCTION any_label(t text, c int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
        DECLARE l text;
        BEGIN EXECUTE format('SELECT max(label) FROM public.%I WHERE code >= $1', t) INTO l USING c;
        RETURN l; END$$;";

#[test]
fn rows_that_call_functions_wait_for_their_reads() {
    Case {
        name: "generated",
        source: &format!(
            "{LABELS}
            CREATE TABLE items (id int, code int,
                label text GENERATED ALWAYS AS (label(code)) STORED,
                CHECK (label(code) LIKE 'label%'));
            INSERT INTO items (id, code) SELECT n, 1 + n % 600 FROM generate_series(1, 3000) n;
            -- Before the table that it reads: empty there when pg_restore comes to it.
            CREATE TABLE answers (code int, label text GENERATED ALWAYS AS (zlabel(code)) STORED,
                other text GENERATED ALWAYS AS (any_label('zcodes', code)) STORED);
            INSERT INTO answers (code) SELECT generate_series(1, 50);
            INSERT INTO zcodes SELECT * FROM codes;
            -- Counts its own rows.
            CREATE FUNCTION few() RETURNS bool LANGUAGE plpgsql VOLATILE
                AS $$BEGIN RETURN (SELECT count(*) < 5000 FROM public.itself); END$$;
            CREATE TABLE itself (a int CHECK (few()), before bigint);
            CREATE FUNCTION rows_of_itself() RETURNS bigint LANGUAGE sql IMMUTABLE
                AS 'SELECT count(*) FROM public.itself';
            ALTER TABLE itself ADD counted bigint GENERATED ALWAYS AS (rows_of_itself()) STORED;
            INSERT INTO itself (a) SELECT generate_series(1, 1500);"
        ),
        probe: "SELECT count(*), count(label), (SELECT count(label) FROM answers),
            (SELECT count(other) FROM answers), (SELECT count(*) FROM itself),
            (SELECT max(counted) FROM itself), (SELECT count(*) FROM big) FROM items",
        ..Case::default()
    }
    .hold();
}

#[test]
fn rows_of_domains_and_partitions_also_wait() {
    Case {
        name: "domains",
        source: &format!(
            "{LABELS}
            CREATE DOMAIN known_code AS int CHECK (known(VALUE));
            CREATE TYPE pair AS (code known_code, n int);
            -- Before the table that it reads: pg_restore loses it.
            CREATE TABLE arrays (a known_code[]);
            CREATE TABLE more_arrays (a known_code[]);
            INSERT INTO more_arrays SELECT ARRAY[n, 600] FROM generate_series(1, 300) n;
            INSERT INTO arrays SELECT ARRAY[n, 600] FROM generate_series(1, 300) n;
            CREATE TABLE pairs (a pair[], d text DEFAULT label(3));
            INSERT INTO pairs SELECT ARRAY[ROW(n, n)::pair] FROM generate_series(1, 300) n;
            CREATE DOMAIN nested AS known_code;
            CREATE TABLE deep (a nested);
            INSERT INTO deep SELECT generate_series(1, 300);
            CREATE TABLE parts (code int) PARTITION BY LIST ((label(code) IS NOT NULL));
            CREATE TABLE found PARTITION OF parts FOR VALUES IN (true);
            CREATE TABLE lost PARTITION OF parts FOR VALUES IN (false);
            INSERT INTO parts SELECT generate_series(400, 800);"
        ),
        errors: Some(1),
        probe: "SELECT (SELECT count(*) FROM arrays), (SELECT count(*) FROM more_arrays), (SELECT count(*) FROM pairs),
            (SELECT count(*) FROM deep), (SELECT count(*) FROM found), (SELECT count(*) FROM lost)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn indexes_wait_for_everything_their_expressions_read() {
    Case {
        name: "indexes",
        source: &format!(
            "{LABELS}
            CREATE TABLE items (id int, code int);
            INSERT INTO items SELECT n, 1 + n % 600 FROM generate_series(1, 40) n;
            CREATE INDEX by_label ON items (label(code));
            CREATE INDEX a_few ON items (id) WHERE label(code) IS NOT NULL;
            CREATE FUNCTION alike(a int, b int) RETURNS bool LANGUAGE sql IMMUTABLE
                AS 'SELECT public.label(a) = public.label(b)';
            CREATE OPERATOR === (leftarg = int, rightarg = int, function = alike);
            CREATE INDEX operators ON items ((code === 3));
            CREATE TABLE apart (id int, code int,
                EXCLUDE USING btree (label(code) WITH =));
            INSERT INTO apart SELECT n, n FROM generate_series(1, 40) n;"
        ),
        probe: "SET enable_seqscan = off;
            SELECT (SELECT count(*) FROM items WHERE label(code) LIKE 'label%'),
            (SELECT count(*) FROM items WHERE label(code) = 'label 5'),
            (SELECT count(*) FROM items WHERE id > 0 AND label(code) IS NOT NULL),
            (SELECT count(*) FROM items WHERE (code === 3)),
            (SELECT count(*) FROM apart WHERE label(code) = 'label 5'),
            (SELECT bool_and(indisvalid) FROM pg_index)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn views_refresh_after_views_that_functions_read() {
    let views = |first: &str, second: &str| {
        format!(
            "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 50);
            CREATE MATERIALIZED VIEW {first} AS SELECT n FROM t;
            CREATE FUNCTION sum_of_view() RETURNS bigint LANGUAGE plpgsql STABLE
                AS $$BEGIN RETURN (SELECT sum(n) FROM public.{first}); END$$;
            CREATE VIEW between AS SELECT sum_of_view() AS s;
            CREATE MATERIALIZED VIEW {second} AS SELECT s FROM between;
            CREATE MATERIALIZED VIEW other AS SELECT count(*) FROM t;"
        )
    };
    Case {
        name: "views",
        source: &views("a", "b"),
        probe: "SELECT (SELECT s FROM b), (SELECT bool_and(relispopulated) FROM pg_class)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn data_only_rows_wait_for_their_triggers_reads() {
    let schema = format!(
        "{LABELS}
        CREATE TABLE marked (code int, label text);
        CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            NEW.label := public.label(NEW.code); RETURN NEW; END$$;
        CREATE TRIGGER mark BEFORE INSERT ON marked FOR EACH ROW EXECUTE FUNCTION mark();"
    );
    let probe = "SELECT count(*), count(label), (SELECT count(*) FROM codes) FROM marked";
    for dump in [&["--format=custom"][..], &["--format=custom", "--data-only"]] {
        Case {
            name: "triggers",
            source: &format!("{schema} INSERT INTO marked SELECT generate_series(1, 300);"),
            target: &format!("{schema} TRUNCATE codes, big"),
            dump,
            data_only: true,
            probe,
            ..Case::default()
        }
        .hold();
    }
}

#[test]
fn data_only_sequences_follow_rows_with_triggers() {
    let schema = "CREATE TABLE a (n int); CREATE TABLE audit (id bigserial, n int);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            INSERT INTO public.audit (n) VALUES (NEW.n); RETURN NEW; END$$;";
    let trigger = "CREATE TRIGGER note AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION note();";
    for dump in [&["--format=custom"][..], &["--format=custom", "--data-only"]] {
        Case {
            name: "numbers",
            source: &format!(
                "{schema} INSERT INTO a SELECT generate_series(1, 1000);
                INSERT INTO audit (n) SELECT generate_series(1, 10); {trigger}"
            ),
            target: &format!("{schema} {trigger}"),
            dump,
            data_only: true,
            probe: "SELECT (SELECT sum(id) FROM audit), (SELECT last_value FROM audit_id_seq)",
            ..Case::default()
        }
        .hold();
    }
}
