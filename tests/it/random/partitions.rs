//! Trees of partitions of three levels, with indexes, keys and triggers on the root.

use super::source::Source;

/// Columns of a root, and its rows.
const COLUMNS: &str = "a integer NOT NULL, b text, c integer NOT NULL DEFAULT 7, d date";
const ROWS: &str = "SELECT i, 'b' || i % 4, i % 10, date '2026-01-01' + i";

pub fn make(source: &mut Source) {
    let root = source.qualified();
    let rows = source.random.one(&[0, 40, 400]);
    let by = source.random.one(&[
        "RANGE (a)",
        "LIST (b)",
        "HASH (c)",
        "RANGE (a, c)",
        "LIST (length(b))",
    ]);
    source.run(format!("CREATE TABLE {root} ({COLUMNS}) PARTITION BY {by}"));
    source.comment(&format!("TABLE {root}"));
    let early = source.chance(50);
    if early {
        indexes(source, &root);
    }
    for bounds in bounds(by) {
        branch(source, &root, bounds);
    }
    if !early {
        indexes(source, &root);
    }
    source.run(format!("INSERT INTO {root} {ROWS} FROM generate_series(1, {rows}) i"));
    // Expressions cannot be in a unique key.
    keys(source, &root, rows, !by.contains("length"));
    if source.chance(50) {
        let (function, trigger) = (source.qualified(), source.name());
        let body = "LANGUAGE plpgsql AS $body$ BEGIN RETURN NEW; END $body$";
        source.run(format!("CREATE FUNCTION {function}() RETURNS trigger {body}"));
        let when = source.random.one(&["BEFORE INSERT", "AFTER INSERT OR UPDATE OF c"]);
        source.run(format!(
            "CREATE TRIGGER {trigger} {when} ON {root} FOR EACH ROW EXECUTE FUNCTION {function}()"
        ));
    }
}

/// Bounds that accept all rows.
fn bounds(by: &str) -> &'static [&'static str] {
    match by {
        "RANGE (a)" => {
            &["FOR VALUES FROM (MINVALUE) TO (30)", "FOR VALUES FROM (30) TO (MAXVALUE)"]
        }
        "RANGE (a, c)" => &["FOR VALUES FROM (1, 0) TO (60, MINVALUE)", "DEFAULT"],
        "LIST (b)" => &["FOR VALUES IN ('b0', 'b1')", "FOR VALUES IN ('b2', NULL)", "DEFAULT"],
        "LIST (length(b))" => &["FOR VALUES IN (1)", "FOR VALUES IN (2)"],
        _ => &[
            "FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
            "FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        ],
    }
}

/// A partition, perhaps with its own partitions, perhaps attached later and with other columns.
fn branch(source: &mut Source, root: &str, bounds: &str) {
    let name = source.qualified();
    match source.random.below(4) {
        0 => source.run(format!("CREATE TABLE {name} PARTITION OF {root} {bounds}")),
        1 => {
            source.run(format!(
                "CREATE TABLE {name} (d date, gone text, c integer NOT NULL, b text, a integer NOT NULL)"
            ));
            source.run(format!("ALTER TABLE {name} DROP gone"));
            source.run(format!("ALTER TABLE ONLY {root} ATTACH PARTITION {name} {bounds}"));
        }
        _ => {
            let by = source.random.one(&["LIST (b)", "HASH (c)", "RANGE (a)"]);
            source
                .run(format!("CREATE TABLE {name} PARTITION OF {root} {bounds} PARTITION BY {by}"));
            for bounds in self::bounds(by) {
                let leaf = source.qualified();
                source.run(format!("CREATE TABLE {leaf} PARTITION OF {name} {bounds}"));
                if source.chance(20) {
                    let check = source.name();
                    source.run(format!("ALTER TABLE {leaf} ADD CONSTRAINT {check} CHECK (a > 0)"));
                }
                if source.chance(20) {
                    source.run(format!("ALTER TABLE {leaf} ALTER c SET DEFAULT 8"));
                }
            }
            if source.chance(30) {
                let index = source.name();
                source.run(format!("CREATE INDEX {index} ON {name} (d, c)"));
            }
        }
    }
}

fn indexes(source: &mut Source, root: &str) {
    for _ in 0..source.random.below(3) {
        let index = source.name();
        let what = source.random.one(&["(d)", "(a, c) WHERE c > 3", "((a + c))", "USING hash (b)"]);
        source.run(format!("CREATE INDEX {index} ON {root} {what}"));
        let index = format!("{}.{index}", source.schema);
        source.comment(&format!("INDEX {index}"));
    }
    if source.chance(25) {
        // On the root alone: invalid for ever.
        let index = source.name();
        source.run(format!("CREATE INDEX {index} ON ONLY {root} (c, d)"));
    }
}

/// A key with all possible partition key columns, and keys to and from it.
fn keys(source: &mut Source, root: &str, rows: u64, can_be_unique: bool) {
    if source.chance(40) {
        let to = source.filled();
        source.run(format!("ALTER TABLE {root} ADD e integer"));
        source.run(format!("UPDATE {root} SET e = 1 + a % {}", to.rows));
        let key = format!("FOREIGN KEY (e) REFERENCES {} ({})", to.name, to.key);
        source.run(format!("ALTER TABLE {root} ADD {key}"));
    }
    if !can_be_unique || source.chance(50) {
        return;
    }
    let constraint = source.name();
    source.run(format!("ALTER TABLE {root} ADD CONSTRAINT {constraint} UNIQUE (a, b, c)"));
    source.comment(&format!("CONSTRAINT {constraint} ON {root}"));
    if rows > 0 && source.chance(60) {
        let mut draft = source.draft();
        let columns: Vec<String> = (0..3).map(|_| source.name()).collect();
        let number = format!("(1 + i % {rows})");
        let values = [number.clone(), format!("'b' || {number} % 4"), format!("{number} % 10")];
        for ((column, of), value) in columns.iter().zip(["integer", "text", "integer"]).zip(values)
        {
            draft.column(column, of, Some(value));
        }
        let table = source.make(draft).name;
        let key = format!("FOREIGN KEY ({}) REFERENCES {root} (a, b, c)", columns.join(", "));
        source.run(format!("ALTER TABLE {table} ADD {key}"));
    }
}
