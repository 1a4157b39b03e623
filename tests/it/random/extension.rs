//! An extension whose tables have user rows with keys between them: pg_dump writes these
//! rows, and they are loaded into tables that already have their keys.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::names::literal;
use super::source::{Source, Table};

/// The name of the extension: those in a server's own folder have other names.
const NAME: &str = "nocturne_random";

/// The files of an extension, where a server of PostgreSQL 18 finds them.
pub struct Extension {
    folder: TempDir,
}

impl Extension {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let extension = folder.path().join("extension");
        fs::create_dir(&extension).unwrap();
        let control = "default_version = '1.0'\nrelocatable = false\n";
        fs::write(extension.join(format!("{NAME}.control")), control).unwrap();
        fs::write(extension.join(format!("{NAME}--1.0.sql")), script).unwrap();
        // The server runs as another account.
        for path in [folder.path(), &extension] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder }
    }

    /// The setting that makes a server find it.
    pub fn path(&self) -> String {
        format!("$system:{}", self.folder.path().display())
    }
}

pub fn make(source: &mut Source) {
    // Plain names: the script has no encoding of its own. Their order differs from the keys.
    let tables: Vec<String> = (0..2 + source.random.below(4))
        .map(|number| format!("{}{number}", source.random.one(&["a", "m", "z"])))
        .collect();
    let mut script = String::new();
    let mut rows = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let count = source.random.one(&[3, 40, 800]);
        let (mut columns, mut names, mut values) =
            (String::new(), String::from("id, t"), String::from("i, 'text ' || i"));
        if number > 0 && source.chance(80) {
            let to = &tables[source.random.below(number as u64) as usize];
            columns = format!(", other integer REFERENCES {to}");
            names.push_str(", other");
            // No table has fewer rows.
            values.push_str(", 1 + i % 3");
        }
        script.push_str(&format!(
            "CREATE TABLE {table} (id integer PRIMARY KEY, t text{columns});\n"
        ));
        let quoted = literal(table);
        let condition = source.random.one(&["", "WHERE id > 0"]);
        script.push_str(&format!("SELECT pg_extension_config_dump({quoted}, '{condition}');\n"));
        rows.push((table, names, values, count));
    }
    source.extension = Some(Extension::new(&script));
    let schema = source.schema.clone();
    source.run(format!("CREATE EXTENSION {NAME} SCHEMA {schema}"));
    for (table, names, values, count) in rows {
        let name = format!("{schema}.{table}");
        source.run(format!(
            "INSERT INTO {name} ({names}) SELECT {values} FROM generate_series(1, {count}) i"
        ));
        let (key, text) = ("id".to_owned(), "t".to_owned());
        source.tables.push(Table { name, key, text, rows: count, is_unique: true });
    }
}
