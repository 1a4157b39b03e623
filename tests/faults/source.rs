//! The databases that the tests dump.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::common::{Cluster, Database};

/// Three tables, of which the one in the middle stops at its row 5000 for a minute when it is
/// restored into a database whose name begins with `paused`.
pub const PAUSED: &str = "
    CREATE TABLE a_before (id int PRIMARY KEY, t text);
    CREATE TABLE big (id int PRIMARY KEY, t text, CONSTRAINT pause CHECK
        (id <> 5000 OR current_database() NOT LIKE 'paused%' OR pg_sleep(60)::text = ''));
    CREATE TABLE z_after (id int PRIMARY KEY, big int REFERENCES big, t text);
    INSERT INTO a_before SELECT i, repeat('a', 50) FROM generate_series(1, 500) i;
    INSERT INTO big SELECT i, repeat('b', 200) FROM generate_series(1, 20000) i;
    INSERT INTO z_after SELECT i, i, repeat('z', 50) FROM generate_series(1, 500) i;
";

/// Whether a session of this database is in that pause.
pub const IN_PAUSE: &str = "EXISTS (SELECT FROM pg_stat_activity \
     WHERE datname = current_database() AND wait_event = 'PgSleep')";

/// An archive in a folder that goes with it.
pub struct Archive {
    folder: TempDir,
}

impl Archive {
    /// Makes a database with these statements and dumps it in the custom format.
    pub fn of(cluster: &Cluster, sql: &str) -> Self {
        Self::with(cluster, sql, &["--format=custom"])
    }

    /// The same with options for pg_dump.
    pub fn with(cluster: &Cluster, sql: &str, args: &[&str]) -> Self {
        let database = cluster.fresh_db("source");
        database.execute(sql);
        Self::dump(&database, args)
    }

    /// Dumps a database.
    pub fn dump(database: &Database<'_>, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        database.pg_dump(args).arg("--file").arg(path).succeed();
        Self { folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The number of rows of a table.
pub fn rows(database: &Database<'_>, table: &str) -> usize {
    database.query(&format!("SELECT count(*) FROM {table}")).parse().unwrap()
}
