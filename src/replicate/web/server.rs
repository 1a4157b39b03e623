//! Listens until asked to stop.

use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long requests that go on may take when asked to stop: the host kills the process after 30
/// seconds.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Answers requests until asked to stop; then answers those that go on, and no others.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let asked = stop.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(asked.cancelled_owned());
    let too_late = async {
        stop.cancelled().await;
        tokio::time::sleep(LAST_REQUESTS).await;
    };
    tokio::select! {
        ended = server => ended,
        () = too_late => {
            tracing::warn!("a request did not end in time and is dropped");
            Ok(())
        }
    }
}
