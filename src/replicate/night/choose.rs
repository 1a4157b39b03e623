//! Which entries are restored, by the tables' modes and by what is in the target.

use super::first_load::FirstLoad;
use super::present::Present;
use crate::archive::{Desc, Entry};
use crate::replicate::config::{TableMode, TableModes};
use crate::select::{Leave, SelectError, SelectOptions, Selection, Unwanted, select};

/// What was chosen.
pub(super) struct Chosen {
    pub(super) selection: Selection,
    /// Incremental tables that are not in the target yet.
    pub(super) first_loads: Vec<FirstLoad>,
    /// Tables of the same name that are not the role's to drop, by their labels.
    pub(super) in_the_way: Vec<String>,
}

/// Chooses entries. `is_fed_here` says whether the target is the one that incremental tables are
/// copied to: if not, it gets none of them.
pub(super) fn choose(
    entries: &[Entry],
    modes: &TableModes,
    present: &Present,
    is_fed_here: bool,
) -> Result<Chosen, SelectError> {
    let options =
        SelectOptions { no_acl: true, no_security_labels: true, ..SelectOptions::default() };
    let mut selection = select(entries, &options, None)?;
    let leave = |entry: &Entry| {
        let (schema, table) = name(entry);
        match modes.mode(schema, table) {
            TableMode::Full => None,
            TableMode::SchemaOnly => Some(Leave::WithoutRows),
            TableMode::None => Some(Leave::Absent),
            TableMode::Incremental if present.has_table(schema, table) => Some(Leave::Kept),
            TableMode::Incremental if is_fed_here => Some(Leave::WithoutForeignKeys),
            TableMode::Incremental => Some(Leave::Absent),
        }
    };
    selection.leave_out(entries, leave);
    let first_loads = tables(entries)
        .filter(|entry| leave(entry) == Some(Leave::WithoutForeignKeys))
        .map(|entry| {
            let (schema, table) = name(entry);
            let name = (schema.to_owned(), table.to_owned());
            FirstLoad { name, dump_id: entry.dump_id }
        })
        .collect();
    selection.leave_out_present(entries, |entry| present.has_object_of(entry));
    let is_in_the_way = |(place, entry): &(usize, &Entry)| {
        let (schema, table) = name(entry);
        is_table(entry) && selection.want(*place).schema && present.has_table(schema, table)
    };
    let in_the_way = entries.iter().enumerate().filter(is_in_the_way);
    let in_the_way = in_the_way.map(|(_, entry)| entry.label()).collect();
    Ok(Chosen { selection, first_loads, in_the_way })
}

/// Tells what is left out, and what goes with it though nobody named it, and which rules mean no
/// table.
pub(super) fn tell(entries: &[Entry], modes: &TableModes, chosen: &Chosen) {
    for rule in modes.unused(tables(entries).map(name)) {
        let (tables, mode) = (&rule.tables, rule.mode.word());
        tracing::warn!("no table of the archive is meant by \"{tables}\" ({mode})");
    }
    for entry in tables(entries) {
        let (schema, table) = name(entry);
        match modes.mode(schema, table) {
            TableMode::None => tracing::info!("table {schema}.{table} is left out"),
            TableMode::SchemaOnly => tracing::info!("table {schema}.{table} gets no rows"),
            TableMode::Full | TableMode::Incremental => {}
        }
    }
    for (place, reason) in chosen.selection.unwanted() {
        let entry = &entries[place];
        match reason {
            Unwanted::WithTable(_) if is_over_tables(&entry.desc) => {
                tracing::warn!("{} is not restored: it {reason}", entry.label());
            }
            Unwanted::Present => tracing::info!("{} is kept: {reason}", entry.label()),
            _ => {}
        }
    }
    for table in &chosen.in_the_way {
        tracing::warn!("there is another {table} in the way, which is not the role's to drop");
    }
    for load in &chosen.first_loads {
        let (schema, table) = &load.name;
        tracing::info!("table {schema}.{table} is incremental and loaded for the first time");
    }
}

/// What somebody made of several tables, rather than parts of one.
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
    )
}

/// The archive's tables.
fn tables(entries: &[Entry]) -> impl Iterator<Item = &Entry> + Clone {
    entries.iter().filter(|entry| is_table(entry))
}

fn is_table(entry: &Entry) -> bool {
    matches!(entry.desc, Desc::Table | Desc::ForeignTable)
}

fn name(entry: &Entry) -> (&str, &str) {
    (entry.namespace.as_deref().unwrap_or_default(), &entry.tag)
}

#[cfg(test)]
mod tests;
