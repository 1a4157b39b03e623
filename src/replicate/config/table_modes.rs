//! How each table is restored: `BACKUP_MODE`, and the two variables that it generalises.

use serde_json::Value;

use super::json;
use super::pattern::TablePattern;
use super::reader::{VariableReader, Wrong};
use super::table;

/// The tables of `RESTORE_ANSWERS_AND_KES` and `RESTORE_ANSWERS_AND_KES_INCREMENTALLY`.
const ANSWERS_AND_KES: [&str; 2] = ["answers", "knowledge-elements"];

/// How a table is restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableMode {
    /// Dropped, and restored with its rows.
    #[default]
    Full,
    /// Dropped, and restored without rows.
    SchemaOnly,
    /// Neither dropped nor restored; new rows are copied from the source database.
    Incremental,
    /// Dropped and not restored, nor is anything that belongs to it.
    None,
}

impl TableMode {
    const WORDS: [(&str, Self); 4] = [
        ("incremental", Self::Incremental),
        ("none", Self::None),
        ("schema-only", Self::SchemaOnly),
        ("full", Self::Full),
    ];

    /// The word in `BACKUP_MODE`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::SchemaOnly => "schema-only",
            Self::Incremental => "incremental",
            Self::None => "none",
        }
    }
}

/// A rule for the tables that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRule {
    /// Which tables.
    pub tables: TablePattern,
    /// How they are restored.
    pub mode: TableMode,
    /// Whether the user wrote it. Otherwise it is the old variables' default, and it is no surprise
    /// if no table matches.
    pub is_written: bool,
}

/// How each table is restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableModes {
    rules: Vec<TableRule>,
}

impl TableModes {
    /// How this table is restored.
    #[must_use]
    pub fn mode(&self, schema: &str, table: &str) -> TableMode {
        self.rule(schema, table).map_or(TableMode::Full, |rule| rule.mode)
    }

    /// The rule that applies to this table, if any.
    #[must_use]
    pub fn rule(&self, schema: &str, table: &str) -> Option<&TableRule> {
        let fitting = || self.rules.iter().filter(|rule| rule.tables.matches(schema, table));
        fitting().find(|rule| rule.tables.exact().is_some()).or_else(|| fitting().next())
    }

    /// The rules in the order in which they are written.
    #[must_use]
    pub fn rules(&self) -> &[TableRule] {
        &self.rules
    }

    /// Whether any table may be incremental.
    #[must_use]
    pub fn has_incremental(&self) -> bool {
        self.rules.iter().any(|rule| rule.mode == TableMode::Incremental)
    }

    /// The written rules that match none of these tables (schema, name): mistyped, or for a table
    /// that no longer exists.
    #[must_use]
    pub fn unused<'a>(
        &self,
        tables: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Vec<&TableRule> {
        let fits = |rule: &TableRule| {
            tables.clone().any(|(schema, table)| rule.tables.matches(schema, table))
        };
        self.rules.iter().filter(|rule| rule.is_written && !fits(rule)).collect()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Vec::new();
        for (name, value) in json::object(text)?.0 {
            let tables =
                TablePattern::parse(&name).map_err(|error| format!("table \"{name}\": {error}"))?;
            let word = value.as_str();
            let mode = TableMode::WORDS
                .iter()
                .find(|(known, _)| Some(*known) == word)
                .map(|(_, mode)| *mode)
                .ok_or_else(|| {
                    format!(
                        "table \"{name}\": unknown mode {value}, expected \"incremental\", \
                         \"none\", \"schema-only\" or \"full\""
                    )
                })?;
            rules.push(TableRule { tables, mode, is_written: true });
        }
        Ok(Self { rules })
    }

    /// Rules that put both tables of the old variables in one mode.
    fn answers_and_kes(mode: TableMode, is_written: bool) -> Self {
        let rules = ANSWERS_AND_KES
            .iter()
            .filter_map(|name| TablePattern::parse(name).ok())
            .map(|tables| TableRule { tables, mode, is_written })
            .collect();
        Self { rules }
    }
}

/// Reads the three variables. If `BACKUP_MODE` is set, even to `{}`, it alone applies; otherwise
/// the two old ones do, set or not.
pub(super) fn read(reader: &mut VariableReader<'_>) -> TableModes {
    let modes =
        reader.read(&table::BACKUP_MODE, |text| TableModes::parse(text).map_err(Wrong::Because));
    let whole = reader.flag(&table::RESTORE_ANSWERS_AND_KES);
    let by_increment = reader.flag(&table::RESTORE_ANSWERS_AND_KES_INCREMENTALLY);
    if reader.is_set(&table::BACKUP_MODE) {
        for old in [&table::RESTORE_ANSWERS_AND_KES, &table::RESTORE_ANSWERS_AND_KES_INCREMENTALLY]
        {
            if reader.is_set(old) {
                reader.problem(
                    old,
                    "cannot be combined with BACKUP_MODE, which replaces it: unset it",
                );
            }
        }
        return modes.unwrap_or_default();
    }
    match (whole, by_increment) {
        (true, true) => {
            reader.problem(
                &table::RESTORE_ANSWERS_AND_KES_INCREMENTALLY,
                "cannot be combined with RESTORE_ANSWERS_AND_KES: the tables are either restored \
                 from the backup or copied incrementally",
            );
            TableModes::default()
        }
        (true, false) => TableModes::answers_and_kes(TableMode::Full, true),
        (false, true) => TableModes::answers_and_kes(TableMode::Incremental, true),
        (false, false) => {
            let is_written = reader.is_set(&table::RESTORE_ANSWERS_AND_KES);
            TableModes::answers_and_kes(TableMode::None, is_written)
        }
    }
}

/// The key columns of incremental tables whose key is not `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyColumns {
    columns: Vec<(TablePattern, String)>,
}

impl KeyColumns {
    /// The ascending key column of this table.
    #[must_use]
    pub fn column(&self, schema: &str, table: &str) -> &str {
        let fitting = || self.columns.iter().filter(|(tables, _)| tables.matches(schema, table));
        fitting()
            .find(|(tables, _)| tables.exact().is_some())
            .or_else(|| fitting().next())
            .map_or("id", |(_, column)| column)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut columns = Vec::new();
        for (name, value) in json::object(text)?.0 {
            let tables =
                TablePattern::parse(&name).map_err(|error| format!("table \"{name}\": {error}"))?;
            match value {
                Value::String(column) if !column.is_empty() => columns.push((tables, column)),
                other => return Err(format!("table \"{name}\": {other} is not a column name")),
            }
        }
        Ok(Self { columns })
    }
}

/// Reads `INCREMENTAL_KEYS`.
pub(super) fn read_keys(reader: &mut VariableReader<'_>) -> KeyColumns {
    let columns = reader
        .read(&table::INCREMENTAL_KEYS, |text| KeyColumns::parse(text).map_err(Wrong::Because));
    columns.unwrap_or_default()
}
