//! How a table differs between source and target, and the statements that would resolve it.

use std::fmt;

use super::settings::IncrementalTable;
use super::table_definition::{Column, Labels, Relation};
use crate::sql::ident::{literal, quoted};

/// How a table differs between source and target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The table.
    pub table: IncrementalTable,
    /// The differences; never empty.
    pub changes: Vec<Change>,
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A column that only the source has.
    Added {
        /// Its name.
        column: String,
        /// Its type, and its generation expression, if any.
        definition: String,
        /// Its default in the source, if the target can use the same.
        default: Option<String>,
        /// Whether it is NOT NULL.
        not_null: bool,
        /// Whether it can be added without a decision about existing rows of the target, which get
        /// NULL.
        is_addable: bool,
    },
    /// A column that only the target has.
    Removed {
        /// Its name.
        column: String,
    },
    /// A column of a different type.
    Type {
        /// Its name.
        column: String,
        /// The type in the source.
        source: String,
        /// The type in the target.
        target: String,
    },
    /// A label of an enum that only the source has.
    Label {
        /// The type.
        type_name: String,
        /// The label.
        label: String,
        /// The label before it in the source, if it is not the first.
        after: Option<String>,
        /// The first label in the target, before which it is added if it is the first.
        first: Option<String>,
    },
}

impl Drift {
    /// Compares a table on both sides; `None` if the copied columns are the same.
    pub(super) fn between(
        table: &IncrementalTable,
        source: &Relation,
        target: &Relation,
    ) -> Option<Self> {
        let mut changes = Vec::new();
        for column in &source.columns {
            if target.column(&column.name).is_none() {
                changes.push(Change::added(column));
            }
        }
        for column in target.copied() {
            match source.column(&column.name) {
                None => changes.push(Change::Removed { column: column.name.clone() }),
                Some(of_source) if of_source.type_name != column.type_name => {
                    changes.push(Change::Type {
                        column: column.name.clone(),
                        source: of_source.type_name.clone(),
                        target: column.type_name.clone(),
                    });
                }
                Some(of_source) => {
                    if let (Some(source), Some(target)) = (&of_source.labels, &column.labels) {
                        let missing = missing_labels(source, target);
                        changes.extend(
                            missing.filter(|change| !changes.contains(change)).collect::<Vec<_>>(),
                        );
                    }
                }
            }
        }
        (!changes.is_empty()).then(|| Self { table: table.clone(), changes })
    }

    /// Whether adding nullable columns resolves it.
    pub(super) fn is_addable(&self) -> bool {
        self.changes.iter().all(|change| matches!(change, Change::Added { is_addable: true, .. }))
    }

    /// The columns that only the source has.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.changes.iter().filter_map(|change| match change {
            Change::Added { column, .. } => Some(column.as_str()),
            _ => None,
        })
    }

    /// The statements that add nullable columns, with NULL in the target's existing rows.
    pub(super) fn additions(&self) -> impl Iterator<Item = String> {
        self.changes.iter().filter_map(|change| match change {
            Change::Added { column, definition, .. } => Some(format!(
                "ALTER TABLE {} ADD COLUMN {} {definition};",
                self.table,
                quoted(column)
            )),
            _ => None,
        })
    }

    /// The statements that resolve it in the target.
    pub fn statements(&self) -> impl Iterator<Item = String> {
        self.changes.iter().map(|change| change.statement(&self.table))
    }
}

/// The differences, one line each with its statement.
impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} differs between source and target:", self.table)?;
        for change in &self.changes {
            write!(f, "\n  {change}: {}", change.statement(&self.table))?;
        }
        Ok(())
    }
}

impl Change {
    fn added(column: &Column) -> Self {
        let mut definition = column.type_name.clone();
        if let Some(generated) = &column.generated {
            let kind = if generated.is_stored { "STORED" } else { "VIRTUAL" };
            definition.push_str(&format!(" GENERATED ALWAYS AS ({}) {kind}", generated.expression));
        }
        Self::Added {
            column: column.name.clone(),
            definition,
            // The sequence may not exist in the target.
            default: column.default.clone().filter(|default| !default.starts_with("nextval(")),
            not_null: column.not_null,
            is_addable: !column.not_null && column.generated.is_none(),
        }
    }

