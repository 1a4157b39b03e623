//! From the command line, a connection string and the environment to a target.

use std::time::Duration;

use crate::server::params::{Demand, Params, Password};
use crate::server::tls::{RootCertificates, SslMode};
use crate::server::{ConnectOptions, SessionError, Target};

type Variables = &'static [(&'static str, &'static str)];

fn lookup(variables: Variables) -> impl Fn(&str) -> Option<String> {
    move |name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
}

fn options(dbname: &str) -> ConnectOptions {
    ConnectOptions { dbname: Some(dbname.to_owned()), ..ConnectOptions::default() }
}

fn resolve(options: &ConnectOptions, variables: Variables) -> Result<Params, SessionError> {
    Params::resolve(options, &lookup(variables), &|| Some("me".to_owned()))
}

#[test]
fn stronger_source_wins() {
    let environment: Variables = &[
        ("PGHOST", "env"),
        ("PGPORT", "1"),
        ("PGUSER", "env"),
        ("PGDATABASE", "env"),
        ("PGPASSWORD", "env"),
    ];
    let shown = |options: &ConnectOptions| {
        Target::resolve(options, &lookup(environment)).unwrap().to_string()
    };
    let mut given = ConnectOptions::default();
    assert_eq!(shown(&given), "env@env:1/env");
    given.default_url = Some("postgres://url@url:2/url".to_owned());
    assert_eq!(shown(&given), "url@url:2/url");
    given.host = Some("opt".to_owned());
    given.username = Some("opt".to_owned());
    assert_eq!(shown(&given), "opt@opt:2/url");
    given.dbname = Some("name".to_owned());
    assert_eq!(shown(&given), "opt@opt:2/name");
    // As in pg_restore's manual, a connection string overrides the options.
    given.dbname = Some("postgres://str@str:3/str".to_owned());
    assert_eq!(shown(&given), "str@str:3/str");
}

#[test]
fn defaults_match_libpq() {
    let params = resolve(&ConnectOptions::default(), &[("HOME", "/home/me")]).unwrap();
    assert_eq!((params.user.as_str(), params.dbname.as_str()), ("me", "me"));
    assert_eq!(params.hosts.len(), 1);
    assert_eq!(params.hosts[0].port, 5432);
    assert_eq!(params.tls.mode, SslMode::Prefer);
    let roots = RootCertificates::File("/home/me/.postgresql/root.crt".into());
    assert_eq!(params.tls.roots, roots);
    assert_eq!(params.application_name, "nocturne");
    // Unlike libpq, which waits forever.
    let within = Some(std::time::Duration::from_secs(60));
    assert_eq!((params.connect_timeout, params.demand), (within, Demand::Any));
}

#[test]
fn hosts_and_ports_come_in_lists() {
    for (text, shown) in [
        ("postgres://a,b:2,[::1]:3/x?user=u", "u@a:5432,b:2,[::1]:3/x"),
        ("host=a,b port=7 user=u dbname=x", "u@a:7,b:7/x"),
        ("host=/run/pg user=u dbname=x", "u@/run/pg:5432/x"),
        ("host=name hostaddr=10.0.0.1 user=u dbname=x", "u@name:5432/x"),
        ("hostaddr=10.0.0.1 user=u dbname=x", "u@10.0.0.1:5432/x"),
    ] {
        let target = Target::resolve(&options(text), &|_| None).unwrap();
        assert_eq!(target.to_string(), shown, "{text}");
    }
}

#[test]
fn values_have_their_types() {
    let text = "postgres://u@h/d?connect_timeout=3&sslmode=verify-full&sslrootcert=system\
                &keepalives_idle=60&target_session_attrs=read-write&gssencmode=disable\
                &application_name=night&client_encoding=UTF8";
    let params = resolve(&options(text), &[]).unwrap();
    assert_eq!(params.connect_timeout, Some(Duration::from_secs(3)));
    assert_eq!(params.tls.roots, RootCertificates::System);
    assert_eq!(params.keepalive.idle, Some(Duration::from_secs(60)));
    assert_eq!(params.demand, Demand::ReadWrite);
    assert_eq!(params.application_name, "night");
    // The system's roots require full verification, and imply it.
    let params = resolve(&options("sslrootcert=system"), &[]).unwrap();
    assert_eq!(params.tls.mode, SslMode::VerifyFull);
}

