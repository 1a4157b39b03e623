//! Renames the databases, and recovers an unfinished renaming.

use std::convert::Infallible;
use std::time::Duration;

use super::super::clean::Holder;
use super::error::SwapError;
use super::names::Names;
use super::obstacles;
use super::server::{Present, SwapServer, present};
use crate::server::sqlstate::OBJECT_IN_USE;
use crate::server::{Session, Target};
use crate::sql::ident::{literal, quoted};

/// What recovery found at the start of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// Everything is in order.
    Nothing,
    /// The old database was renamed and the new one was not; now it is.
    Finished,
    /// The old database was renamed and there is no new one; it has its name back.
    Undone,
}

/// Recovers the names before a run starts. Does nothing if the role lacks the permission or
/// everything is in order.
///
/// # Errors
/// Errors of the server.
pub async fn recover(target: &Target) -> Result<Recovered, SwapError> {
    let names = Names::of(target.dbname());
    let server = match SwapServer::find(target, &names).await {
        Ok(server) => server,
        // In that case there never was a swap.
        Err(SwapError::NotPermitted { .. }) => return Ok(Recovered::Nothing),
        Err(error) => return Err(error),
    };
    let session = server.session().await?;
    let (from, recovered) = match present(&session, &names).await? {
        Present { current: false, next: true, previous: true } => {
            (&names.next, Recovered::Finished)
        }
        Present { current: false, next: false, previous: true } => {
            (&names.previous, Recovered::Undone)
        }
        _ => return Ok(Recovered::Nothing),
    };
    rename(&server, &session, &[(from, &names.current)]).await?;
    Ok(recovered)
}

/// Renames both databases, or none.
pub(super) async fn swap(
    server: &SwapServer,
    session: &Session,
    names: &Names,
) -> Result<(), SwapError> {
    // Created since the run started.
    obstacles::replicated(session, names).await?;
    let Names { current, next, previous } = names;
    rename(server, session, &[(current, previous), (next, current)]).await
}

/// Renames databases in one transaction.
///
/// The server waits up to five seconds for existing sessions to end, and accepts no new ones
/// meanwhile (`CountOtherDBBackends` in `src/backend/storage/ipc/procarray.c`). During this time,
/// another session terminates them.
async fn rename(
    server: &SwapServer,
    session: &Session,
    renames: &[(&String, &String)],
) -> Result<(), SwapError> {
    let porter = server.other_session().await?;
    let names: Vec<String> = renames.iter().map(|(from, _)| literal(from)).collect();
    let work = async {
        session
            .begin()
            .await
            .map_err(SwapError::refused("start the transaction to rename databases"))?;
        for (from, to) in renames {
            let sql = format!("ALTER DATABASE {} RENAME TO {}", quoted(from), quoted(to));
            if let Err(source) = session.execute(&sql).await {
                // The first error is the one to report.
                let _ = session.rollback().await;
                return Err(match source.sqlstate() {
                    Some(OBJECT_IN_USE) => {
                        let database = (*from).clone();
                        let holders = holders(&porter, from).await;
                        SwapError::InUse { database, holders, source }
                    }
                    _ => SwapError::Refused { what: format!("rename \"{from}\""), source },
                });
            }
        }
        session.commit().await.map_err(SwapError::refused("rename the databases"))
    };
    let names = names.join(", ");
    tokio::select! {
        renamed = work => renamed,
        never = show_out(&porter, &names) => match never {},
    }
}

/// Terminates the sessions on these databases for as long as it is polled.
async fn show_out(porter: &Session, names: &str) -> Infallible {
    let sql = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
         WHERE datname IN ({names}) AND pid <> pg_catalog.pg_backend_pid() AND \
             (pg_catalog.pg_has_role(usesysid, 'MEMBER') \
              OR pg_catalog.pg_has_role('pg_signal_backend', 'MEMBER')) \
             AND (NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE oid = usesysid) \
              OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user))"
    );
    loop {
        // Sessions that cannot be terminated are listed when the renaming fails.
        let _ = porter.execute(&sql).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The sessions connected to a database. For sessions of roles that this one is not a member of,
/// the server hides type and time.
pub(super) async fn holders(session: &Session, database: &str) -> Vec<Holder> {
    let sql = format!(
        "SELECT pid, usename, NULLIF(application_name, ''), \
             pg_catalog.date_trunc('second', backend_start) \
         FROM pg_catalog.pg_stat_activity WHERE datname = {} \
           AND COALESCE(backend_type, 'client backend') = 'client backend'",
        literal(database)
    );
    let rows = session.query_text(&sql).await.unwrap_or_default();
    let holder = |row: Vec<Option<String>>| {
        let [pid, user, application, since] = row.try_into().ok()?;
        Some(Holder { pid: pid?, user, application, since })
    };
    rows.into_iter().filter_map(holder).collect()
}
