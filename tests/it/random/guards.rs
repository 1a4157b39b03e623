//! Policies, row security that also applies to the owner, and rules.

use super::readers::reader;
use super::source::{ROLES, Source};

pub fn make(source: &mut Source) {
    for _ in 0..1 + source.random.below(2) {
        let table = if source.chance(40) { source.filled() } else { source.any_table() };
        let (name, key) = (&table.name, &table.key);
        for _ in 0..source.random.below(3) {
            let policy = source.name();
            let condition = if source.chance(50) {
                reader(source).finds(key)
            } else {
                format!("({key} % 2 = 0 OR current_user = 'postgres')")
            };
            let kind = source.random.one(&["", "AS RESTRICTIVE"]);
            let role = if source.chance(50) { "PUBLIC" } else { source.random.one(ROLES) };
            let what = match source.random.below(3) {
                0 => format!("FOR SELECT TO {role} USING {condition}"),
                1 => format!("FOR INSERT TO {role} WITH CHECK {condition}"),
                _ => format!("TO {role} USING {condition} WITH CHECK (true)"),
            };
            source.run(format!("CREATE POLICY {policy} ON {name} {kind} {what}"));
            source.comment(&format!("POLICY {policy} ON {name}"));
        }
        // Only after the last insert: an owner subject to it might not see its own rows.
        let force = source.random.one(&["", "FORCE", "FORCE"]);
        source.at_end(format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"));
        if !force.is_empty() {
            source.at_end(format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"));
        }
    }
    if source.chance(50) {
        rules(source);
    }
}

fn rules(source: &mut Source) {
    let table = source.any_table();
    let (log, rule) = (source.qualified(), source.name());
    source.run(format!("CREATE TABLE {log} (what text, key integer)"));
    let text = source.odd_literal();
    let what = match source.random.below(3) {
        0 => format!(
            "ON INSERT TO {} DO ALSO INSERT INTO {log} VALUES ({text}, NEW.{})",
            table.name, table.key
        ),
        1 => format!("ON UPDATE TO {} WHERE OLD.{} > 5 DO INSTEAD NOTHING", table.name, table.key),
        _ => format!(
            "ON DELETE TO {} DO ALSO (INSERT INTO {log} VALUES ({text}); NOTIFY gone)",
            table.name
        ),
    };
    source.run(format!("CREATE RULE {rule} AS {what}"));
    source.comment(&format!("RULE {rule} ON {}", table.name));
    if source.chance(20) {
        source.run(format!("ALTER TABLE {} DISABLE RULE {rule}", table.name));
    }
}
