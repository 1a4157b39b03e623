//! Values of many types, in binary where it means the same on both sides and otherwise as text.

use super::pair::Pair;
use crate::common::Database;

const TYPES: &str = r#"
CREATE TYPE source AS ENUM ('direct', 'inferred', 'été');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN label AS source;
"#;

fn create(database: &Database<'_>, name: &str, columns: &[&str]) {
    database
        .execute(&format!("CREATE TABLE {name} (id bigint PRIMARY KEY, {})", columns.join(", ")));
}

/// The types whose OIDs are the same everywhere.
const BINARY: [&str; 18] = [
    "\"createdAt\" timestamp with time zone",
    "b timestamp(3)",
    "c jsonb",
    "d json",
    "e numeric(20,5)",
    "f uuid",
    "g bytea",
    "h inet",
    "i interval",
    "j double precision",
    "k text[]",
    "l source",
    "m positive",
    "n label",
    "o int8range",
    "p boolean",
    "q varchar(20)",
    "r money",
];

const ROWS: &str = r#"
INSERT INTO "knowledge-elements" ("createdAt", id, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r)
SELECT timestamptz '2024-02-29 12:34:56.789+02' + id * interval '1 day 1 microsecond', id,
    timestamp '1999-12-31 23:59:59.999' - id * interval '1 year',
    jsonb_build_object('id', id, 'text', E'tab\tquote"\\'), '{"a": 1.10}', id / 3.0 - 5,
    md5(id::text)::uuid, decode(md5(id::text), 'hex'), ('10.0.0.' || id % 256 || '/24')::inet,
    id * interval '1 month -3 days 01:02:03.000004', id / 7.0,
    ARRAY['a,b', NULL, E'back\\slash', '{}', ''], (enum_range(NULL::source))[id % 3 + 1], id,
    'direct', int8range(id, id + 5), id % 2 = 0, E'été \u20ac ' || id, id::numeric
FROM generate_series(1, 5000) id;
INSERT INTO "knowledge-elements" (id) VALUES (5001);
INSERT INTO "knowledge-elements" (id, "createdAt", b, e, j) VALUES
    (5002, 'infinity', '-infinity', 'NaN', '-infinity'), (5003, '0044-03-15 BC', NULL, NULL, '-0');
"#;

#[test]
fn equivalent_values_travel_in_binary_across_versions() {
    let pair = Pair::across_versions("binary");
    pair.both(TYPES);
    create(&pair.source, "\"knowledge-elements\"", &BINARY);
    // In another order.
    let reversed: Vec<&str> = BINARY.iter().rev().copied().collect();
    create(&pair.target, "\"knowledge-elements\"", &reversed);
    pair.source.execute(ROWS);
    let copied = pair.copy("knowledge-elements");
    assert_eq!((copied.rows, copied.is_binary), (5003, Some(true)));
    let columns = "id, \"createdAt\", b, c, d::text, e, f, g, h, i, j, k, l, m, n, o, p, q, r";
    pair.assert_same("\"knowledge-elements\"", columns);
}

#[test]
fn catalog_dependent_values_travel_as_text_across_versions() {
    for (column, value) in [
        ("v source[]", "ARRAY['direct', 'été']::source[]"),
        ("v pair", "ROW(id, E'it''s\\n')::pair"),
        ("v regclass", "'\"text-0\"'::regclass"),
        ("v regtype[]", "ARRAY['int'::regtype, 'source'::regtype]"),
        ("v positive[]", "ARRAY[id]::positive[]"),
    ] {
        let pair = Pair::across_versions("text");
        // OIDs of objects differ between the two.
        pair.target.execute("CREATE TABLE other (a int); CREATE TYPE more AS ENUM ('x')");
        pair.both(TYPES);
        pair.both("CREATE TABLE \"text-0\" ()");
        let columns = [column, "f double precision", "t timestamptz", "i interval"];
        create(&pair.source, "rows", &columns);
        create(&pair.target, "rows", &columns);
        pair.source.execute(&format!(
            "INSERT INTO rows SELECT id, {value}, id / 7.0, '2024-01-02 00:00:00.000001+00', \
             '-1 mons +2 days -00:00:03.5' FROM generate_series(1, 100) id"
        ));
        // Settings under which each session's own output and input would not match.
        pair.source.execute(&format!(
            "ALTER DATABASE {name} SET datestyle = 'SQL, MDY'; \
             ALTER DATABASE {name} SET intervalstyle = 'sql_standard'; \
             ALTER DATABASE {name} SET extra_float_digits = -10",
            name = pair.source.name
        ));
        let copied = pair.copy("rows");
        assert_eq!((copied.rows, copied.is_binary), (100, Some(false)), "{column}");
        pair.source.execute(&format!("ALTER DATABASE {} RESET ALL", pair.source.name));
        pair.assert_same("rows", "id, v, f, t, i");
    }
}

#[test]
fn same_name_with_another_definition_travels_as_text() {
    // An enum here, a domain there: the same text, but not the same bytes.
    let pair = Pair::new("below");
    pair.source.execute("CREATE TYPE kind AS ENUM ('a', 'b')");
    pair.target.execute("CREATE TYPE whole AS (a int); CREATE DOMAIN kind AS text");
    pair.both("CREATE TABLE rows (id bigint PRIMARY KEY, kind kind, n int[])");
    pair.source.execute("INSERT INTO rows VALUES (1, 'a', '{1}'), (2, 'b', '{{1,2},{3,NULL}}')");
    assert_eq!(pair.copy("rows").rows, 2);
    pair.assert_same("rows", "id, kind::text, n");
}
