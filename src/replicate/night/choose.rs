//! Chooses the entries to restore, by the modes of the tables and by the objects in the target.

use super::error::NightError;
use super::first_load::{FirstLoad, Name};
use super::in_the_way::{self, InTheWay};
use super::modes::Modes;
use super::present::Present;
use crate::archive::{Desc, DumpId, Entry, Place, placed};
use crate::replicate::config::{Config, EntryPattern, Restore, TableMode};
use crate::report::units::plural;
use crate::select::{Leave, SelectError, SelectOptions, Selection, Unwanted, select};
use crate::sql::ident::qualified;

/// The chosen entries.
pub(super) struct ChosenObjects {
    pub(super) selection: Selection,
    /// Incremental tables that are not yet in the target.
    pub(super) first_loads: Vec<FirstLoad>,
    /// What the target has in the place of the archive's objects.
    pub(super) in_the_way: Vec<InTheWay>,
    /// Tables that the target keeps as partitions of incremental tables, although in the backup
    /// they no longer are: by their entries, each with its partitioned table in the target.
    pub(super) detached: Vec<(DumpId, Name)>,
}

/// Chooses entries. `is_fed_here` tells whether incremental tables are copied to this target; if
/// not, it gets none of them.
pub(super) fn choose(
    entries: &[Entry],
    settings: &Restore,
    present: &Present,
    is_fed_here: bool,
) -> Result<ChosenObjects, SelectError> {
    let modes = Modes::new(entries, &settings.tables);
    let options =
        SelectOptions { no_acl: true, no_security_labels: true, ..SelectOptions::default() };
    let mut selection = select(entries, &options, None)?;
    let is_kept = |(schema, table): &Name| {
        modes.of(schema, table) == TableMode::Incremental && present.has_table(schema, table)
    };
    let is_detached = |schema: &str, table: &str| {
        matches!(modes.of(schema, table), TableMode::Full | TableMode::SchemaOnly)
            && present.up(schema, table).last().is_some_and(is_kept)
    };
    let leave = |entry: &Entry| {
        let (schema, table) = name(entry);
        match modes.mode(entry) {
            _ if is_detached(schema, table) => Some(Leave::Kept),
            TableMode::Full => None,
            TableMode::SchemaOnly => Some(Leave::WithoutRows),
            // Partitions follow their partitioned table.
            TableMode::None | TableMode::Incremental if modes.is_inherited(entry) => None,
            TableMode::None => Some(Leave::Absent),
            TableMode::Incremental if present.has_table(schema, table) => Some(Leave::Kept),
            TableMode::Incremental if is_fed_here => Some(Leave::WithoutForeignKeys),
            TableMode::Incremental => Some(Leave::Absent),
        }
    };
    selection.exclude(entries, |entry| settings.exclude.iter().any(|own| own.matches(entry)));
    selection.leave_out(entries, leave);
    let is_loaded = |(place, entry): &(Place, &Entry)| {
        is_table(entry)
            && selection.want(*place).schema
            && modes.mode(entry) == TableMode::Incremental
    };
    let first_loads = placed(entries).filter(is_loaded);
    let first_loads = first_loads
        .map(|(_, entry)| {
            let (schema, table) = name(entry);
            let name = (schema.to_owned(), table.to_owned());
            FirstLoad { name, dump_id: entry.dump_id }
        })
        .collect();
    selection.leave_out_present(entries, |entry| present.has_object_of(entry));
    let in_the_way = in_the_way::find(entries, settings, present, &modes, &selection);
    let detached = tables(entries).filter_map(|entry| {
        let (schema, table) = name(entry);
        let (of_whole, whole) = present.whole(schema, table)?;
        // The partitions of a detached partition come with it.
        let is_topmost = is_detached(schema, table) && !is_detached(of_whole, whole);
        is_topmost.then(|| (entry.dump_id, (of_whole.clone(), whole.clone())))
    });
    let detached = detached.collect();
    Ok(ChosenObjects { selection, first_loads, in_the_way, detached })
}

