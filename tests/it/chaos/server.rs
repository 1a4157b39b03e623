//! A server that can be stopped immediately and restarted at the same address.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use crate::common::{Cluster, Database, Tool, wait_until};

/// The role that restores: the owner of its database, not a superuser.
pub const ROLE: &str = "chaos";

/// A server of one version.
pub struct Server {
    pub cluster: Cluster,
    /// The process that keeps a restarted server alive; it ends with its input.
    keeper: Mutex<Option<Child>>,
}

impl Server {
    pub fn start(major: u32) -> Self {
        // Test servers are fast and lose their last commits in a crash; real ones do not.
        let settings = [("max_connections", "40"), ("synchronous_commit", "on")];
        let cluster = Cluster::start(major, &settings);
        cluster.psql("postgres").input(format!("CREATE ROLE {ROLE} LOGIN")).succeed();
        Self { cluster, keeper: Mutex::default() }
    }

    fn pid(&self) -> Option<u32> {
        let path = self.cluster.server().data_dir().join("postmaster.pid");
        fs::read_to_string(path).ok()?.lines().next()?.trim().parse().ok()
    }

    /// `pg_ctl stop -m immediate`: all processes exit without flushing anything.
    pub fn stop_at_once(&self) {
        let pid = self.pid().expect("the server is running");
        Tool::new("sh").args(["-c", &format!("kill -s QUIT {pid}")]).succeed();
        wait_until("the server stops", || self.pid().is_none());
        if let Some(mut keeper) = self.keeper.lock().unwrap().take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }

    /// Starts it as it was started the first time.
    pub fn start_again(&self) {
        let server = self.cluster.server();
        let data = server.data_dir();
        let options = fs::read_to_string(data.join("postmaster.opts")).unwrap();
        // However this process ends, the server ends with it.
        let script =
            format!("{} & server=$!; cat > /dev/null; kill -s QUIT $server", options.trim());
        let owner = fs::metadata(data).unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        if owner.uid() != 0 {
            command.uid(owner.uid()).gid(owner.gid());
        }
        *self.keeper.lock().unwrap() = Some(command.spawn().unwrap());
        self.wait_until_ready();
    }

    /// Waits until it accepts sessions.
    pub fn wait_until_ready(&self) {
        let psql = || self.cluster.psql("postgres").args(["--command", "SELECT 1"]).run();
        wait_until("the server accepts sessions", || psql().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.lock().unwrap().take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// A new database owned by the role.
pub fn owned<'a>(cluster: &'a Cluster, name: &str, tablespace: Option<&str>) -> Database<'a> {
    let database = cluster.fresh_db(name);
    let alter = |what: &str| {
        let sql = format!("ALTER DATABASE \"{}\" {what}", database.name);
        cluster.psql("postgres").args(["--command", &sql]).succeed();
    };
    alter(&format!("OWNER TO {ROLE}"));
    if let Some(tablespace) = tablespace {
        alter(&format!("SET TABLESPACE {tablespace}"));
    }
    database
}
