//! A URL that is notified of the outcome of a run.

use std::fmt;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// Why a text is not a webhook URL. The error does not show the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is not a URL.
    #[error("not a URL")]
    Url,
    /// Its scheme is not HTTP.
    #[error("not an http:// or https:// URL")]
    Scheme,
}

/// A URL that is notified of the outcome of a run, and its token.
///
/// `Display` and `Debug` only show scheme and host: chat services put the secret into the path.
#[derive(Clone)]
pub struct Webhook {
    url: Url,
    token: Option<SecretString>,
}

impl Webhook {
    /// A webhook. The token is sent as `Authorization: Bearer`.
    ///
    /// # Errors
    /// [`AddressError`] if it is not an HTTP URL.
    pub fn new(url: &str, token: Option<SecretString>) -> Result<Self, AddressError> {
        let url = Url::parse(url).map_err(|_| AddressError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(AddressError::Scheme);
        }
        Ok(Self { url, token })
    }

    pub(super) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl fmt::Display for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.url.host_str().unwrap_or_default())?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_and_debug_only_show_the_host() {
        let token = Some(SecretString::from("token-1"));
        let text = "https://user:word-2@hooks.example:8443/services/key-3?key=key-4#key-5";
        let webhook = Webhook::new(text, token).unwrap();
        assert_eq!(webhook.to_string(), "https://hooks.example:8443");
        assert_eq!(format!("{webhook:?}"), "Webhook(https://hooks.example:8443)");
    }

    #[test]
    fn only_http_urls_are_webhooks() {
        assert_eq!(Webhook::new("hooks.example", None).unwrap_err(), AddressError::Url);
        assert_eq!(Webhook::new("ftp://hooks.example", None).unwrap_err(), AddressError::Scheme);
        assert_eq!(Webhook::new("data:text/plain,x", None).unwrap_err(), AddressError::Scheme);
    }
}
