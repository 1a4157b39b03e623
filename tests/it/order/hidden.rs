//! Functions that read other tables behind operators, casts, operator classes and defaults.

use super::case::Case;
use super::functions::LABELS;

/// Operators and casts whose functions read the table of labels.
const HIDDEN: &str = "
    CREATE OPERATOR @@@ (rightarg = int, function = label);
    CREATE TYPE shown AS (found text);
    CREATE FUNCTION show(c int) RETURNS shown LANGUAGE plpgsql IMMUTABLE AS
        $$DECLARE r public.shown; BEGIN r.found := public.label(c); RETURN r; END$$;
    CREATE CAST (int AS shown) WITH FUNCTION show(int);
    CREATE TYPE unsaid AS (found text);
    CREATE FUNCTION convert(c int) RETURNS unsaid LANGUAGE plpgsql IMMUTABLE AS
        $$DECLARE r public.unsaid; BEGIN r.found := public.label(c); RETURN r; END$$;
    CREATE CAST (int AS unsaid) WITH FUNCTION convert(int) AS IMPLICIT;
    CREATE FUNCTION found_in(u unsaid) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT u.found';";

/// A type whose comparison functions read a table.
const COMPARED: &str = "
    CREATE TYPE ranked AS (code int);
    CREATE FUNCTION rank(r ranked) RETURNS int LANGUAGE plpgsql IMMUTABLE
        AS $$BEGIN RETURN (SELECT code FROM public.codes c WHERE c.code = r.code); END$$;
    CREATE FUNCTION compare(a ranked, b ranked) RETURNS int LANGUAGE sql IMMUTABLE
        AS 'SELECT public.rank(a) - public.rank(b)';
    CREATE FUNCTION less(a ranked, b ranked) RETURNS bool LANGUAGE sql IMMUTABLE
        AS 'SELECT public.compare(a, b) < 0';
    CREATE FUNCTION same(a ranked, b ranked) RETURNS bool LANGUAGE sql IMMUTABLE
        AS 'SELECT public.compare(a, b) = 0';
    CREATE OPERATOR < (leftarg = ranked, rightarg = ranked, function = less);
    CREATE OPERATOR = (leftarg = ranked, rightarg = ranked, function = same, commutator = =);
    CREATE OPERATOR CLASS by_rank DEFAULT FOR TYPE ranked USING btree AS
        OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 compare(ranked, ranked);";

/// Tables with a stored column that each of these expressions computes from a code.
pub fn generated(expressions: &[&str]) -> String {
    let table = |(number, expression): (usize, &&str)| {
        format!(
            "CREATE TABLE made_{number} (code int,
                label text GENERATED ALWAYS AS ({expression}) STORED);
            INSERT INTO made_{number} SELECT generate_series(1, 20);"
        )
    };
    expressions.iter().enumerate().map(table).collect()
}

/// The stored column of each of these tables.
pub fn probe(tables: usize) -> String {
    let counts: Vec<String> =
        (0..tables).map(|n| format!("(SELECT count(label) FROM made_{n})")).collect();
    format!("SELECT {}", counts.join(", "))
}

