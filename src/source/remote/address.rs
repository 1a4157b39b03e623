//! A URL that may contain secrets.

use std::fmt;
use std::sync::Arc;

use reqwest::Url;

/// An `http` or `https` URL. Its password or the signature in its query grants access, so `Display`
/// and `Debug` show only scheme, host and path.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Arc<Url>);

/// The error for text that is not a URL. It does not repeat the text, which may contain secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an http://, https:// or file:/// URL")]
pub struct AddressError;

impl Address {
    /// Whether a text is meant as a URL, with any scheme: `file.dump` and `./http:` are not. A
    /// misspelt scheme must not turn it into a path, which would be shown in full.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let is_scheme = |text: &str| {
            let rest = text.strip_prefix(|first: char| first.is_ascii_alphabetic());
            rest.is_some_and(|rest| {
                rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            })
        };
        text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
    }

    /// Parses a URL.
    ///
    /// # Errors
    /// When it is not a URL with one of the two schemes.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Url::parse(text).map_err(|_| AddressError)?.try_into()
    }

    /// The full URL, only for requests.
    pub(crate) fn expose(&self) -> &Url {
        &self.0
    }

    /// The last component of the path, usually a file name.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.0.path_segments()?.next_back().filter(|name| !name.is_empty())
    }
}

impl TryFrom<Url> for Address {
    type Error = AddressError;

    fn try_from(url: Url) -> Result<Self, AddressError> {
        let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
        if is_http { Ok(Self(Arc::new(url))) } else { Err(AddressError) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.0.path())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_shown_without_secrets() {
        let text = "https://user-1:word-2@host.example:8443/a/b.tar.gz?signature=word-3#word-4";
        let address = Address::parse(text).unwrap();
        assert_eq!(address.to_string(), "https://host.example:8443/a/b.tar.gz");
        assert_eq!(format!("{address:?}"), "Address(https://host.example:8443/a/b.tar.gz)");
        assert_eq!(address.expose().as_str(), text);
    }

    #[test]
    fn file_name_is_the_last_path_component() {
        let name = |text| Address::parse(text).unwrap().file_name().map(str::to_owned);
        assert_eq!(name("http://h/a/b.tar.gz?c/d").as_deref(), Some("b.tar.gz"));
        assert_eq!(name("http://h/a/"), None);
        assert_eq!(name("http://h"), None);
    }

    #[test]
    fn other_schemes_are_not_addresses() {
        for text in ["ftp://h/f", "file:///f", "f.dump", "http://", "https:"] {
            assert_eq!(Address::parse(text), Err(AddressError), "{text}");
        }
        assert!(Address::is_meant("HTTPS://h/f") && Address::is_meant("http://h"));
        assert!(Address::is_meant("htps://h/f?signature=x"), "nor a path, which would be shown");
        assert!(!Address::is_meant("./http://h") && !Address::is_meant("h.dump"));
        assert!(!Address::is_meant("ééééé"));
    }
}
