//! Functions that read tables, in all places where a restore evaluates them: pg_dump records no
//! dependency on what they read.

use super::names::literal;
use super::source::{Reader, Source};

pub fn make(source: &mut Source) {
    for _ in 0..1 + source.random.below(2) {
        let reader = reader(source);
        for _ in 0..1 + source.random.below(3) {
            call(source, &reader);
        }
    }
}

/// A function of an integer that reads a table, usually a new one.
pub fn reader(source: &mut Source) -> Reader {
    if !source.readers.is_empty() && source.chance(30) {
        return source.readers[source.random.below(source.readers.len() as u64) as usize].clone();
    }
    let table = source.filled();
    let (from, key, text) = (&table.name, &table.key, &table.text);
    let (returns, query) = match source.random.below(4) {
        0 => ("boolean", format!("SELECT EXISTS (SELECT FROM {from} WHERE {key} = $1)")),
        1 => ("bigint", format!("SELECT nullif(count(*), 0) FROM {from} WHERE {key} <= $1")),
        _ => ("text", format!("SELECT max({text}) FROM {from} WHERE {key} = $1")),
    };
    let name = source.qualified();
    let mut finds = table.rows;
    let body = match source.random.below(10) {
        // Another function in between.
        0 => {
            let inner = source.qualified();
            source.run(format!(
                "CREATE FUNCTION {inner}(integer) RETURNS {returns} LANGUAGE sql STABLE AS $body$ {query} $body$"
            ));
            format!("LANGUAGE sql IMMUTABLE AS $body$ SELECT {inner}($1) $body$")
        }
        // The server knows what it reads.
        1 => format!("LANGUAGE sql IMMUTABLE BEGIN ATOMIC {query}; END"),
        2 => {
            let dynamic = literal(&query);
            format!(
                "LANGUAGE plpgsql IMMUTABLE AS $body$ DECLARE found {returns};
                 BEGIN EXECUTE {dynamic} INTO found USING $1; RETURN found; END $body$"
            )
        }
        3 | 4 => format!("LANGUAGE plpgsql IMMUTABLE AS $body$ BEGIN RETURN ({query}); END $body$"),
        // A view in between.
        5 => {
            let view = source.qualified();
            source.run(format!(
                "CREATE VIEW {view} AS SELECT {key} AS key, {text} AS text FROM {from}"
            ));
            let query = query.replace(from, &view).replace(key, "key").replace(text, "text");
            format!("LANGUAGE sql IMMUTABLE SET search_path TO pg_catalog AS $body$ {query} $body$")
        }
        // An operator or a cast in between.
        6 | 7 => {
            let inner = source.qualified();
            source.run(format!(
                "CREATE FUNCTION {inner}(integer) RETURNS {returns} LANGUAGE plpgsql IMMUTABLE
                 AS $body$ BEGIN RETURN ({query}); END $body$"
            ));
            let call = unspoken(source, &inner, returns).replace("{}", "$1");
            if source.chance(50) {
                format!("LANGUAGE plpgsql IMMUTABLE AS $body$ BEGIN RETURN {call}; END $body$")
            } else {
                format!("LANGUAGE sql IMMUTABLE AS $body$ SELECT {call} $body$")
            }
        }
        _ => format!("LANGUAGE sql IMMUTABLE AS $body$ {query} $body$"),
    };
    source.run(format!("CREATE FUNCTION {name}(integer) RETURNS {returns} {body}"));
    source.comment(&format!("FUNCTION {name}(integer)"));
    if returns == "bigint" {
        finds = 1_000_000;
    }
    let call =
        if source.chance(30) { unspoken(source, &name, returns) } else { format!("{name}({{}})") };
    let reader = Reader { name, call, returns, finds };
    source.readers.push(reader.clone());
    reader
}

/// An operator or a cast that calls a function of an integer; SQL that applies it to `{}`.
fn unspoken(source: &mut Source, function: &str, returns: &str) -> String {
    if source.chance(50) {
        let operator = source.operator();
        source
            .run(format!("CREATE OPERATOR {operator} (rightarg = integer, function = {function})"));
        return format!("(OPERATOR({operator}) {{}})");
    }
    let (of, cast) = (source.qualified(), source.qualified());
    source.run(format!("CREATE TYPE {of} AS (found {returns})"));
    source.run(format!(
        "CREATE FUNCTION {cast}(integer) RETURNS {of} LANGUAGE plpgsql IMMUTABLE
         AS $body$ BEGIN RETURN ROW({function}($1))::{of}; END $body$"
    ));
    let context = source.random.one(&["", "AS ASSIGNMENT", "AS IMPLICIT"]);
    source.run(format!("CREATE CAST (integer AS {of}) WITH FUNCTION {cast}(integer) {context}"));
    if context != "AS IMPLICIT" {
        return format!("(({{}})::{of}).found");
    }
    let found = source.qualified();
    source.run(format!(
        "CREATE FUNCTION {found}({of}) RETURNS {returns} LANGUAGE sql IMMUTABLE
         AS $body$ SELECT $1.found $body$"
    ));
    format!("{found}({{}})")
}

