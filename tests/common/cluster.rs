//! One server per version and test binary, and databases on it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use nocturne::embedded::{self, Embedded, EmbeddedOptions};

use super::tool::{Finished, Tool};
use super::versions::installation;

/// Settings of the shared servers. pg_dump's output must not depend on autovacuum.
const SETTINGS: [(&str, &str); 11] = [
    ("autovacuum", "off"),
    ("max_connections", "100"),
    ("max_prepared_transactions", "10"),
    ("max_replication_slots", "10"),
    ("max_wal_senders", "10"),
    ("shared_buffers", "64MB"),
    ("max_wal_size", "4GB"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    // Publications and slots are restored without warnings.
    ("wal_level", "logical"),
    // Nothing that the tests restore may access the network.
    ("max_logical_replication_workers", "0"),
];

/// A running server of one version.
pub struct Cluster {
    /// 15, 16, 17 or 18.
    pub major: u32,
    server: Embedded,
}

/// The shared server of a version, started by the first test that needs it.
///
/// It is never dropped: its supervisor ends it with the test binary.
pub fn cluster(major: u32) -> &'static Cluster {
    static CLUSTERS: Mutex<Option<HashMap<u32, &'static OnceLock<Cluster>>>> = Mutex::new(None);
    let cell: &'static OnceLock<Cluster> = CLUSTERS
        .lock()
        .expect("the lock is not poisoned")
        .get_or_insert_default()
        .entry(major)
        .or_insert_with(|| Box::leak(Box::default()));
    // Outside the lock, so that tests of other versions continue meanwhile.
    cell.get_or_init(|| Cluster::start(major, &[]))
}

impl Cluster {
    /// A server for one test, with more settings: for tests that change or stop it. It
    /// stops when dropped.
    pub fn start(major: u32, settings: &[(&str, &str)]) -> Self {
        let settings = SETTINGS.iter().chain(settings);
        let settings = settings.map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let options = EmbeddedOptions { settings, ..Self::options(major) };
        let server = Embedded::start(&options).unwrap_or_else(|error| panic!("{error}"));
        let cluster = Self { major, server };
        let roles = repository().join("sql/every-object/roles.sql");
        if roles.exists() {
            cluster.psql("postgres").arg("--file").arg(roles).succeed();
        }
        // The owner in the fixtures that are wrapped the way a host does it. All roles are created
        // here, where no other test creates or alters them at the same time.
        cluster.psql("postgres").args(["--command", "CREATE ROLE app_1234"]).succeed();
        cluster
    }

    /// The options of a server of this version, from the template.
    pub fn options(major: u32) -> EmbeddedOptions {
        let options = EmbeddedOptions {
            installation: Some(installation(major)),
            ..EmbeddedOptions::default()
        };
        let template = Some(template(&options));
        EmbeddedOptions { template, ..options }
    }

    /// The server itself.
    pub fn server(&self) -> &Embedded {
        &self.server
    }

    /// The connection URL of a database.
    pub fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    /// One of the version's own programs, configured to connect to this server.
    pub fn tool(&self, program: &str) -> Tool {
        Tool::new(self.server.bin_dir().join(program))
            .env("PGHOST", self.server.socket_dir())
            .env("PGPORT", self.server.port().to_string())
            .env("PGUSER", self.server.superuser())
    }

    /// psql that stops at the first error.
    pub fn psql(&self, database: &str) -> Tool {
        self.tool("psql").args([
            "--no-psqlrc",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "--dbname",
            database,
        ])
    }

    /// A new, empty database: UTF8, from template0. Its name starts with `name` and is unique.
    pub fn fresh_db(&self, name: &str) -> Database<'_> {
        let name = fresh_name(name);
        self.tool("createdb").args(["--template=template0", "--encoding=UTF8", &name]).succeed();
        Database { cluster: self, name }
    }

    /// A handle to a database that something else creates under this name; dropped at the end.
    pub fn adopt_db(&self, name: impl Into<String>) -> Database<'_> {
        Database { cluster: self, name: name.into() }
    }
}

