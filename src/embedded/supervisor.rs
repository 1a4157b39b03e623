//! The shell between this process and the server, so that the server ends with this process.
//!
//! The kernel closes a dead process's pipes whatever killed it, which no signal handler, exit hook
//! or destructor can guarantee. The script is `supervisor.sh`; it runs in a separate process group,
//! so that Ctrl-C in a terminal reaches only this process and the server shuts down cleanly after
//! it.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::error::{EmbeddedError, Result};

const SCRIPT: &str = include_str!("supervisor.sh");

/// How often to poll a state that has no notification.
pub(super) const POLL: Duration = Duration::from_millis(10);

/// The shutdown mode (PostgreSQL manual, "Shutting Down the Server").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shutdown {
    /// Sessions are terminated, data is written out, the next start needs no recovery.
    Fast,
    /// Immediately; only for disposable data.
    Immediate,
}

impl Shutdown {
    fn signal(self) -> &'static str {
        match self {
            Self::Fast => "INT",
            Self::Immediate => "QUIT",
        }
    }
}

/// A running server and the shell that watches it.
#[derive(Debug)]
pub(super) struct Supervisor {
    shell: Child,
    orders: ChildStdin,
    server: u32,
}

impl Supervisor {
    /// Starts `command`. When this process is gone, the server receives the signal of `abandoned`,
    /// and `folder`, which must belong to the account, is removed.
    pub(super) fn start(
        command: &Command,
        account: Account,
        abandoned: Shutdown,
        folder: &Path,
        log: &Path,
    ) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "nocturne-supervisor", abandoned.signal()])
            .arg(folder)
            .arg(log)
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        account.apply(&mut shell);
        let mut shell = shell.spawn().map_err(EmbeddedError::run("sh"))?;
        let pipes = (shell.stdin.take(), shell.stdout.take());
        let (Some(orders), Some(stdout)) = pipes else {
            return Err(EmbeddedError::run("sh")(io::ErrorKind::BrokenPipe.into()));
        };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(EmbeddedError::run("sh"))?;
        match line.trim().parse() {
            Ok(server) => Ok(Self { shell, orders, server }),
            Err(_) => {
                // It could not open the log. Without its pipe it exits.
                drop(orders);
                let status = shell.wait().map_err(EmbeddedError::run("sh"))?;
                Err(EmbeddedError::run("sh")(io::Error::other(status.to_string())))
            }
        }
    }

    /// The postmaster's process ID.
    pub(super) fn server(&self) -> u32 {
        self.server
    }

    /// The exit status of the server, if it has exited.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.shell.try_wait().map_err(EmbeddedError::run("sh"))
    }

    /// Stops the server and waits for it; after `patience`, stops it immediately.
    pub(super) fn stop(&mut self, how: Shutdown, patience: Duration) -> Result<ExitStatus> {
        // A supervisor that has exited needs no orders.
        let _ = writeln!(self.orders, "{}", how.signal());
        let started = Instant::now();
        while started.elapsed() < patience {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        let _ = writeln!(self.orders, "{}", Shutdown::Immediate.signal());
        self.shell.wait().map_err(EmbeddedError::run("sh"))
    }
}
