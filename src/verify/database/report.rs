//! The result of a comparison, as text and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::found_tables::FoundTable;
use super::{Archived, Digested, TableError, exact};
use crate::shown::escaped;
use crate::verify::counted;

/// The start of the note about columns whose values are not in the archive.
const GENERATED: &str = "not compared: generated column ";

/// The result of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The archive's name.
    pub archive: String,
    /// The database, `user@host:port/dbname`.
    pub database: String,
    /// Everything compared: tables in the archive's order, then the rest.
    pub items: Vec<Compared>,
    /// Faults of the archive, one line each. A damaged table has no verdict.
    pub faults: Vec<String>,
    /// Remarks about the archive that are not faults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// The kind of object compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ComparedKind {
    /// A table's rows.
    Table,
    /// All large objects of the archive.
    LargeObjects,
    /// A sequence's value.
    Sequence,
    /// Whether a materialized view is populated.
    MaterializedView,
}

/// The outcome of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The database equals the archive.
    Equal,
    /// The database differs.
    Different,
    /// The database lacks the object.
    Missing,
    /// It could not be compared.
    Unknown,
}

/// The result for one object.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// What it is.
    pub kind: ComparedKind,
    /// Its schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
    /// Rows or large objects in the archive, if they were counted.
    pub in_archive: Option<u64>,
    /// Rows in the database, or the number of the archive's large objects it has.
    pub in_database: Option<u64>,
    /// The outcome.
    pub verdict: Verdict,
    /// The difference, or the reason the object was not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether the rows were compared in the exact way, because their text differed.
    pub exact: bool,
    /// Remarks that are not differences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Judges a table.
pub(super) fn table(
    found: &FoundTable<'_>,
    archived: &Archived,
    database: Option<&Digested>,
    exact: Option<&exact::Result>,
) -> Compared {
    let exact_sets = exact.and_then(|sets| sets.as_ref().ok());
    let counted = database.and_then(|digested| digested.as_ref().ok()).map(|set| set.rows);
    let mut compared = Compared {
        kind: ComparedKind::Table,
        schema: Some(found.table.schema.clone()).filter(|schema| !schema.is_empty()),
        name: found.table.name.clone(),
        in_archive: exact_sets.map(|sets| sets.0.rows).or(archived.rows().map(|set| set.rows)),
        in_database: exact_sets.map(|sets| sets.1.rows).or(counted),
        verdict: Verdict::Unknown,
        detail: None,
        exact: exact.is_some(),
        notes: Vec::new(),
    };
    let further = found.further_columns();
    if !further.is_empty() {
        compared.notes.push(format!("not in the archive: column {}", further.join(", ")));
    }
    (compared.verdict, compared.detail) = match (archived, database, exact, found.other_kind()) {
        (Archived::Damaged(error), ..) => {
            (Verdict::Unknown, Some(format!("the archive is damaged: {error}")))
        }
        _ if found.here.is_none() => (Verdict::Missing, None),
        (.., Some(kind)) => {
            let what = format!("not a table: the database has {kind} with this name");
            (Verdict::Different, Some(what))
        }
        _ if found.table.is_partial => {
            let what = "only some of the entries with its rows are selected";
            (Verdict::Unknown, Some(what.to_owned()))
        }
        _ if found.missing_column().is_some() => {
            let column = found.missing_column().unwrap_or_default();
            (Verdict::Different, Some(format!("column {column} is missing")))
        }
        (.., Some(Err(error)), _) => (Verdict::Unknown, Some(error.clone())),
        (.., Some(Ok((ours, theirs))), _) => judge(ours == theirs, ours.rows, theirs.rows),
        (_, Some(Err(TableError::Other(error))), None, _) => {
            (Verdict::Unknown, Some(error.clone()))
        }
        (Archived::Rows(ours), Some(Ok(theirs)), None, _) => {
            judge(ours == theirs, ours.rows, theirs.rows)
        }
        _ => (Verdict::Unknown, Some("it was not compared".to_owned())),
    };
    let generated = found.generated_columns();
    if compared.verdict == Verdict::Equal && !generated.is_empty() {
        compared.notes.push(format!("{GENERATED}{}", generated.join(", ")));
    }
    compared
}

fn judge(is_equal: bool, archived: u64, database: u64) -> (Verdict, Option<String>) {
    let count = |rows: u64| counted(rows, "row", "rows");
    let what = match archived.cmp(&database) {
        _ if is_equal => return (Verdict::Equal, None),
        std::cmp::Ordering::Greater => format!("{} too few", count(archived - database)),
        std::cmp::Ordering::Less => format!("{} too many", count(database - archived)),
        std::cmp::Ordering::Equal => "same row count, different rows".to_owned(),
    };
    (Verdict::Different, Some(what))
}

impl Compared {
    /// The name with its schema, on one line.
    fn full_name(&self) -> String {
        match &self.schema {
            Some(schema) => escaped(&format!("{schema}.{}", self.name)),
            None => escaped(&self.name),
        }
    }

