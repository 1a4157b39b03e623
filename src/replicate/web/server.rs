//! Serves requests until asked to stop.
//!
//! Anyone can open connections, and their number is limited. A connection that does not send a
//! complete request head in time is closed, and so is one that lasts too long.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long running requests may take when asked to stop: the host kills the process after 30
/// seconds.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// How long the head of a request may take, including idle time before it.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection may last, for example if the client does not read the response.
const LONGEST_CONNECTION: Duration = Duration::from_secs(60);

/// Concurrent connections; others wait in the listener's queue.
const MOST_CONNECTIONS: usize = 256;

/// The pause after a failed accept, for example because of too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Serves requests until asked to stop; then finishes the running ones.
///
/// # Errors
/// None: a failed accept is logged, and the server continues.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((accept(&listener).await, place))
        };
        let (stream, place) = tokio::select! {
            next = next => next?,
            () = stop.cancelled() => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // An error means that the client left or was too slow.
            let _ = tokio::time::timeout(LONGEST_CONNECTION, connection).await;
            drop(place);
        });
    }
    if tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await.is_err() {
        tracing::warn!("a request did not end in time and was dropped");
    }
    Ok(())
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}
