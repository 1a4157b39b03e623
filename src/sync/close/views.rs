//! Materialized views that a change of tables makes stale.

use std::collections::HashSet;

use super::locks::{Lock, Waiting};
use crate::archive::{Desc, Toc};
use crate::error::chain;
use crate::restore::event::{Event, Events};
use crate::select::Selection;
use crate::server::{Result, Session};
use crate::sql::ident::{oid_array, qualified, quoted};
use crate::sync::error::SyncError;
use crate::sync::names::Names;

/// A materialized view of the database.
#[derive(Clone, Debug)]
pub(crate) struct MaterializedView {
    oid: u32,
    schema: String,
    name: String,
    /// Its owner.
    owner: String,
    /// Whether its rows may be out of date.
    pub(crate) is_stale: bool,
    /// Whether it can be read.
    pub(crate) is_populated: bool,
    /// Whether this role may refresh it.
    pub(crate) is_ours: bool,
}

impl MaterializedView {
    /// The name in SQL.
    pub(crate) fn sql(&self) -> String {
        qualified(Some(&self.schema), &self.name)
    }
}

/// Whose rows changed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fed<'a> {
    /// These tables', by their OIDs.
    #[cfg(feature = "replicate")]
    Tables(&'a [String]),
    /// All tables' but these. Views whose rows depend on more than tables are stale, too.
    AllBut(&'a [u32]),
}

/// All materialized views, those that read others after them.
///
/// # Errors
/// When the session fails.
pub(crate) async fn materialized_views(
    session: &Session,
    fed: Fed<'_>,
) -> Result<Vec<MaterializedView>> {
    let (fed, always) = match fed {
        #[cfg(feature = "replicate")]
        Fed::Tables(oids) => (format!("SELECT pg_catalog.unnest({})", oid_array(oids)), ""),
        // What a partitioned table has is in its partitions.
        Fed::AllBut(oids) => (
            format!(
                "SELECT oid FROM pg_catalog.pg_class WHERE relkind IN ('r', 'f') \
                 AND oid <> ALL ({})",
                oid_array(oids)
            ),
            include_str!("always_stale.sql"),
        ),
    };
    let names = Names::of(session);
    let sql = include_str!("stale_views.sql")
        .replace("{fed}", &fed)
        .replace("{always}", always)
        .replace("{schema}", &names.sql("n.nspname"))
        .replace("{name}", &names.sql("c.relname"))
        .replace("{owner}", &names.sql("pg_catalog.pg_get_userbyid(c.relowner)"));
    let view = |row: Vec<Option<String>>| {
        let [oid, schema, name, owner, stale, populated, ours] = <[_; 7]>::try_from(row).ok()?;
        let is = |value: Option<String>| value.as_deref() == Some("t");
        Some(MaterializedView {
            oid: oid?.parse().ok()?,
            schema: names.text(schema?)?,
            name: names.text(name?)?,
            owner: names.text(owner?)?,
            is_stale: is(stale),
            is_populated: is(populated),
            is_ours: is(ours),
        })
    };
    Ok(session.query_text(&sql).await?.into_iter().filter_map(view).collect())
}

/// What is done with a view.
enum Task {
    /// Its rows are made anew.
    Fill,
    /// The archive has it without rows.
    Empty,
    /// It is not in the archive: it is refreshed, but a failure does no harm.
    FillIfPossible,
}

/// Refreshes the views that may be out of date: all that do not depend on the `unchanged` tables
/// alone. Gives those of the archive the state they have there. Returns how many were refreshed, and
/// which could not be.
///
/// Their readers wait from here to the end of the transaction.
///
/// # Errors
/// When one of the archive's views cannot be refreshed.
pub(super) async fn refresh(
    session: &Session,
    events: &Events,
    (toc, selection): (&Toc, &Selection),
    unchanged: &[u32],
) -> Result<(usize, Vec<String>), SyncError> {
    let named = |desc: Desc| -> HashSet<(&str, &str)> {
        let wanted = selection.wanted().map(|place| toc.at(place));
        let wanted = wanted.filter(|entry| entry.desc == desc);
        wanted.map(|entry| (entry.namespace.as_deref().unwrap_or_default(), &*entry.tag)).collect()
    };
    let (known, filled) = (named(Desc::MaterializedView), named(Desc::MaterializedViewData));
    let mut tasks = Vec::new();
    for view in materialized_views(session, Fed::AllBut(unchanged)).await? {
        let name = (&*view.schema, &*view.name);
        let task = match (filled.contains(&name), known.contains(&name)) {
            (true, _) => (view.is_stale || !view.is_populated).then_some(Task::Fill),
            (false, true) => view.is_populated.then_some(Task::Empty),
            (false, false) => {
                (view.is_stale && view.is_populated && view.is_ours).then_some(Task::FillIfPossible)
            }
        };
        tasks.extend(task.map(|task| (view, task)));
    }
    if tasks.is_empty() {
        return Ok((0, Vec::new()));
    }
    let mut failed = Vec::new();
    lock(session, events, tasks.iter().map(|(view, _)| view)).await?;
    for (view, task) in &tasks {
        let name = view.sql();
        let done = match task {
            Task::Fill => session.execute(&format!("REFRESH MATERIALIZED VIEW {name}")).await,
            Task::Empty => {
                session.execute(&format!("REFRESH MATERIALIZED VIEW {name} WITH NO DATA")).await
            }
            Task::FillIfPossible => {
                let refresh = format!("REFRESH MATERIALIZED VIEW {name}");
                if let Err(error) = session.try_execute(&refresh).await? {
                    let message =
                        format!("cannot refresh materialized view {name}: {}", chain(&error));
                    events.send(Event::Warning { message });
                    failed.push(name.clone());
                }
                Ok(())
            }
        };
        done.map_err(|source| SyncError::View { view: name, source })?;
    }
    Ok((tasks.len() - failed.len(), failed))
}

/// Locks all of them, or none: a session that reads one of them and then another would wait for this
/// one, which would wait for it. `LOCK TABLE` refuses materialized views; this changes nothing, and
/// has the lock of REFRESH (`ATExecChangeOwner` in `src/backend/commands/tablecmds.c`).
async fn lock(
    session: &Session,
    events: &Events,
    views: impl Iterator<Item = &MaterializedView>,
) -> Result<(), SyncError> {
    let mut views: Vec<_> = views.collect();
    views.sort_unstable_by_key(|view| view.oid);
    let each = views.iter();
    let statements: String = each
        .map(|view| {
            format!("ALTER MATERIALIZED VIEW {} OWNER TO {};", view.sql(), quoted(&view.owner))
        })
        .collect();
    let names: Vec<String> = views.iter().map(|view| view.sql()).collect();
    let oids: Vec<u32> = views.iter().map(|view| view.oid).collect();
    let lock = Lock { statements: &statements, what: &names.join(", "), oids: &oids };
    let locked = lock.take(session, events, Waiting::Readers).await;
    locked.map_err(|source| SyncError::View { view: names.join(", "), source })
}
