//! A night from a folder: a source, its backup, and a warehouse of a role that is not a superuser.

use std::ops::Deref;
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
        Self::on(versions::newest(), name, source)
    }

    /// The same on this version.
    pub fn on(major: u32, name: &str, source: &str) -> Self {
        let cluster = cluster(major);
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

/// A case with an analyst who may create objects in the warehouse.
pub struct WithAnalyst {
    case: Case,
    pub analyst: String,
}

impl Deref for WithAnalyst {
    type Target = Case;

    fn deref(&self) -> &Case {
        &self.case
    }
}

impl WithAnalyst {
    pub fn new(name: &str, source: &str) -> Self {
        Self::on(versions::newest(), name, source)
    }

    /// The same on this version.
    pub fn on(major: u32, name: &str, source: &str) -> Self {
        let case = Case::on(major, name, source);
        let analyst = format!("{}_analyst", case.warehouse.role);
        let grant = format!(
            "CREATE ROLE {analyst}; GRANT ALL ON SCHEMA public TO {analyst};
             GRANT CREATE ON DATABASE {} TO {analyst}",
            case.warehouse.database.name
        );
        case.warehouse.database.execute(&grant);
        Self { case, analyst }
    }

    /// Runs statements in the warehouse as this role.
    pub fn execute_as(&self, role: &str, sql: &str) {
        self.warehouse.database.execute(&format!("SET ROLE {role}; {sql}"));
    }

    /// The night and its dry run are refused before anything is dropped. Returns all that the dry
    /// run says.
    pub fn refused(&self, night: impl Fn() -> Tool, case: &str) -> String {
        let tables = "SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_class \
                      WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
        let before = self.query(tables);
        let planned = night().arg("--dry-run").run().expect_code(1);
        let failed = night().run().expect_code(1);
        let last = failed.stderr().lines().last().unwrap_or_default().to_owned();
        assert!(last.contains("nothing was dropped"), "{case}: {failed}");
        let reason = last.split_once("the first: ").or(last.split_once("nothing was dropped: "));
        let (_, first) = reason.unwrap_or_else(|| panic!("{failed}"));
        assert!(planned.stdout().contains(first), "{case}: {first}: {planned}");
        assert_eq!(self.query(tables), before, "{case}: {failed}");
        planned.stdout()
    }
}

impl Drop for WithAnalyst {
    fn drop(&mut self) {
        let analyst = &self.analyst;
        let psql = self.warehouse.database.cluster.psql(&self.warehouse.database.name);
        let drop = format!("DROP OWNED BY {analyst} CASCADE; DROP ROLE {analyst}");
        psql.args(["--command", &drop]).run();
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
