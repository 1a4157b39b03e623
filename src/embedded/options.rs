//! Options of a throw-away server.

use std::path::PathBuf;
use std::time::Duration;

use super::installation::Installation;

/// Options for [`Embedded::start`](super::Embedded::start). The default is a server of the
/// preferred installation that no one else can reach and that leaves nothing behind.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The binaries; by default the first of [`find_binaries`](super::find_binaries).
    pub installation: Option<Installation>,
    /// The data directory. It is kept when the server stops, and an existing cluster in it is
    /// reused. By default the data is in the temporary folder and removed with it.
    pub data_dir: Option<PathBuf>,
    /// A data directory to copy instead of running initdb (0.1 s instead of 1 s), created by
    /// [`initialize`](super::initialize) with the same version and not in use.
    pub template: Option<PathBuf>,
    /// Who can connect.
    pub listen: Listen,
    /// Server settings, as for `postgres -c name=value`; they override this module's.
    pub settings: Vec<(String, String)>,
    /// The bootstrap superuser; must match an existing cluster in `data_dir`.
    pub superuser: String,
    /// Whether the data must survive a crash of the machine. If not, the server does not wait for
    /// the disk and writes minimal WAL: much faster, and sufficient if the data can be restored
    /// again. A crash of only the server or this process loses nothing in a kept folder.
    pub durable: bool,
    /// The locale of new databases; by default `C.UTF-8` if the system has it, else `C`. The
    /// encoding is always UTF8.
    pub locale: Option<String>,
    /// How long the server may take to accept connections.
    pub start_timeout: Duration,
}

/// Who else can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listen {
    /// Programs of the same account, or of root, through the socket.
    #[default]
    SocketOnly,
    /// The same, plus programs on this machine that have the password.
    Loopback {
        /// The port on 127.0.0.1; by default any free one.
        port: Option<u16>,
    },
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            installation: None,
            data_dir: None,
            template: None,
            listen: Listen::SocketOnly,
            settings: Vec::new(),
            superuser: "postgres".to_owned(),
            durable: false,
            locale: None,
            start_timeout: Duration::from_secs(60),
        }
    }
}

impl EmbeddedOptions {
    /// The settings on the server's command line, where the last of a name wins.
    pub(super) fn all_settings(&self) -> Vec<(String, String)> {
        // A reused cluster may send its log elsewhere; errors are read from stderr.
        let mut all = vec![("logging_collector", "off"), ("log_destination", "stderr")];
        if !self.durable {
            all.extend([
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
            ]);
            // At this level, tables loaded in the transaction that created them are not logged.
            // It requires zero WAL senders, so it must not be mixed with the caller's settings.
            let replicates = |name: &str| matches!(name, "wal_level" | "max_wal_senders");
            if !self.settings.iter().any(|(name, _)| replicates(name)) {
                all.extend([("wal_level", "minimal"), ("max_wal_senders", "0")]);
            }
        }
        all.into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain(self.settings.iter().cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: &EmbeddedOptions) -> Vec<String> {
        options.all_settings().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn durable_server_keeps_safe_defaults() {
        let options = EmbeddedOptions { durable: true, ..EmbeddedOptions::default() };
        assert_eq!(names(&options), ["logging_collector", "log_destination"]);
    }

    #[test]
    fn replication_setting_of_the_caller_disables_minimal_wal() {
        let settings = vec![("wal_level".to_owned(), "logical".to_owned())];
        let options = EmbeddedOptions { settings, ..EmbeddedOptions::default() };
        let names = names(&options);
        assert_eq!(names.iter().filter(|name| *name == "wal_level").count(), 1);
        assert!(!names.iter().any(|name| name == "max_wal_senders"));
    }
}