    /// The statement that resolves it in the target.
    #[must_use]
    pub fn statement(&self, table: &IncrementalTable) -> String {
        match self {
            Self::Added { column, definition, default, not_null, .. } => {
                let column = quoted(column);
                let mut statement = format!("ALTER TABLE {table} ADD COLUMN {column} {definition}");
                if let Some(default) = default {
                    statement.push_str(&format!(" DEFAULT {default}"));
                }
                let is_filled = default.is_some() || definition.contains(" GENERATED ");
                match (not_null, is_filled) {
                    (true, true) => statement.push_str(" NOT NULL;"),
                    // It would fail if the table has rows.
                    (true, false) => statement.push_str(&format!(
                        "; -- fill it, then ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;"
                    )),
                    (false, _) => statement.push(';'),
                }
                statement
            }
            Self::Removed { column } => {
                format!("ALTER TABLE {table} DROP COLUMN {};", quoted(column))
            }
            Self::Type { column, source, .. } => {
                format!("ALTER TABLE {table} ALTER COLUMN {} TYPE {source};", quoted(column))
            }
            Self::Label { type_name, label, after, first } => {
                // Without a position it becomes the last one.
                let place = match (after, first) {
                    (Some(after), _) => format!(" AFTER {}", literal(after)),
                    (None, Some(first)) => format!(" BEFORE {}", literal(first)),
                    (None, None) => String::new(),
                };
                format!("ALTER TYPE {type_name} ADD VALUE {}{place};", literal(label))
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { column, is_addable: true, .. } => {
                write!(f, "column {} is only in the source", quoted(column))
            }
            Self::Added { column, .. } => {
                write!(f, "column {}, NOT NULL or generated, is only in the source", quoted(column))
            }
            Self::Removed { column } => {
                write!(f, "column {} is only in the target", quoted(column))
            }
            Self::Type { column, source, target } => {
                write!(
                    f,
                    "column {} is {source} in the source, {target} in the target",
                    quoted(column)
                )
            }
            Self::Label { type_name, label, .. } => {
                write!(f, "label {} of type {type_name} is only in the source", literal(label))
            }
        }
    }
}

/// The labels that only the source has. Additional labels in the target are harmless.
fn missing_labels<'a>(source: &'a Labels, target: &'a Labels) -> impl Iterator<Item = Change> + 'a {
    let before = std::iter::once(None).chain(source.labels.iter().map(Some));
    source.labels.iter().zip(before).filter(|(label, _)| !target.labels.contains(label)).map(
        |(label, after)| Change::Label {
            type_name: target.type_name.clone(),
            label: label.clone(),
            after: after.cloned(),
            first: target.labels.first().cloned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::table_definition::Generated;
    use super::*;

    fn table() -> IncrementalTable {
        IncrementalTable {
            schema: "public".into(),
            name: "knowledge-elements".into(),
            key: "id".into(),
        }
    }

    fn column(name: &str, type_name: &str) -> Column {
        Column { name: name.into(), type_name: type_name.into(), ..Column::default() }
    }

    fn relation(columns: Vec<Column>) -> Relation {
        Relation { oid: 1, kind: "r".into(), columns, ..Relation::default() }
    }

    fn labelled(labels: &[&str]) -> Column {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let labels = Some(Labels { type_name: "public.source".into(), labels });
        Column { labels, ..column("source", "public.source") }
    }

    fn drift(source: Vec<Column>, target: Vec<Column>) -> Option<Drift> {
        Drift::between(&table(), &relation(source), &relation(target))
    }

    #[test]
    fn column_order_is_not_a_difference() {
        let (a, b) = (column("a", "integer"), column("b", "text"));
        assert_eq!(drift(vec![a.clone(), b.clone()], vec![b, a]), None);
    }

    #[test]
    fn every_difference_shows_its_statement() {
        let not_null = Column { not_null: true, ..column("createdAt", "timestamp with time zone") };
        let drift = drift(
            vec![column("a", "bigint"), column("new", "character varying(10)"), not_null],
            vec![column("a", "integer"), column("old", "text")],
        )
        .unwrap();
        assert_eq!(
            drift.to_string(),
            "table public.\"knowledge-elements\" differs between source and target:\n  \
             column new is only in the source: ALTER TABLE public.\"knowledge-elements\" ADD COLUMN \
             new character varying(10);\n  \
             column \"createdAt\", NOT NULL or generated, is only in the source: ALTER TABLE \
             public.\"knowledge-elements\" ADD COLUMN \"createdAt\" timestamp with time zone; -- fill \
             it, then ALTER TABLE public.\"knowledge-elements\" ALTER COLUMN \"createdAt\" SET NOT \
             NULL;\n  \
             column a is bigint in the source, integer in the target: ALTER TABLE \
             public.\"knowledge-elements\" ALTER COLUMN a TYPE bigint;\n  \
             column old is only in the target: ALTER TABLE public.\"knowledge-elements\" DROP \
             COLUMN old;"
        );
        assert!(!drift.is_addable());
    }

    #[test]
    fn nullable_column_can_be_added() {
        let a = column("a", "integer");
        let drift = drift(vec![a.clone(), column("new", "text")], vec![a]).unwrap();
        assert!(drift.is_addable());
        let statements: Vec<String> = drift.statements().collect();
        assert_eq!(statements, ["ALTER TABLE public.\"knowledge-elements\" ADD COLUMN new text;"]);
    }

    #[test]
    fn added_column_statement_has_default_and_not_null() {
        let defaulted = |default: &str, not_null| Column {
            default: Some(default.to_owned()),
            not_null,
            ..column("new", "integer")
        };
        for (new, end) in [
            (defaulted("0", true), "ADD COLUMN new integer DEFAULT 0 NOT NULL;"),
            (defaulted("0", false), "ADD COLUMN new integer DEFAULT 0;"),
            (defaulted("nextval('s'::regclass)", false), "ADD COLUMN new integer;"),
        ] {
            let drift = drift(vec![column("a", "integer"), new], vec![column("a", "integer")]);
            let drift = drift.unwrap();
            assert!(drift.to_string().ends_with(end), "{drift}");
            // Columns added automatically leave existing rows as documented.
            assert!(drift.additions().all(|sql| sql.ends_with("ADD COLUMN new integer;")));
        }
    }

    #[test]
    fn generated_target_columns_need_no_source() {
        let generated = |is_stored| Column {
            generated: Some(Generated { expression: "(a + 1)".into(), is_stored }),
            ..column("b", "integer")
        };
        let a = column("a", "integer");
        assert_eq!(drift(vec![a.clone()], vec![a.clone(), generated(true)]), None);
        assert_eq!(
            drift(vec![a.clone(), column("b", "text")], vec![a.clone(), generated(true)]),
            None
        );
        let drift = drift(vec![a.clone(), generated(false)], vec![a]).unwrap();
        assert!(!drift.is_addable());
        assert!(
            drift
                .to_string()
                .ends_with("ADD COLUMN b integer GENERATED ALWAYS AS ((a + 1)) VIRTUAL;")
        );
    }

    #[test]
    fn only_new_enum_labels_are_a_difference() {
        let (old, new) = (labelled(&["direct", "gone"]), labelled(&["first", "direct", "it's"]));
        let drift = drift(vec![new.clone(), Column { name: "other".into(), ..new.clone() }], {
            vec![old.clone(), Column { name: "other".into(), ..old }]
        })
        .unwrap();
        let statements: Vec<String> = drift.statements().collect();
        assert_eq!(
            statements,
            [
                "ALTER TYPE public.source ADD VALUE 'first' BEFORE 'direct';",
                "ALTER TYPE public.source ADD VALUE 'it''s' AFTER 'direct';",
            ]
        );
        assert_eq!(
            super::Drift::between(
                &table(),
                &relation(vec![labelled(&["a"])]),
                &relation(vec![labelled(&["a", "b"])])
            ),
            None
        );
    }
}
