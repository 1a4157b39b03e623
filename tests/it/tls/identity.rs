//! How the program authenticates with a certificate, and which roles are rejected.

use std::os::unix::fs::PermissionsExt;

use super::server::server;

#[test]
fn client_certificate_authenticates_the_role_it_names() {
    let server = server();
    let with = |role: &str, certificate: &str| {
        let (certificate, key) = (
            server.file(&format!("{certificate}.crt")),
            server.file(&format!("{certificate}.key")),
        );
        server.attempt(role, &format!("sslmode=require sslcert={certificate} sslkey={key}"))
    };
    with("with_cert", "client").comes_in(true);
    with("tls_only", "client").comes_in(true);
    // Signed by an authority unknown to the server: it ends the handshake.
    with("with_cert", "stranger").fails("cannot connect to with_cert@localhost:");
    let none = server.attempt("with_cert", "sslmode=require");
    none.fails("requires a valid client certificate");
    let plain = server.attempt("with_cert", "sslmode=disable");
    plain.fails("no pg_hba.conf entry");
}

#[test]
fn client_certificate_is_found_where_libpq_looks() {
    let server = server();
    let (certificate, key) = (server.file("client.crt"), server.file("client.key"));
    let attempt = server.attempt("with_cert", "sslmode=require");
    attempt.env("PGSSLCERT", &certificate).env("PGSSLKEY", &key).comes_in(true);
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".postgresql");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(&certificate, folder.join("postgresql.crt")).unwrap();
    std::fs::copy(&key, folder.join("postgresql.key")).unwrap();
    std::fs::copy(server.file("ca.crt"), folder.join("root.crt")).unwrap();
    let attempt = server.attempt("with_cert", "sslmode=verify-full");
    attempt.env("HOME", home.path().to_str().unwrap()).comes_in(true);
}

#[test]
fn missing_or_world_readable_key_is_refused() {
    let server = server();
    let certificate = server.file("client.crt");
    let with = |key: &str| {
        server.attempt("with_cert", &format!("sslmode=require sslcert={certificate} sslkey={key}"))
    };
    let open = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(server.file("client.key"), open.path()).unwrap();
    std::fs::set_permissions(open.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    with(open.path().to_str().unwrap()).fails("has group or world access");
    with(&server.file("absent.key")).fails("cannot read the private key");
    with(&server.file("stranger.key")).fails("the client certificate and its key do not match");
    let absent = server.file("absent.crt");
    let attempt = server.attempt("with_cert", &format!("sslmode=require sslcert={absent}"));
    attempt.fails("absent.crt");
}

#[test]
fn role_rejected_by_pg_hba_gets_an_explanation() {
    let server = server();
    for (role, reason) in [
        ("turned_away", "pg_hba.conf rejects connection for host"),
        ("nobody_there", "no pg_hba.conf entry for host"),
    ] {
        server.attempt(role, "").fails(reason).expect_code(4);
    }
}

#[test]
fn unsupported_checks_are_refused_by_name() {
    let server = server();
    for (parameter, value) in
        [("sslcrl", "/tmp/revoked.pem"), ("sslcrldir", "/tmp"), ("requirepeer", "postgres")]
    {
        let attempt = server.attempt("trusted", &format!("{parameter}={value}"));
        let said = attempt.fails(&format!("connection parameter \"{parameter}\" is not supported"));
        assert_ne!(said.code(), 0);
    }
    let attempt = server.attempt("trusted", "").env("PGSERVICE", "nightly");
    attempt.fails("definition of service \"nightly\" not found");
}
