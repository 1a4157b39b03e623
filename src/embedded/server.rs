//! Starting, describing and stopping one server.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::data_dir;
use super::error::{EmbeddedError, Result, tail};
use super::folder::Folder;
use super::installation::{Installation, Version};
use super::options::{EmbeddedOptions, Listen};
use super::password;
use super::supervisor::{POLL, Shutdown, Supervisor};
use super::url;

/// How long a server may take to write out its data.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often to look for another free port when a process took the last one.
const PORT_ATTEMPTS: usize = 5;

/// The port of a server without TCP: it only names the socket in the private folder.
const SOCKET_ONLY_PORT: u16 = 5432;

/// A PostgreSQL server that ends when this value is dropped, at the latest with this process.
#[derive(Debug)]
pub struct Embedded {
    // Dropped before the folder, which is removed only after the server has ended.
    supervisor: Option<Supervisor>,
    installation: Installation,
    data_dir: PathBuf,
    kept: bool,
    port: u16,
    password: Option<String>,
    superuser: String,
    folder: Folder,
}

impl Embedded {
    /// Starts a server and waits until it accepts connections. Blocks for a second or two, mostly
    /// for initdb.
    ///
    /// # Errors
    /// When there are no binaries, the data directory is unusable, or the server exits or is not
    /// ready in time; the message then contains the end of its log.
    pub fn start(options: &EmbeddedOptions) -> Result<Self> {
        let installation = data_dir::installation(options)?;
        let (account, kept) = match &options.data_dir {
            Some(kept) => {
                let kept = std::path::absolute(kept).map_err(EmbeddedError::path("find", kept))?;
                (data_dir::account_for(&kept)?, Some(kept))
            }
            None => (Account::choose()?, None),
        };
        let folder = Folder::create(account)?;
        let data_dir = kept.clone().unwrap_or_else(|| folder.data());
        data_dir::prepare(&installation, account, options, &data_dir)?;

        let mut server = Self {
            supervisor: None,
            installation,
            data_dir,
            kept: kept.is_some(),
            port: SOCKET_ONLY_PORT,
            password: None,
            superuser: options.superuser.clone(),
            folder,
        };
        if let Listen::Loopback { .. } = options.listen {
            let secret = password::random()?;
            let Self { installation, data_dir, .. } = &server;
            data_dir::set_password(installation, account, options, data_dir, &secret)?;
            server.password = Some(secret);
        }
        server.write_access_rules(account)?;
        server.launch(options, account)?;
        Ok(server)
    }

