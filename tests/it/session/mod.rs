//! Sessions through the library, on the server with TLS: connecting, statements, COPY, large
//! objects.

mod connecting;
mod statements;
mod streaming;

use nocturne::server::{ConnectOptions, Result, Session, SessionSettings, Target};

use crate::tls::server::server;

/// A session with these parameters of a connection string; the port is filled in.
async fn connect(conninfo: &str) -> Result<Session> {
    Session::connect(&target(conninfo)?, &SessionSettings::default()).await
}

/// A session of the superuser, over the socket.
async fn superuser() -> Session {
    Session::connect(&local(), &SessionSettings::default()).await.unwrap()
}

/// The superuser's target, over the socket.
fn local() -> Target {
    target(&format!("host={} user=postgres", server().socket_dir())).unwrap()
}

fn target(conninfo: &str) -> Result<Target> {
    let port = server().port();
    let options = ConnectOptions {
        dbname: Some(format!("dbname=postgres port={port} {conninfo}")),
        ..ConnectOptions::default()
    };
    Target::resolve(&options, &|_| None)
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
