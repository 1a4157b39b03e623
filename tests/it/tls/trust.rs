//! What the program trusts, by `sslmode` and `sslrootcert`.

use super::server::{TlsServer, server};

#[test]
fn each_mode_encrypts_as_libpq_would() {
    let server = server();
    for (role, mode, by_tls) in [
        ("trusted", "disable", false),
        ("trusted", "allow", false),
        ("trusted", "prefer", true),
        ("trusted", "require", true),
        ("tls_only", "allow", true),
        ("plain_only", "prefer", false),
    ] {
        server.attempt(role, &format!("sslmode={mode}")).comes_in(by_tls);
    }
    server.attempt("trusted", "").comes_in(true);
    server.attempt("tls_only", "sslmode=disable").fails("no pg_hba.conf entry");
    server.attempt("plain_only", "sslmode=require").fails("no pg_hba.conf entry");
    server.attempt("trusted", "sslmode=full").fails("invalid value \"full\"");
}

#[test]
fn server_certificate_is_checked_as_the_mode_requires() {
    let server = server();
    let (ca, other) = (server.file("ca.crt"), server.file("other.crt"));
    let with = |host: &str, mode: &str, roots: &str| {
        let parameters = format!("host={host} sslmode={mode} sslrootcert={roots}");
        server.attempt("tls_only", &parameters)
    };
    with("localhost", "verify-full", &ca).comes_in(true);
    with("127.0.0.1", "verify-full", &ca).fails("not valid for name");
    with("127.0.0.1", "verify-ca", &ca).comes_in(true);
    with("127.0.0.1", "require", &ca).comes_in(true);
    for mode in ["require", "verify-ca", "verify-full"] {
        with("localhost", mode, &other).fails("UnknownIssuer");
    }
    let absent = server.file("absent");
    with("localhost", "require", &absent).comes_in(true);
    for mode in ["verify-ca", "verify-full"] {
        let said = with("localhost", mode, &absent).fails("does not exist");
        assert!(said.stderr().contains("set sslrootcert to a file"), "{said}");
    }
    // hostaddr is the address, host the name to verify.
    with("localhost hostaddr=127.0.0.1", "verify-full", &ca).comes_in(true);
    with("elsewhere.example hostaddr=127.0.0.1", "verify-full", &ca).fails("not valid for name");
}

#[test]
fn environment_also_sets_trusted_roots() {
    let server = server();
    let (ca, other) = (server.file("ca.crt"), server.file("other.crt"));
    let with = |roots: &str| {
        let attempt = server.attempt("tls_only", "");
        attempt.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", roots)
    };
    with(&ca).comes_in(true);
    with(&other).fails("UnknownIssuer");
    let system = |vouches: &str| {
        server.attempt("tls_only", "sslrootcert=system").env("SSL_CERT_FILE", vouches)
    };
    system(&ca).comes_in(true);
    system(&other).fails("UnknownIssuer");
    let weak = server.attempt("tls_only", "sslrootcert=system sslmode=require");
    weak.fails("may not be used with sslrootcert=system");
}

#[test]
fn expired_certificate_is_refused_by_verifying_modes() {
    let server = TlsServer::start("expired");
    let ca = server.file("ca.crt");
    for mode in ["require", "verify-ca", "verify-full"] {
        let parameters = format!("sslmode={mode} sslrootcert={ca}");
        server.attempt("tls_only", &parameters).fails("certificate expired");
    }
    server.attempt("tls_only", "sslmode=require").comes_in(true);
}
