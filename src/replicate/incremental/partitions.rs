//! Follows the source's partitions: those that only the source has are created in the target, empty,
//! so that their rows have a place.
//!
//! Partitions are compared by their bounds, below tables that both sides divide by the same key. One
//! that cannot be created is a warning, because its rows may have a place anyway: in a default
//! partition, or where the target combines partitions. Partitions that only the target has stay,
//! with their rows.

use std::collections::HashMap;
use std::fmt;

use super::error::{IncrementalError, Side};
use super::settings::{CopySettings, IncrementalTable};
use super::snapshot::common;
use super::table_definition::Relation;
use crate::error::chain;
use crate::server::sqlstate::INVALID_OBJECT_DEFINITION;
use crate::server::{self, Session};
use crate::sql::ident::{literal, qualified};

/// The tables of a partition tree, from the top down. Bounds are text in the format of the session,
/// so both sides need the same time zone.
const TREE: &str = "\
SELECT c.oid, t.parentrelid::pg_catalog.oid, n.nspname, c.relname,
    pg_catalog.pg_get_expr(c.relpartbound, c.oid), pg_catalog.pg_get_partkeydef(c.oid),
    pg_catalog.current_setting('TimeZone')
FROM pg_catalog.pg_partition_tree('{table}'::pg_catalog.regclass) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY t.level, n.nspname, c.relname";

/// The bound of a default partition.
const DEFAULT: &str = "DEFAULT";

/// A table of a partition tree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    oid: u32,
    parent: Option<u32>,
    schema: String,
    table: String,
    bound: Option<String>,
    /// How it is divided itself.
    key: Option<String>,
}

impl Node {
    fn of(row: Vec<Option<String>>) -> Option<Self> {
        let [oid, parent, schema, table, bound, key, _] = row.try_into().ok()?;
        let parent = parent.and_then(|parent| parent.parse().ok());
        Some(Self { oid: oid?.parse().ok()?, parent, schema: schema?, table: table?, bound, key })
    }

    fn sql(&self) -> String {
        qualified(Some(&self.schema), &self.table)
    }

    /// The statements that create it, empty. Readers of the partitioned table do not wait for an
    /// ATTACH, as they would for CREATE TABLE … PARTITION OF. It creates the indexes and row triggers
    /// of the partitioned table.
    fn statements(&self, parent: &str) -> String {
        let (own, bound) = (self.sql(), self.bound.as_deref().unwrap_or(DEFAULT));
        let key = self.key.as_ref().map(|key| format!(" PARTITION BY {key}")).unwrap_or_default();
        format!(
            "CREATE TABLE {own} (LIKE {parent} INCLUDING ALL EXCLUDING COMMENTS EXCLUDING IDENTITY \
             EXCLUDING INDEXES EXCLUDING STATISTICS){key}; \
             ALTER TABLE {parent} ATTACH PARTITION {own} {bound};"
        )
    }
}

/// A partition that only the source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewPartition {
    schema: String,
    table: String,
    /// The statements that create it and its own partitions.
    statements: String,
    /// Why it is not created.
    obstacle: Option<Obstacle>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle {
    /// The target has this default partition for its rows.
    Default(String),
    /// Another object of the target has its name.
    Taken,
    /// This role does not own the partitioned table.
    NotOwned(String),
}

impl fmt::Display for NewPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = qualified(Some(&self.schema), &self.table);
        write!(f, "partition {name} is only in the source")?;
        let statements = &self.statements;
        match &self.obstacle {
            None => write!(f, " and will be created ({statements})"),
            Some(Obstacle::Default(default)) => write!(f, "; its rows go to {default}"),
            Some(Obstacle::Taken) => write!(
                f,
                ", and another object of the target has its name: its rows are refused unless \
                 another partition holds them (hint: rename {name} in the target)"
            ),
            Some(Obstacle::NotOwned(role)) => write!(
                f,
                ", and role {role} does not own the partitioned table: its rows are refused unless \
                 another partition holds them (hint: {statements})"
            ),
        }
    }
}

