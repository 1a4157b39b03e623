//! The HTTP clients of the program: rustls with the ring provider and the system's root
//! certificates.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, ClientBuilder};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// The redirect limit; every browser follows at least this many.
const MAX_REDIRECTS: usize = 10;

/// Why no HTTP client could be created.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// Any other error.
    #[error("cannot set up HTTP")]
    Http(#[from] reqwest::Error),
}

/// A client without a time limit on the body. It follows redirects, but never from `https` to
/// `http`, and does not send the old URL, which may be signed, to the new server.
pub(crate) fn following_redirects(connect: Duration) -> Result<Client, ClientError> {
    let redirects = Policy::custom(follow);
    build(Client::builder().redirect(redirects).referer(false).connect_timeout(connect))
}

/// A client with a time limit on the whole request. It does not follow redirects, so that a token
/// only reaches the intended server.
#[cfg(feature = "replicate")]
pub(crate) fn without_redirects(timeout: Duration) -> Result<Client, ClientError> {
    build(Client::builder().redirect(Policy::none()).timeout(timeout))
}

/// Each request uses a separate connection: requests come from several runtimes, and an idle
/// connection would be tied to one of them.
fn build(client: ClientBuilder) -> Result<Client, ClientError> {
    let mut roots = RootCertStore::empty();
    // Without roots, https fails with its own error; plain http still works.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(client
        .tls_backend_preconfigured(tls)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("nocturne/", env!("CARGO_PKG_VERSION")))
        .build()?)
}

/// Whether a request failed permanently: an untrusted certificate, a redirect that is not followed,
/// an invalid request.
pub(crate) fn is_lasting(error: &reqwest::Error) -> bool {
    error.is_redirect() || error.is_builder() || is_about_a_certificate(error)
}

fn is_about_a_certificate(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        // An I/O error's `source` is that of its inner error, so the inner error itself would be
        // skipped.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    false
}

fn follow(attempt: Attempt<'_>) -> Action {
    let is_downgrade = attempt.previous().last().is_some_and(|url| url.scheme() == "https")
        && attempt.url().scheme() != "https";
    if is_downgrade {
        attempt.error("a redirect from https to http")
    } else if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("too many redirects")
    } else {
        attempt.follow()
    }
}
