//! Finds what the target has in the place of the backup's objects: objects of other roles, objects
//! that the drop spares, and tables that are not yet partitions of the tables that the target keeps.

use std::collections::HashMap;

use super::choose::{self, name};
use super::error::NightError;
use super::modes::Modes;
use super::present::{Holder, Overload, Present};
use crate::archive::objects::listed_objects;
use crate::archive::{Desc, DumpId, Entry, Place, placed};
use crate::replicate::config::{Restore, TableMode};
use crate::report::units::first_of;
use crate::restore::Tolerance;
use crate::select::{Leave, Selection, Unwanted};
use crate::sql::ident::qualified;

/// How many large objects a message lists; the rest are counted.
const LISTED_OBJECTS: usize = 10;

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
    let places: HashMap<DumpId, Place> =
        placed(entries).map(|(place, entry)| (entry.dump_id, place)).collect();
    let is_created = |entry: &Entry| {
        places.get(&entry.dump_id).is_some_and(|place| selection.want(*place).schema)
    };
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
        if is_part || !is_kept && !selection.want(place).any() {
            continue;
        }
        let mut add = |text, is_foreign| {
            found.push(InTheWay { entry: entry.dump_id, text, is_table, is_foreign });
        };
        if entry.desc == Desc::Blobs
            && let Some((text, is_foreign)) = large_objects(entry, entries, present)
        {
            add(text, is_foreign);
        }
        if !is_kept && !selection.want(place).schema {
            continue;
        }
        let holder = present.holder(entry);
        let is_foreign = holder.is_some_and(|holder| !holder.is_trusted);
        if is_table && !is_foreign {
            let lost = || is_kept.then(|| elsewhere(entry, present, modes, is_created)).flatten();
            if let Some(text) = astray(entry, present, modes, &attaches).or_else(lost) {
                add(text, false);
                continue;
            }
        }
        let part = holder.is_none().then(|| present.holder_of_part(entry)).flatten();
        let (taken, holder) = match part {
            Some((taken, holder)) => (Some(taken), holder),
            None => match holder {
                Some(holder) => (None, holder),
                None => continue,
            },
        };
        let is_harmless = holder.is_trusted && (is_kept || is_tolerated && !is_table);
        if !is_harmless {
            add(in_place_of(entry, holder, taken.as_deref(), is_kept), !holder.is_trusted);
        }
    }
    for (place, entry) in placed(entries) {
        let is_used = selection.reason(place) == Some(&Unwanted::Present);
        let is_found = || found.iter().any(|it| it.is_foreign && it.entry == entry.dump_id);
        if !is_used && !selection.want(place).schema || is_found() {
            continue;
        }
        // A resumed restore may find another one than when it started.
        let replaced = present.holder(entry).filter(|holder| is_used && !holder.is_trusted);
        let text = match (replaced, present.overload(entry)) {
            (Some(holder), _) => in_place_of(entry, holder, None, true),
            (None, Some(Overload { what: other, owner, .. })) => format!(
                "{}: {other} of role {owner} has {}, and calls may run it instead (hint: drop or \
                 rename it, or change its owner)",
                entry.label(),
                if entry.desc == Desc::Extension {
                    "the name of a member"
                } else {
                    "the same name"
                }
            ),
            (None, None) => continue,
        };
        found.push(InTheWay { entry: entry.dump_id, text, is_table: false, is_foreign: true });
    }
    found
}

/// Large objects of other roles with the OIDs of the backup's, which would get its contents, and
/// whether one belongs to a role that is not trusted.
fn large_objects(contents: &Entry, entries: &[Entry], present: &Present) -> Option<(String, bool)> {
    let is_list = |entry: &&Entry| {
        entry.desc == Desc::BlobMetadata && contents.dependencies.contains(&entry.dump_id)
    };
    let oids = listed_objects(entries.iter().find(is_list), entries);
    let mut held: Vec<(u32, &Holder)> =
        oids.into_iter().filter_map(|oid| Some((oid, present.large_object(oid)?))).collect();
    held.sort_unstable_by_key(|(oid, _)| *oid);
    let (oid, _) = held.first()?;
    let named: Vec<String> =
        held.iter().map(|(oid, holder)| format!("{oid} of {}", holder.owner)).collect();
    let text = format!(
        "large objects of the backup cannot be restored, because the target has others with their \
         OIDs: {} (hint: SELECT lo_unlink({oid}), or add \"BLOB*\" to RESTORE_EXCLUDE)",
        first_of(&named, LISTED_OBJECTS)
    );
    Some((text, held.iter().any(|(_, holder)| !holder.is_trusted)))
}

/// Why a restored table would lack the rows of a partition: the target keeps it in another table.
fn elsewhere(
    entry: &Entry,
    present: &Present,
    modes: &Modes<'_>,
    is_created: impl Fn(&Entry) -> bool,
) -> Option<String> {
    let (schema, table) = name(entry);
    let (whole, _) = modes.above(entry)?;
    let (of_keeper, keeper) = present.whole(schema, table)?;
    let (label, own) = (entry.label(), qualified(Some(schema), table));
    let keeper = qualified(Some(of_keeper), keeper);
    is_created(whole).then(|| {
        format!(
            "{} would lack the rows of its partition {own}, which in the target is a partition of \
             {keeper}, which is kept (hint: ALTER TABLE {keeper} DETACH PARTITION {own} lets the \
             next run replace it; its rows then leave {keeper}. Or add \"{label}\" to \
             RESTORE_EXCLUDE)",
            whole.label()
        )
    })
}

/// Why an entry's object cannot be created, or must not be kept. `taken` is the name that it needs,
/// if it is not its own.
fn in_place_of(entry: &Entry, holder: &Holder, taken: Option<&str>, is_kept: bool) -> String {
    let label = entry.label();
    let Holder { what, owner, .. } = holder;
    if let Some(code) = &holder.code {
        return format!("{label} already exists: {code}");
    }
    let state = match (taken, entry.desc.as_str().to_lowercase() == *what) {
        (Some(taken), _) => {
            format!("{label} cannot be created, because it needs the name of {what} {taken}")
        }
        (None, true) => format!("{label} already exists"),
        (None, false) => {
            format!("{label} cannot be created, because its name is that of an existing {what}")
        }
    };
    let is_code = matches!(
        entry.desc,
        Desc::Function | Desc::Procedure | Desc::Aggregate | Desc::Operator | Desc::Cast
    );
    if is_kept || is_code && !holder.is_own {
        // Whether its entry is excluded or not, rows are copied into it, or what is restored calls it.
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
            // Elsewhere in the target, it is a partition of another table.
            let detach = present.whole(schema, table).map(|(of_whole, whole)| {
                let whole = qualified(Some(of_whole), whole);
                format!("ALTER TABLE {whole} DETACH PARTITION {own}; ")
            });
            let detach = detach.unwrap_or_default();
            format!(
                "{detach}{attach} keeps its rows; or drop it and copy them with \
                 INCREMENTAL_FILL_GAPS"
            )
        }
        (true, false) => "drop it and copy its rows with INCREMENTAL_FILL_GAPS".to_owned(),
        (false, _) => format!("DROP TABLE {own}: the backup has its rows"),
    };
    Some(format!(
        "{} is a partition of {} in the backup, but not in the target: it would not get new rows \
         (hint: {hint}; or add \"{}\" to RESTORE_EXCLUDE to leave it unchanged)",
        entry.label(),
        sql(whole),
        entry.label()
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
