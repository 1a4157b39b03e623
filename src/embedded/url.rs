//! Connection URLs of a throw-away server, in libpq's format (PostgreSQL manual, "Connection
//! URIs").

use std::path::Path;

/// Through the socket: a host that starts with a slash is the socket's folder. It goes in the
/// query, where slashes need no encoding and the URL stays readable.
pub(super) fn by_socket(folder: &Path, port: u16, user: &str, database: &str) -> String {
    format!(
        "postgresql:///{}?host={}&port={port}&user={}",
        encoded(database),
        encoded(&folder.to_string_lossy()).replace("%2F", "/"),
        encoded(user),
    )
}

/// Through 127.0.0.1.
pub(super) fn by_tcp(port: u16, user: &str, password: &str, database: &str) -> String {
    format!(
        "postgresql://{}:{}@127.0.0.1:{port}/{}",
        encoded(user),
        encoded(password),
        encoded(database),
    )
}

/// Percent-encodes all but unreserved characters (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use tokio_postgres::config::{Config, Host};

    use super::*;

    #[test]
    fn special_characters_survive_the_url() {
        let folder = Path::new("/tmp/a b&c");
        let config = Config::from_str(&by_socket(folder, 5433, "p?g", "ünï/code %41")).unwrap();
        assert_eq!(config.get_hosts(), [Host::Unix(folder.to_owned())]);
        assert_eq!(config.get_ports(), [5433]);
        assert_eq!(config.get_user(), Some("p?g"));
        assert_eq!(config.get_dbname(), Some("ünï/code %41"));
    }

    #[test]
    fn tcp_url_contains_the_password() {
        let config = Config::from_str(&by_tcp(5433, "postgres", "a:b@c", "d")).unwrap();
        assert_eq!(config.get_password(), Some(&b"a:b@c"[..]));
        assert_eq!(config.get_hosts(), [Host::Tcp("127.0.0.1".to_owned())]);
    }
}
