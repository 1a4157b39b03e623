//! Archives that tests create with pg_dump.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::cluster::{Cluster, Database};

/// An archive in a temporary folder that is removed with it.
pub struct Archive {
    folder: TempDir,
}

impl Archive {
    /// Creates a database with these statements and dumps it in the custom format.
    pub fn of(cluster: &Cluster, sql: &str) -> Self {
        Self::with(cluster, sql, &["--format=custom"])
    }

    /// The same with pg_dump options.
    pub fn with(cluster: &Cluster, sql: &str, args: &[&str]) -> Self {
        let database = cluster.fresh_db("source");
        database.execute(sql);
        Self::dump(&database, args)
    }

    /// Dumps a database.
    pub fn dump(database: &Database<'_>, args: &[&str]) -> Self {
        let archive = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        database.pg_dump(args).arg("--no-sync").arg("--file").arg(archive.path()).succeed();
        archive
    }

    /// The archive: a file or a folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    /// The folder that contains it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
