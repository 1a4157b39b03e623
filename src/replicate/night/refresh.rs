//! Refreshes materialized views that became stale when rows of incremental tables were copied.
//!
//! The restore fills them before the copy.

use tokio_util::sync::CancellationToken;

use super::error::NightError;
use crate::error::chain;
use crate::replicate::config::{TableMode, TableModes};
use crate::server::{Session, SessionSettings, Target};
use crate::sql::ident::literal;

/// The tables that rows may be copied to.
const TABLES: &str = "\
SELECT n.nspname, c.relname, c.oid FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// The materialized views that read them, directly or through views, partitions or functions, in
/// dependency order. The catalog does not record which tables a function reads: one that is not
/// built in may read any table.
const STALE: &str = "\
WITH RECURSIVE fed (oid) AS (
    SELECT pg_catalog.unnest({oids}::pg_catalog.oid[])
    UNION
    SELECT CASE fed.oid WHEN i.inhparent THEN i.inhrelid ELSE i.inhparent END
    FROM fed JOIN pg_catalog.pg_inherits i ON fed.oid IN (i.inhparent, i.inhrelid)
), reads (reader, class, object) AS (
    SELECT DISTINCT r.ev_class, d.refclassid, d.refobjid
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d
        ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
    WHERE d.refobjid <> r.ev_class
), stale (oid) AS (
    (SELECT reader FROM reads JOIN fed
        ON class = 'pg_catalog.pg_class'::pg_catalog.regclass AND object = fed.oid
    UNION
    SELECT reader FROM reads JOIN pg_catalog.pg_proc p
        ON class = 'pg_catalog.pg_proc'::pg_catalog.regclass AND object = p.oid
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('internal', 'c'))
    UNION
    SELECT reader FROM stale JOIN reads
        ON class = 'pg_catalog.pg_class'::pg_catalog.regclass AND object = stale.oid
), levels (oid, level) AS (
    SELECT oid, 0 FROM stale
    UNION
    SELECT reader, level + 1 FROM levels JOIN reads
        ON class = 'pg_catalog.pg_class'::pg_catalog.regclass AND object = levels.oid
)
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM levels JOIN pg_catalog.pg_class c ON c.oid = levels.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
GROUP BY c.oid, n.nspname, c.relname
ORDER BY pg_catalog.max(level), c.oid";

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
    let oids = literal(&format!("{{{}}}", fed.join(",")));
    let views = session.query_text(&STALE.replace("{oids}", &oids)).await.map_err(failed())?;
    Ok(views.into_iter().flatten().flatten().collect())
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
