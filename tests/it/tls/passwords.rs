//! Passwords: SCRAM with and without channel binding, MD5, password files.

use std::os::unix::fs::PermissionsExt;

use super::server::{PASSWORD, server};

#[test]
fn scram_uses_channel_binding_as_requested() {
    let server = server();
    let with = |parameters: &str| {
        server.attempt("with_scram", &format!("password={PASSWORD} {parameters}"))
    };
    for binding in ["disable", "prefer", "require"] {
        with(&format!("sslmode=require channel_binding={binding}")).comes_in(true);
    }
    for binding in ["disable", "prefer"] {
        with(&format!("sslmode=disable channel_binding={binding}")).comes_in(false);
    }
    with("sslmode=disable channel_binding=require").fails("channel binding");
    // The other methods have nothing to bind.
    let md5 = format!("password={PASSWORD} sslmode=require channel_binding=require");
    server.attempt("with_md5", &md5).fails("channel binding");
    server.attempt("trusted", "sslmode=require channel_binding=require").fails("channel binding");
    let attempt = with("sslmode=require").env("PGCHANNELBINDING", "require");
    attempt.comes_in(true);
}

#[test]
fn wrong_password_is_reported_once_and_hidden() {
    let server = server();
    for role in ["with_scram", "with_md5"] {
        for mode in ["disable", "prefer"] {
            let parameters = format!("password=guess-{PASSWORD} sslmode={mode}");
            let said = server.attempt(role, &parameters).fails("password authentication failed");
            assert_eq!(said.code(), 4, "{said}");
            assert_eq!(
                said.stderr().matches("password authentication failed").count(),
                1,
                "{said}"
            );
            assert!(!said.stderr().contains("guess-"), "{said}");
        }
        server.attempt(role, "").fails("requests a password but none was given");
    }
}

#[test]
fn only_the_required_authentication_method_is_answered() {
    let server = server();
    let psql = |role: &str, required: &str| {
        let parameters = format!("password={PASSWORD} sslmode=require require_auth={required}");
        server.attempt(role, &parameters)
    };
    for (role, required, is_allowed) in [
        ("with_scram", "scram-sha-256", true),
        ("with_scram", "md5,scram-sha-256", true),
        ("with_scram", "!scram-sha-256", false),
        ("with_scram", "md5", false),
        ("with_md5", "md5", true),
        ("with_md5", "scram-sha-256", false),
        ("with_md5", "!md5", false),
        ("trusted", "none", true),
        ("trusted", "!none", false),
        ("trusted", "scram-sha-256", false),
    ] {
        let attempt = psql(role, required);
        if is_allowed {
            attempt.comes_in(true);
        } else {
            let reason = format!("authentication method requirement \"{required}\" failed");
            attempt.fails(&reason).expect_code(4);
        }
    }
    let attempt = psql("with_md5", "").env("PGREQUIREAUTH", "scram-sha-256");
    attempt.fails("authentication method requirement");
}

#[test]
fn md5_is_answered() {
    let server = server();
    for (mode, by_tls) in [("disable", false), ("require", true)] {
        let parameters = format!("password={PASSWORD} sslmode={mode}");
        server.attempt("with_md5", &parameters).comes_in(by_tls);
    }
}

#[test]
fn passwords_come_from_environment_or_private_file() {
    let server = server();
    server.attempt("with_scram", "").env("PGPASSWORD", PASSWORD).comes_in(true);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("localhost:*:postgres:with_scram:{PASSWORD}\n")).unwrap();
    let allow = |mode| {
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        server.attempt("with_scram", "").env("PGPASSFILE", file.path().to_str().unwrap())
    };
    allow(0o600).comes_in(true);
    for mode in [0o640, 0o604] {
        let said = allow(mode).fails("requests a password but none was given");
        assert!(said.stderr().contains("has group or world access"), "{said}");
    }
    // A line for another host does not help.
    let said = allow(0o600).env("PGHOST", "ignored");
    said.comes_in(true);
    let elsewhere = server.attempt("with_scram", "host=127.0.0.1");
    let elsewhere = elsewhere.env("PGPASSFILE", file.path().to_str().unwrap());
    elsewhere.fails("requests a password but none was given");
}
