//! Keys of several types and names.

use nocturne::replicate::incremental::{CopySettings, IncrementalError, IncrementalTable, Side};

use super::pair::{Pair, copied, error, execute};

fn by_key(pair: &Pair, schema: &str, name: &str, key: &str) -> CopySettings {
    let table = IncrementalTable { schema: schema.into(), name: name.into(), key: key.into() };
    CopySettings { tables: vec![table], ..pair.settings(&[]) }
}

/// Types, and values that ascend with a number `n`.
const ASCENDING: [(&str, &str); 11] = [
    ("smallint", "n"),
    ("bigint", "n::bigint * 1000000000000 - 200000000000000"),
    ("numeric", "n + 0.123456789012345678901234567890"),
    ("timestamptz", "timestamptz '2024-03-31 00:59:59.999999+01' + n * interval '1 hour'"),
    ("date", "date '2023-12-31' + n"),
    ("uuid", "lpad(to_hex(n), 32, '0')::uuid"),
    ("double precision", "1 + n / 3.0"),
    ("text", "lpad(n::text, 5, '0') || 'é''\\'"),
    ("varchar(20)", "lpad(n::text, 5, '0')"),
    // The bare names of these types mean a length of 1.
    ("character(26)", "lpad(n::text, 26, '0')"),
    ("bit(16)", "n::bit(16)"),
];

#[test]
fn keys_of_any_ascending_type_are_followed() {
    let pair = Pair::across_versions("keys");
    // A column named like a result column of the server must not be mistaken for the key.
    let create = |(type_name, _): &(&str, &str)| {
        format!("CREATE TABLE \"{type_name}\" (\"text\" {type_name} PRIMARY KEY, \"max\" int);")
    };
    pair.both(&ASCENDING.iter().map(create).collect::<String>());
    let tables = ASCENDING.map(|(type_name, _)| IncrementalTable {
        schema: "public".into(),
        name: type_name.into(),
        key: "text".into(),
    });
    let settings = CopySettings { tables: tables.to_vec(), ..pair.settings(&[]) };
    for (from, to) in [(1, 100), (101, 250), (251, 250)] {
        let insert = |(type_name, value): &(&str, &str)| {
            format!(
                "INSERT INTO \"{type_name}\" SELECT {value}, n FROM generate_series({from}, {to}) n;"
            )
        };
        pair.source.execute(&ASCENDING.iter().map(insert).collect::<String>());
        let summary = execute(&settings);
        for outcome in summary.tables {
            let name = outcome.table.to_string();
            assert!(outcome.error.is_none(), "{name}: {:?}", outcome.error);
            assert_eq!(outcome.copied.rows, to + 1 - from, "{name}");
            assert_eq!(outcome.copied.before.is_none(), from == 1, "{name}");
            pair.assert_same(&name, "*");
        }
    }
}

#[test]
fn names_are_used_exactly_as_written() {
    let pair = Pair::new("names");
    pair.both(
        "CREATE SCHEMA \"the Schema\"; \
         CREATE TABLE \"the Schema\".\"knowledge-\"\"elements\" (\"select\" int PRIMARY KEY, \
             \"createdAt\" timestamptz, \"quote'd\" text)",
    );
    pair.source.execute(
        "INSERT INTO \"the Schema\".\"knowledge-\"\"elements\" \
         SELECT n, now(), E'a\\nb' FROM generate_series(1, 10) n",
    );
    let settings = by_key(&pair, "the Schema", "knowledge-\"elements", "select");
    assert_eq!(copied(execute(&settings)).rows, 10);
    pair.assert_same("\"the Schema\".\"knowledge-\"\"elements\"", "*");
}

#[test]
fn null_keys_and_unindexed_keys_are_no_error() {
    let pair = Pair::new("bare");
    pair.both("CREATE TABLE rows (id bigint, a int)");
    pair.source.execute("INSERT INTO rows SELECT n, n FROM generate_series(1, 100) n");
    pair.source.execute("INSERT INTO rows VALUES (NULL, 1)");
    let settings = CopySettings { range_rows: 10.try_into().ok(), ..pair.settings(&["rows"]) };
    let copied = copied(execute(&settings));
    // Without an index each range would read the whole table.
    assert_eq!((copied.rows, copied.ranges), (100, 1));
}

#[test]
fn invalid_key_is_reported() {
    let pair = Pair::new("no_key");
    pair.both(
        "CREATE TYPE kind AS ENUM ('a'); \
         CREATE TABLE rows (number int PRIMARY KEY, kind kind, j json, t timestamptz)",
    );
    pair.source.execute("INSERT INTO rows VALUES (1, 'a', '{}', now())");
    let fails = |key: &str| error(execute(&by_key(&pair, "public", "rows", key)));
    let missing = fails("id");
    assert!(matches!(missing, IncrementalError::NoKey { side: Side::Source, .. }));
    assert_eq!(
        missing.to_string(),
        "table public.rows: key column \"id\" does not exist in the source"
    );
    assert!(matches!(fails("kind"), IncrementalError::KeyType { .. }));
    let json = fails("j");
    let IncrementalError::Server { source, .. } = &json else { panic!("{json:?}") };
    assert_eq!(source.sqlstate(), Some("42883"));
    let settings = CopySettings { lag: 1, ..by_key(&pair, "public", "rows", "t") };
    assert!(matches!(error(execute(&settings)), IncrementalError::Lag { .. }));
    // An empty target whose key only the target lacks.
    pair.source.execute("ALTER TABLE rows ADD COLUMN id int");
    assert!(matches!(fails("id"), IncrementalError::Drift(_)));
}
