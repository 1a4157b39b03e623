//! Finds what the target has in the place of the backup's objects: objects of other roles, objects
//! that the drop spares, and tables that are not yet partitions of the tables that the target keeps.

use std::collections::HashMap;

use super::choose::{self, name};
use super::error::NightError;
use super::modes::Modes;
use super::present::{Holder, Present};
use crate::archive::{Desc, DumpId, Entry, placed};
use crate::replicate::config::{Restore, TableMode};
use crate::restore::Tolerance;
use crate::select::{Leave, Selection, Unwanted};
use crate::server::Retry;
use crate::sql::ident::qualified;

/// An entry of the archive that cannot be restored as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InTheWay {
    pub(super) entry: DumpId,
    /// Why, with a hint.
    pub(super) text: String,
    pub(super) is_table: bool,
    /// Whether the object in its place belongs to a role that is not trusted: its code must not run.
    pub(super) is_foreign: bool,
}

/// Finds them among the selected entries and the kept tables.
pub(super) fn find(
    entries: &[Entry],
    settings: &Restore,
    present: &Present,
    modes: &Modes<'_>,
    selection: &Selection,
) -> Vec<InTheWay> {
    // The errors of these objects are harmless, unlike those of tables, whose rows would still come.
    let is_tolerated = settings.tolerate.iter().any(|tolerance| match tolerance {
        Tolerance::AlreadyExists => true,
        Tolerance::SqlState(code) => ["42P07", "42710"].contains(&code.as_str()),
        _ => false,
    });
    let attaches: HashMap<(&str, &str), &Entry> = entries
        .iter()
        .filter(|entry| entry.desc == Desc::TableAttach)
        .map(|entry| (name(entry), entry))
        .collect();
    let mut found: Vec<InTheWay> = Vec::new();
    for (place, entry) in placed(entries) {
        let is_table = choose::is_table(entry);
        let is_kept = is_table
            && matches!(
                selection.reason(place),
                Some(Unwanted::LeftOut(Leave::Kept) | Unwanted::WithTable(_, Leave::Kept))
            );
        // Parts of a table are reported with it.
        let is_part = matches!(entry.desc, Desc::Index | Desc::Constraint | Desc::Statistics)
            && found.iter().any(|it| it.is_table && entry.dependencies.contains(&it.entry));
        if is_part || !is_kept && !selection.want(place).schema {
            continue;
        }
        let mut add = |text, is_foreign| {
            found.push(InTheWay { entry: entry.dump_id, text, is_table, is_foreign });
        };
        let holder = present.holder(entry);
        if is_table && let Some(text) = astray(entry, present, modes, &attaches) {
            add(text, holder.is_some_and(|holder| !holder.is_trusted));
            continue;
        }
        let Some(holder) = holder else { continue };
        let is_harmless = holder.is_trusted && (is_kept || is_tolerated && !is_table);
        if !is_harmless {
            add(in_place_of(entry, holder, is_kept), !holder.is_trusted);
        }
    }
    found
}

/// Why an entry's object cannot be created, or must not be kept.
fn in_place_of(entry: &Entry, holder: &Holder, is_kept: bool) -> String {
    let label = entry.label();
    let Holder { what, owner, .. } = holder;
    let state = match entry.desc.as_str().to_lowercase() == *what {
        true => format!("{label} already exists"),
        false => {
            format!("{label} cannot be created, because its name is that of an existing {what}")
        }
    };
    if is_kept {
        // Rows are copied into it, whether its entry is excluded or not.
        return format!(
            "{state}, owned by role {owner} (hint: drop or rename it, or change its owner)"
        );
    }
    match holder.is_own {
        false => format!(
            "{state}, owned by role {owner} (hint: drop or rename it, or add \"{label}\" to \
             RESTORE_EXCLUDE)"
        ),
        // The drop spares what kept objects need, such as their partitions.
        true => format!(
            "{state} and is not dropped: a kept table or extension needs it (through a policy, rule, \
             function, publication or sequence, for example), or a hook or SWAP_TEMPLATE created it \
             (hint: add \"{label}\" to RESTORE_EXCLUDE to leave it unchanged)"
        ),
    }
}

/// Why a table of the target would neither be dropped nor get new rows: the backup has it as a
/// partition of an incremental table, the target does not.
fn astray(
    entry: &Entry,
    present: &Present,
    modes: &Modes<'_>,
    attaches: &HashMap<(&str, &str), &Entry>,
) -> Option<String> {
    let (schema, table) = name(entry);
    let (whole, top) = modes.above(entry)?;
    if modes.mode(entry) != TableMode::Incremental || !present.has_table(schema, table) {
        return None;
    }
    let is = |own: &(String, String), entry| (own.0.as_str(), own.1.as_str()) == name(entry);
    // A partition of a partition comes with that one.
    if present.up(schema, table).any(|own| is(own, top))
        || present.whole(schema, table).is_some_and(|own| is(own, whole))
    {
        return None;
    }
    let has = |entry| {
        let (schema, table) = name(entry);
        present.has_table(schema, table)
    };
    let sql = |entry| {
        let (schema, table) = name(entry);
        qualified(Some(schema), table)
    };
    let own = sql(entry);
    let hint = match (has(top), has(whole)) {
        (true, true) => {
            let attach = attaches.get(&(schema, table)).map_or_else(
                || format!("ALTER TABLE {} ATTACH PARTITION {own} FOR VALUES …", sql(whole)),
                |attach| attach.defn.trim().trim_end_matches(';').to_owned(),
            );
            format!("{attach} keeps its rows, or drop it and copy them with INCREMENTAL_FILL_GAPS")
        }
        (true, false) => "drop it and copy its rows with INCREMENTAL_FILL_GAPS".to_owned(),
        (false, _) => format!("DROP TABLE {own}: the backup has its rows"),
    };
    Some(format!(
        "{} is a partition of {} in the backup, but not in the target: it would not get new rows \
         (hint: {hint})",
        entry.label(),
        sql(whole)
    ))
}

/// Fails before the drop if anything is in the way. Logs each.
pub(super) fn refuse(found: &[InTheWay]) -> Result<(), NightError> {
    for it in found {
        tracing::error!("{}", it.text);
    }
    let Some(first) = found.first() else { return Ok(()) };
    Err(NightError::InTheWay { count: found.len() as u64, first: first.text.clone() })
}

/// Fails after the drop if another role has created something in the meantime: the backup's objects
/// must not use it.
pub(super) fn refuse_foreign(found: &[InTheWay]) -> Result<(), NightError> {
    let foreign: Vec<&InTheWay> = found.iter().filter(|it| it.is_foreign).collect();
    let Some(first) = foreign.first() else { return Ok(()) };
    let (count, first) = (foreign.len() as u64, first.text.clone());
    Err(NightError::Entries { count, first, retry: Retry::Never })
}
