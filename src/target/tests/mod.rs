//! Sessions against a real server: a temporary PostgreSQL with TLS and several authentication
//! methods.

mod connecting;
mod params;
mod sessions;
mod streaming;
mod trust;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

use super::{ConnectOptions, Session, SessionSettings, Target};

const BINARIES: &str = "/usr/lib/postgresql/15/bin";

/// Which roles may connect, and how.
const HBA: &str = "\
local     all all                     trust
hostssl   all tls_only   127.0.0.1/32 trust
hostnossl all plain_only 127.0.0.1/32 trust
host      all with_word  127.0.0.1/32 scram-sha-256
hostssl   all with_cert  127.0.0.1/32 cert
host      all postgres   127.0.0.1/32 trust
";

/// The running server. It stops when the last test that uses it ends.
pub(crate) struct Server {
    directory: TempDir,
    port: u16,
    user: Option<(u32, u32)>,
}

static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    /// The server that running tests share.
    pub(crate) fn shared() -> Arc<Self> {
        let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *running = Arc::downgrade(&server);
            server
        })
    }

    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // PostgreSQL does not run as root.
        let root = fs::metadata(directory.path()).unwrap().uid() == 0;
        let user = root.then(|| {
            let users = fs::read_to_string("/etc/passwd").unwrap();
            let line = users.lines().find(|line| line.starts_with("postgres:")).unwrap();
            let ids: Vec<u32> = line.split(':').filter_map(|field| field.parse().ok()).collect();
            (ids[0], ids[1])
        });
        let mut server = Self { directory, port: 0, user };
        if let Some((uid, gid)) = user {
            chown(server.directory.path(), Some(uid), Some(gid)).unwrap();
        }
        server.write_certificates();
        let data = server.file("data");
        server.run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]);
        fs::write(server.path("data/pg_hba.conf"), HBA).unwrap();
        let options = format!(
            "-k {directory} -c listen_addresses=127.0.0.1 -c fsync=off -c ssl=on \
             -c ssl_cert_file={directory}/server.crt -c ssl_key_file={directory}/server.key \
             -c ssl_ca_file={directory}/ca.crt",
            directory = server.directory.path().display()
        );
        let log = server.file("log");
        // A free port may be taken before the server uses it.
        let has_started = (0..10).any(|_| {
            server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let options = format!("-p {} {options}", server.port);
            let start = ["-D", &data, "-w", "-t", "120", "-l", &log, "-o", &options, "start"];
            server.try_run("pg_ctl", &start)
        });
        assert!(has_started, "{}", fs::read_to_string(&log).unwrap_or_default());
        server
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        assert!(self.try_run(program, arguments), "{program}: these tests need {BINARIES}");
    }

    fn try_run(&self, program: &str, arguments: &[&str]) -> bool {
        let mut command = Command::new(Path::new(BINARIES).join(program));
        command.args(arguments).current_dir(self.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.gid(gid).uid(uid);
        }
        command.status().is_ok_and(|status| status.success())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// `ca.crt`; `server.crt` for `localhost`; `client.crt` for the role `with_cert`; and
    /// `other.crt`, an unknown authority.
    fn write_certificates(&self) {
        let write = |name: &str, text: String| {
            let path = self.path(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((uid, gid)) = self.user {
                chown(&path, Some(uid), Some(gid)).unwrap();
            }
        };
        let authority = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params.distinguished_name.push(DnType::CommonName, name);
            let certificate = params.self_signed(&key).unwrap().pem();
            (certificate, Issuer::new(params, key))
        };
        let (ca, issuer) = authority("test authority");
        write("ca.crt", ca);
        write("other.crt", authority("another authority").0);
        for (file, name, purpose) in [
            ("server", "localhost", ExtendedKeyUsagePurpose::ServerAuth),
            ("client", "with_cert", ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![purpose];
            write(&format!("{file}.crt"), params.signed_by(&key, &issuer).unwrap().pem());
            write(&format!("{file}.key"), key.serialize_pem());
        }
    }

    /// A target over the socket, as the superuser.
    pub(crate) fn local(&self) -> Target {
        self.target(&format!("host={} user=postgres", self.directory.path().display())).unwrap()
    }

    /// A target from a connection string; the port is filled in.
    pub(super) fn target(&self, conninfo: &str) -> super::Result<Target> {
        let options = ConnectOptions {
            dbname: Some(format!("dbname=postgres port={} {conninfo}", self.port)),
            ..ConnectOptions::default()
        };
        Target::resolve(&options, &|_| None)
    }

    pub(super) async fn connect(&self, conninfo: &str) -> super::Result<Session> {
        Session::connect(&self.target(conninfo)?, &SessionSettings::default()).await
    }

    /// Makes sure that the roles of [`HBA`] exist, whichever test runs first.
    pub(super) async fn with_roles() -> Arc<Self> {
        let server = Self::shared();
        let session = server.superuser().await;
        for role in ["tls_only", "plain_only", "with_cert", "with_word PASSWORD 'the word'"] {
            match session.execute(&format!("CREATE ROLE {role} LOGIN")).await {
                Err(error) if !matches!(error.sqlstate(), Some("42710" | "23505")) => {
                    panic!("{error}");
                }
                _ => {}
            }
        }
        server
    }

    pub(crate) async fn superuser(&self) -> Session {
        Session::connect(&self.local(), &SessionSettings::default()).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.file("data");
        self.run("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
    }
}

/// An error and its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
