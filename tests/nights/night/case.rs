//! A night from a folder: a source, its backup, and a warehouse of a role that is not a superuser.

use std::path::Path;

use crate::common::{Database, Owned, Tool, bare_nocturne, cluster, versions};

/// A source, its backup, and a warehouse.
pub struct Case {
    pub source: Database<'static>,
    pub warehouse: Owned<'static>,
    pub folder: tempfile::TempDir,
}

impl Case {
    /// A source with these objects, and a backup of it.
    pub fn new(name: &str, source: &str) -> Self {
        let cluster = cluster(versions::newest());
        let database = cluster.fresh_db(&format!("{name}_source"));
        database.execute(source);
        let warehouse = Owned::new(cluster, name);
        let case = Self { source: database, warehouse, folder: tempfile::tempdir().unwrap() };
        case.dump();
        case
    }

    /// Replaces the backup by a new one.
    pub fn dump(&self) {
        let path = self.folder.path().join("backup.dump");
        self.source.pg_dump(&["--format=custom", "--file"]).arg(path).succeed();
    }

    /// A command of the nightly run, with these modes of tables.
    pub fn command(&self, name: &str, modes: &str) -> Tool {
        command(name, self.folder.path(), &self.warehouse.url())
            .env("BACKUP_MODE", modes)
            .env("SOURCE_DATABASE_URL", self.source.url())
    }

    pub fn night(&self, modes: &str) -> Tool {
        self.command("run", modes)
    }

    /// A value from the warehouse.
    pub fn query(&self, sql: &str) -> String {
        self.warehouse.database.query(sql)
    }
}

/// A command of the nightly run that takes its backup from a folder.
pub fn command(name: &str, folder: &Path, target: &str) -> Tool {
    bare_nocturne()
        .arg(name)
        .env("MAX_RETRY_COUNT", "0")
        .env("BACKUP_SOURCE", folder)
        .env("BACKUP_ANY_DAY", "true")
        .env("DATABASE_URL", target)
        .current_dir(folder)
}
