//! The renaming, and what is left of one that was not finished.

use std::convert::Infallible;
use std::time::Duration;

use super::super::clean::Holder;
use super::error::SwapError;
use super::names::Names;
use super::server::{Present, Server, present};
use crate::sql::ident::{literal, quoted};
use crate::target::{Session, Target};

/// What the start of a run has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// All is in order.
    Nothing,
    /// The old database was renamed and the new one was not: now it is.
    Finished,
    /// The old database was renamed and there is no new one: it has its name back.
    Undone,
}

/// Puts the names in order, before a run begins. Does nothing where the role may not, or where all
/// is in order.
///
/// # Errors
/// What the server refuses.
pub async fn recover(target: &Target) -> Result<Recovered, SwapError> {
    let names = Names::of(target.dbname());
    let server = match Server::find(target, &names).await {
        Ok(server) => server,
        // Then there never was a swap.
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

/// Both renamings, or none.
pub(super) async fn swap(
    server: &Server,
    session: &Session,
    names: &Names,
) -> Result<(), SwapError> {
    let Names { current, next, previous } = names;
    rename(server, session, &[(current, previous), (next, current)]).await
}

/// Renames databases in one transaction.
///
/// The server lets nobody new in while it waits, for five seconds, until those who are there have
/// left (`CountOtherDBBackends` in `src/backend/storage/ipc/procarray.c`). Meanwhile another
/// session shows them out.
async fn rename(
    server: &Server,
    session: &Session,
    renames: &[(&String, &String)],
) -> Result<(), SwapError> {
    let porter = server.other_session().await?;
    let names: Vec<String> = renames.iter().map(|(from, _)| literal(from)).collect();
    let work = async {
        session.begin().await.map_err(SwapError::refused("begin the renaming"))?;
        for (from, to) in renames {
            let sql = format!("ALTER DATABASE {} RENAME TO {}", quoted(from), quoted(to));
            if let Err(source) = session.execute(&sql).await {
                // The first error is the one to tell.
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

const OBJECT_IN_USE: &str = "55006";

/// Ends the sessions on these databases, as long as it is polled.
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
        // Whoever cannot be shown out is named when the renaming fails.
        let _ = porter.execute(&sql).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Who is connected to a database. Of sessions of roles that are no business of this one, the
/// server hides the type and the time.
async fn holders(session: &Session, database: &str) -> Vec<Holder> {
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
