//! A server with TLS, roles with different authentication methods, and the program that connects.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use nocturne::embedded::{Embedded, EmbeddedOptions, Listen};

use super::certificates;
use crate::common::cluster::repository;
use crate::common::versions::installation;
use crate::common::{Cluster, Finished, Tool, bare_nocturne, versions, wait_until};

/// Which roles may connect, and how. The last line of PostgreSQL's own rules is kept: the socket.
const RULES: &str = "\
local     all all                      trust
hostssl   all tls_only    127.0.0.1/32 trust
hostnossl all plain_only  127.0.0.1/32 trust
host      all with_scram  127.0.0.1/32 scram-sha-256
host      all with_md5    127.0.0.1/32 md5
hostssl   all with_cert   127.0.0.1/32 cert
host      all turned_away 127.0.0.1/32 reject
host      all trusted     127.0.0.1/32 trust
";

/// The password of the roles that have one.
pub const PASSWORD: &str = "open-sesame-7231";

const ROLES: &str = "\
SET password_encryption = 'scram-sha-256';
CREATE ROLE with_scram LOGIN SUPERUSER PASSWORD 'open-sesame-7231';
SET password_encryption = 'md5';
CREATE ROLE with_md5 LOGIN SUPERUSER PASSWORD 'open-sesame-7231';
CREATE ROLE tls_only LOGIN SUPERUSER;
CREATE ROLE plain_only LOGIN SUPERUSER;
CREATE ROLE with_cert LOGIN SUPERUSER;
CREATE ROLE turned_away LOGIN SUPERUSER;
CREATE ROLE trusted LOGIN SUPERUSER;
";

/// A running server with TLS.
pub struct TlsServer {
    server: Embedded,
    folder: tempfile::TempDir,
}

/// The server with a valid certificate.
pub fn server() -> &'static TlsServer {
    static SERVER: OnceLock<TlsServer> = OnceLock::new();
    SERVER.get_or_init(|| TlsServer::start("server"))
}

impl TlsServer {
    /// A server with the certificate of this name.
    pub fn start(certificate: &str) -> Self {
        let settings = [("log_connections", "on"), ("autovacuum", "off")];
        let options = EmbeddedOptions {
            listen: Listen::Loopback { port: None },
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..Cluster::options(newest_with_tls())
        };
        let server = Embedded::start(&options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        certificates::write(folder.path());
        // The server reads its key as its own account.
        let owner = std::fs::metadata(server.data_dir()).unwrap();
        let data = server.data_dir().to_owned();
        for (from, to) in [("crt", "server.crt"), ("key", "server.key")] {
            let copy = data.join(to);
            std::fs::copy(folder.path().join(format!("{certificate}.{from}")), &copy).unwrap();
            chown(&copy, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        let authority = data.join("ca.crt");
        std::fs::copy(folder.path().join("ca.crt"), &authority).unwrap();
        chown(&authority, Some(owner.uid()), Some(owner.gid())).unwrap();
        std::fs::write(server.socket_dir().join("pg_hba.conf"), RULES).unwrap();
        let this = Self { server, folder };
        let set = "ALTER SYSTEM SET ssl_ca_file = 'ca.crt';
                   ALTER SYSTEM SET ssl = on;
                   SELECT pg_reload_conf();";
        this.psql().input(format!("{ROLES}{set}")).succeed();
        let is_on = || this.psql().args(["-tAc", "SHOW ssl"]).succeed().stdout().trim() == "on";
        wait_until("TLS is on", is_on);
        this
    }

    fn psql(&self) -> Tool {
        Tool::new(self.server.bin_dir().join("psql"))
            .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"])
            .args(["-d", &self.server.url("postgres")])
    }

    /// A file of certificates.
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The directory of its socket.
    pub fn socket_dir(&self) -> &str {
        self.server.socket_dir().to_str().unwrap()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// A connection attempt of a role, with these parameters of a connection string.
    pub fn attempt(&self, role: &str, parameters: &str) -> Attempt<'_> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("attempt-{}-", NUMBER.fetch_add(1, Ordering::Relaxed));
        let host = if parameters.contains("host=") { "" } else { "host=localhost " };
        let conninfo = format!(
            "{host}port={} dbname=postgres user={role} application_name={name} {parameters}",
            self.server.port()
        );
        let home = self.folder.path().join("no-home");
        // Nothing from the machine: neither a password file nor certificates of the current user.
        let tool = bare_nocturne().args(["restore", "-w", "-d", &conninfo]).arg(archive());
        Attempt { server: self, name, tool: tool.env("HOME", home) }
    }
}

/// The newest version under test that was built with TLS: not every build is.
fn newest_with_tls() -> u32 {
    let has_tls = |major: &u32| {
        let configuration = Tool::new(installation(*major).bin.join("pg_config"));
        configuration.arg("--configure").run().stdout().contains("ssl")
    };
    versions().into_iter().rev().find(has_tls).expect("a tested PostgreSQL with TLS")
}

fn archive() -> PathBuf {
    repository().join("fixtures/empty-pg18-custom-gzip.dump")
}

/// The program, about to connect.
#[must_use = "an attempt does nothing until it is judged"]
pub struct Attempt<'a> {
    server: &'a TlsServer,
    name: String,
    tool: Tool,
}

impl Attempt<'_> {
    /// A variable of the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.tool = self.tool.env(name, value);
        self
    }

    /// Expects success, with TLS or not: as the server sees it.
    pub fn comes_in(self, by_tls: bool) {
        let finished = self.tool.succeed();
        let log = self.server.server.log();
        let mut lines = log
            .lines()
            .filter(|line| line.contains("connection authorized") && line.contains(&self.name));
        let line = lines.next().unwrap_or_else(|| panic!("not in the server's log: {finished}"));
        assert_eq!(line.contains("SSL enabled"), by_tls, "{line}");
    }

    /// Expects a refusal by either side, for a reported reason.
    pub fn fails(self, reason: &str) -> Finished {
        let finished = self.tool.run();
        assert!(!finished.success(), "it was admitted: {finished}");
        assert!(finished.stderr().contains(reason), "not refused for \"{reason}\": {finished}");
        finished
    }
}
