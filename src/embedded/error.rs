//! Errors of a throw-away server.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::installation::Version;

/// Result of operating a throw-away server.
pub type Result<T, E = EmbeddedError> = std::result::Result<T, E>;

/// Why the server could not start. `Display` gives one fragment, followed by the last lines of output from
/// the server or initdb, if any.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// No directory contains both `postgres` and `initdb`.
    #[error(
        "no PostgreSQL server found (looked in PG_BIN, PATH and {}); \
         install one, or set PG_BIN to the directory of postgres and initdb", list(.looked_in)
    )]
    NoInstallation {
        /// The patterns searched after `PG_BIN` and `PATH`.
        looked_in: Vec<PathBuf>,
    },
    /// An explicitly named folder lacks the programs.
    #[error("{} does not contain both postgres and initdb", .bin.display())]
    NotAnInstallation {
        /// The folder.
        bin: PathBuf,
    },
    /// `postgres --version` did not print a version.
    #[error("{} printed an unrecognized version: {output:?}", .program.display())]
    UnknownVersion {
        /// The program.
        program: PathBuf,
        /// What it printed.
        output: String,
    },
    /// A program could not be started.
    #[error("cannot run {}", .program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },
    /// A folder or file could not be created, read or given to the account.
    #[error("cannot {action} {}", .path.display())]
    Path {
        /// The attempted action, a verb.
        action: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },
    /// The operating system provides no random bytes.
    #[error("cannot create a random password or folder name")]
    Random(#[source] getrandom::Error),
    /// PostgreSQL refuses to run as root and there is no account to run it as.
    #[error("PostgreSQL refuses to run as root; /etc/passwd has no account postgres or nobody")]
    NoAccount,
    /// initdb, or the single-user server, failed.
    #[error("{program} failed:\n{output}")]
    Initialize {
        /// Which program.
        program: &'static str,
        /// The end of its output.
        output: String,
    },
    /// The data folder contains something else.
    #[error("{} is neither empty nor a PostgreSQL data directory", .data_dir.display())]
    NotADataDirectory {
        /// The folder.
        data_dir: PathBuf,
    },
    /// The data was written by another major version.
    #[error(
        "{} was initialized by PostgreSQL {found}, which {installed} cannot read",
        .data_dir.display()
    )]
    WrongVersion {
        /// The folder.
        data_dir: PathBuf,
        /// The major version in its `PG_VERSION` file.
        found: String,
        /// The version of the binaries.
        installed: Version,
    },
    /// No port of 127.0.0.1 was available.
    #[error("no free TCP port")]
    NoPort(#[source] io::Error),
    /// The server exited before it accepted connections.
    #[error("the server did not start:\n{log}")]
    Exited {
        /// The end of the server's log.
        log: String,
    },
    /// The server runs but does not accept connections.
    #[error("the server was not ready after {} s:\n{log}", .waited.as_secs())]
    NotReady {
        /// How long it was given to start.
        waited: Duration,
        /// The end of the server's log.
        log: String,
    },
    /// The server had to be killed, or exited with an error.
    #[error("the server did not shut down cleanly:\n{log}")]
    Stop {
        /// The end of the server's log.
        log: String,
    },
}

impl EmbeddedError {
    /// For `map_err` on file operations.
    pub(super) fn path(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Path { action, path, source }
    }

    /// For `map_err` on starting a program.
    pub(super) fn run(program: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let program = program.into();
        move |source| Self::Run { program, source }
    }
}

/// The last lines of a log, indented, for an error message.
pub(super) fn tail(log: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let kept = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    if kept.is_empty() {
        return "    (no output)".to_owned();
    }
    kept.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_keeps_the_last_lines() {
        let log: String = (1..=40).map(|line| format!("line {line}\n\n")).collect();
        let tail = tail(&log);
        assert!(tail.starts_with("    line 29\n"), "{tail}");
        assert!(tail.ends_with("    line 40"), "{tail}");
    }

    #[test]
    fn empty_log_is_reported_as_no_output() {
        assert_eq!(tail("\n \n"), "    (no output)");
    }
}