impl Reader {
    /// SQL that calls it.
    pub fn of(&self, argument: &str) -> String {
        self.call.replace("{}", argument)
    }

    /// Whether it finds something, as a condition.
    pub fn finds(&self, argument: &str) -> String {
        let test = if self.returns == "boolean" { "" } else { " IS NOT NULL" };
        format!("({}{test})", self.of(argument))
    }
}

/// A table, domain, index or default that calls it.
fn call(source: &mut Source, reader: &Reader) {
    let Reader { returns, finds, .. } = reader;
    let mut draft = source.draft();
    let column = source.name();
    let value = format!("1 + i % {finds}");
    match source.random.below(12) {
        0 | 1 => {
            draft.column(&column, "integer", Some(value));
            let constraint = source.name();
            draft.constraint(format!("CONSTRAINT {constraint} CHECK {}", reader.finds(&column)));
            source.make(draft);
        }
        2 | 3 => {
            draft.column(&column, "integer", Some(value));
            let generated = source.name();
            let stored = format!("{returns} GENERATED ALWAYS AS ({}) STORED", reader.of(&column));
            draft.column(&generated, &stored, None);
            source.make(draft);
        }
        4 | 5 => {
            draft.column(&column, "integer", Some(value));
            let table = source.make(draft).name;
            let index = source.name();
            let definition = match source.random.below(3) {
                0 => format!("(({}))", reader.of(&column)),
                1 => format!("({column}) WHERE {}", reader.finds(&column)),
                _ => {
                    let (of, finds) = (reader.of(&column), reader.finds(&column));
                    format!("({column}, ({of}), ({finds}))")
                }
            };
            source.run(format!("CREATE INDEX {index} ON {table} {definition}"));
        }
        6 | 7 => in_domain(source, reader),
        8 => {
            draft.column(&column, "integer", Some(value));
            draft.constraint(format!(
                "EXCLUDE USING btree ({column} WITH =, {} WITH =) WHERE ({column} < 0)",
                draft.key
            ));
            draft.constraint(format!(
                "EXCLUDE USING btree ({} WITH =, ({}) WITH =)",
                draft.key,
                reader.of(&column)
            ));
            source.make(draft);
        }
        9 => {
            let default = format!("{returns} DEFAULT {}", reader.of("1"));
            draft.column(&column, &default, None);
            let table = source.make(draft);
            let statistics = source.qualified();
            source.run(format!(
                "CREATE STATISTICS {statistics} ON {}, ({}) FROM {}",
                table.text,
                reader.of(&table.key),
                table.name
            ));
        }
        10 => {
            // Rows that violate it came before it.
            draft.column(&column, "integer", Some("-i".to_owned()));
            let table = source.make(draft).name;
            let constraint = source.name();
            let check = reader.finds(&column);
            source.run(format!(
                "ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK {check} NOT VALID"
            ));
        }
        _ => {
            let parent = source.qualified();
            source.run(format!(
                "CREATE TABLE {parent} (a integer) PARTITION BY LIST ({})",
                reader.finds("a")
            ));
            for found in ["true", "false"] {
                let part = source.qualified();
                source.run(format!(
                    "CREATE TABLE {part} PARTITION OF {parent} FOR VALUES IN ({found})"
                ));
            }
            source.run(format!("INSERT INTO {parent} SELECT generate_series(1, 100)"));
        }
    }
}

/// Tables with a domain whose CHECK calls it: itself, as an array, in a composite, in a domain.
fn in_domain(source: &mut Source, reader: &Reader) {
    let domain = source.qualified();
    // pg_dump does not record the cast that an expression uses, and writes domains before casts.
    let by_name = Reader { call: format!("{}({{}})", reader.name), ..reader.clone() };
    let check = by_name.finds("VALUE");
    let not_valid = source.chance(20);
    let constraint = source.name();
    if not_valid {
        source.run(format!("CREATE DOMAIN {domain} AS integer"));
    } else {
        source.run(format!(
            "CREATE DOMAIN {domain} AS integer CONSTRAINT {constraint} CHECK {check}"
        ));
    }
    let value = format!("1 + i % {}", reader.finds);
    let (of, value) = match source.random.below(4) {
        0 => (format!("{domain}[]"), format!("ARRAY[{value}, 1]::{domain}[]")),
        1 => {
            let composite = source.qualified();
            source.run(format!("CREATE TYPE {composite} AS (a {domain}, b integer)"));
            (composite.clone(), format!("ROW({value}, i)::{composite}"))
        }
        2 => {
            let outer = source.qualified();
            source.run(format!("CREATE DOMAIN {outer} AS {domain} CHECK (VALUE > -1000000)"));
            (outer, value)
        }
        _ => (domain.clone(), value),
    };
    let value = if not_valid { value.replace("1 + i", "-1 - i") } else { value };
    let mut draft = source.draft();
    let column = source.name();
    draft.column(&column, &of, Some(value));
    source.make(draft);
    if not_valid {
        source.run(format!(
            "ALTER DOMAIN {domain} ADD CONSTRAINT {constraint} CHECK {check} NOT VALID"
        ));
        source.comment(&format!("CONSTRAINT {constraint} ON DOMAIN {domain}"));
    }
}
