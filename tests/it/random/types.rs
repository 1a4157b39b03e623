//! Types of all kinds with tables of them, operators, aggregates and casts.

use super::names::literal;
use super::source::Source;

pub fn make(source: &mut Source) {
    for _ in 0..1 + source.random.below(3) {
        let (of, value) = some_type(source);
        let mut draft = source.draft();
        let column = source.name();
        draft.column(&column, &of, Some(value));
        let table = source.make(draft);
        if source.chance(30) {
            let (view, name) = (source.qualified(), &table.name);
            source.run(format!(
                "CREATE VIEW {view} AS SELECT {column} AS of, NULL::{of} AS none FROM {name}"
            ));
        }
    }
    if source.chance(50) {
        operator(source);
    }
}

/// A new type, and the SQL of a value of it in row `i`.
fn some_type(source: &mut Source) -> (String, String) {
    let of = source.qualified();
    match source.random.below(5) {
        0 => {
            let labels: Vec<String> =
                (0..3).map(|n| literal(&format!("{n}{}", source.odd()))).collect();
            let labels_of = labels.join(", ");
            source.run(format!("CREATE TYPE {of} AS ENUM ({labels_of})"));
            source.comment(&format!("TYPE {of}"));
            if source.chance(30) {
                let label = literal(&format!("3{}", source.odd()));
                let before = &labels[1];
                source.run(format!("ALTER TYPE {of} ADD VALUE {label} BEFORE {before}"));
            }
            (of.clone(), format!("(ARRAY[{labels_of}])[1 + i % 3]::{of}"))
        }
        1 => {
            let (first, second) = (source.name(), source.name());
            source.run(format!("CREATE TYPE {of} AS ({first} text, {second} integer[])"));
            let words = super::values::words(source);
            (of.clone(), format!("ROW({words}, ARRAY[i, 2])::{of}"))
        }
        2 => {
            let multirange = source.name();
            let multirange = format!("{}.{multirange}", source.schema);
            source.run(format!(
                "CREATE TYPE {of} AS RANGE (subtype = float8, subtype_diff = float8mi,
                 multirange_type_name = {multirange})"
            ));
            (of.clone(), format!("{of}(i, i + 0.5)"))
        }
        3 => {
            let base = source.random.one(&["text", "character varying(80)"]);
            let forbidden = source.odd_literal();
            let default = source.odd_literal();
            source.run(format!(
                "CREATE DOMAIN {of} AS {base} DEFAULT {default} CHECK (VALUE <> {forbidden} OR true)"
            ));
            source.comment(&format!("DOMAIN {of}"));
            (of, super::values::words(source))
        }
        _ => {
            let inner = source.qualified();
            source.run(format!("CREATE DOMAIN {inner} AS integer CHECK (VALUE > -100000)"));
            source.run(format!("CREATE DOMAIN {of} AS {inner}[] CHECK (cardinality(VALUE) < 9)"));
            (of.clone(), format!("ARRAY[i, NULL]::{of}"))
        }
    }
}

/// An operator with its class, an aggregate and a cast.
fn operator(source: &mut Source) {
    let name = source.operator();
    let (function, aggregate, of) = (source.qualified(), source.qualified(), source.qualified());
    source.run(format!(
        "CREATE FUNCTION {function}(a integer, b integer DEFAULT 3) RETURNS integer
         LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 3 RETURN a * 31 + b"
    ));
    source.run(format!(
        "CREATE OPERATOR {name} (leftarg = integer, rightarg = integer, function = {function})"
    ));
    source.run(format!(
        "CREATE AGGREGATE {aggregate}(integer) (sfunc = {function}, stype = integer, initcond = '7')"
    ));
    source.run(format!("CREATE TYPE {of} AS (n integer)"));
    let cast = source.qualified();
    source.run(format!(
        "CREATE FUNCTION {cast}(integer) RETURNS {of} LANGUAGE sql IMMUTABLE
         AS $$ SELECT ROW($1)::{of} $$"
    ));
    let with = format!("WITH FUNCTION {cast}(integer) AS ASSIGNMENT");
    source.run(format!("CREATE CAST (integer AS {of}) {with}"));
    let table = source.filled();
    let (index, view) = (source.name(), source.qualified());
    source.run(format!(
        "CREATE INDEX {index} ON {} (({} OPERATOR({name}) 1))",
        table.name, table.key
    ));
    source.run(format!(
        "CREATE VIEW {view} AS SELECT {aggregate}({}) FROM {}",
        table.key, table.name
    ));
    source.comment(&format!("AGGREGATE {aggregate}(integer)"));
    source.comment(&format!("OPERATOR {name} (integer, integer)"));
}