    /// A connection URL for a database of this server, through its socket.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url::by_socket(self.socket_dir(), self.port, &self.superuser, database)
    }

    /// A connection URL through 127.0.0.1, **with the password**; `None` if the server does not
    /// listen there.
    #[must_use]
    pub fn tcp_url(&self, database: &str) -> Option<String> {
        let password = self.password.as_ref()?;
        Some(url::by_tcp(self.port, &self.superuser, password, database))
    }

    /// The folder of the socket, used as the `host` of a connection.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The port: part of the socket's name, and the TCP port if the server listens on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser to connect as.
    #[must_use]
    pub fn superuser(&self) -> &str {
        &self.superuser
    }

    /// The folder of the server's programs.
    #[must_use]
    pub fn bin_dir(&self) -> &Path {
        &self.installation.bin
    }

    /// The version of the server's programs.
    #[must_use]
    pub fn version(&self) -> Version {
        self.installation.version
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The process ID of the postmaster.
    #[must_use]
    pub fn postmaster_pid(&self) -> Option<u32> {
        self.supervisor.as_ref().map(Supervisor::server)
    }

    /// The server's log of this run. Empty if the log cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Shuts down the server cleanly: sessions are terminated, data is written out. Blocks.
    ///
    /// # Errors
    /// When the server had already exited, had to be killed, or reported a failure.
    pub fn stop(mut self) -> Result<()> {
        self.shut_down(Shutdown::Fast)
    }

    fn shut_down(&mut self, how: Shutdown) -> Result<()> {
        let Some(mut supervisor) = self.supervisor.take() else {
            return Ok(());
        };
        if supervisor.stop(how, PATIENCE)?.success() {
            return Ok(());
        }
        Err(EmbeddedError::Stop { log: tail(&self.log()) })
    }

    /// Writes the access rules, outside the data directory: its own file is for other uses.
    fn write_access_rules(&self, account: Account) -> Result<()> {
        let mut rules = "local all all trust\nlocal replication all trust\n".to_owned();
        if self.password.is_some() {
            rules.push_str("host all all 127.0.0.1/32 scram-sha-256\n");
        }
        let path = self.folder.access_rules();
        fs::write(&path, rules).map_err(EmbeddedError::path("write", &path))?;
        account.own(&path)
    }

    /// Starts the server, on another port if the free one was taken in the meantime.
    fn launch(&mut self, options: &EmbeddedOptions, account: Account) -> Result<()> {
        let mut attempts = match options.listen {
            Listen::Loopback { port: None } => PORT_ATTEMPTS,
            _ => 1,
        };
        loop {
            attempts -= 1;
            self.port = match options.listen {
                Listen::SocketOnly => SOCKET_ONLY_PORT,
                Listen::Loopback { port: Some(port) } => port,
                Listen::Loopback { port: None } => free_port()?,
            };
            // From an earlier attempt.
            let _ = fs::remove_file(self.folder.log());
            let supervisor = self.supervise(options, account)?;
            self.supervisor = Some(supervisor);
            match self.wait_until_ready(options.start_timeout) {
                Err(EmbeddedError::Exited { log }) if attempts > 0 && port_was_taken(&log) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn supervise(&self, options: &EmbeddedOptions, account: Account) -> Result<Supervisor> {
        let mut command = Command::new(self.installation.program("postgres"));
        command.arg("-D").arg(&self.data_dir);
        for (name, value) in options.all_settings() {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        // After the caller's settings, so that they cannot override this module's guarantees.
        let tcp = if options.listen == Listen::SocketOnly { "" } else { "127.0.0.1" };
        // Quoted, as it is a comma-separated list.
        command
            .arg("-c")
            .arg(format!("unix_socket_directories=\"{}\"", self.folder.path().display()))
            .arg("-c")
            .arg(format!("hba_file={}", self.folder.access_rules().display()))
            .arg("-c")
            .arg(format!("listen_addresses={tcp}"))
            .arg("-c")
            .arg(format!("port={}", self.port));
        let log = self.folder.log();
        Supervisor::start(&command, account, self.last_shutdown(), self.folder.path(), &log)
    }

    /// How the server shuts down on drop: kept data must not lose commits that an asynchronous
    /// server has not written yet.
    fn last_shutdown(&self) -> Shutdown {
        if self.kept { Shutdown::Fast } else { Shutdown::Immediate }
    }

    /// Waits for the status that the postmaster writes into `postmaster.pid`
    /// (`AddToDataDirLockFile` with `PM_STATUS_READY`, src/backend/postmaster/postmaster.c).
    fn wait_until_ready(&mut self, timeout: Duration) -> Result<()> {
        let file = self.data_dir.join("postmaster.pid");
        let started = Instant::now();
        loop {
            let Some(supervisor) = &mut self.supervisor else {
                return Err(EmbeddedError::Exited { log: tail(&self.log()) });
            };
            let server = supervisor.server();
            if supervisor.ended()?.is_some() {
                self.supervisor = None;
                return Err(EmbeddedError::Exited { log: tail(&self.log()) });
            }
            // The file may be missing or incomplete at first.
            if fs::read_to_string(&file).is_ok_and(|text| says_ready(&text, server)) {
                return Ok(());
            }
            if started.elapsed() > timeout {
                return Err(EmbeddedError::NotReady { waited: timeout, log: tail(&self.log()) });
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // A failure has no remedy here; the supervisor keeps trying once its pipe closes.
        let _ = self.shut_down(self.last_shutdown());
    }
}

/// Line 1 is the process ID, line 8 the status. The file of an earlier server, or of another one in
/// the same folder, has a different ID.
fn says_ready(postmaster_pid: &str, server: u32) -> bool {
    let mut lines = postmaster_pid.lines().map(str::trim);
    lines.next() == Some(server.to_string().as_str()) && lines.nth(6) == Some("ready")
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(EmbeddedError::NoPort)?;
    Ok(listener.local_addr().map_err(EmbeddedError::NoPort)?.port())
}

/// A new cluster logs in English; a kept one may have another `lc_messages`, and then a lost race
/// for a port is reported instead of retried.
fn port_was_taken(log: &str) -> bool {
    log.contains("Address already in use") || log.contains("could not bind")
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = "4711\n/data\n1700000000\n5432\n/tmp/x\n\n  123  456\nready   \n";

    #[test]
    fn ready_status_counts_only_for_own_server() {
        assert!(says_ready(READY, 4711));
        assert!(!says_ready(READY, 471));
        assert!(!says_ready(&READY.replace("ready   ", "starting"), 4711));
        assert!(!says_ready("4711\n/data\n", 4711));
        assert!(!says_ready("", 4711));
    }
}
