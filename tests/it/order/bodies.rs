//! Functions whose bodies, or whose callers, are easily overlooked.

use super::case::Case;
use super::functions::LABELS;
use super::hidden::{generated, probe};

/// Three tables with a stored column that a function computes from a table named at the end of its
/// body, in escapes, and behind an argument that looks like the language.
const OVERLOOKED: &str = r#"
    CREATE FUNCTION at_end(c int) RETURNS text LANGUAGE sql IMMUTABLE
        AS $$SELECT max(label) FROM public.codes$$;
    CREATE TABLE made_end (code int, label text GENERATED ALWAYS AS (at_end(code)) STORED);
    CREATE FUNCTION escaped(c int) RETURNS text LANGUAGE sql IMMUTABLE
        AS $$SELECT max(label) FROM public.U&"\0063odes" WHERE code = c$$;
    CREATE TABLE made_escape (code int, label text GENERATED ALWAYS AS (escaped(code)) STORED);
    CREATE FUNCTION with_default(c int, x text DEFAULT E'\n    LANGUAGE c ') RETURNS text
        LANGUAGE sql IMMUTABLE AS $$SELECT label FROM public.codes WHERE code = c$$;
    CREATE TABLE made_default (code int, label text GENERATED ALWAYS AS (with_default(code)) STORED);
    INSERT INTO made_end SELECT generate_series(1, 20);
    INSERT INTO made_escape SELECT generate_series(1, 20);
    INSERT INTO made_default SELECT generate_series(1, 20);"#;

#[test]
fn rows_wait_for_tables_named_anywhere_in_a_body() {
    Case {
        name: "bodies",
        source: &format!("{LABELS} {OVERLOOKED}"),
        probe: "SELECT (SELECT count(label) FROM made_end), (SELECT count(label) FROM made_escape),
            (SELECT count(label) FROM made_default)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn rows_wait_for_tables_behind_unusual_tokens() {
    let long = "long_".repeat(14);
    let expressions =
        ["at_dollar(code)", "truncated(code)", "behind_comment(code)", "before_sign(code)"];
    Case {
        name: "tokens",
        source: &format!(
            "{LABELS}
            -- Without the word `label`, which is the name of a function.
            CREATE TABLE co$des AS SELECT * FROM codes;
            CREATE FUNCTION at_dollar(c int) RETURNS text LANGUAGE sql IMMUTABLE
                AS $_$SELECT max(code)::text FROM public.co$des$_$;
            CREATE TABLE {long} AS SELECT * FROM codes;
            CREATE FUNCTION truncated(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN (SELECT max(code)::text FROM public.{long}); END$$;
            CREATE FUNCTION either(a int, b int) RETURNS text LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN public.label(a); END$$;
            CREATE OPERATOR @# (leftarg = int, rightarg = int, function = either);
            CREATE FUNCTION behind_comment(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
                SET search_path = public AS $$BEGIN RETURN c /* plus */@# 0; END$$;
            CREATE TYPE m AS (code int);
            CREATE FUNCTION plus(a m, b int) RETURNS text LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN public.label(a.code); END$$;
            CREATE OPERATOR + (leftarg = m, rightarg = int, function = plus);
            CREATE FUNCTION before_sign(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
                SET search_path = public AS $$BEGIN RETURN row(c)::m+-0; END$$;
            {}",
            generated(&expressions)
        ),
        probe: &probe(expressions.len()),
        ..Case::default()
    }
    .hold();
}

#[test]
fn indexes_wait_for_functions_written_after_rows() {
    let index = |n: usize| {
        format!(
            "CREATE TABLE a_items_{n} (code int);
            INSERT INTO a_items_{n} SELECT generate_series(1, 50);
            CREATE INDEX a_code_{n} ON a_items_{n} (by_late(code));"
        )
    };
    Case {
        name: "late",
        source: &format!(
            "{LABELS}
            ALTER TABLE codes ADD PRIMARY KEY (code);
            -- It depends on the primary key, so pg_dump writes it after that.
            CREATE FUNCTION late_label(c int) RETURNS text LANGUAGE sql IMMUTABLE
                BEGIN ATOMIC SELECT label FROM codes WHERE code = c GROUP BY code; END;
            CREATE FUNCTION by_late(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN public.late_label(c); END$$; {}",
            (0..4).map(index).collect::<String>()
        ),
        probe: "SET enable_seqscan = off;
            SELECT count(*) FROM a_items_0 WHERE by_late(code) = 'label 5'",
        ..Case::default()
    }
    .hold();
}

/// Tables whose triggers, of their own or of their partitioned table, read the table of labels.
const TRIGGERS: &str = "
    CREATE FUNCTION relabel() RETURNS trigger LANGUAGE plpgsql
        AS $$BEGIN NEW.label := public.label(NEW.code); RETURN NEW; END$$;
    CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM public.codes$$;
    CREATE TABLE a_tree (id int, code int, label text) PARTITION BY LIST (id);
    CREATE TABLE a_part PARTITION OF a_tree FOR VALUES IN (1) PARTITION BY LIST (code);
    CREATE TABLE a_leaf PARTITION OF a_part DEFAULT;
    CREATE TABLE a_table (id int, code int, label text);
    CREATE TABLE an_item (id int, code int, label text);";

const CREATE_TRIGGERS: &str = "
    CREATE TRIGGER relabel BEFORE INSERT ON a_tree FOR EACH ROW EXECUTE FUNCTION relabel();
    CREATE TRIGGER relabel BEFORE INSERT ON a_table FOR EACH ROW EXECUTE FUNCTION relabel();";

fn with_rows() -> String {
    let insert = |table: &&str| {
        format!("INSERT INTO {table} SELECT 1, n, 'none' FROM generate_series(1, 50) n;")
    };
    let rows: String = ["a_tree", "a_table", "an_item"].iter().map(insert).collect();
    format!("{LABELS} {TRIGGERS} {rows} {CREATE_TRIGGERS}")
}

const LABELLED: &str = "SELECT (SELECT count(*) FROM a_tree WHERE label LIKE 'label%'),
    (SELECT count(*) FROM a_table WHERE label LIKE 'label%'),
    (SELECT count(*) FROM an_item WHERE label LIKE 'label%')";

#[test]
fn data_only_rows_wait_for_reads_of_triggers_above() {
    Case {
        name: "above",
        source: &with_rows(),
        target: &format!("{LABELS} {TRIGGERS} {CREATE_TRIGGERS} TRUNCATE codes, zcodes, big"),
        data_only: true,
        probe: LABELLED,
        ..Case::default()
    }
    .hold();
}

#[test]
fn data_only_rows_wait_for_reads_of_target_additions() {
    Case {
        name: "additions",
        source: &with_rows(),
        target: &format!(
            "{LABELS} {TRIGGERS} {CREATE_TRIGGERS} TRUNCATE codes, zcodes, big;
            CREATE TRIGGER relabel BEFORE INSERT ON an_item
                FOR EACH ROW EXECUTE FUNCTION relabel();
            ALTER TABLE a_table ADD extra bigint DEFAULT counted()"
        ),
        data_only: true,
        probe: &format!("{LABELLED}, (SELECT sum(extra) FROM a_table)"),
        ..Case::default()
    }
    .hold();
}

#[test]
fn rows_of_existing_tables_wait_for_reads_of_triggers() {
    Case {
        name: "existing",
        source: &with_rows(),
        target: &format!("{LABELS} {TRIGGERS} {CREATE_TRIGGERS} TRUNCATE codes, zcodes, big"),
        errors: None,
        probe: LABELLED,
        ..Case::default()
    }
    .hold();
}