/// The partitions that only the source has.
pub(super) async fn find(
    settings: &CopySettings,
    table: &IncrementalTable,
    (source, of_source): (&Session, &Relation),
    (target, of_target): (&Session, &Relation),
) -> Result<Vec<NewPartition>, IncrementalError> {
    if [&of_source.kind, &of_target.kind].iter().any(|kind| *kind != "p") {
        return Ok(Vec::new());
    }
    let refused = |side| move |error| settings.refused(table, side, error);
    let rows = tree(settings, source, of_source, None).await.map_err(refused(Side::Source))?;
    let zone = rows.first().and_then(|row| row.last().cloned()).flatten();
    let there: Vec<Node> = rows.into_iter().filter_map(Node::of).collect();
    let here = tree(settings, target, of_target, zone).await.map_err(refused(Side::Target))?;
    let here: Vec<Node> = here.into_iter().filter_map(Node::of).collect();
    let mut found = compare(&there, &here);
    for new in found.iter_mut().filter(|new| new.obstacle.is_none()) {
        if !of_target.is_owned {
            new.obstacle = Some(Obstacle::NotOwned(settings.target.user().to_owned()));
            continue;
        }
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = {} AND c.relname = {})",
            literal(&new.schema),
            literal(&new.table)
        );
        let is_taken = target.query_value(&sql).await.map_err(refused(Side::Target))?;
        new.obstacle = (is_taken.as_deref() == Some("t")).then_some(Obstacle::Taken);
    }
    Ok(found)
}

/// Creates the partitions that only the source has, as far as possible.
///
/// # Errors
/// If a catalog cannot be read, or the target's session is lost.
pub(super) async fn follow(
    settings: &CopySettings,
    table: &IncrementalTable,
    source: (&Session, &Relation),
    target: (&Session, &Relation),
) -> Result<(), IncrementalError> {
    let of_target = |error| settings.refused(table, Side::Target, error);
    for new in find(settings, table, source, target).await? {
        let name = &table.name;
        match new.obstacle {
            None => {}
            Some(Obstacle::Default(_)) => {
                tracing::info!(table_name = name, "{new}");
                continue;
            }
            Some(_) => {
                tracing::warn!(table_name = name, "{new}");
                continue;
            }
        }
        let (session, statements) = (target.0, &new.statements);
        let sql = format!("BEGIN; {}; {statements} COMMIT", common(settings));
        let Err(error) = session.execute(&sql).await else {
            tracing::warn!(
                table_name = name,
                "created partition ({statements}), without indexes, constraints and triggers that \
                 only this partition has in the source; its rows below the highest key are not \
                 copied (hint: INCREMENTAL_FILL_GAPS copies them)"
            );
            continue;
        };
        if !session.is_usable() {
            return Err(of_target(error));
        }
        session.rollback().await.map_err(of_target)?;
        let own = qualified(Some(&new.schema), &new.table);
        if error.sqlstate() == Some(INVALID_OBJECT_DEFINITION) {
            tracing::info!(
                table_name = name,
                "partition {own} is only in the source and overlaps others: {}",
                chain(&error)
            );
            continue;
        }
        tracing::warn!(
            table_name = name,
            "cannot create partition {own}, which is only in the source: {} (hint: {statements})",
            chain(&error)
        );
    }
    Ok(())
}

async fn tree(
    settings: &CopySettings,
    session: &Session,
    relation: &Relation,
    zone: Option<String>,
) -> server::Result<Vec<Vec<Option<String>>>> {
    let zone = zone.map(|zone| format!("SET LOCAL timezone = {};", literal(&zone)));
    session
        .query_text(&format!(
            "{}; SET LOCAL quote_all_identifiers = off; SET LOCAL bytea_output = 'hex'; {} {}",
            common(settings),
            zone.unwrap_or_default(),
            TREE.replace("{table}", &relation.oid.to_string())
        ))
        .await
}

