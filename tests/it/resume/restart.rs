//! A server that is stopped and restarted in the middle of a restore.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nocturne::embedded::{Embedded, EmbeddedOptions};

use super::source::{SOURCE, Source};
use crate::common::versions::newest;
use crate::common::{Cluster, Running, Tool, cluster};

/// A server whose socket stays at the same place across restarts.
struct Restarting {
    options: EmbeddedOptions,
    folder: tempfile::TempDir,
    server: Embedded,
}

impl Restarting {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The server's account must be able to enter.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let data_dir = Some(folder.path().join("data"));
        let options = EmbeddedOptions { data_dir, ..Cluster::options(newest()) };
        let server = Embedded::start(&options).unwrap();
        symlink(server.socket_dir(), folder.path().join("socket")).unwrap();
        Self { options, folder, server }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn url(&self) -> String {
        let (port, user) = (self.server.port(), self.server.superuser());
        format!("postgresql:///postgres?host={}&port={port}&user={user}", self.socket().display())
    }

    fn query(&self, sql: &str) -> String {
        let psql = Tool::new(self.server.bin_dir().join("psql"));
        let psql = psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", sql]);
        psql.arg(self.url()).succeed().stdout().trim_end().to_owned()
    }

    /// Stops the server by a signal to its first process, and restarts it.
    fn restart(&mut self, signal: &str) {
        let pid = self.server.postmaster_pid().unwrap();
        Tool::new("sh").args(["-c", &format!("kill -s {signal} {pid}")]).succeed();
        let ended = || !Path::new(&format!("/proc/{pid}")).exists();
        let started = Instant::now();
        while !ended() {
            assert!(started.elapsed() < Duration::from_secs(30), "the server does not exit");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.server = Embedded::start(&self.options).unwrap();
        std::fs::remove_file(self.socket()).unwrap();
        symlink(self.server.socket_dir(), self.socket()).unwrap();
    }
}

fn restarted_in_the_rows(signal: &str, args: &[&str]) -> (Restarting, Running) {
    // The row in the middle takes long enough for a server to be stopped meanwhile.
    let gate = "pg_catalog.pg_advisory_xact_lock_shared(77)::text";
    let sleep = "current_database() LIKE 'source%' OR pg_catalog.pg_sleep(3)::text";
    let sql = SOURCE.replace("CREATE UNLOGGED", "CREATE").replace(gate, sleep);
    let source = Source::of(cluster(newest()), &sql, &["--format=custom"]);
    let mut server = Restarting::start();
    let mut running = Running::start(&source.path(), &server.url(), args);
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    while server.query(asleep) != "1" {
        assert!(!running.has_ended(), "the restore has passed the row");
    }
    server.restart(signal);
    // Its archive is already open.
    (server, running)
}

fn assert_whole(server: &Restarting) {
    let rows = "SELECT (SELECT count(*) FROM a_first), (SELECT count(*) FROM b_unlogged), \
         (SELECT count(*) FROM big), (SELECT count(*) FROM z_last), (SELECT count(*) FROM audit), \
         (SELECT count FROM many)";
    assert_eq!(server.query(rows), "500|500|50000|500|0|50000");
    let rest = "SELECT (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indrelid \
             WHERE relnamespace = 'public'::regnamespace AND indisvalid), \
         (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated), \
         (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal), \
         (SELECT count(*) FROM pg_namespace WHERE nspname = 'nocturne')";
    assert_eq!(server.query(rest), "7|1|2|0");
}

#[test]
fn server_restarted_after_immediate_shutdown_is_waited_for() {
    let (server, running) = restarted_in_the_rows("QUIT", &["-j", "2", "--resume"]);
    let restored = running.wait().expect(0);
    assert!(restored.stderr().contains("interrupted, retrying"), "{}", restored.finished);
    assert_whole(&server);
}

/// No commit is lost, so that no journal is needed.
#[test]
fn server_restarted_after_fast_shutdown_is_waited_for() {
    let (server, running) = restarted_in_the_rows("INT", &["-j", "3"]);
    let restored = running.wait().expect(0);
    assert!(restored.stderr().contains("interrupted, retrying"), "{}", restored.finished);
    assert_whole(&server);
}
