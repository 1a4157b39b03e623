//! Triggers on rows, statements and events.

use super::source::Source;

pub fn make(source: &mut Source) {
    let log = source.qualified();
    source.run(format!("CREATE TABLE {log} (what text, tag text)"));
    let function = source.qualified();
    source.run(format!(
        "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
         INSERT INTO {log} VALUES (TG_NAME, TG_ARGV[0]); RETURN coalesce(NEW, OLD); END $body$"
    ));
    for _ in 0..1 + source.random.below(3) {
        let table = if source.chance(60) { source.filled() } else { source.any_table() };
        let (name, key) = (&table.name, &table.key);
        let trigger = source.name();
        let argument = source.odd_literal();
        let (constraint, when) = match source.random.below(5) {
            0 => ("", format!("BEFORE INSERT ON {name} FOR EACH ROW WHEN (NEW.{key} > 3)")),
            1 => ("", format!("AFTER UPDATE OF {key} OR DELETE ON {name} FOR EACH ROW")),
            2 => (
                "",
                format!("AFTER INSERT ON {name} REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT"),
            ),
            3 => ("", format!("AFTER TRUNCATE ON {name} FOR EACH STATEMENT")),
            _ => (
                "CONSTRAINT",
                format!("AFTER INSERT ON {name} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"),
            ),
        };
        // Later inserts would also be logged.
        source.at_end(format!(
            "CREATE {constraint} TRIGGER {trigger} {when} EXECUTE FUNCTION {function}({argument})"
        ));
        let state = source.random.one(&["", "DISABLE", "ENABLE ALWAYS", "ENABLE REPLICA"]);
        if !state.is_empty() {
            source.at_end(format!("ALTER TABLE {name} {state} TRIGGER {trigger}"));
        }
    }
    if source.chance(40) {
        let (view, trigger) = (source.qualified(), source.name());
        source.run(format!("CREATE VIEW {view} AS SELECT 1 AS a, 2 AS b"));
        source.run(format!(
            "CREATE TRIGGER {trigger} INSTEAD OF INSERT ON {view}
             FOR EACH ROW EXECUTE FUNCTION {function}('view')"
        ));
    }
}

/// Event triggers that do nothing or record the commands that follow.
pub fn make_for_events(source: &mut Source) {
    let log = source.qualified();
    source.run(format!("CREATE TABLE {log} (event text, tag text)"));
    let function = source.qualified();
    let body = if source.chance(50) {
        "NULL;".to_owned()
    } else {
        format!("INSERT INTO {log} VALUES (TG_EVENT, TG_TAG);")
    };
    source.run(format!(
        "CREATE FUNCTION {function}() RETURNS event_trigger LANGUAGE plpgsql AS $body$
         BEGIN {body} END $body$"
    ));
    for _ in 0..1 + source.random.below(2) {
        let trigger = source.name();
        let event = source.random.one(&["ddl_command_end", "ddl_command_start", "sql_drop"]);
        let tags =
            source.random.one(&["", "WHEN TAG IN ('CREATE TABLE', 'REFRESH MATERIALIZED VIEW')"]);
        source.at_end(format!(
            "CREATE EVENT TRIGGER {trigger} ON {event} {tags} EXECUTE FUNCTION {function}()"
        ));
        let state = source.random.one(&["", "", "DISABLE", "ENABLE ALWAYS"]);
        if !state.is_empty() {
            source.at_end(format!("ALTER EVENT TRIGGER {trigger} {state}"));
        }
    }
}
