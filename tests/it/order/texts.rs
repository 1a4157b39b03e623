//! Tables and sequences that only the text of a definition names: of a rule, policy, trigger, check
//! or materialized view.

use super::case::Case;

/// Tables that exist before their rows are loaded.
const TABLES: &str = "
    CREATE EXTENSION refint; CREATE EXTENSION autoinc;
    CREATE TABLE codes (code int PRIMARY KEY, label text);
    CREATE TABLE items (id int, code int);
    CREATE TABLE ruled (id int, code int); CREATE TABLE zz (id int, label text);
    CREATE SEQUENCE for_argument; CREATE TABLE by_argument (id int);
    CREATE TABLE by_name (id bigserial, n int);
    CREATE SEQUENCE for_c; CREATE TABLE by_c (id int);
    CREATE FUNCTION of_argument() RETURNS trigger LANGUAGE plpgsql
        AS $$BEGIN NEW.id := nextval(tg_argv[0]); RETURN NEW; END$$;
    CREATE FUNCTION of_name() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        NEW.id := nextval(pg_get_serial_sequence(format('%I.%I', tg_table_schema, tg_table_name), 'id'));
        RETURN NEW; END$$;";

/// What runs when their rows are loaded.
const RUNNING: &str = "
    CREATE RULE noted AS ON INSERT TO ruled DO ALSO
        INSERT INTO zz SELECT new.id, (SELECT label FROM codes WHERE code = new.code);
    CREATE TRIGGER known AFTER INSERT ON items
        FOR EACH ROW EXECUTE FUNCTION check_primary_key('code', 'public.codes', 'code');
    CREATE TRIGGER numbered BEFORE INSERT ON by_argument
        FOR EACH ROW EXECUTE FUNCTION of_argument('public.for_argument');
    CREATE TRIGGER numbered BEFORE INSERT ON by_name FOR EACH ROW EXECUTE FUNCTION of_name();
    CREATE TRIGGER numbered BEFORE INSERT ON by_c
        FOR EACH ROW EXECUTE FUNCTION autoinc('id', 'public.for_c');";

#[test]
fn data_only_rows_wait_for_names_in_rules_and_trigger_arguments() {
    let rows = "
        INSERT INTO codes SELECT n, 'label ' || n FROM generate_series(1, 60) n;
        INSERT INTO items SELECT n, n FROM generate_series(1, 20) n;
        INSERT INTO ruled SELECT n, n FROM generate_series(1, 20) n;
        INSERT INTO by_argument SELECT 0 FROM generate_series(1, 20);
        INSERT INTO by_name (n) SELECT 0 FROM generate_series(1, 20);
        INSERT INTO by_c SELECT 0 FROM generate_series(1, 20);
        SELECT setval('for_argument', 7000), setval('by_name_id_seq', 8000), setval('for_c', 9000);";
    for dump in [&["--format=custom", "--inserts"][..], &["-Fc", "--inserts", "--data-only"]] {
        Case {
            name: "texts",
            source: &format!("{TABLES} {rows} {RUNNING}"),
            target: &format!("{TABLES} {RUNNING}"),
            dump,
            data_only: true,
            probe: "SELECT (SELECT count(label) FROM zz), (SELECT count(*) FROM items),
                (SELECT sum(id) FROM by_argument), (SELECT last_value FROM for_argument),
                (SELECT sum(id) FROM by_name), (SELECT last_value FROM by_name_id_seq),
                (SELECT sum(id) FROM by_c), (SELECT last_value FROM for_c)",
            ..Case::default()
        }
        .hold();
    }
}

#[test]
fn data_only_sequences_follow_rows_with_target_defaults() {
    let table = |n: usize| format!("CREATE TABLE t{n} (a int); CREATE SEQUENCE s{n};");
    let column = |n: usize| format!("ALTER TABLE t{n} ADD id int DEFAULT nextval('s{n}');");
    let rows = |n: usize| {
        format!("INSERT INTO t{n} SELECT generate_series(1, 20); SELECT setval('s{n}', 100);")
    };
    let sum = |n: usize| format!("(SELECT sum(id) FROM t{n})");
    let all = |of: &dyn Fn(usize) -> String| (0..4).map(of).collect::<Vec<_>>();
    let tables = all(&table).concat();
    Case {
        name: "target_defaults",
        source: &format!("{tables} {}", all(&rows).concat()),
        target: &format!("{tables} {}", all(&column).concat()),
        dump: &["--format=custom", "--data-only"],
        data_only: true,
        probe: &format!("SELECT {}", all(&sum).join(", ")),
        ..Case::default()
    }
    .hold();
}

