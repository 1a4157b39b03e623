//! The servers to try: combines the lists `host`, `hostaddr` and `port` as libpq does
//! (documentation, section "Specifying Multiple Hosts").

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::conninfo::concealed;
use super::error::{Result, SessionError};
use super::params::{params, wrong_value};

/// One server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) place: Endpoint,
    pub(super) port: u16,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The directory of a Unix-domain socket.
    Unix(PathBuf),
    /// A host name, looked up when connecting.
    Name(String),
    /// An address that needs no lookup, with the name that a certificate must have.
    Address { name: String, address: IpAddr },
}

impl Host {
    /// The host's name in a password file: `localhost` for the default socket directory.
    pub(super) fn password_name(&self) -> &str {
        match &self.place {
            Endpoint::Unix(directory) if is_default_socket_directory(directory) => "localhost",
            Endpoint::Unix(directory) => directory.to_str().unwrap_or_default(),
            Endpoint::Name(name) | Endpoint::Address { name, .. } => name,
        }
    }

    /// The socket's file, if the host is a directory.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        match &self.place {
            Endpoint::Unix(directory) => Some(directory.join(format!(".s.PGSQL.{}", self.port))),
            Endpoint::Name(_) | Endpoint::Address { .. } => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Endpoint::Unix(directory) => write!(f, "{}", directory.display())?,
            Endpoint::Name(name) | Endpoint::Address { name, .. } if name.contains(':') => {
                write!(f, "[{name}]")?;
            }
            Endpoint::Name(name) | Endpoint::Address { name, .. } => {
                f.write_str(&concealed(name).unwrap_or_else(|| name.clone()))?;
            }
        }
        write!(f, ":{}", self.port)
    }
}

/// The servers that the lists name, element by element.
///
/// # Errors
/// [`SessionError::Params`](super::SessionError::Params) if a value is wrong or the lists do not
/// match.
pub(super) fn hosts(
    names: Option<&str>,
    addresses: Option<&str>,
    ports: Option<&str>,
) -> Result<Vec<Host>> {
    let list = |value: Option<&'_ str>| -> Vec<String> {
        value.map_or(vec![], |value| value.split(',').map(|v| v.trim().to_owned()).collect())
    };
    let (names, addresses, ports) = (list(names), list(addresses), list(ports));
    let count = names.len().max(addresses.len()).max(1);
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(params(format!(
            "could not match {} host names to {} hostaddr values",
            names.len(),
            addresses.len()
        )));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(params(format!(
            "could not match {} port numbers to {count} hosts",
            ports.len()
        )));
    }
    let nth = |list: &[String], i: usize| list.get(i).cloned().unwrap_or_default();
    (0..count)
        .map(|i| {
            let port = nth(&ports, if ports.len() == 1 { 0 } else { i });
            let port = match port.as_str() {
                "" => 5432,
                text => {
                    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong_port(text))?
                }
            };
            let (name, address) = (nth(&names, i), nth(&addresses, i));
            let place = if !address.is_empty() {
                let parsed = address.parse().map_err(|_| wrong_value("hostaddr", &address))?;
                let name = if name.is_empty() { address } else { name };
                Endpoint::Address { name, address: parsed }
            } else if name.is_empty() {
                Endpoint::Unix(default_socket_directory(port))
            } else if name.starts_with('/') {
                Endpoint::Unix(PathBuf::from(name))
            } else {
                Endpoint::Name(name)
            };
            Ok(Host { place, port })
        })
        .collect()
}

/// Where servers put their sockets: Debian's default and PostgreSQL's own.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

fn is_default_socket_directory(directory: &Path) -> bool {
    SOCKET_DIRECTORIES.iter().any(|default| directory == Path::new(default))
}

/// The first default directory that contains a server's socket for this port, or else the first
/// one.
fn default_socket_directory(port: u16) -> PathBuf {
    let socket = format!(".s.PGSQL.{port}");
    let mut directories = SOCKET_DIRECTORIES.iter().map(Path::new);
    let found = directories.find(|directory| directory.join(&socket).exists());
    found.unwrap_or(Path::new(SOCKET_DIRECTORIES[0])).to_path_buf()
}

/// The error for a port. In a URL without "@", the password is in its place, so only a number is
/// shown.
fn wrong_port(text: &str) -> SessionError {
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => wrong_value("port", text),
        false => params(
            "the connection parameter \"port\" is not a number (in a URL, user and password end \
             with \"@\")",
        ),
    }
}