#[test]
fn rows_wait_for_reads_of_operators_and_casts() {
    let function = |name: &str, result: &str| {
        format!(
            "CREATE FUNCTION {name}(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN {result}; END$$;"
        )
    };
    let functions = [
        ("by_operator", "'+'||OPERATOR(public.@@@)c"),
        ("by_cast", "(c::public.shown).found"),
        ("by_implicit_cast", "public.found_in(c)"),
        ("by_domain", "c::public.labelled"),
        ("by_view", "(SELECT l FROM public.all_labels a WHERE a.c = by_view.c)"),
        ("by_view_cast", "(SELECT l FROM public.cast_labels a WHERE a.c = by_view_cast.c)"),
        ("by_row", "public.of_row(c)"),
    ]
    .map(|(name, result)| function(name, result));
    let expressions = [
        "by_operator(code)",
        "by_cast(code)",
        "by_implicit_cast(code)",
        "by_domain(code)",
        "by_view(code)",
        "by_view_cast(code)",
        "by_row(code)",
    ];
    Case {
        name: "hidden",
        source: &format!(
            "{LABELS} {HIDDEN}
            CREATE DOMAIN labelled AS int CHECK (OPERATOR(public.@@@) VALUE IS NOT NULL);
            CREATE VIEW all_labels AS SELECT c, @@@ c AS l FROM generate_series(1, 90) c;
            CREATE VIEW cast_labels AS SELECT c, found_in(c) AS l FROM generate_series(1, 90) c;
            CREATE TABLE a_row (code labelled);
            CREATE FUNCTION of_row(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
                AS $$DECLARE r public.a_row; BEGIN r.code := c; RETURN r.code; END$$;
            {} {}",
            functions.concat(),
            generated(&expressions)
        ),
        probe: &probe(expressions.len()),
        ..Case::default()
    }
    .hold();
}

#[test]
fn default_hides_no_check_of_the_same_function() {
    Case {
        name: "defaults",
        source: &format!(
            "{LABELS} {HIDDEN}
            CREATE DOMAIN known_code AS int CHECK (known(VALUE));
            CREATE TABLE in_domain (code known_code DEFAULT nullif(known(1), false)::int);
            INSERT INTO in_domain SELECT generate_series(1, 300);
            CREATE TABLE in_cast (code int, s shown DEFAULT show(1),
                label text GENERATED ALWAYS AS ((code::shown).found) STORED);
            INSERT INTO in_cast SELECT generate_series(1, 300);
            CREATE TABLE in_operator (code int, d text DEFAULT label(1),
                CHECK ((@@@ code) IS NOT NULL));
            INSERT INTO in_operator SELECT generate_series(1, 300);"
        ),
        probe: "SELECT (SELECT count(*) FROM in_domain), (SELECT count(label) FROM in_cast),
            (SELECT count(*) FROM in_operator)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn rows_wait_for_reads_of_negators_and_cases() {
    Case {
        name: "negated",
        source: &format!(
            "{LABELS}
            CREATE FUNCTION same(a int, b int) RETURNS bool LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN a = b; END$$;
            CREATE FUNCTION other(a int, b int) RETURNS bool LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN public.known(a); END$$;
            CREATE OPERATOR === (leftarg = int, rightarg = int, function = same);
            CREATE OPERATOR !== (leftarg = int, rightarg = int, function = other, negator = ===);
            CREATE TABLE negated (code int CHECK (NOT (code === -1)));
            INSERT INTO negated SELECT generate_series(1, 20);
            CREATE TABLE negated_too (code int,
                found bool GENERATED ALWAYS AS (NOT (code === -1)) STORED);
            INSERT INTO negated_too SELECT generate_series(1, 20);
            CREATE TABLE of_case (code int, l text DEFAULT label(1), g text GENERATED ALWAYS AS
                (CASE WHEN label(code) <> 'x DEFAULT y' THEN 'd' ELSE 'e' END) STORED);
            INSERT INTO of_case SELECT generate_series(1, 20);"
        ),
        probe: "SELECT (SELECT count(*) FROM negated),
            (SELECT count(*) FROM negated_too WHERE found),
            (SELECT count(*) FROM of_case WHERE g = 'd')",
        ..Case::default()
    }
    .hold();
}

#[test]
fn rows_keep_order_for_built_ins_without_functions() {
    Case {
        name: "built_ins",
        source: "CREATE TABLE aliases (t tsquery, s tsquery, filler text);
            INSERT INTO aliases SELECT 'a', 'b', repeat('x', 200) FROM generate_series(1, 300);
            CREATE TABLE rewritten (q tsquery
                CHECK (ts_rewrite(q, 'SELECT t, s FROM public.aliases LIMIT 1') = 'b'::tsquery));
            INSERT INTO rewritten VALUES ('a');
            CREATE SEQUENCE s;
            CREATE TABLE numbered (n int CHECK (nextval('public.s') > 0));
            INSERT INTO numbered SELECT generate_series(1, 20);",
        probe: "SELECT (SELECT count(*) FROM rewritten), (SELECT count(*) FROM numbered),
            (SELECT last_value FROM s)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn definitions_wait_for_rows_of_their_tree() {
    let tree = |n: usize| {
        format!(
            "CREATE TABLE ev_{n} (id int, code int) PARTITION BY LIST (id);
            CREATE TABLE ev_{n}_1 PARTITION OF ev_{n} FOR VALUES IN (1);
            CREATE TABLE ev_{n}_2 PARTITION OF ev_{n} FOR VALUES IN (2);
            INSERT INTO ev_{n} SELECT 1, generate_series(1, 29);
            INSERT INTO ev_{n} SELECT 2, generate_series(1, 3000);
            CREATE FUNCTION next_{n}(c int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN (SELECT count(*) FROM public.ev_{n} WHERE id = 2); END$$;
            CREATE INDEX ON ev_{n}_1 (next_{n}(code));
            CREATE TABLE top_{n} (code int);
            CREATE TABLE child_{n} () INHERITS (top_{n});
            INSERT INTO child_{n} SELECT generate_series(1, 20);
            INSERT INTO top_{n} SELECT generate_series(1, 3000);
            CREATE FUNCTION check_{n}(r child_{n}) RETURNS bool LANGUAGE plpgsql
                AS $$BEGIN RETURN (SELECT count(*) > 2000 FROM ONLY public.top_{n}); END$$;
            ALTER TABLE child_{n} ADD CHECK (check_{n}(child_{n}));"
        )
    };
    let trees = 4;
    let found = |n: usize| format!("(SELECT count(*) FROM ev_{n}_1 WHERE next_{n}(code) = 3000),");
    Case {
        name: "tree",
        source: &(0..trees).map(tree).collect::<String>(),
        probe: &format!(
            "SET enable_seqscan = off;
            SELECT {} (SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND convalidated)",
            (0..trees).map(found).collect::<String>()
        ),
        ..Case::default()
    }
    .hold();
}

#[test]
fn constraints_wait_for_reads_of_operators_and_casts() {
    let table = |n: usize| {
        format!(
            "CREATE TABLE by_operator_{n} (id int, code int,
                EXCLUDE USING btree ((@@@ code) WITH =, id WITH =));
            INSERT INTO by_operator_{n} SELECT n, n FROM generate_series(1, 20) n;
            CREATE TABLE by_cast_{n} (id int, code int,
                EXCLUDE USING btree (((code::shown).found) WITH =, id WITH =));
            INSERT INTO by_cast_{n} SELECT n, n FROM generate_series(1, 20) n;
            -- pg_dump writes the CHECK of a whole row apart from its table.
            CREATE TABLE a_row_{n} (code int);
            CREATE FUNCTION is_known(r a_row_{n}) RETURNS bool LANGUAGE plpgsql
                AS $$BEGIN RETURN OPERATOR(public.@@@) r.code IS NOT NULL; END$$;
            ALTER TABLE a_row_{n} ADD CHECK (is_known(a_row_{n}));
            INSERT INTO a_row_{n} SELECT generate_series(1, 20);"
        )
    };
    let tables = 8;
    let probe = |n: usize| {
        format!(
            "(SELECT count(*) FROM by_operator_{n} WHERE (@@@ code) = 'label 5'),
            (SELECT count(*) FROM by_cast_{n} WHERE ((code::shown).found) = 'label 5'),"
        )
    };
    Case {
        name: "apart",
        source: &format!("{LABELS} {HIDDEN} {}", (0..tables).map(table).collect::<String>()),
        probe: &format!(
            "SET enable_seqscan = off;
            SELECT {} (SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND convalidated)",
            (0..tables).map(probe).collect::<String>()
        ),
        ..Case::default()
    }
    .hold();
}

#[test]
fn keys_and_checks_wait_for_reads_of_comparisons() {
    Case {
        name: "compared",
        source: &format!(
            "{LABELS} {COMPARED}
            CREATE TABLE keyed (r ranked PRIMARY KEY, n int);
            INSERT INTO keyed SELECT ROW(n)::ranked, n FROM generate_series(1, 40) n;
            CREATE TABLE only_one (r ranked, UNIQUE (r), EXCLUDE USING btree (r WITH =));
            INSERT INTO only_one SELECT ROW(n)::ranked FROM generate_series(1, 40) n;
            CREATE TABLE refers (r ranked REFERENCES keyed);
            INSERT INTO refers SELECT ROW(n)::ranked FROM generate_series(1, 40) n;
            CREATE TABLE greatest (a ranked, b ranked, CHECK (GREATEST(a, b) IS NOT NULL));
            INSERT INTO greatest SELECT ROW(n)::ranked, ROW(n + 1)::ranked FROM generate_series(1, 40) n;
            CREATE FUNCTION least_of(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN (SELECT r FROM unnest(ARRAY[ROW(c)::public.ranked,
                    ROW(c + 1)::public.ranked]) r ORDER BY r LIMIT 1); END$$;
            {}",
            generated(&["least_of(code)"])
        ),
        probe: "SELECT (SELECT count(*) FROM keyed), (SELECT count(*) FROM only_one),
            (SELECT count(*) FROM refers), (SELECT count(*) FROM greatest),
            (SELECT count(label) FROM made_0), (SELECT bool_and(indisvalid) FROM pg_index),
            (SELECT count(*) FROM pg_constraint WHERE convalidated)",
        ..Case::default()
    }
    .hold();
}

#[test]
fn view_refreshes_after_views_its_index_reads() {
    let view = |n: usize| {
        format!(
            "CREATE MATERIALIZED VIEW b_{n} AS SELECT n FROM t;
            CREATE INDEX ON b_{n} ((@@@ n));
            CREATE INDEX ON b_{n} (n) WHERE (@@@ n) IS NOT NULL;"
        )
    };
    let views = 5;
    let probe = |n: usize| {
        format!(
            "(SELECT count(*) FROM b_{n} WHERE (@@@ n) = 'label 5'),
            (SELECT count(*) FROM b_{n} WHERE n > 0 AND (@@@ n) IS NOT NULL),"
        )
    };
    Case {
        name: "indexed",
        source: &format!(
            "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 50);
            CREATE MATERIALIZED VIEW a AS SELECT n, 'label ' || n AS label FROM t;
            CREATE FUNCTION label(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
                AS $$BEGIN RETURN (SELECT label FROM public.a WHERE n = c); END$$;
            CREATE OPERATOR @@@ (rightarg = int, function = label); {}",
            (0..views).map(view).collect::<String>()
        ),
        probe: &format!(
            "SET enable_seqscan = off;
            SELECT {} (SELECT bool_and(relispopulated) FROM pg_class)",
            (0..views).map(probe).collect::<String>()
        ),
        ..Case::default()
    }
    .hold();
}

#[test]
fn data_only_rows_wait_for_target_operator_reads() {
    let schema = format!(
        "{LABELS} {HIDDEN}
        CREATE FUNCTION by_operator(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
            AS $$BEGIN RETURN OPERATOR(public.@@@) c; END$$;
        CREATE FUNCTION by_cast(c int) RETURNS text LANGUAGE plpgsql IMMUTABLE
            AS $$BEGIN RETURN public.found_in(c); END$$;"
    );
    let expressions = ["by_operator(code)", "by_cast(code)"];
    Case {
        name: "hidden_alone",
        source: &format!("{schema} {}", generated(&expressions)),
        target: &format!(
            "{schema} {} TRUNCATE codes, big, made_0, made_1",
            generated(&expressions)
        ),
        dump: &["--format=custom", "--data-only"],
        data_only: true,
        probe: &probe(expressions.len()),
        ..Case::default()
    }
    .hold();
}