/// A name that starts with `name`, for a role: no other role or database of the tests has it, and
/// the tests of a program share their servers.
pub fn fresh_name(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    format!("{name}_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A database that is dropped with this value.
pub struct Database<'a> {
    /// Its server.
    pub cluster: &'a Cluster,
    /// Its name.
    pub name: String,
}

impl Database<'_> {
    /// Its connection URL.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// psql on it.
    pub fn psql(&self) -> Tool {
        self.cluster.psql(&self.name)
    }

    /// Runs statements.
    pub fn execute(&self, sql: &str) {
        self.psql().input(sql).succeed();
    }

    /// The result of a query: columns separated by `|`, rows by line ends.
    pub fn query(&self, sql: &str) -> String {
        let psql = self.psql().args(["--tuples-only", "--no-align", "--command", sql]);
        psql.succeed().stdout().trim_end().to_owned()
    }

    /// Loads the schema of every object type with `sql/every-object/load.sh`.
    pub fn load_every_object(&self) {
        self.load_every_object_with(&["--small"]);
    }

    /// The same with the script's options.
    pub fn load_every_object_with(&self, options: &[&str]) {
        let server = &self.cluster.server;
        Tool::new(repository().join("sql/every-object/load.sh"))
            .env("PSQL", server.bin_dir().join("psql"))
            .args(options)
            .arg(self.cluster.major.to_string())
            .arg(self.url())
            .succeed();
    }

    /// Dumps it with the version's pg_dump.
    pub fn pg_dump(&self, args: &[&str]) -> Tool {
        self.cluster.tool("pg_dump").args(["--dbname", &self.name]).args(args)
    }

    /// Restores an archive into it with the version's pg_restore: the oracle.
    pub fn pg_restore(&self, archive: &Path, args: &[&str]) -> Finished {
        let tool = self.cluster.tool("pg_restore").args(args);
        tool.args(["--dbname", &self.name]).arg(archive).run()
    }

    /// Waits until a query returns `t`; for states that nothing announces.
    ///
    /// # Panics
    /// If it does not within [`super::PATIENCE`].
    pub fn wait_until(&self, condition: &str) {
        let query = format!("SELECT ({condition})");
        super::wait_until(condition, || self.query(&query) == "t");
    }

    /// The number of rows of a table.
    pub fn rows(&self, table: &str) -> u64 {
        self.query(&format!("SELECT count(*) FROM {table}")).parse().expect("a count")
    }

    /// Terminates the sessions of this database that match a condition on `pg_stat_activity`;
    /// returns their number.
    pub fn kill_backends(&self, condition: &str) -> usize {
        let answer = self.query(&format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND ({condition})"
        ));
        answer.parse().expect("a count")
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // A subscription blocks DROP DATABASE. None of them has a remote slot.
        let detach = "SELECT format('ALTER SUBSCRIPTION %1$I DISABLE; \
             ALTER SUBSCRIPTION %1$I SET (slot_name = NONE); DROP SUBSCRIPTION %1$I', subname) \
             FROM pg_subscription JOIN pg_database d ON d.oid = subdbid \
             WHERE datname = current_database() \\gexec\n";
        // It may not exist: a test can fail before creating it or drop it itself.
        let _ = self.psql().input(detach).run();
        let _ = self.cluster.tool("dropdb").args(["--force", "--if-exists", &self.name]).run();
    }
}

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A data directory to copy, created once per program version and kept in `target`.
fn template(options: &EmbeddedOptions) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // A failure below fails every test: do not hide it behind a poisoned lock.
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let version = options.installation.as_ref().expect("chosen by the caller").version;
    let home = repository().join("target/postgres/templates");
    let template = home.join(version.to_string());
    if !template.join("PG_VERSION").exists() {
        // Other test binaries may do the same: the first rename wins.
        let partial = home.join(format!("{version}.partial.{}", std::process::id()));
        // Left by an earlier process with this ID.
        let _ = fs::remove_dir_all(&partial);
        embedded::initialize(options, &partial).unwrap_or_else(|error| panic!("{error}"));
        if fs::rename(&partial, &template).is_err() {
            fs::remove_dir_all(&partial).expect("removing the folder just created");
        }
    }
    template
}