/// Names in the settings that match nothing in the archive, each with the setting.
fn unused(entries: &[Entry], settings: &Restore) -> Vec<String> {
    let rules = settings.tables.unused(tables(entries).map(name)).into_iter();
    let rules = rules.map(|rule| {
        let (tables, mode) = (&rule.tables, rule.mode.word());
        format!("no table of the archive matches \"{tables}\" ({mode})")
    });
    let is_unused = |pattern: &&EntryPattern| !entries.iter().any(|entry| pattern.matches(entry));
    let patterns = settings.exclude.iter().filter(is_unused);
    let patterns =
        patterns.map(|own| format!("no entry of the archive matches \"{own}\" (exclude)"));
    rules.chain(patterns).collect()
}

/// Rejects an archive without tables, settings that exclude all of them or contradict each other, and,
/// if strict, names that match nothing in it.
pub(super) fn check(entries: &[Entry], settings: &Restore) -> Result<(), NightError> {
    if tables(entries).next().is_none() {
        return Err(NightError::NoDefinitions);
    }
    if !leaves_a_table(entries, settings)? {
        return Err(NightError::NoTable);
    }
    let contradictions = Modes::new(entries, &settings.tables).contradictions();
    if !contradictions.is_empty() {
        return Err(NightError::Contradiction { partitions: contradictions.join("; ") });
    }
    match unused(entries, settings).join("; ") {
        names if settings.strict && !names.is_empty() => Err(NightError::Unused { names }),
        _ => Ok(()),
    }
}

/// Whether any table is restored or kept, wherever the rows of incremental tables are copied.
fn leaves_a_table(entries: &[Entry], settings: &Restore) -> Result<bool, NightError> {
    let chosen = choose(entries, settings, &Present::default(), true)?;
    let mut places = placed(entries).filter(|(_, entry)| is_table(entry));
    Ok(places.any(|(place, _)| chosen.selection.want(place).schema))
}

/// A notice about the chosen entries.
pub(super) struct Notice {
    pub(super) is_warning: bool,
    pub(super) text: String,
}

/// Which tables are not restored, which other entries are also skipped without being named, and
/// which rules match no table.
pub(super) fn notices(
    entries: &[Entry],
    settings: &Restore,
    chosen: &ChosenObjects,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut add = |is_warning, text| notices.push(Notice { is_warning, text });
    for unused in unused(entries, settings) {
        add(true, unused);
    }
    for pattern in &settings.exclude {
        let count = entries.iter().filter(|entry| pattern.matches(entry)).count() as u64;
        add(false, format!("\"{pattern}\" excludes {}", plural(count, "entry", "entries")));
    }
    let modes = Modes::new(entries, &settings.tables);
    for entry in tables(entries).filter(|entry| !modes.is_inherited(entry)) {
        let (schema, table) = name(entry);
        match modes.mode(entry) {
            TableMode::Full if modes.is_partition(entry) => {
                add(
                    false,
                    format!(
                        "partition {schema}.{table} is restored with its rows, by its own rule"
                    ),
                );
            }
            TableMode::None => add(false, format!("table {schema}.{table} is not restored")),
            TableMode::SchemaOnly => {
                add(false, format!("table {schema}.{table} is restored without rows"));
            }
            TableMode::Full | TableMode::Incremental => {}
        }
    }
    for (place, reason) in chosen.selection.unwanted() {
        let label = || entries[place].label();
        match reason {
            Unwanted::WithTable(_, Leave::Kept) if is_table(&entries[place]) => {
                add(false, format!("{} is kept: it {reason}", label()));
            }
            Unwanted::WithTable(..)
                if is_over_tables(&entries[place].desc) && !modes.is_inherited(&entries[place]) =>
            {
                add(true, format!("{} is not restored: it {reason}", label()));
            }
            Unwanted::Present => add(false, format!("{} is kept: {reason}", label())),
            Unwanted::ParentUnwanted if entries[place].desc == Desc::CheckConstraint => {
                add(false, format!("{} is not restored: {reason}", label()));
            }
            _ => {}
        }
    }
    for (part, (schema, whole)) in &chosen.detached {
        if let Some(entry) = tables(entries).find(|entry| entry.dump_id == *part) {
            let (own_schema, own) = name(entry);
            let own = qualified(Some(own_schema), own);
            let whole = qualified(Some(schema), whole);
            add(
                true,
                format!(
                    "{} is not restored: in the target it is a partition of {whole}, which is kept \
                     (hint: ALTER TABLE {whole} DETACH PARTITION {own} lets the next run replace \
                     it; its rows then leave {whole})",
                    entry.label()
                ),
            );
        }
    }
    for entry in tables(entries).filter(|entry| !modes.is_inherited(entry)) {
        let (schema, table) = name(entry);
        if chosen.first_loads.iter().any(|load| load.dump_id == entry.dump_id) {
            add(false, format!("incremental table {schema}.{table} is loaded for the first time"));
        }
    }
    notices
}