#[test]
fn unsupported_checks_are_refused_by_name() {
    for (text, message) in [
        ("postgres://h/d?pgbouncer=true", "unknown connection parameter \"pgbouncer\""),
        ("sslcrl=/x", "connection parameter \"sslcrl\" is not supported"),
        ("require_auth=scram", "invalid method in the connection parameter \"require_auth\""),
        ("gssencmode=require", "connection parameter gssencmode=require is not supported"),
        (
            "ssl_max_protocol_version=TLSv1.1",
            "invalid value \"TLSv1.1\" of connection parameter \"ssl_max_protocol_version\"",
        ),
        (
            "ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
            "invalid SSL protocol version range",
        ),
        (
            "load_balance_hosts=yes",
            "invalid value \"yes\" of connection parameter \"load_balance_hosts\"",
        ),
        ("sslmode=full", "invalid value \"full\" of connection parameter \"sslmode\""),
        (
            "postgres://u:word/d",
            "the connection parameter \"port\" is not a number (in a URL, user and password end \
             with \"@\")",
        ),
        ("port=70000", "invalid value \"70000\" of connection parameter \"port\""),
        ("host=a,b port=1,2,3", "could not match 3 port numbers to 2 hosts"),
        ("host=a,b hostaddr=::1", "could not match 2 host names to 1 hostaddr values"),
        (
            "sslrootcert=system sslmode=require",
            "sslmode \"require\" may not be used with sslrootcert=system (use \"verify-full\")",
        ),
        (
            "sslnegotiation=direct",
            "sslmode \"prefer\" may not be used with sslnegotiation=direct (use \"require\", \
             \"verify-ca\" or \"verify-full\")",
        ),
    ] {
        let error = resolve(&options(text), &[]).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
    }
    let error = resolve(&ConnectOptions::default(), &[("PGSERVICE", "prod")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "definition of service \"prod\" not found (PGSERVICE is set: unset it, or define the \
         service)"
    );
}

#[test]
fn password_with_a_bare_slash_is_refused_unshown() {
    for text in ["postgres://u:12/34@h/d", "postgres://u:ab/cd@h/d", "postgres://u:12/a:b@h/d"] {
        let error = resolve(&options(text), &[]).unwrap_err();
        let message = "invalid connection string: a \"/\" in a password must be written as %2F";
        assert_eq!(error.to_string(), message);
    }
    // Without a port, nothing in it can be a password.
    let target =
        Target::resolve(&options("postgres://h/d@x"), &lookup(&[("PGUSER", "u")])).unwrap();
    assert_eq!(target.to_string(), "u@h:5432/d@x");
}

#[test]
fn password_is_never_shown() {
    let target =
        Target::resolve(&options("postgres://u:hidden@h/d"), &lookup(&[("PGPASSWORD", "hidden")]))
            .unwrap();
    assert_eq!(target.to_string(), "u@h:5432/d");
    let debug = format!("{target:?}");
    assert!(debug.contains("dbname") && !debug.contains("hidden"), "{debug}");
}

#[test]
fn password_file_serves_hosts_sockets_and_other_databases() {
    use std::os::unix::fs::PermissionsExt;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "h:*:one:u:first\nlocalhost:*:*:u:socket\nh:*:two:u:second\n")
        .unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let path = file.path().display();
    for (text, password) in [
        ("user=u dbname=one host=h", Some("first")),
        ("user=u dbname=two host=h", Some("second")),
        ("user=u dbname=three host=h", None),
        ("user=u dbname=x host=/tmp", Some("socket")),
        ("user=u dbname=x host=/elsewhere", None),
        ("user=u dbname=one host=h password=given", Some("given")),
    ] {
        let params = resolve(&options(&format!("{text} passfile={path}")), &[]).unwrap();
        let found = params.password_for(&params.hosts[0]).map(Password::reveal);
        assert_eq!(found, password, "{text}");
    }
}

