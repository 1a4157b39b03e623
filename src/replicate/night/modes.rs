//! How each table of an archive is restored: by the rules of the settings, and for partitions by
//! those of their partitioned tables.

use std::collections::HashMap;

use super::choose::{self, name};
use crate::archive::{DumpId, Entry};
use crate::replicate::config::{TableMode, TableModes, TableRule};
use crate::select::{up, wholes};

/// The modes of an archive's tables.
pub(super) struct Modes<'a> {
    modes: &'a TableModes,
    tables: HashMap<DumpId, &'a Entry>,
    by_name: HashMap<(&'a str, &'a str), &'a Entry>,
    wholes: HashMap<DumpId, DumpId>,
}

impl<'a> Modes<'a> {
    pub(super) fn new(entries: &'a [Entry], modes: &'a TableModes) -> Self {
        let tables = entries.iter().map(|entry| (entry.dump_id, entry)).collect();
        let by_name = choose::tables(entries).map(|table| (name(table), table)).collect();
        Self { modes, tables, by_name, wholes: wholes(entries) }
    }

    /// The rule that applies to a table, if any, and the table that the rule matches.
    ///
    /// A partition's own rule applies if it is more specific than that of its partitioned table: if
    /// it names the partition, or is a pattern that does not also match the partitioned table. The
    /// rows of an excluded table must not come back through its partitions.
    pub(super) fn rule(&self, table: &'a Entry) -> Option<(&'a TableRule, &'a Entry)> {
        let mut tables = up(&self.wholes, table.dump_id)
            .filter_map(|id| self.tables.get(&id).copied())
            .peekable();
        while let Some(table) = tables.next() {
            let own = self.own(table);
            let is_of_whole = |whole: &&Entry| {
                let (schema, whole) = name(whole);
                own.is_none_or(|own| {
                    own.tables.exact().is_none() && own.tables.matches(schema, whole)
                })
            };
            if !tables.peek().is_some_and(is_of_whole) {
                return own.map(|own| (own, table));
            }
        }
        None
    }

    /// How a table is restored.
    pub(super) fn mode(&self, table: &'a Entry) -> TableMode {
        self.rule(table).map_or(TableMode::Full, |(rule, _)| rule.mode)
    }

    /// Whether a table has the mode of its partitioned table, and so needs no message of its own.
    pub(super) fn is_inherited(&self, table: &'a Entry) -> bool {
        let whole = self.wholes.get(&table.dump_id).and_then(|whole| self.tables.get(whole));
        whole.is_some_and(|whole| self.mode(whole) == self.mode(table))
    }

    /// The mode of a table by its name, whether the archive has it or not.
    pub(super) fn of(&self, schema: &str, table: &str) -> TableMode {
        match self.by_name.get(&(schema, table)) {
            Some(entry) => self.mode(entry),
            None => self.modes.mode(schema, table),
        }
    }

    /// Partitions that are to be incremental where their table is not, or the other way round: rows
    /// are copied into a table with all its partitions, or not at all.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for (part, whole) in &self.wholes {
            let (Some(part), Some(whole)) = (self.tables.get(part), self.tables.get(whole)) else {
                continue;
            };
            let (own, of_whole) = (self.mode(part), self.mode(whole));
            if own != of_whole && [own, of_whole].contains(&TableMode::Incremental) {
                let label = |table| {
                    let (schema, table) = name(table);
                    format!("{schema}.{table}")
                };
                found.push(format!(
                    "partition {} is \"{}\", but its table {} is \"{}\"",
                    label(part),
                    own.word(),
                    label(whole),
                    of_whole.word()
                ));
            }
        }
        found.sort();
        found
    }

    /// The partitioned table directly above this partition, and the root of the tree.
    pub(super) fn above(&self, table: &Entry) -> Option<(&'a Entry, &'a Entry)> {
        let above = up(&self.wholes, table.dump_id).skip(1);
        let mut above = above.filter_map(|id| self.tables.get(&id).copied());
        let whole = above.next()?;
        Some((whole, above.last().unwrap_or(whole)))
    }

    pub(super) fn is_partition(&self, table: &Entry) -> bool {
        self.wholes.contains_key(&table.dump_id)
    }

    fn own(&self, table: &Entry) -> Option<&'a TableRule> {
        let (schema, table) = name(table);
        self.modes.rule(schema, table)
    }
}
