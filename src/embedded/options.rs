//! How a throw-away server is to be.

use std::path::PathBuf;
use std::time::Duration;

use super::installation::Installation;

/// What [`Embedded::start`](super::Embedded::start) needs to know. The default is a server of
/// the preferred installation that nobody else can reach and that leaves nothing behind.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Which binaries; without, the first of [`find_binaries`](super::find_binaries).
    pub installation: Option<Installation>,
    /// Where the data goes. It is kept when the server stops, and used again if it holds a
    /// cluster already. Without, the data is in the temporary folder and goes with it.
    pub data_dir: Option<PathBuf>,
    /// A data directory, made by [`initialize`](super::initialize) with the same version and
    /// not in use, to be copied in place of running initdb (a tenth of a second against one).
    pub template: Option<PathBuf>,
    /// Who can connect.
    pub listen: Listen,
    /// Server settings, as `postgres -c name=value` takes them; they win over this module's.
    pub settings: Vec<(String, String)>,
    /// The bootstrap superuser; must be the cluster's own when `data_dir` holds one.
    pub superuser: String,
    /// Whether the data must survive a crash of the machine. Without, the server waits for no
    /// disk and writes no more log than it needs itself: much faster, and enough where the data
    /// can be restored again. A crash of the server or of this process alone loses nothing
    /// that a kept folder held.
    pub durable: bool,
    /// The locale of new databases; without, `C.UTF-8` where the system has it, else `C`.
    /// The encoding is always UTF8.
    pub locale: Option<String>,
    /// How long the server may take until it accepts connections.
    pub start_timeout: Duration,
}

/// Who can connect, besides this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listen {
    /// Programs of the same account, or of root, by the socket.
    #[default]
    SocketOnly,
    /// The same, and programs on this machine that know the password.
    Loopback {
        /// The port on 127.0.0.1; without, any free one.
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
    /// The settings on the server's command line. The last one of a name wins there.
    pub(super) fn all_settings(&self) -> Vec<(String, String)> {
        // A cluster that is used again may send its log elsewhere; errors are read from stderr.
        let mut all = vec![("logging_collector", "off"), ("log_destination", "stderr")];
        if !self.durable {
            all.extend([
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
            ]);
            // Tables filled in the transaction that created them are not logged at this level.
            // It goes together with no WAL senders, so it must not be mixed with a wish.
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
    fn a_durable_server_keeps_the_defaults_that_protect_data() {
        let options = EmbeddedOptions { durable: true, ..EmbeddedOptions::default() };
        assert_eq!(names(&options), ["logging_collector", "log_destination"]);
    }

    #[test]
    fn a_wish_about_replication_leaves_replication_alone() {
        let settings = vec![("wal_level".to_owned(), "logical".to_owned())];
        let options = EmbeddedOptions { settings, ..EmbeddedOptions::default() };
        let names = names(&options);
        assert_eq!(names.iter().filter(|name| *name == "wal_level").count(), 1);
        assert!(!names.iter().any(|name| name == "max_wal_senders"));
    }
}
