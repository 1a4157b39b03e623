//! Refreshes materialized views that became stale when rows of incremental tables were copied.
//!
//! The restore fills them before the copy.

use tokio_util::sync::CancellationToken;

use super::error::NightError;
use crate::error::chain;
use crate::replicate::config::{TableMode, TableModes};
use crate::server::{Session, SessionSettings, Target};
use crate::sync::{Fed, MaterializedView, materialized_views};

/// The tables that rows may be copied to.
const TABLES: &str = "\
SELECT n.nspname, c.relname, c.oid FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// The quoted names of the views to refresh, in order.
pub(super) async fn stale(target: &Target, modes: &TableModes) -> Result<Vec<String>, NightError> {
    let failed = || NightError::target("find materialized views over incremental tables");
    let session = connect(target).await.map_err(failed())?;
    let mut fed = Vec::new();
    for row in session.query_text(TABLES).await.map_err(failed())? {
        if let [Some(schema), Some(table), Some(oid)] = &row[..]
            && modes.mode(schema, table) == TableMode::Incremental
        {
            fed.push(oid.clone());
        }
    }
    if fed.is_empty() {
        return Ok(Vec::new());
    }
    let views = materialized_views(&session, Fed::Tables(&fed)).await.map_err(failed())?;
    let stale = views.iter().filter(|view| view.is_stale && view.is_populated && view.is_ours);
    Ok(stale.map(MaterializedView::sql).collect())
}

/// Refreshes them. An error of one does not stop the others.
pub(super) async fn run(
    target: &Target,
    views: &[String],
    stop: &CancellationToken,
) -> Result<(), NightError> {
    let failed = || NightError::target("refresh a materialized view");
    let mut result = Ok(());
    if views.is_empty() {
        return result;
    }
    let session = Session::connect(target, &SessionSettings::for_rows()).await.map_err(failed())?;
    let cancel = session.cancel_handle();
    for view in views {
        let sql = format!("REFRESH MATERIALIZED VIEW {view}");
        let refreshed = tokio::select! {
            refreshed = session.execute(&sql) => refreshed,
            () = stop.cancelled() => {
                // The session ends with this function in any case.
                drop(cancel.cancel().await);
                return Err(NightError::Stopped);
            }
        };
        match refreshed {
            Ok(()) => tracing::info!("materialized view {view} refreshed"),
            Err(error) => {
                tracing::error!("cannot refresh materialized view {view}: {}", chain(&error));
                let is_lost = error.is_connection_lost();
                result = result.and(Err(failed()(error)));
                if is_lost {
                    break;
                }
            }
        }
    }
    result
}

async fn connect(target: &Target) -> crate::server::Result<Session> {
    Session::connect(target, &SessionSettings::default()).await
}