#[test]
fn service_ranks_between_options_and_variables() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "[other]\nhost=no\n[prod]\n# a remark\nhost=service\nport=7\ndbname=service\n\
                password=hidden one\n";
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let environment = move |name: &str| match name {
        "PGSERVICE" => Some("prod".to_owned()),
        "PGSERVICEFILE" => Some(path.clone()),
        "PGHOST" | "PGDATABASE" | "PGUSER" => Some("variable".to_owned()),
        _ => None,
    };
    let found = |options: &ConnectOptions| Params::resolve(options, &environment, &|| None);
    let shown = |options: &ConnectOptions| Target::resolve(options, &environment).unwrap();
    let given = ConnectOptions { port: Some("8".into()), ..ConnectOptions::default() };
    assert_eq!(shown(&given).to_string(), "variable@service:8/service");
    let password = found(&given).unwrap().password;
    assert_eq!(password.as_ref().map(Password::reveal), Some("hidden one"));
    assert_eq!(shown(&options("service=other")).to_string(), "variable@no:5432/variable");
    let absent = found(&options("service=absent")).unwrap_err().to_string();
    assert_eq!(absent, "definition of service \"absent\" not found");
    let absent = found(&options("service=prod servicefile=/nowhere/file")).unwrap_err();
    assert_eq!(absent.to_string(), "service file \"/nowhere/file\" not found");
}

#[test]
fn password_of_the_url_stays_with_its_server() {
    let password = |host: Option<&str>, port: Option<&str>| {
        let given = ConnectOptions {
            default_url: Some("postgres://u:hidden@h:6000/d".to_owned()),
            host: host.map(str::to_owned),
            port: port.map(str::to_owned),
            ..ConnectOptions::default()
        };
        resolve(&given, &[]).unwrap().password.is_some()
    };
    assert!(password(None, None) && password(Some("h"), Some("6000")) && password(Some(""), None));
    assert!(!password(Some("other"), None) && !password(None, Some("6001")));
    assert!(!password(Some("h,other"), None));
}

#[test]
fn misspelled_urls_are_refused_without_their_password() {
    for text in [
        "postgresq://u:hidden@h/d",
        " postgres://u:hidden@h/d",
        "POSTGRESQL://u:hidden@h/d",
        "postgresql:/u:hidden@h/d",
        "postgres//u:hidden@h/d",
        "u:hidden@h/d",
        "u:hid=hidden@h/d",
        " postgres://u:hidden@h/d?sslmode=require",
        "postgres://u:x@hidden@h/d",
        "postgres://u:x@hid/hidden@h/d",
        "postgres://u:hid/hidden?x=y@h/d",
        "postgres://u:hidden@h/d,postgres://u:hidden@h2/d",
        "postgres://h/d,postgres://u:hidden@h2/d",
        "password=my hidden=x",
        "password='my hidden",
        "host=postgres://u:hidden@h/d",
        "dbname=postgres://u:hidden@h/d",
        "port=u:hidden@h",
    ] {
        for given in [
            options(text),
            ConnectOptions { default_url: Some(text.to_owned()), ..ConnectOptions::default() },
        ] {
            let error = resolve(&given, &[]).map(|params| params.dbname).unwrap_err().to_string();
            assert!(!error.contains("hid"), "{text}: {error}");
        }
    }
    let error = resolve(&ConnectOptions::default(), &[("PGDATABASE", "x://u:hidden@h/d")]);
    assert!(!error.unwrap_err().to_string().contains("hidden"));
    // A name may contain such characters where it cannot be a password.
    for name in ["a@b", "a:b", "mail@example.org"] {
        assert_eq!(resolve(&options(name), &[]).unwrap().dbname, name);
    }
}

#[test]
fn connection_ends_in_time_unless_unlimited() {
    let within = |text: &str| resolve(&options(text), &[]).unwrap().connect_timeout;
    assert_eq!(within("dbname=d"), Some(std::time::Duration::from_secs(60)));
    assert_eq!(within("connect_timeout=3"), Some(std::time::Duration::from_secs(3)));
    assert_eq!(within("connect_timeout=0"), None);
}

#[test]
fn every_libpq_server_type_can_be_requested() {
    for (word, demand) in [
        ("any", Demand::Any),
        ("read-write", Demand::ReadWrite),
        ("read-only", Demand::ReadOnly),
        ("primary", Demand::Primary),
        ("standby", Demand::Standby),
        ("prefer-standby", Demand::PreferStandby),
    ] {
        let text = format!("target_session_attrs={word} load_balance_hosts=random");
        let params = resolve(&options(&text), &[]).unwrap();
        assert_eq!((params.demand, params.load_balance), (demand, true));
    }
}
