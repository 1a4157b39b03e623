//! The throw-away server, on every version: its promises about its end, its data and who
//! can connect.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use crate::common::versions::newest;
use crate::common::{
    Cluster, Proxy, Tool, assert_same_database, cluster, for_each_version, versions, wait_until,
};
use nocturne::embedded::{Embedded, EmbeddedError, EmbeddedOptions, Installation, Listen};

fn start(options: &EmbeddedOptions) -> Embedded {
    Embedded::start(options).unwrap_or_else(|error| panic!("{error}"))
}

fn psql(server: &Embedded, url: &str, sql: &str) -> crate::common::Finished {
    Tool::new(server.bin_dir().join("psql"))
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", sql, url])
        .run()
}

fn is_running(pid: u32) -> bool {
    // The shell's own kill: ps is not available everywhere.
    Tool::new("sh").args(["-c", &format!("kill -s 0 {pid}")]).run().success()
}

#[test]
fn server_without_template_answers_and_leaves_nothing() {
    let installation = Some(crate::common::versions::installation(newest()));
    let server = start(&EmbeddedOptions { installation, ..EmbeddedOptions::default() });
    let (pid, folder) = (server.postmaster_pid().unwrap(), server.socket_dir().to_owned());
    let answer = psql(&server, &server.url("postgres"), "SHOW server_encoding");
    assert_eq!(answer.stdout(), "UTF8\n", "{answer}");
    assert!(is_running(pid));
    server.stop().unwrap();
    assert!(!is_running(pid));
    assert!(!folder.exists());
}

#[test]
fn every_version_answers_through_its_url() {
    for_each_version(|cluster| {
        let config = tokio_postgres::Config::from_str(&cluster.url("postgres")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let major: i32 = runtime.block_on(async {
            let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            let query = "SELECT current_setting('server_version_num')::int / 10000";
            client.query_one(query, &[]).await.unwrap().get(0)
        });
        assert_eq!(u32::try_from(major).unwrap(), cluster.major);
        assert_eq!(cluster.server().version().major, cluster.major);
    });
}

/// Tells the helper below to run, and how.
const OWNER: &str = "EMBEDDED_TEST_OWNER";

/// Not a test: the process that [`server_ends_when_its_owner_is_killed`] kills.
#[test]
#[ignore = "waits to be killed by another test"]
fn owner_process_for_the_kill_test() {
    let data_dir = env::var_os(OWNER).expect("set by the test that starts this process");
    let data_dir = (data_dir != "-").then(|| PathBuf::from(data_dir));
    let server = start(&EmbeddedOptions { data_dir, ..Cluster::options(newest()) });
    psql(&server, &server.url("postgres"), "CREATE TABLE witness ()");
    println!("\nowner {} {}", server.postmaster_pid().unwrap(), server.socket_dir().display());
    thread::sleep(Duration::from_secs(600));
    panic!("this process was not killed");
}

/// Starts an owner and kills it. Returns what is left: the postmaster's PID, the server's folder.
fn kill_an_owner(data_dir: &str) -> (u32, PathBuf) {
    let mut owner = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "embedded::owner_process_for_the_kill_test", "--nocapture"])
        .env(OWNER, data_dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(owner.stdout.take().unwrap());
    let line = stdout.lines().map(Result::unwrap).find(|line| line.starts_with("owner "));
    let line = line.expect("the owner prints its server");
    let (pid, folder) = line["owner ".len()..].split_once(' ').unwrap();
    let pid = pid.parse().unwrap();
    assert!(is_running(pid));
    owner.kill().unwrap();
    owner.wait().unwrap();
    (pid, PathBuf::from(folder))
}

#[test]
fn server_ends_when_its_owner_is_killed() {
    let (pid, folder) = kill_an_owner("-");
    wait_until("the server ends", || !is_running(pid));
    wait_until("the folder is removed", || !folder.exists());
}

#[test]
fn kept_data_survives_a_killed_owner() {
    let home = tempfile::tempdir().unwrap();
    open_to_all(home.path());
    let data_dir = home.path().join("data");
    let (pid, folder) = kill_an_owner(data_dir.to_str().unwrap());
    wait_until("the server ends", || !is_running(pid));
    wait_until("the folder is removed", || !folder.exists());
    let server = start(&EmbeddedOptions { data_dir: Some(data_dir), ..Cluster::options(newest()) });
    // What an asynchronous server had not yet written also exists.
    let answer = psql(&server, &server.url("postgres"), "SELECT count(*) FROM witness");
    assert_eq!(answer.stdout(), "0\n", "{answer}");
    // It was stopped cleanly.
    assert!(!server.log().contains("not properly shut down"), "{}", server.log());
}

/// The server's account must be able to enter, which a temporary folder does not allow.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn kept_data_is_available_on_next_start() {
    let home = tempfile::tempdir().unwrap();
    open_to_all(home.path());
    let data_dir = Some(home.path().join("parent/data"));
    fs::create_dir(home.path().join("parent")).unwrap();
    open_to_all(&home.path().join("parent"));
    let options = EmbeddedOptions { data_dir, ..Cluster::options(newest()) };
    let server = start(&options);
    psql(&server, &server.url("postgres"), "CREATE DATABASE kept");
    // Without stop(): dropping must be enough.
    drop(server);
    let server = start(&options);
    let answer = psql(&server, &server.url("kept"), "SELECT 'still here'");
    assert_eq!(answer.stdout(), "still here\n", "{answer}");
}

