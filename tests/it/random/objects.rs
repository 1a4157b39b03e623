//! Large objects, privileges, and rare kinds of objects.

use super::source::{ROLES, Source};

pub fn make_large(source: &mut Source) {
    for _ in 0..1 + source.random.below(4) {
        // Numbers far apart, so that two of them rarely coincide.
        let oid = 20_000 + source.random.below(2_000_000_000);
        let size = source.random.one(&[0, 1, 2047, 2048, 40_000]);
        let text = source.odd_literal();
        source.run(format!(
            "SELECT lo_from_bytea({oid}, substr(convert_to(repeat({text} || 'object', {size}), getdatabaseencoding()), 1, {size}))"
        ));
        source.comment(&format!("LARGE OBJECT {oid}"));
        if source.chance(40) {
            let role = source.random.one(ROLES);
            source.run(format!("GRANT SELECT, UPDATE ON LARGE OBJECT {oid} TO {role}"));
        }
        if source.is_superuser && source.chance(30) {
            let role = source.random.one(ROLES);
            source.run(format!("ALTER LARGE OBJECT {oid} OWNER TO {role}"));
        }
    }
}

pub fn make_privileges(source: &mut Source) {
    let schema = source.schema.clone();
    let table = source.filled();
    let (name, text) = (&table.name, &table.text);
    for _ in 0..1 + source.random.below(4) {
        let role = source.random.one(ROLES);
        let grant = match source.random.below(6) {
            0 => format!("GRANT ALL ON TABLE {name} TO {role} WITH GRANT OPTION"),
            1 => format!("GRANT SELECT ({text}), UPDATE ({text}) ON {name} TO {role}"),
            2 => format!("GRANT USAGE ON SCHEMA {schema} TO PUBLIC, {role}"),
            3 => format!(
                "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}"
            ),
            4 => "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC".to_owned(),
            _ => format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"),
        };
        source.run(grant);
    }
    if source.chance(30) {
        source.run(format!("REVOKE ALL ON TABLE {name} FROM CURRENT_USER"));
        source.run(format!("GRANT ALL ON TABLE {name} TO CURRENT_USER"));
    }
    let owned = source.any_table().name;
    if source.is_superuser {
        let role = source.random.one(ROLES);
        source.at_end(format!("ALTER TABLE {owned} OWNER TO {role}"));
    }
}

pub fn make_others(source: &mut Source) {
    for _ in 0..2 + source.random.below(3) {
        match source.random.below(5) {
            0 if source.is_superuser => foreign(source),
            1 if source.is_superuser => publication(source),
            2 => {
                let (collation, table) = (source.qualified(), source.qualified());
                source.run(format!("CREATE COLLATION {collation} FROM \"C\""));
                source.run(format!("CREATE TABLE {table} (a text COLLATE {collation})"));
                source.run(format!("INSERT INTO {table} VALUES ('b'), ('a')"));
                source.comment(&format!("COLLATION {collation}"));
            }
            3 => {
                let (dictionary, configuration) = (source.qualified(), source.qualified());
                source.run(format!(
                    "CREATE TEXT SEARCH DICTIONARY {dictionary} (template = simple, accept = false)"
                ));
                source.run(format!(
                    "CREATE TEXT SEARCH CONFIGURATION {configuration} (copy = simple)"
                ));
                source.run(format!("ALTER TEXT SEARCH CONFIGURATION {configuration} ALTER MAPPING FOR word WITH {dictionary}, simple"));
                source.comment(&format!("TEXT SEARCH CONFIGURATION {configuration}"));
            }
            _ => {
                let procedure = source.qualified();
                let table = source.any_table();
                source.run(format!(
                    "CREATE PROCEDURE {procedure}(INOUT a integer DEFAULT 3) LANGUAGE sql
                     BEGIN ATOMIC DELETE FROM {} WHERE {} = a; SELECT a; END",
                    table.name, table.key
                ));
                source.comment(&format!("PROCEDURE {procedure}(integer)"));
            }
        }
    }
}

fn foreign(source: &mut Source) {
    let (wrapper, server, table) = (source.name(), source.name(), source.qualified());
    let option = source.odd_literal();
    source.run(format!("CREATE FOREIGN DATA WRAPPER {wrapper} OPTIONS (a {option})"));
    source
        .run(format!("CREATE SERVER {server} FOREIGN DATA WRAPPER {wrapper} OPTIONS (b {option})"));
    source.run(format!("CREATE USER MAPPING FOR PUBLIC SERVER {server} OPTIONS (c {option})"));
    source.run(format!(
        "CREATE FOREIGN TABLE {table} (a integer OPTIONS (d {option}), b text) SERVER {server}"
    ));
    source.comment(&format!("SERVER {server}"));
}

fn publication(source: &mut Source) {
    let publication = source.name();
    let table = source.filled();
    let schema = &source.schema;
    let what = match source.random.below(4) {
        0 => "FOR ALL TABLES".to_owned(),
        1 => format!("FOR TABLES IN SCHEMA {schema}"),
        2 => format!("FOR TABLE {} WHERE ({} > 3)", table.name, table.key),
        _ => format!("FOR TABLE {} WITH (publish = 'insert, truncate')", table.name),
    };
    // Rows without a replica identity cannot be updated once it exists.
    source.at_end(format!("CREATE PUBLICATION {publication} {what}"));
}
