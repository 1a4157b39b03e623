//! Views and materialized views that read others, directly or through functions.

use super::readers::reader;
use super::source::Source;

pub fn make(source: &mut Source) {
    let table = source.filled();
    let mut relation = table.name.clone();
    let mut columns = (table.key.clone(), table.text.clone());
    for _ in 0..2 + source.random.below(3) {
        let view = source.qualified();
        let (key, text) = &columns;
        let query = match source.random.below(4) {
            0 | 1 => format!("SELECT {key} AS a, {text} AS \"B\" FROM {relation}"),
            2 => {
                let reader = reader(source);
                format!("SELECT {key} AS a, {}::text AS \"B\" FROM {relation}", reader.of(key))
            }
            _ => {
                let function = source.qualified();
                let body = if source.chance(50) {
                    format!(
                        "LANGUAGE sql STABLE AS $body$ SELECT max({text}) FROM {relation} WHERE {key} <= $1 $body$"
                    )
                } else {
                    format!(
                        "LANGUAGE plpgsql STABLE AS $body$ BEGIN RETURN (SELECT max({text}) FROM {relation} WHERE {key} <= $1); END $body$"
                    )
                };
                source.run(format!("CREATE FUNCTION {function}(integer) RETURNS text {body}"));
                format!("SELECT i AS a, {function}(i) AS \"B\" FROM generate_series(1, 8) i")
            }
        };
        columns = ("a".to_owned(), "\"B\"".to_owned());
        if source.chance(60) {
            let no_data = if source.chance(7) { "WITH NO DATA" } else { "" };
            source.run(format!("CREATE MATERIALIZED VIEW {view} AS {query} {no_data}"));
            source.comment(&format!("MATERIALIZED VIEW {view}"));
            if source.chance(60) {
                let index = source.name();
                source.run(format!("CREATE INDEX {index} ON {view} (a, \"B\")"));
            }
            if !no_data.is_empty() {
                break;
            }
        } else {
            let options = ["", "WITH (security_barrier)", "WITH (check_option = local)"];
            let mut options = source.random.one(&options);
            // Only an updatable view checks what is written.
            if relation != table.name || query.contains("generate_series") {
                options = "";
            }
            source.run(format!("CREATE VIEW {view} {options} AS {query}"));
            source.comment(&format!("VIEW {view}"));
            source.comment(&format!("COLUMN {view}.a"));
        }
        relation = view;
    }
}