    /// `rows differ: 3 rows too few`.
    fn judgement(&self) -> String {
        let mut text = match self.verdict {
            Verdict::Equal => "equal",
            Verdict::Different => "DIFFERENT",
            Verdict::Missing => "MISSING",
            Verdict::Unknown => "NOT COMPARED",
        }
        .to_owned();
        let notes = self.notes.iter().chain(&self.detail);
        let said: Vec<String> = notes.map(|note| escaped(note)).collect();
        if !said.is_empty() {
            text.push_str(": ");
            text.push_str(&said.join("; "));
        }
        text
    }
}

impl ComparedKind {
    fn label(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::LargeObjects => "LARGE OBJECTS",
            Self::Sequence => "SEQUENCE",
            Self::MaterializedView => "MATERIALIZED VIEW",
        }
    }
}

impl Comparison {
    /// Whether the database equals the archive in everything compared.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.items.iter().all(|item| item.verdict == Verdict::Equal)
    }

    /// The comparison as JSON.
    ///
    /// # Errors
    /// Never in practice: every field can be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// A table of the differences, or of everything, followed by totals.
    #[must_use]
    pub fn text(&self, everything: bool) -> String {
        let shown: Vec<(&Compared, String)> = self
            .items
            .iter()
            .filter(|item| everything || item.verdict != Verdict::Equal)
            .map(|item| (item, item.full_name()))
            .collect();
        let mut text = String::new();
        if !shown.is_empty() {
            let kind = shown.iter().map(|(item, _)| item.kind.label().len()).fold(4, usize::max);
            let name = shown.iter().map(|(_, name)| name.chars().count()).fold(4, usize::max);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{:kind$}  {:name$}  {:>12}  {:>12}  VERDICT",
                "KIND", "NAME", "IN ARCHIVE", "IN DATABASE"
            );
            let number =
                |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
            for (item, label) in &shown {
                let (archive, database) = (number(item.in_archive), number(item.in_database));
                let _ = writeln!(
                    text,
                    "{:kind$}  {label:name$}  {archive:>12}  {database:>12}  {}",
                    item.kind.label(),
                    item.judgement()
                );
            }
            text.push('\n');
        }
        self.remarks.iter().for_each(|remark| text.push_str(&format!("{remark}\n")));
        text.push_str(&self.totals());
        if !self.faults.is_empty() {
            text.push_str(&self.faults());
        }
        text
    }

    fn totals(&self) -> String {
        let count = |kind| self.items.iter().filter(|item| item.kind == kind).count();
        let rows = |of: fn(&Compared) -> Option<u64>| -> u64 {
            let tables = self.items.iter().filter(|item| item.kind == ComparedKind::Table);
            tables.filter_map(of).sum()
        };
        let tables = count(ComparedKind::Table) as u64;
        let mut text = format!(
            "{} with {} in the archive, {} in the database",
            counted(tables, "table", "tables"),
            counted(rows(|item| item.in_archive), "row", "rows"),
            rows(|item| item.in_database),
        );
        let others = [
            (ComparedKind::LargeObjects, "", "large objects"),
            (ComparedKind::Sequence, "sequence", "sequences"),
            (ComparedKind::MaterializedView, "materialized view", "materialized views"),
        ];
        for (kind, one, many) in others {
            match (kind, count(kind) as u64) {
                (_, 0) => {}
                (ComparedKind::LargeObjects, _) => text.push_str(&format!("; {many}")),
                (_, number) => text.push_str(&format!("; {}", counted(number, one, many))),
            }
        }
        let of = |verdict| self.items.iter().filter(|item| item.verdict == verdict).count();
        let said: Vec<String> = [
            (Verdict::Different, "different"),
            (Verdict::Missing, "missing"),
            (Verdict::Unknown, "not compared"),
        ]
        .into_iter()
        .map(|(verdict, what)| (of(verdict), what))
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
        let generated =
            |item: &&Compared| item.notes.iter().any(|note| note.starts_with(GENERATED));
        let generated = self.items.iter().filter(generated).count();
        if generated > 0 {
            let tables = counted(generated as u64, "table", "tables");
            let what = format!("stored generated columns of {tables} (-v lists them)");
            text.push_str(&format!("\nnot compared: {what}"));
        }
        let (archive, database) = (&self.archive, &self.database);
        match said.as_slice() {
            _ if self.items.is_empty() => {
                format!("{archive} and {database}: nothing to compare\n")
            }
            [] => format!("{text}\n{archive} and {database}: equal\n"),
            said => format!("{text}\n{archive} and {database}: {}\n", said.join(", ")),
        }
    }

    fn faults(&self) -> String {
        let word = if self.faults.len() == 1 { "fault" } else { "faults" };
        let mut text = format!("{}: {} {word}\n", self.archive, self.faults.len());
        self.faults.iter().for_each(|fault| text.push_str(&format!("  {fault}\n")));
        text
    }
}
