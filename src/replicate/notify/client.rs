//! The HTTP client: rustls with the ring provider and the system's root certificates.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// Why the HTTP client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// Any other error.
    #[error("cannot set up HTTP")]
    Http(#[from] reqwest::Error),
}

/// A client with a request timeout. It does not follow redirects, so that a token only reaches the
/// intended server.
pub(super) fn client(timeout: Duration) -> Result<reqwest::Client, ClientError> {
    let mut roots = RootCertStore::empty();
    // Without any, https fails with its own error; plain http still works.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .timeout(timeout)
        .user_agent(concat!("nocturne/", env!("CARGO_PKG_VERSION")))
        .build()?)
}
