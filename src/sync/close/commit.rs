//! The COMMIT of a sync, and its outcome if the reply is lost.

use std::time::Duration;

use backon::Retryable;

use crate::server::{
    Backend, PATIENCE, Result, Session, SessionError, SessionSettings, Target, reconnecting,
};
use crate::sync::error::SyncError;
use crate::sync::manifest;

/// How much longer than [`PATIENCE`] to wait for a server that does not respond at all.
const NO_ANSWER: Duration = Duration::from_secs(10);

/// Runs the last statement of the closing transaction and commits it. It is the one that gives the
/// manifest the number `night`.
///
/// # Errors
/// [`SyncError::Unsettled`] if the connection is lost, and it cannot be determined whether it was
/// committed. After any other error it was not.
pub(super) async fn commit(
    session: Session,
    backend: Option<Backend>,
    sql: &str,
    night: u64,
) -> Result<(), SyncError> {
    let Err(error) = session.execute_and_commit(sql, "").await else {
        return Ok(());
    };
    if !error.is_connection_lost() {
        return Err(error.into());
    }
    let target = session.target().clone();
    drop(session);
    match is_committed(&target, backend, night).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(error.into()),
        Err(error) => Err(SyncError::Unsettled(error)),
    }
}

/// Whether the manifest has this number, once the server process that was to write it is gone. True
/// also after a crash of the server, when transaction IDs do not tell.
async fn is_committed(target: &Target, backend: Option<Backend>, night: u64) -> Result<bool> {
    let settings = SessionSettings::default();
    let connect = || async { Box::pin(Session::connect(target, &settings)).await };
    let session = connect.retry(reconnecting()).when(|error| error.retry().is_at_once());
    let limit = PATIENCE + NO_ANSWER;
    let session = tokio::time::timeout(limit, session)
        .await
        .unwrap_or_else(|_| Err(SessionError::Timeout(limit.as_secs())))?;
    if let Some(backend) = backend {
        backend.end(&session, PATIENCE).await?;
        if backend.exists(&session).await? {
            let what = "its server process has not ended".to_owned();
            return Err(SessionError::Protocol(what, None));
        }
    }
    manifest::lock(&session, night).await
}
