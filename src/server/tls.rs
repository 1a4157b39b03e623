//! The meaning of each `sslmode`, implemented with rustls and the ring provider.
//!
//! As in libpq (documentation, section "SSL Support"; `initialize_SSL` in
//! `src/interfaces/libpq/fe-secure-openssl.c`): whenever a root certificate file exists, the
//! server's chain is checked, whatever the mode; `verify-ca` and `verify-full` require the file;
//! only `verify-full` checks the name.
//!
//! Two differences come from rustls: only the certificate's subject alternative names are checked,
//! never its common name, and TLS is 1.2 or 1.3.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};

use super::error::{Result, SessionError, Source};

/// The TLS mode, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS only if the server refuses a connection without it.
    Allow,
    /// TLS if the server supports it. The default.
    Prefer,
    /// TLS, with any server, unless root certificates exist.
    Require,
    /// TLS with a server whose certificate comes from a trusted authority.
    VerifyCa,
    /// The same, and the certificate must match the host name.
    VerifyFull,
}

impl SslMode {
    const ALL: [(Self, &str); 6] = [
        (Self::Disable, "disable"),
        (Self::Allow, "allow"),
        (Self::Prefer, "prefer"),
        (Self::Require, "require"),
        (Self::VerifyCa, "verify-ca"),
        (Self::VerifyFull, "verify-full"),
    ];

    /// The mode with this name.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(mode, _)| *mode)
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(mode, _)| mode == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

/// Whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RootCertificates {
    /// This PEM file, if it exists.
    File(PathBuf),
    /// The operating system's.
    System,
    /// No one: there is no home directory to look in.
    None,
}

/// The `ssl…` parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsOptions {
    pub(super) mode: SslMode,
    pub(super) roots: RootCertificates,
    /// The client's certificate chain.
    pub(super) certificate: Option<PathBuf>,
    /// The client's key.
    pub(super) key: Option<PathBuf>,
    /// Whether the host name is sent in clear text (`sslsni`).
    pub(super) sni: bool,
    /// The lowest and the highest version of TLS (`ssl_min_protocol_version`,
    /// `ssl_max_protocol_version`).
    pub(super) versions: (TlsVersion, TlsVersion),
}

/// A version of TLS. rustls supports no lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TlsVersion {
    V12,
    V13,
}

impl TlsOptions {
    /// Reads the files and builds the client's side of TLS; `None` for [`SslMode::Disable`].
    ///
    /// # Errors
    /// [`SessionError::Tls`] if a file is missing, unreadable or invalid.
    pub(super) fn client_config(&self) -> Result<Option<ClientConfig>> {
        if self.mode == SslMode::Disable {
            return Ok(None);
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = self.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions())
            .map_err(|error| tls("cannot set up TLS", error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let key = self.key.as_deref().ok_or_else(|| {
                    tls_failure(format!(
                        "client certificate \"{}\" has no key (sslkey)",
                        certificate.display()
                    ))
                })?;
                let (chain, key) = (read_certificates(certificate)?, read_key(key)?);
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    tls("the client certificate and its key do not match", error)
                })?
            }
        };
        config.enable_sni = self.sni;
        // As sent by libpq, and required for direct negotiation.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Some(config))
    }

    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let (lowest, highest) = self.versions;
        [(TlsVersion::V12, &TLS12), (TlsVersion::V13, &TLS13)]
            .into_iter()
            .filter(|(version, _)| (lowest..=highest).contains(version))
            .map(|(_, supported)| supported)
            .collect()
    }

    pub(super) fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>> {
        let roots = match &self.roots {
            RootCertificates::File(path) if path.exists() => read_certificates(path)?,
            RootCertificates::System => system_roots()?,
            missing if self.mode >= SslMode::VerifyCa => {
                let what = match missing {
                    RootCertificates::File(path) => {
                        format!("root certificate file \"{}\" does not exist", path.display())
                    }
                    _ => "there is no home directory to search for root certificates".to_owned(),
                };
                return Err(tls_failure(format!(
                    "{what} (sslmode {} requires it; set sslrootcert to a file or to \"system\")",
                    self.mode
                )));
            }
            _ => {
                return Ok(Arc::new(Verifier {
                    chain: None,
                    check_name: false,
                    provider: Arc::clone(provider),
                }));
            }
        };
        let mut store = RootCertStore::empty();
        let (added, _) = store.add_parsable_certificates(roots.iter().cloned());
        if added == 0 {
            return Err(tls_failure("none of the root certificates is usable".to_owned()));
        }
        let chain =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
                .build()
                .map_err(|error| tls("cannot use the root certificates", error))?;
        Ok(Arc::new(Verifier {
            chain: Some(Chain { verifier: chain, roots }),
            check_name: self.mode == SslMode::VerifyFull,
            provider: Arc::clone(provider),
        }))
    }
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>> {
    let found = rustls_native_certs::load_native_certs();
    match (found.certs.is_empty(), found.errors.into_iter().next()) {
        (false, _) => Ok(found.certs),
        (true, Some(error)) => Err(tls("cannot read the system's root certificates", error)),
        (true, None) => Err(tls_failure("the system has no root certificates".to_owned())),
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let failed =
        |error| tls(format!("cannot read certificates from \"{}\"", path.display()), error);
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    if certificates.is_empty() {
        return Err(tls_failure(format!("no certificate in \"{}\"", path.display())));
    }
    Ok(certificates)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let shown = path.display();
    let metadata = fs::metadata(path)
        .map_err(|error| tls(format!("cannot read the private key \"{shown}\""), error))?;
    // libpq's rule: owner access only, or group read access if root owns the file.
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        return Err(tls_failure(format!(
            "private key file \"{shown}\" has group or world access; it must be u=rw (0600) or \
             less, or u=rw,g=r (0640) if root owns it"
        )));
    }
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| tls(format!("cannot read the private key \"{shown}\""), error))
}

fn tls(what: impl Into<String>, source: impl Into<Source>) -> SessionError {
    SessionError::Tls { what: what.into(), source: Some(source.into()) }
}

fn tls_failure(what: String) -> SessionError {
    SessionError::Tls { what, source: None }
}

/// Checks a server's certificate: exactly what `sslmode` requires.
#[derive(Debug)]
struct Verifier {
    /// Absent if any server is accepted.
    chain: Option<Chain>,
    check_name: bool,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Chain {
    verifier: Arc<WebPkiServerVerifier>,
    roots: Vec<CertificateDer<'static>>,
}

impl Chain {
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        match self.verifier.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Ok(_) => Ok(()),
            Err(error) if is_about_the_name(&error) => Err(error),
            // A self-signed server certificate that is itself the trusted root, as in PostgreSQL's
            // manual: OpenSSL accepts it, but webpki rejects an authority as a server. Its dates
            // are checked before that, so they are valid here.
            Err(error) if !is_about_dates(&error) && self.roots.contains(certificate) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn is_about_the_name(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

fn is_about_dates(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
                | CertificateError::BadEncoding
        )
    )
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(chain) = &self.chain {
            match chain.check(certificate, intermediates, name, ocsp, now) {
                // The chain is checked before the name, so a wrong name means a valid chain.
                Err(error) if is_about_the_name(&error) && !self.check_name => {}
                checked => checked?,
            }
            if self.check_name {
                // Again for the self-signed root, which never reached this check.
                let parsed = ParsedCertificate::try_from(certificate)?;
                rustls::client::verify_server_name(&parsed, name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
