//! Column types, and values of them.

use super::names::literal;
use super::source::Source;

/// Types and the SQL of a value in row `i`. `WORDS` is a text that is hard to quote.
const TYPES: &[(&str, &str)] = &[
    ("smallint", "i % 100 - 50"),
    ("integer", "i * 7 % 1000"),
    ("bigint", "i * 1234567890123 * (1 - 2 * (i % 2))"),
    ("numeric", "(ARRAY['NaN', 'Infinity', '0.000', '-1e20', '12.50'])[1 + i % 5]::numeric"),
    ("numeric(12,3)", "i / 7.0"),
    ("real", "i / 3.0"),
    ("double precision", "(ARRAY['NaN', '-Infinity', '-0', '1e-300', '0.1'])[1 + i % 5]::float8"),
    ("boolean", "i % 3 = 0"),
    ("text", "WORDS"),
    ("character varying(60)", "WORDS || i"),
    ("character(12)", "left(WORDS, 12)"),
    ("name", "left(WORDS, 15)::name"),
    ("\"char\"", "'x'::\"char\""),
    ("bytea", "decode(md5(i::text), 'hex')"),
    ("uuid", "md5(i::text)::uuid"),
    ("date", "(ARRAY['infinity', '0044-03-15 BC', '1999-12-31', '2026-02-28'])[1 + i % 4]::date"),
    ("time", "time '23:59:59.999' - i * interval '1 s'"),
    ("time with time zone", "'04:05:06.7+08:15'::timetz"),
    ("timestamp(3)", "timestamp '2026-01-01' + i * interval '1.001 s'"),
    ("timestamp with time zone", "timestamptz '1900-01-01 00:00+00' + i * interval '31 days'"),
    ("interval", "i * interval '1 month -3 days 00:00:00.5'"),
    ("json", "json_build_object(WORDS, i)"),
    ("jsonb", "jsonb_build_object(WORDS, ARRAY[i, NULL], 'n', i / 8.0)"),
    ("integer[]", "ARRAY[i, NULL, -i]"),
    ("text[]", "ARRAY[WORDS, NULL, '', 'NULL', WORDS]"),
    ("integer[][]", "'[0:1][2:3]={{1,2},{3,4}}'::integer[]"),
    ("inet", "('10.0.' || i % 250 || '.1/24')::inet"),
    ("macaddr", "'08:00:2b:01:02:03'::macaddr"),
    ("point", "point(i, -i / 4.0)"),
    ("box", "box(point(i, i), point(0, 0))"),
    ("int4range", "int4range(i, i + 5, '[]')"),
    ("nummultirange", "nummultirange(numrange(i, i + 1), numrange(i + 3, NULL))"),
    ("tstzrange", "tstzrange(NULL, '2026-01-01 00:00+00')"),
    ("tsvector", "'a:1 b:2A'::tsvector"),
    ("tsquery", "'a & !b'::tsquery"),
    ("bit(5)", "(i % 32)::bit(5)"),
    ("bit varying", "B'101'"),
    ("pg_lsn", "'1/ABCD'::pg_lsn"),
    ("oid", "i::oid"),
    ("regclass", "'pg_catalog.pg_class'::regclass"),
    ("jsonpath", "'$.a[*]'::jsonpath"),
];

/// An expression for one of a few texts that are hard to quote, by row.
pub fn words(source: &mut Source) -> String {
    let mut words: Vec<String> = (0..3).map(|_| source.odd_literal()).collect();
    words.push(literal(source.random.one(&["", "\\N", "\\.", "a\r\nb", "\u{1}", "NULL", "plain"])));
    format!("(ARRAY[{}])[1 + i % 4]", words.join(", "))
}

/// A definition and the SQL of a value in row `i`.
pub fn column(source: &mut Source) -> (String, String) {
    let (of, value) = source.random.one(TYPES);
    let mut definition = of.to_owned();
    let mut value = value.to_owned();
    while value.contains("WORDS") {
        value = value.replacen("WORDS", &words(source), 1);
    }
    match source.random.below(6) {
        0 => value = format!("CASE WHEN i % 5 <> 3 THEN {value} END"),
        1 => definition.push_str(" NOT NULL"),
        2 if of.starts_with("character") || of == "text" => {
            let default = source.odd_literal();
            definition.push_str(&format!(" COLLATE \"POSIX\" DEFAULT {default}::{of}"));
        }
        3 if of == "text" => definition.push_str(" COLLATE \"C\""),
        _ => {}
    }
    (definition, value)
}
