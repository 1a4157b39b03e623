//! A URL that may contain secrets.

use std::fmt;
use std::sync::Arc;

use reqwest::Url;

use super::AddressError;

/// An `http` or `https` URL. Its password or the signature in its query grants access, so `Display`
/// and `Debug` show only scheme, host and path.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Arc<Url>);

impl Address {
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
    }
}
