//! How the target and the role are chosen: options, environment, passwords.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use nocturne::embedded::{Embedded, EmbeddedOptions, Listen};

use super::probe::{Before, archive, scratch, server, target};
use crate::common::{Cluster, Finished, Tool, bare_nocturne, nocturne, versions};

const ROWS: &str = "SELECT count(*) FROM one.counted";

#[test]
fn options_name_the_server() {
    let database = target(Before::Schemas);
    let server = server().server();
    let socket = server.socket_dir().to_str().unwrap().to_owned();
    let port = server.port().to_string();
    // Alone, a default of the machine would make up for the option.
    let wrong = |name: &str, value: &str| {
        let mut options =
            vec![("-h", &*socket), ("-p", &*port), ("-U", "postgres"), ("-d", &*database.name)];
        for option in &mut options {
            if option.0 == name {
                option.1 = value;
            }
        }
        let options = options.into_iter().flat_map(|(name, value)| [name, value]);
        nocturne().arg("restore").args(options).args(["-n", "one"]).arg(archive()).run()
    };
    for (name, value) in
        [("-h", "/nowhere"), ("-p", "1"), ("-U", "nobody_there"), ("-d", "no_database")]
    {
        wrong(name, value).expect_code(4);
    }
    assert_eq!(database.query("SELECT to_regclass('one.counted') IS NULL"), "t");
    wrong("-", "").expect_code(0);
    assert_eq!(database.query(ROWS), "20");
}

#[test]
fn long_options_also_name_the_server() {
    let database = target(Before::Schemas);
    let server = server().server();
    nocturne()
        .args(["restore", "--username=postgres", "--no-password", "--schema=one"])
        .arg(format!("--host={}", server.socket_dir().display()))
        .arg(format!("--port={}", server.port()))
        .arg(format!("--dbname={}", database.name))
        .arg(archive())
        .succeed();
    assert_eq!(database.query(ROWS), "20");
}

#[test]
fn environment_names_the_server() {
    let database = target(Before::Schemas);
    let server = server().server();
    let tool = || bare_nocturne().args(["restore", "-n", "one"]).arg(archive());
    let set = |without: &str| {
        [
            ("PGHOST", server.socket_dir().to_str().unwrap().to_owned()),
            ("PGPORT", server.port().to_string()),
            ("PGUSER", "postgres".to_owned()),
            ("PGDATABASE", database.name.clone()),
        ]
        .into_iter()
        .filter(|(name, _)| *name != without)
        .fold(tool(), |tool, (name, value)| tool.env(name, value))
    };
    for name in ["PGHOST", "PGPORT"] {
        let wrong = if name == "PGPORT" { "1" } else { "/nowhere" };
        set(name).env(name, wrong).run().expect_code(4);
    }
    set("PGUSER").env("PGUSER", "nobody_there").run().expect_code(4);
    set("PGDATABASE").env("PGDATABASE", "no_database").run().expect_code(4);
    set("").succeed();
    assert_eq!(database.query(ROWS), "20");
}

#[test]
fn url_in_environment_is_target_unless_option_overrides() {
    let (named, other) = (target(Before::Schemas), target(Before::Schemas));
    let tool = || bare_nocturne().args(["restore", "-n", "one"]).env("DATABASE_URL", named.url());
    tool().args(["-d", &other.url()]).arg(archive()).succeed();
    assert_eq!(named.query("SELECT to_regclass('one.counted') IS NULL"), "t");
    assert_eq!(other.query(ROWS), "20");
    tool().arg(archive()).succeed();
    assert_eq!(named.query(ROWS), "20");
}

#[test]
fn key_value_pairs_are_a_target() {
    let database = target(Before::Schemas);
    let server = server().server();
    let pairs = format!(
        "host='{}' port={} user=postgres dbname={}",
        server.socket_dir().display(),
        server.port(),
        database.name
    );
    nocturne().args(["restore", "-n", "one", "-d", &pairs]).arg(archive()).succeed();
    assert_eq!(database.query(ROWS), "20");
}

/// A server that requires a password over TCP, with a role that has one.
fn guarded() -> &'static Embedded {
    static SERVER: OnceLock<Embedded> = OnceLock::new();
    SERVER.get_or_init(|| {
        let options = EmbeddedOptions {
            listen: Listen::Loopback { port: None },
            settings: vec![("wal_level".into(), "logical".into())],
            ..Cluster::options(versions::newest())
        };
        let server = Embedded::start(&options).unwrap();
        psql(&server, "postgres", "CREATE ROLE keeper SUPERUSER LOGIN PASSWORD 'open sesame'");
        server
    })
}

