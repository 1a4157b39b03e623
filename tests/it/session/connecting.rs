//! TLS, authentication, and which host is chosen.

use std::os::unix::fs::PermissionsExt;

use nocturne::server::{
    Class, ConnectOptions, PasswordPrompt, Retry, Session, SessionError, SessionSettings, Target,
};

use super::{chain, connect};
use crate::tls::server::{PASSWORD, server};

const TLS_IN_USE: &str =
    "SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()";

/// Whether the session is encrypted, or why there is none.
async fn encrypted(conninfo: &str) -> Result<bool, String> {
    let session = connect(conninfo).await.map_err(|error| chain(&error))?;
    let answer = session.query_value(TLS_IN_USE).await.map_err(|error| chain(&error))?;
    Ok(answer.as_deref() == Some("t"))
}

/// A port on which no one listens: it is never assigned automatically.
const CLOSED_PORT: u16 = 1;

#[tokio::test]
async fn each_sslmode_encrypts_as_libpq_would() {
    let server = server();
    for (role, mode, expected) in [
        ("trusted", "disable", Some(false)),
        ("trusted", "allow", Some(false)),
        ("trusted", "prefer", Some(true)),
        ("trusted", "require", Some(true)),
        ("tls_only", "disable", None),
        ("tls_only", "allow", Some(true)),
        ("plain_only", "prefer", Some(false)),
        ("plain_only", "require", None),
    ] {
        let conninfo = format!("host=127.0.0.1 user={role} sslmode={mode}");
        let found = encrypted(&conninfo).await;
        assert_eq!(found.clone().ok(), expected, "{role} {mode}: {found:?}");
        if let Err(message) = found {
            assert!(message.contains("no pg_hba.conf entry"), "{message}");
        }
    }
    // A Unix-domain socket is never encrypted, and needs no root certificates.
    let conninfo = format!("host={} user=trusted sslmode=verify-full", server.socket_dir());
    assert_eq!(encrypted(&conninfo).await, Ok(false));
}

#[tokio::test]
async fn server_certificate_is_checked_as_requested() {
    let server = server();
    let (ca, other) = (server.file("ca.crt"), server.file("other.crt"));
    for (host, mode, roots, failure) in [
        ("localhost", "verify-full", &ca, None),
        ("127.0.0.1", "verify-full", &ca, Some("not valid for name")),
        ("127.0.0.1", "verify-ca", &ca, None),
        ("localhost", "verify-ca", &other, Some("UnknownIssuer")),
        // A root file is used whenever it exists.
        ("localhost", "require", &other, Some("UnknownIssuer")),
        ("localhost", "require", &ca, None),
        ("localhost", "require", &server.file("absent"), None),
        ("localhost", "verify-ca", &server.file("absent"), Some("does not exist")),
        ("localhost", "verify-full", &server.file("server.key"), Some("no certificate in")),
        // The server's own certificate as the trusted one.
        ("localhost", "verify-full", &server.file("server.crt"), None),
    ] {
        let conninfo = format!("host={host} user=tls_only sslmode={mode} sslrootcert={roots}");
        let found = encrypted(&conninfo).await;
        match (failure, &found) {
            (None, found) => assert_eq!(*found, Ok(true), "{conninfo}"),
            (Some(part), Err(message)) => assert!(message.contains(part), "{conninfo}: {message}"),
            (Some(_), Ok(_)) => panic!("{conninfo} connected"),
        }
    }
}

#[tokio::test]
async fn client_certificate_is_accepted() {
    let server = server();
    let (certificate, key) = (server.file("client.crt"), server.file("client.key"));
    let conninfo = format!("host=localhost user=with_cert sslcert={certificate} sslkey={key}");
    assert_eq!(encrypted(&conninfo).await, Ok(true));
    assert!(encrypted("host=localhost user=with_cert sslmode=require").await.is_err());

    let open_key = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(&key, open_key.path()).unwrap();
    std::fs::set_permissions(open_key.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let conninfo = format!(
        "host=localhost user=with_cert sslcert={certificate} sslkey={}",
        open_key.path().display()
    );
    let message = encrypted(&conninfo).await.unwrap_err();
    assert!(message.contains("group or world access"), "{message}");
}

#[tokio::test]
async fn password_is_found_in_every_source() {
    let host = "host=localhost user=with_scram";
    for extra in ["sslmode=disable", "sslmode=require", "channel_binding=require"] {
        let conninfo = format!("{host} password={PASSWORD} {extra}");
        let expected = Ok(extra != "sslmode=disable");
        assert_eq!(encrypted(&conninfo).await, expected, "{extra}");
    }

    let error = connect(&format!("{host} password=wrong")).await.unwrap_err();
    assert_eq!((error.sqlstate(), error.server().unwrap().class()), (Some("28P01"), Class::Fatal));
    let message = chain(&error);
    assert!(message.starts_with("cannot connect to with_scram@localhost:"), "{message}");
    assert!(message.contains("FATAL: password authentication failed"), "{message}");

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("localhost:*:*:with_scram:{PASSWORD}\n")).unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let conninfo = format!("{host} passfile={}", file.path().display());
    assert_eq!(encrypted(&conninfo).await, Ok(true));
}

#[tokio::test]
async fn missing_password_without_prompt_is_reported() {
    let server = server();
    let options = ConnectOptions {
        dbname: Some("postgres".to_owned()),
        host: Some("127.0.0.1".to_owned()),
        port: Some(server.port().to_string()),
        username: Some("with_scram".to_owned()),
        password: PasswordPrompt::Never,
        ..ConnectOptions::default()
    };
    let target = Target::resolve(&options, &|_| None).unwrap();
    let error = Session::connect(&target, &SessionSettings::default()).await.unwrap_err();
    let SessionError::Connect { source, .. } = error else { panic!("{error}") };
    assert!(matches!(*source, SessionError::NoPassword), "{source}");
}

#[tokio::test]
async fn hosts_are_tried_until_one_gives_a_verdict() {
    let server = server();
    let (closed, port) = (CLOSED_PORT, server.port());
    let conninfo = format!("host=127.0.0.1,localhost port={closed},{port} user=trusted");
    assert!(encrypted(&conninfo).await.is_ok());

    let conninfo = format!("host=127.0.0.1,127.0.0.1 port={port},{closed} user=trusted dbname=no");
    let error = connect(&conninfo).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("3D000"));

    let conninfo = "host=127.0.0.1 user=trusted target_session_attrs=";
    assert!(connect(&format!("{conninfo}read-write")).await.is_ok());
    let message = chain(&connect(&format!("{conninfo}standby")).await.unwrap_err());
    assert!(message.ends_with("the server is not in hot standby mode"), "{message}");
}

#[tokio::test]
async fn dead_port_is_worth_retrying() {
    let options = ConnectOptions {
        dbname: Some(format!("host=127.0.0.1 port={CLOSED_PORT} user=u")),
        ..ConnectOptions::default()
    };
    let target = Target::resolve(&options, &|_| None).unwrap();
    let error = Session::connect(&target, &SessionSettings::default()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::FreshSession);
    assert!(chain(&error).contains("refused"), "{}", chain(&error));
}

#[tokio::test]
async fn silent_server_hits_the_timeout() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let options = ConnectOptions {
        dbname: Some(format!("host=127.0.0.1 port={port} user=u connect_timeout=1")),
        ..ConnectOptions::default()
    };
    let target = Target::resolve(&options, &|_| None).unwrap();
    let error = Session::connect(&target, &SessionSettings::default()).await.unwrap_err();
    assert!(chain(&error).ends_with("no answer within 1 seconds"), "{}", chain(&error));
}
