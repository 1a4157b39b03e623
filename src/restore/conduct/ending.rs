//! What concerns all sessions of a restore: making commits durable, ending early.

use std::future::Future;
use std::time::Duration;

use tokio::sync::RwLockWriteGuard;

use crate::restore::conduct::distributed;
use crate::restore::ledger::Ledger;
use crate::restore::session::lane::Lane;
use crate::restore::session::retry::repeating;
use crate::server;

/// How long to try cancelling running statements when the restore ends early.
pub(crate) const CANCEL_WITHIN: Duration = Duration::from_secs(5);

/// Resolves when the restore should end early. Related commits may finish, unless the server does
/// not respond; no new ones start while the guard lives.
pub(crate) async fn interrupted(
    ledger: &Ledger,
    shutdown: impl Future<Output = ()>,
) -> Option<RwLockWriteGuard<'_, ()>> {
    shutdown.await;
    tokio::time::timeout(CANCEL_WITHIN, ledger.server.no_more_commits()).await.ok()
}

/// Makes all commits so far durable, with a commit that the server confirms only once it and all
/// earlier ones are on disk.
pub(crate) async fn make_durable(lane: &mut Lane) -> server::Result<()> {
    let mut pauses = repeating();
    loop {
        let done = commit_durably(lane).await;
        if done.is_ok() || !pause_if_lost(lane, &done, &mut pauses).await {
            return done;
        }
    }
}

/// Looks for distributed tables.
pub(crate) async fn find_distributed(lane: &mut Lane) -> server::Result<()> {
    let ledger = lane.ledger.clone();
    let mut pauses = repeating();
    loop {
        let found = match lane.session().await {
            Ok(session) => distributed::tables(session).await,
            Err(error) => Err(error),
        };
        if found.is_ok() || !pause_if_lost(lane, &found, &mut pauses).await {
            ledger.server.note_distributed(found?);
            return Ok(());
        }
        lane.renew().await?;
    }
}

/// Waits before retrying repeatable work whose session was lost. Returns false if a retry is
/// pointless.
async fn pause_if_lost<T>(
    lane: &Lane,
    done: &server::Result<T>,
    pauses: &mut impl Iterator<Item = Duration>,
) -> bool {
    let ledger = lane.ledger.clone();
    let is_lost = done.as_ref().is_err_and(server::SessionError::is_connection_lost);
    let may_go_on = is_lost && !lane.in_group() && !ledger.server.is_lost();
    match pauses.next().filter(|_| may_go_on) {
        Some(pause) => tokio::time::sleep(pause).await,
        None => return false,
    }
    true
}

async fn commit_durably(lane: &mut Lane) -> server::Result<()> {
    lane.renew().await?;
    let sql = "SET synchronous_commit = on;";
    lane.execute(sql).await?;
    // A transaction with an ID has a commit record, which COMMIT waits for.
    lane.execute("SELECT pg_catalog.txid_current();").await
}

/// Cancels the statements that the sessions are running.
pub(crate) async fn cancel_all(ledger: &Ledger) {
    let handles = ledger.server.take_cancel_handles();
    // A server that cannot be reached will notice the closed connections on its own.
    futures::future::join_all(handles.iter().map(server::CancelHandle::cancel)).await;
}