fn psql(server: &Embedded, database: &str, sql: &str) -> String {
    let tool = Tool::new(server.bin_dir().join("psql"));
    let tool =
        tool.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", &server.url(database), "-c", sql]);
    tool.succeed().stdout().trim_end().to_owned()
}

/// The port of its TCP address.
fn port(server: &Embedded) -> String {
    let url = server.tcp_url("postgres").unwrap();
    let after_host = url.split_once("127.0.0.1:").unwrap().1;
    after_host.split(['/', '?']).next().unwrap().to_owned()
}

/// The archive's schema "one" into a new database of the guarded server.
fn knock(database: &str, options: &[&str]) -> Tool {
    let server = guarded();
    psql(server, "postgres", &format!("DROP DATABASE IF EXISTS {database}"));
    psql(server, "postgres", &format!("CREATE DATABASE {database}"));
    psql(server, database, "CREATE SCHEMA one");
    let tool = nocturne().args(["restore", "-n", "one", "-U", "keeper", "-h", "127.0.0.1"]);
    tool.args(["-p", &port(server), "-d", database]).args(options).arg(archive())
}

#[test]
fn password_comes_from_the_environment_or_a_file() {
    knock("by_variable", &["-w"]).env("PGPASSWORD", "open sesame").succeed();
    assert_eq!(psql(guarded(), "by_variable", ROWS), "20");
    let wrong = knock("by_variable", &["-w"]).env("PGPASSWORD", "secret-and-wrong").run();
    assert!(!wrong.stderr().contains("secret-and-wrong"), "{wrong}");
    wrong.expect_code(4);

    let file = scratch("pgpass");
    let line = format!("127.0.0.1:{}:*:keeper:open sesame\n", port(guarded()));
    fs::write(&file, line).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    knock("by_file", &[]).env("PGPASSFILE", &file).succeed();
    assert_eq!(psql(guarded(), "by_file", ROWS), "20");
    // Others may read it: it is not used, and this is reported.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = knock("by_file", &["-w"]).env("PGPASSFILE", &file).run();
    assert!(refused.stderr().contains("pgpass"), "{refused}");
    refused.expect_code(4);
}

/// A shell command with a terminal, on which `typed` is typed.
pub fn on_terminal(command: &str, typed: &str) -> Finished {
    Tool::new("script")
        .args(["--quiet", "--return", "--command", command, "/dev/null"])
        .env("TERM", "xterm")
        .input(typed)
        .run()
}

#[test]
fn password_is_prompted_for_unless_forbidden() {
    let server = guarded();
    let ask = |database: &str, option: &str, typed: &str| {
        drop(knock(database, &[]));
        let command = format!(
            "'{}' restore -n one -U keeper -h 127.0.0.1 -p {} -d {database} {option} '{}'",
            env!("CARGO_BIN_EXE_nocturne"),
            port(server),
            archive().display()
        );
        on_terminal(&command, typed)
    };
    for option in ["", "-W", "--password"] {
        let asked = ask("asked", option, "open sesame\n");
        assert!(asked.stdout().contains("assword"), "{option}: {asked}");
        assert_eq!(asked.code(), 0, "{option}: {asked}");
        assert_eq!(psql(server, "asked", ROWS), "20");
    }
    for option in ["-w", "--no-password"] {
        let forbidden = ask("forbidden", option, "open sesame\n");
        assert!(!forbidden.stdout().contains("assword:"), "{option}: {forbidden}");
        assert_eq!(forbidden.code(), 4, "{option}: {forbidden}");
    }
    let wrong = ask("wrong", "-W", "open barley\n");
    assert_eq!(wrong.code(), 4, "{wrong}");
}

/// -W prompts even where no password is needed.
#[test]
fn password_is_prompted_for_on_request() {
    let database = target(Before::Schemas);
    let command = |option: &str| {
        format!(
            "'{}' restore -n one -t log -d '{}' {option} '{}'",
            env!("CARGO_BIN_EXE_nocturne"),
            database.url(),
            archive().display()
        )
    };
    assert!(on_terminal(&command("-W"), "whatever\n").stdout().contains("assword"));
    assert!(!on_terminal(&command(""), "whatever\n").stdout().contains("assword"));
}
