//! The PostgreSQL manual's recipe for a small installation: one self-signed certificate that is
//! both the server's and the trusted root.

use std::io::Write;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::server::tls::{RootCertificates, SslMode, TlsOptions, TlsVersion};

/// A self-signed certificate for `localhost`, valid from 2020 to 2030.
fn self_signed() -> rcgen::Certificate {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap()
}

#[test]
fn self_signed_server_must_be_an_unexpired_root() {
    let (trusted, stranger) = (self_signed(), self_signed());
    let mut roots = tempfile::NamedTempFile::new().unwrap();
    roots.write_all(trusted.pem().as_bytes()).unwrap();
    let verify = |mode, certificate: &CertificateDer<'_>, name: &'static str, year: u64| {
        let options = TlsOptions {
            mode,
            roots: RootCertificates::File(roots.path().to_owned()),
            certificate: None,
            key: None,
            sni: true,
            versions: (TlsVersion::V12, TlsVersion::V13),
        };
        let verifier = options.verifier(&rustls::crypto::ring::default_provider().into()).unwrap();
        let name = ServerName::try_from(name).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_556_952));
        verifier.verify_server_cert(certificate, &[], &name, &[], now).is_ok()
    };
    for (mode, certificate, name, year, good) in [
        (SslMode::VerifyFull, trusted.der(), "localhost", 2025, true),
        (SslMode::VerifyFull, trusted.der(), "elsewhere", 2025, false),
        (SslMode::VerifyCa, trusted.der(), "elsewhere", 2025, true),
        (SslMode::VerifyCa, trusted.der(), "localhost", 2031, false),
        (SslMode::VerifyCa, trusted.der(), "localhost", 2019, false),
        (SslMode::VerifyCa, stranger.der(), "localhost", 2025, false),
        (SslMode::Require, stranger.der(), "localhost", 2025, false),
    ] {
        assert_eq!(verify(mode, certificate, name, year), good, "{mode} {name} {year}");
    }
}
