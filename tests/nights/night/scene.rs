//! A source, a host that has its backup, and a warehouse.

use std::path::{Path, PathBuf};

use chrono::Utc;
use nocturne::server::Session;
use serde_json::Value;
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

use super::source::source;
use crate::common::{
    Cluster, Database, Finished, Owned, Tool, bare_nocturne, cluster, dump_without,
};
use crate::files::{Files, Served};
use crate::host::{Host, assert_no_secret, backup};

/// The only version with contrib extensions here.
pub const MAJOR: u32 = 15;

/// The address that is notified of a night's outcome.
const HOOK: &str = "/hooks/word-in-a-path";

/// A hook that waits.
pub const GATE: &str = "SELECT pg_advisory_lock(4242);";

/// Everything that a night needs.
pub struct Scene<'a> {
    pub source: Database<'a>,
    pub warehouse: Owned<'a>,
    pub host: Host,
    pub files: Files,
    pub folder: tempfile::TempDir,
}

impl Scene<'static> {
    /// A source with rows, its backup of today at the host, and an empty warehouse.
    pub async fn new(name: &str) -> Self {
        Self::with(name, "").await
    }

    /// The same, with more attributes of the warehouse's role.
    pub async fn with(name: &str, attributes: &str) -> Self {
        Self::on(cluster(MAJOR), name, attributes).await
    }
}

impl<'a> Scene<'a> {
    /// The same on the test's own server.
    pub async fn on(cluster: &'a Cluster, name: &str, attributes: &str) -> Self {
        let source = source(cluster, &format!("{name}_source"));
        let warehouse = Owned::with(cluster, name, attributes);
        // As a host does it: enabled by its superuser, in any database on request.
        warehouse.database.execute("CREATE EXTENSION pg_trgm");
        let folder = tempfile::tempdir().unwrap();
        let bytes = archive(&source, folder.path(), &[]);
        let files = Files::serve(Served::new(bytes));
        let list = vec![
            backup("5f1", "2020-10-21T00:00:12Z", "done", None),
            // Of unknown size: other bytes may replace it.
            backup("5f2", &today(), "done", None),
        ];
        let host = Host::with(list, &files.url("/backup.tar.gz")).await;
        Mock::given(method("POST"))
            .and(path(HOOK))
            .respond_with(ResponseTemplate::new(204))
            .mount(&host.server)
            .await;
        Self { source, warehouse, host, files, folder }
    }

    /// `nocturne COMMAND` with the settings of this scene, one attempt only.
    pub fn command(&self, command: &str) -> Tool {
        let url = format!("[\"{}{HOOK}\"]", self.host.server.uri());
        let tool = bare_nocturne().arg(command).env("MAX_RETRY_COUNT", "0");
        let tool = tool.env("DATABASE_URL", self.warehouse.url()).env("NOTIFICATIONS", url);
        let tool = tool.env("BACKUP_SOURCE", "").env("APP", "pix-datawarehouse");
        self.host.variables().into_iter().fold(tool, |tool, (name, value)| tool.env(name, value))
    }

    /// `nocturne run`.
    pub fn night(&self) -> Tool {
        self.command("run")
    }

    /// The source as the incremental copy reads it.
    pub fn incremental(&self, tool: Tool) -> Tool {
        tool.env("RESTORE_ANSWERS_AND_KES_INCREMENTALLY", "true")
            .env("SOURCE_DATABASE_URL", self.source.url())
    }

    /// Replaces the first backup with another one of the source.
    pub fn backup_again(&self) {
        let bytes = archive(&self.source, self.folder.path(), &[]);
        self.serve(bytes);
    }

    /// Replaces the backup with other bytes.
    pub fn serve(&self, bytes: Vec<u8>) {
        self.files.change(|served| served.body = bytes);
    }

    /// The unpacked archive, for pg_restore.
    pub fn dump(&self) -> PathBuf {
        self.folder.path().join("20201022/pix.pgsql")
    }

    /// The warehouse without nocturne's own records.
    pub fn state(&self) -> String {
        dump_without(&self.warehouse.database, "nocturne")
    }

    /// The record of the last run, as JSON.
    pub fn record(&self) -> Value {
        let sql = "SELECT record FROM nocturne.runs ORDER BY started_at DESC LIMIT 1";
        serde_json::from_str(&self.warehouse.database.query(sql)).unwrap()
    }

    /// Closes the gate: a hook with [`GATE`] waits until this is dropped.
    pub async fn gate(&self) -> Session {
        let session = self.warehouse.session().await;
        session.execute("SELECT pg_advisory_lock(4242)").await.unwrap();
        session
    }

    /// Waits until a session waits at the gate.
    pub fn wait_at_the_gate(&self) {
        self.warehouse.database.wait_until(
            "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4242 \
             AND NOT granted AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database()))",
        );
    }

    /// The notifications that the webhook received, in order.
    pub async fn told(&self) -> Vec<Value> {
        let requests = self.host.server.received_requests().await.unwrap();
        let told = requests.iter().filter(|request| request.url.path() == HOOK);
        told.map(|request| request.body_json().unwrap()).collect()
    }
}

/// The current time, in the host's format.
pub fn today() -> String {
    Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A backup as the host creates it: a custom archive one folder deep in a `.tar.gz`. The parts stay
/// in the folder.
pub fn archive(source: &Database<'_>, folder: &Path, args: &[&str]) -> Vec<u8> {
    std::fs::create_dir_all(folder.join("20201022")).unwrap();
    let dump = folder.join("20201022/pix.pgsql");
    source.pg_dump(&["--format=custom", "--file"]).arg(&dump).args(args).succeed();
    pack(folder)
}

/// The parts in the folder as a backup.
pub fn pack(folder: &Path) -> Vec<u8> {
    let packed = folder.join("backup.tar.gz");
    Tool::new("tar").arg("-czf").arg(&packed).arg("-C").arg(folder).arg("20201022").succeed();
    std::fs::read(packed).unwrap()
}

/// The output of a program, without any secret in it.
pub fn without_secrets(finished: &Finished) -> String {
    let text = format!("{}{}", finished.stdout(), finished.stderr());
    assert_no_secret(&text);
    for word in ["confidential-", "word-in-a-path"] {
        assert!(!text.contains(word), "{word} in {finished}");
    }
    text
}

/// The names of the stages of a record's last attempt, in order, with a `!` for failed ones.
pub fn stages(record: &Value) -> String {
    let stages = record["stages"].as_array().unwrap();
    let last = stages.iter().filter(|stage| stage["attempt"] == record["attempts"]);
    let word = |stage: &Value| {
        let mark = if stage["state"] == "done" { "" } else { "!" };
        format!("{}{mark}", stage["name"].as_str().unwrap())
    };
    last.map(word).collect::<Vec<_>>().join(" ")
}
