//! What other roles have put into the target since the checks before the drop: an attempt that resumes
//! a restore, or continues after it, may start days later.

use super::choose::ChosenObjects;
use super::error::NightError;
use super::first_load::FirstLoad;
use super::in_the_way;
use super::modes::Modes;
use super::night_target::look_at;
use super::present::Present;
use crate::archive::Entry;
use crate::replicate::config::{Restore, TableMode, TableModes};
use crate::server::{PG_CLASS, Session, Target, UntrustedUses};

/// The tables of the role: the schema and name of each, or of the table that it is a partition of; OID.
const OWN_TABLES: &str = "\
SELECT n.nspname, top.relname, c.oid FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_class top ON top.oid = COALESCE(pg_catalog.pg_partition_root(c.oid), c.oid)
JOIN pg_catalog.pg_namespace n ON n.oid = top.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND pg_catalog.pg_get_userbyid(c.relowner) = current_user
ORDER BY 1, 2, c.relname";

/// Fails if the rest of a restore would use or run anything of other roles.
pub(super) async fn check(
    target: &Target,
    entries: &[Entry],
    settings: &Restore,
    chosen: &ChosenObjects,
) -> Result<(), NightError> {
    refuse(&find(&look_at(target).await?, entries, settings, chosen).await?)
}

/// Fails if restored tables would run code of other roles.
pub(super) async fn check_tables(target: &Target, modes: &TableModes) -> Result<(), NightError> {
    refuse(&on_tables(&look_at(target).await?, modes, &[]).await?)
}

/// Everything of other roles that the rest of a restore would use or run, each with a hint.
pub(super) async fn find(
    session: &Session,
    entries: &[Entry],
    settings: &Restore,
    chosen: &ChosenObjects,
) -> Result<Vec<String>, NightError> {
    let present = Present::read(session).await?;
    let modes = Modes::new(entries, &settings.tables);
    let found = in_the_way::find(entries, settings, &present, &modes, &chosen.selection);
    let mut found: Vec<String> =
        found.into_iter().filter(|it| it.is_foreign).map(|it| it.text).collect();
    found.extend(on_tables(session, &settings.tables, &chosen.first_loads).await?);
    Ok(found)
}

/// The code of other roles that tables of this role would run: all except kept ones, which the copy
/// checks.
pub(super) async fn on_tables(
    session: &Session,
    modes: &TableModes,
    first_loads: &[FirstLoad],
) -> Result<Vec<String>, NightError> {
    let failed = || NightError::target("find code of other roles");
    let rows = session.query_text(OWN_TABLES).await.map_err(failed())?;
    let object = |oid: &str| Some((PG_CLASS, oid.parse().ok()?));
    let tables: Vec<_> = rows.iter().filter_map(|row| object(row.last()?.as_ref()?)).collect();
    let uses = UntrustedUses::of(session, &tables).await.map_err(failed())?;
    let mut found: Vec<String> = Vec::new();
    for row in &rows {
        let [Some(schema), Some(table), Some(oid)] = &row[..] else { continue };
        let code = object(oid).and_then(|table| uses.by(table));
        let Some(text) = code.map(ToString::to_string) else { continue };
        let is_first = first_loads.iter().any(|load| load.name == (schema.clone(), table.clone()));
        let is_kept = modes.mode(schema, table) == TableMode::Incremental && !is_first;
        if !is_kept && !found.contains(&text) {
            found.push(text);
        }
    }
    Ok(found)
}

/// Fails if there is anything. Logs each.
fn refuse(found: &[String]) -> Result<(), NightError> {
    for text in found {
        tracing::error!("{text}");
    }
    let Some(first) = found.first().cloned() else { return Ok(()) };
    Err(NightError::Planted { count: found.len() as u64, first })
}