/// Logs the notices.
pub(super) fn tell(entries: &[Entry], settings: &Restore, chosen: &ChosenObjects) {
    for Notice { is_warning, text } in notices(entries, settings, chosen) {
        match is_warning {
            true => tracing::warn!("{text}"),
            false => tracing::info!("{text}"),
        }
    }
    for it in &chosen.in_the_way {
        tracing::warn!("{}", it.text);
    }
}

/// What is not restored because a variable is not set: reported at the end of a run, where it is
/// seen. What a variable excludes is not reported.
pub(super) fn by_default(
    entries: &[Entry],
    config: &Config,
    chosen: &ChosenObjects,
) -> Vec<String> {
    let rules = &config.restore.tables;
    let modes = Modes::new(entries, rules);
    let is_default = |entry: &&Entry| {
        let (schema, table) = name(entry);
        rules
            .rule(schema, table)
            .is_some_and(|rule| !rule.is_written && rule.mode == TableMode::None)
    };
    let left: Vec<&Entry> = tables(entries).filter(is_default).collect();
    let mut lines = Vec::new();
    if !left.is_empty() {
        let labels: Vec<String> = left.iter().map(|entry| entry.label()).collect();
        let also = chosen.selection.unwanted().filter(|(place, reason)| {
            let with = |label: &String| {
                matches!(reason, Unwanted::WithTable(table, Leave::Absent) if table == label)
            };
            let entry = &entries[*place];
            is_over_tables(&entry.desc)
                && !modes.is_inherited(entry)
                && labels.iter().any(with)
        });
        let also = match also.count() as u64 {
            0 => String::new(),
            count => format!(" and {} over them", plural(count, "object", "objects")),
        };
        let named = labels.join(", ");
        lines.push(format!("{named}{also} not restored (RESTORE_ANSWERS_AND_KES is not set)"));
    }
    let keys = placed(entries).filter(|(place, entry)| {
        entry.desc == Desc::FkConstraint && chosen.selection.want(*place).any()
    });
    let keys = keys.count() as u64;
    if keys > 0 && !config.restore.foreign_keys && !config.is_set(FOREIGN_KEYS) {
        let keys = plural(keys, "foreign key", "foreign keys");
        lines.push(format!("{keys} not restored ({FOREIGN_KEYS} is not set)"));
    }
    lines
}

/// The variable that enables foreign keys.
const FOREIGN_KEYS: &str = "RESTORE_FK_CONSTRAINTS";

/// Objects defined over tables, rather than parts of a table.
fn is_over_tables(desc: &Desc) -> bool {
    matches!(
        desc,
        Desc::View
            | Desc::MaterializedView
            | Desc::Function
            | Desc::Procedure
            | Desc::Aggregate
            | Desc::Type
            | Desc::Domain
            | Desc::Rule
            | Desc::Table
            | Desc::ForeignTable
            | Desc::Trigger
            | Desc::Operator
            | Desc::Cast
    )
}

/// The archive's tables.
pub(super) fn tables(entries: &[Entry]) -> impl Iterator<Item = &Entry> + Clone {
    entries.iter().filter(|entry| is_table(entry))
}

pub(super) fn is_table(entry: &Entry) -> bool {
    matches!(entry.desc, Desc::Table | Desc::ForeignTable)
}

pub(super) fn name(entry: &Entry) -> (&str, &str) {
    (entry.namespace.as_deref().unwrap_or_default(), &entry.tag)
}

#[cfg(test)]
mod tests;
