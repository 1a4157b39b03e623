//! A source database, and a target that follows it.

use std::path::Path;

use serde_json::Value;

use crate::common::compare::assert_same_database_with;
use crate::common::restore::run;
use crate::common::{Archive, Cluster, Database, Restored, Running};

/// A source and its target.
pub struct Nights<'a> {
    pub source: Database<'a>,
    pub target: Database<'a>,
}

/// A finished sync.
pub struct Synced(pub Restored);

impl<'a> Nights<'a> {
    /// A source with these statements, and a target that was synced once.
    pub fn new(cluster: &'a Cluster, sql: &str) -> Self {
        let nights =
            Self { source: cluster.fresh_db("source"), target: cluster.fresh_db("synced") };
        nights.source.execute(sql);
        let first = nights.sync(&[]).expect(0);
        assert!(first.reasons().contains("the target has no manifest"), "{}", first.0.finished);
        nights.assert_same();
        nights
    }

    /// An archive of the source.
    pub fn dump(&self) -> Archive {
        Archive::dump(&self.source, &["--format=custom"])
    }

    /// Dumps the source and syncs the target.
    pub fn sync(&self, args: &[&str]) -> Synced {
        sync_to(&self.dump().path(), &self.target.url(), args)
    }

    /// Dumps the source and starts a sync of the target.
    pub fn start(&self) -> (Archive, Running) {
        let archive = self.dump();
        let running = Running::start_command("sync", &archive.path(), &self.target.url(), &[]);
        (archive, running)
    }

    /// Changes the source, and syncs the target.
    pub fn night(&self, sql: &str) -> Synced {
        self.source.execute(sql);
        let synced = self.sync(&[]).expect(0);
        self.assert_same();
        synced
    }

    /// Fails the test unless both are the same, apart from the manifest, and nothing is staged.
    pub fn assert_same(&self) {
        assert_same_database_with(&self.target, &self.source, &["--exclude-schema", "nocturne"]);
        assert_eq!(self.target.query("SELECT to_regclass('nocturne.stage_0') IS NULL"), "t");
    }
}

/// Syncs a database with an archive.
pub fn sync_to(archive: &Path, url: &str, args: &[&str]) -> Synced {
    Synced(run("sync", archive, url, args))
}

impl Synced {
    /// Fails the test unless the exit code is this one.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.0.finished.code(), code, "{}", self.0.finished);
        self
    }

    /// Its standard error.
    pub fn stderr(&self) -> String {
        self.0.finished.stderr()
    }

    /// Why everything was restored; empty if it was not.
    pub fn reasons(&self) -> String {
        let reasons = self.0.summary["sync"]["restored_for"].as_array();
        let reasons = reasons.unwrap_or_else(|| panic!("no sync in {}", self.0.summary));
        let reasons: Vec<&str> = reasons.iter().filter_map(Value::as_str).collect();
        reasons.join("; ")
    }

    /// What was done with the tables that were not left: `users patched 2 1`.
    pub fn changes(&self) -> Vec<String> {
        assert_eq!(self.reasons(), "", "{}", self.0.finished);
        let tables = self.0.summary["sync"]["tables"].as_array().expect("a JSON list");
        let mut changes: Vec<String> = tables
            .iter()
            .filter(|table| table["answer"] != "unchanged")
            .map(|table| {
                let [name, answer] =
                    ["name", "answer"].map(|key| table[key].as_str().expect("a text"));
                format!("{name} {answer} {} {}", table["rows_in"], table["rows_out"])
            })
            .collect();
        changes.sort();
        changes
    }

    /// The number of sequences set, and of views refreshed.
    pub fn values(&self) -> (u64, u64) {
        let number = |key: &str| self.0.summary["sync"][key].as_u64().expect("a number");
        (number("sequences"), number("views"))
    }
}