/// The topmost partitions that only the source has, in both cases from the top down.
fn compare(source: &[Node], target: &[Node]) -> Vec<NewPartition> {
    /// Where the partitions of a table of the source belong.
    enum Place<'a> {
        There(&'a Node),
        New(usize),
    }
    let mut found: Vec<NewPartition> = Vec::new();
    let (Some(top), Some(own)) = (source.first(), target.first()) else { return found };
    if top.key != own.key {
        return found;
    }
    let tables: HashMap<u32, &Node> = source.iter().map(|node| (node.oid, node)).collect();
    let mut places = HashMap::from([(top.oid, Place::There(own))]);
    for node in &source[1..] {
        let Some(above) = node.parent.and_then(|parent| tables.get(&parent).copied()) else {
            continue;
        };
        match places.get(&above.oid) {
            Some(&Place::There(parent)) => {
                let mut own = target.iter().filter(|own| own.parent == Some(parent.oid));
                if let Some(same) = own.clone().find(|own| own.bound == node.bound) {
                    if same.key == node.key {
                        places.insert(node.oid, Place::There(same));
                    }
                    continue;
                }
                let default = own.find(|own| own.bound.as_deref() == Some(DEFAULT));
                places.insert(node.oid, Place::New(found.len()));
                found.push(NewPartition {
                    schema: node.schema.clone(),
                    table: node.table.clone(),
                    statements: node.statements(&parent.sql()),
                    obstacle: default.map(|own| Obstacle::Default(own.sql())),
                });
            }
            Some(&Place::New(place)) => {
                let statements = &mut found[place].statements;
                statements.push(' ');
                statements.push_str(&node.statements(&above.sql()));
                places.insert(node.oid, Place::New(place));
            }
            // The target divides these rows otherwise.
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(oid: u32, parent: u32, bound: &str, key: &str) -> Node {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (schema, table) = ("public".to_owned(), format!("p{oid}"));
        let parent = (parent > 0).then_some(parent);
        Node { oid, parent, schema, table, bound: given(bound), key: given(key) }
    }

    #[test]
    fn only_missing_bounds_under_equal_keys_are_new() {
        let source = [
            node(1, 0, "", "LIST (kind)"),
            node(2, 1, "FOR VALUES IN (1)", ""),
            node(3, 1, "FOR VALUES IN (2)", "LIST (n)"),
            node(4, 1, "FOR VALUES IN (3)", "LIST (n)"),
            node(5, 3, "FOR VALUES IN (8)", ""),
            node(6, 4, "FOR VALUES IN (9)", ""),
        ];
        let names = |target: &[Node]| {
            let found = compare(&source, target);
            found.into_iter().map(|new| new.table).collect::<Vec<_>>()
        };
        let here = [
            node(11, 0, "", "LIST (kind)"),
            node(12, 11, "FOR VALUES IN (1)", "LIST (other)"),
            node(13, 11, "FOR VALUES IN (2)", "LIST (n)"),
        ];
        assert_eq!(names(&here), ["p4", "p5"]);
        assert_eq!(names(&here[..1]), ["p2", "p3", "p4"]);
        assert_eq!(names(&[node(11, 0, "", "RANGE (kind)")]), [""; 0]);
        assert_eq!(names(&[]), [""; 0]);
        // A partition comes with its own ones.
        let found = compare(&source, &here);
        assert_eq!(found[0].statements.matches("ATTACH PARTITION").count(), 2);
        // Its rows go to the default partition.
        let mut here = here.to_vec();
        here.push(node(14, 11, DEFAULT, ""));
        let found = compare(&source, &here);
        assert_eq!(found[0].obstacle, Some(Obstacle::Default("public.p14".into())));
        assert_eq!(found[1].obstacle, None);
    }
}