#[test]
fn data_only_rows_wait_for_tables_in_policies() {
    const ROLE: &str = "order_of_policies";
    let schema = "
        CREATE TABLE a_tenants (id int PRIMARY KEY);
        CREATE TABLE items (id int, tenant int); CREATE TABLE more_items (id int, tenant int);";
    let policy = |table: &str| {
        format!(
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY p ON {table} USING (true)
                WITH CHECK (EXISTS (SELECT FROM a_tenants t WHERE t.id = tenant));
            ALTER TABLE {table} OWNER TO {ROLE};"
        )
    };
    Case {
        name: "policies",
        source: &format!(
            "{schema}
            INSERT INTO a_tenants SELECT generate_series(1, 40);
            INSERT INTO items SELECT n, n FROM generate_series(1, 40) n;
            INSERT INTO more_items SELECT n, n FROM generate_series(1, 40) n;"
        ),
        target: &format!(
            "{schema} ALTER TABLE a_tenants OWNER TO {ROLE}; {} {}",
            policy("items"),
            policy("more_items")
        ),
        dump: &["--format=custom", "--inserts"],
        data_only: true,
        row_security: true,
        role: Some(ROLE),
        probe: "SET ROLE postgres; SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM more_items)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn rows_wait_for_tables_named_in_literals() {
    let table = |(number, check): (usize, &str)| {
        format!(
            "CREATE TABLE tested_{number} (q text DEFAULT
                'SELECT ''a''::tsquery, ''b''::tsquery FROM public.codes LIMIT 1', CHECK ({check}));
            INSERT INTO tested_{number} SELECT FROM generate_series(1, 20);"
        )
    };
    let checks = [
        "pg_relation_size('codes') > 0",
        "size_of('public.codes') > 0",
        "other_size_of('public.codes', 'main') > 0",
        "rewritten('a', q) = 'b'::tsquery",
        "rewritten('a', 'SELECT ''a''::tsquery, ''b''::tsquery FROM public.codes LIMIT 1') = 'b'::tsquery",
    ];
    let counts: Vec<String> =
        (0..checks.len()).map(|n| format!("(SELECT count(*) FROM tested_{n})")).collect();
    Case {
        name: "literals",
        source: &format!(
            "CREATE TABLE codes (code int, label text);
            INSERT INTO codes SELECT n, 'label ' || n FROM generate_series(1, 600) n;
            CREATE FUNCTION rewritten(tsquery, text) RETURNS tsquery
                LANGUAGE internal AS 'tsquery_rewrite_query';
            CREATE FUNCTION other_size_of(regclass, text) RETURNS bigint
                LANGUAGE internal AS 'pg_relation_size';
            CREATE FUNCTION size_of(r regclass) RETURNS bigint
                LANGUAGE sql AS 'SELECT pg_relation_size(r)'; {}",
            checks.into_iter().enumerate().map(table).collect::<String>()
        ),
        probe: &format!("SELECT {}", counts.join(", ")),
        ..Case::default()
    }
    .hold();
}

/// A server that leads back to the database in which this runs.
const LOOP: &str = r#"CREATE EXTENSION postgres_fdw;
    DO $$BEGIN
        EXECUTE format('CREATE SERVER back FOREIGN DATA WRAPPER postgres_fdw
            OPTIONS (host %L, port %L, dbname %L)',
            btrim(current_setting('unix_socket_directories'), '"'),
            current_setting('port'), current_database());
        CREATE USER MAPPING FOR postgres SERVER back OPTIONS (user 'postgres');
    END$$;"#;

#[test]
fn later_rows_wait_for_reads_of_defaults_and_foreign_tables() {
    Case {
        name: "behind",
        source: &format!(
            "{LOOP}
            CREATE TABLE zcodes (code int); CREATE TABLE zz (code int);
            CREATE FOREIGN TABLE afcodes (code int) SERVER back OPTIONS (table_name 'zcodes');
            CREATE FUNCTION foreign_codes(a int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN (SELECT count(*) FROM public.afcodes); END$$;
            CREATE TABLE a_items (a int, codes bigint GENERATED ALWAYS AS (foreign_codes(a)) STORED);
            INSERT INTO a_items SELECT generate_series(1, 20);
            -- The CHECK inserts a row whose default reads another table.
            CREATE FUNCTION codes() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.zz';
            CREATE TABLE b_log (a int, codes bigint DEFAULT codes());
            CREATE FUNCTION logged(a int) RETURNS bool LANGUAGE plpgsql
                AS $$BEGIN INSERT INTO public.b_log (a) VALUES (a); RETURN true; END$$;
            CREATE TABLE b_items (a int CHECK (logged(a)));
            INSERT INTO b_items SELECT generate_series(1, 20);
            TRUNCATE b_log;
            INSERT INTO zz VALUES (1); INSERT INTO zcodes VALUES (1);"
        ),
        target: LOOP,
        // The server and its user mapping exist.
        errors: Some(2),
        // The server has the name of the database, so it cannot be compared.
        probe: "SELECT (SELECT sum(codes) FROM a_items), (SELECT sum(codes) FROM b_log);
            DROP SERVER back CASCADE",
        ..Case::default()
    }
    .hold();
}

#[test]
fn view_of_the_catalog_refreshes_in_archive_order() {
    Case {
        name: "catalog",
        source: "CREATE TABLE t AS SELECT generate_series(1, 500) AS n;
            CREATE MATERIALIZED VIEW a AS SELECT n FROM t;
            CREATE MATERIALIZED VIEW b AS
                SELECT pg_relation_size(oid) AS size FROM pg_class WHERE relname = 'a';
            CREATE VIEW populated AS SELECT count(*) FROM pg_matviews WHERE ispopulated;
            CREATE MATERIALIZED VIEW c AS SELECT * FROM populated;
            CREATE MATERIALIZED VIEW d AS SELECT n FROM t;
            CREATE MATERIALIZED VIEW e AS SELECT n FROM t;",
        probe: "SELECT (SELECT size FROM b), (SELECT count FROM c)",
        ..Case::default()
    }
    .hold();
}
