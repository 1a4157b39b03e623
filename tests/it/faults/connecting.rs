//! Servers that cannot be reached or refuse the login.

use crate::common::versions::newest;
use crate::common::{Archive, Cluster, cluster, restore_to};
use nocturne::embedded::{Embedded, EmbeddedOptions, Listen};

const TABLE: &str = "CREATE TABLE t (id int)";

#[test]
fn wrong_password_is_exit_code_4_and_hidden() {
    let archive = Archive::of(cluster(newest()), TABLE);
    let options = Cluster::options(newest());
    let options = EmbeddedOptions { listen: Listen::Loopback { port: None }, ..options };
    let server = Embedded::start(&options).unwrap_or_else(|error| panic!("{error}"));
    let url = server.tcp_url("postgres").unwrap();
    let (start, rest) = url.split_once("://").unwrap();
    let (user, rest) = rest.split_once(':').unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let wrong = format!("{start}://{user}:xyzzy-secret@{place}");
    for args in [&[][..], &["-vv"], &["--log-format", "json"]] {
        let restored = restore_to(&archive.path(), &wrong, args);
        assert_eq!(restored.finished.code(), 4, "{}", restored.finished);
        let said = restored.stderr() + &restored.finished.stdout();
        assert!(said.contains("password authentication failed"), "{}", restored.finished);
        assert!(!said.contains("xyzzy-secret"), "{}", restored.finished);
    }
    restore_to(&archive.path(), &url, &[]).expect(0);
}

#[test]
fn missing_database_is_exit_code_4() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, TABLE);
    let restored = restore_to(&archive.path(), &cluster.url("no_such_db"), &[]);
    assert_eq!(restored.finished.code(), 4, "{}", restored.finished);
    assert!(restored.stderr().contains("\"no_such_db\" does not exist"), "{}", restored.finished);
}

#[test]
fn unreachable_server_is_exit_code_4() {
    let archive = Archive::of(cluster(newest()), TABLE);
    for url in [
        "postgresql://postgres@127.0.0.1:1/postgres",
        "postgresql:///postgres?host=/nowhere&user=postgres",
        "postgresql://postgres@no-such-host.invalid/postgres",
    ] {
        let restored = restore_to(&archive.path(), url, &[]);
        assert_eq!(restored.finished.code(), 4, "{}", restored.finished);
        assert!(restored.stderr().contains("cannot connect to postgres@"), "{}", restored.finished);
    }
}