#[test]
fn tcp_requires_the_password_and_socket_does_not() {
    let listen = Listen::Loopback { port: None };
    let server = start(&EmbeddedOptions { listen, ..Cluster::options(newest()) });
    let url = server.tcp_url("postgres").unwrap();
    assert!(psql(&server, &url, "SELECT 1").success());
    assert!(psql(&server, &server.url("postgres"), "SELECT 1").success());
    let refused = psql(&server, &url.replace('@', "x@"), "SELECT 1");
    assert!(refused.stderr().contains("password authentication failed"), "{refused}");
}

#[test]
fn requested_port_in_use_is_an_error() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let listen = Listen::Loopback { port: Some(port) };
    let error =
        Embedded::start(&EmbeddedOptions { listen, ..Cluster::options(newest()) }).unwrap_err();
    assert!(matches!(&error, EmbeddedError::Exited { log } if log.contains("in use")), "{error}");
}

#[test]
fn server_that_cannot_start_explains_why() {
    let settings = vec![("shared_buffers".to_owned(), "a lot".to_owned())];
    let error =
        Embedded::start(&EmbeddedOptions { settings, ..Cluster::options(newest()) }).unwrap_err();
    assert!(error.to_string().contains("invalid value for parameter"), "{error}");
}

#[test]
fn locale_refused_by_initdb_is_reported() {
    let installation = Some(crate::common::versions::installation(newest()));
    let locale = Some("xx_YY".to_owned());
    let options = EmbeddedOptions { installation, locale, ..EmbeddedOptions::default() };
    let error = Embedded::start(&options).unwrap_err();
    assert!(error.to_string().contains("invalid locale name \"xx_YY\""), "{error}");
}

#[test]
fn data_of_another_version_is_refused() {
    let versions = versions();
    // With a single version there is no other: nothing to test then.
    let [oldest, .., newest] = versions[..] else { return };
    let home = tempfile::tempdir().unwrap();
    open_to_all(home.path());
    let data_dir = Some(home.path().join("data"));
    drop(start(&EmbeddedOptions { data_dir: data_dir.clone(), ..Cluster::options(oldest) }));
    let error =
        Embedded::start(&EmbeddedOptions { data_dir, ..Cluster::options(newest) }).unwrap_err();
    assert!(matches!(error, EmbeddedError::WrongVersion { .. }), "{error}");
}

#[test]
fn installation_matches_the_requested_version() {
    for major in versions() {
        let Installation { bin, version } = crate::common::versions::installation(major);
        assert_eq!(version.major, major, "{}", bin.display());
    }
}

// The harness: other tests build on it.

#[test]
fn restored_database_is_unchanged_until_written() {
    let folder = tempfile::tempdir().unwrap();
    for_each_version(|cluster| {
        let original = cluster.fresh_db("original");
        original.execute(
            "CREATE TABLE t (a int PRIMARY KEY, b text); \
             INSERT INTO t SELECT n, n::text FROM generate_series(1, 100) n; \
             SELECT lo_from_bytea(4711, 'abc');",
        );
        let archive = folder.path().join(format!("{}.dump", cluster.major));
        original.pg_dump(&["--format=custom", "--file"]).arg(&archive).succeed();
        let copy = cluster.fresh_db("copy");
        assert!(copy.pg_restore(&archive, &[]).success());
        assert_same_database(&copy, &original);
        for change in [
            "UPDATE t SET b = 'x' WHERE a = 50",
            "SELECT lo_put(4711, 0, 'z')",
            "COMMENT ON TABLE t IS ''''",
        ] {
            copy.execute(change);
            assert_ne!(crate::common::dump(&copy), crate::common::dump(&original), "{change}");
            original.execute(change);
            assert_same_database(&copy, &original);
        }
    });
}

#[test]
fn database_with_a_subscription_is_also_dropped() {
    let cluster = cluster(newest());
    let database = cluster.fresh_db("subscribed");
    let name = database.name.clone();
    database.execute(
        "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere.invalid' PUBLICATION p \
         WITH (connect = false, enabled = false, slot_name = NONE, create_slot = false)",
    );
    drop(database);
    let left = cluster
        .fresh_db("other")
        .query(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'"));
    assert_eq!(left, "0");
}

#[test]
fn proxy_forwards_until_it_cuts() {
    let cluster = cluster(newest());
    let database = cluster.fresh_db("proxied");
    let proxy = Proxy::start(cluster);
    let psql = |sql: &str| psql(cluster.server(), &proxy.url(&database), sql);
    assert!(psql("SELECT 1").success());
    proxy.cut_after(100_000);
    let statement = format!("SELECT length('{}')", "x".repeat(120_000));
    let cut = psql(&statement);
    assert!(!cut.success() && proxy.cut() == 1, "{cut}");
    assert!(psql(&statement).success());
    proxy.refuse(true);
    assert!(!psql("SELECT 1").success());
    assert_eq!(proxy.accepted(), 3);
}

#[test]
fn backends_are_killed_by_condition() {
    let cluster = cluster(newest());
    let database = cluster.fresh_db("victim");
    let sleeper =
        database.psql().env("PGAPPNAME", "sleeper").args(["--command", "SELECT pg_sleep(600)"]);
    let mut sleeper = sleeper.into_command().stderr(Stdio::null()).spawn().unwrap();
    database.wait_until(
        "EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'sleeper' AND state = 'active')",
    );
    assert_eq!(database.kill_backends("application_name = 'somebody else'"), 0);
    assert_eq!(database.kill_backends("application_name = 'sleeper'"), 1);
    assert!(!sleeper.wait().unwrap().success());
}
