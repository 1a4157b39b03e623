//! Why rows could not be copied.

use std::fmt;

use super::drift::Drift;
use super::settings::{CopySettings, IncrementalTable};
use crate::server::sqlstate::{FOREIGN_KEY_VIOLATION, INSUFFICIENT_PRIVILEGE, LOCK_NOT_AVAILABLE};
use crate::server::{self, Retry, UntrustedCode};
use crate::sql::ident::quoted;

/// One of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where rows come from.
    Source,
    /// Where they are written.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// Why the rows of a table could not be copied. Rows committed before stay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IncrementalError {
    /// A database cannot be reached.
    #[error("cannot connect to the {side} database")]
    Connect {
        /// Which one.
        side: Side,
        /// Why.
        #[source]
        source: server::SessionError,
    },
    /// The tables that match patterns cannot be listed.
    #[error("cannot list the tables of the source")]
    List(#[source] server::SessionError),
    /// The table does not exist.
    #[error("table {table} is not in the {side}{}", .side.advice())]
    Missing {
        /// The table.
        table: IncrementalTable,
        /// Where it is missing.
        side: Side,
    },
    /// Another role owns the target's table or one of its partitions.
    #[error(
        "table {table}: {relation} belongs to role {owner} in the target, and its triggers would run \
         with the privileges of role {} (hint: drop or rename it, or ALTER TABLE {relation} OWNER TO \
         {})",
        quoted(.role), quoted(.role)
    )]
    NotOurs {
        /// The table.
        table: IncrementalTable,
        /// The table or partition, quoted where SQL needs it.
        relation: Box<str>,
        /// Its owner.
        owner: Box<str>,
        /// The role that would write to it.
        role: Box<str>,
    },
    /// No partition of the target holds rows of one that only the source has.
    #[error(
        "table {table}: no partition of the target holds the rows of {partition}, which is only in \
         the source, and another object of the target has the name {taken} (hint: rename {taken} in \
         the target)"
    )]
    NoPartition {
        /// The table.
        table: IncrementalTable,
        /// The partition of the source, quoted where SQL needs it.
        partition: Box<str>,
        /// The name in use, its own or that of one of its partitions.
        taken: Box<str>,
    },
    /// Code of another role would run.
    #[error("table {table}: {uses}")]
    OthersCode {
        /// The table.
        table: IncrementalTable,
        /// What uses it, and how to prevent that.
        uses: Box<str>,
    },
    /// It is a view, a sequence or the like.
    #[error("{table} is not a table in the target")]
    NotATable {
        /// Its name.
        table: IncrementalTable,
    },
    /// The key column does not exist.
    #[error("table {table}: key column \"{}\" does not exist in the {side}", .table.key)]
    NoKey {
        /// The table, with the key.
        table: IncrementalTable,
        /// Where it is missing.
        side: Side,
    },
    /// The key's type has no order that both servers agree on.
    #[error("table {table}: key \"{}\" is of type {type_name}, which cannot be a key", .table.key)]
    KeyType {
        /// The table, with the key.
        table: IncrementalTable,
        /// The type.
        type_name: String,
    },
    /// A lag in keys was requested, but the keys are not integers.
    #[error(
        "table {table}: INCREMENTAL_LAG needs an integer key, but \"{}\" is of type {type_name}",
        .table.key
    )]
    Lag {
        /// The table, with the key.
        table: IncrementalTable,
        /// The type.
        type_name: String,
    },
    /// The source has no row at or above the target's highest key.
    #[error(
        "table {table}: the highest key is {} in the source and {target} in the target: rows that \
         the source adds below {target} would never be copied (hint: check SOURCE_DATABASE_URL; \
         set INCREMENTAL_ALLOW_BEHIND if the source deletes its newest rows)",
        .source_key.as_deref().unwrap_or("missing")
    )]
    Behind {
        /// The table.
        table: IncrementalTable,
        /// The highest key in the source; `None` in an empty table.
        source_key: Option<String>,
        /// The highest key in the target.
        target: String,
    },
    /// The table differs between source and target.
    #[error("{0}")]
    Drift(Box<Drift>),
    /// The role lacks a privilege.
    #[error(
        "table {table}: role {role} lacks a privilege in the {side} ({})",
        .side.grant(.table, .role)
    )]
    Privilege {
        /// The table.
        table: IncrementalTable,
        /// Where.
        side: Side,
        /// The role.
        role: String,
        /// The server's error, unless its catalog was asked.
        #[source]
        source: Option<Box<server::SessionError>>,
    },
    /// Row security applies to the role.
    #[error(
        "table {table}: row security applies to role {role} in the {side}, which may hide or refuse \
         rows (hint: {}ALTER ROLE {} BYPASSRLS)",
        if *.is_owned { format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, or ") }
        else { String::new() },
        quoted(.role)
    )]
    RowSecurity {
        /// The table.
        table: IncrementalTable,
        /// Where.
        side: Side,
        /// Whose rows it may hide.
        role: String,
        /// Whether the role has the rights of the table's owner.
        is_owned: bool,
    },
    /// The role may not create temporary tables, which are needed to collect missing rows.
    #[error(
        "table {table}: role {role} may not create temporary tables in the target, which filling \
         gaps needs (GRANT TEMPORARY ON DATABASE {} TO {})",
        quoted(.database), quoted(.role)
    )]
    Temporary {
        /// The table.
        table: IncrementalTable,
        /// The role.
        role: String,
        /// The target's database.
        database: String,
    },
    /// A foreign key of the target rejects new rows.
    #[error(
        "table {table}: a foreign key of the target rejects new rows (ALTER TABLE {table} DROP \
         CONSTRAINT {constraint})"
    )]
    ForeignKey {
        /// The table.
        table: IncrementalTable,
        /// The constraint, quoted where SQL needs it.
        constraint: String,
        /// The server's error.
        #[source]
        source: Box<server::SessionError>,
    },
    /// Another copy of the same table is running.
    #[error("table {table}: another copy of it is running, or a session holds a lock on it")]
    Busy {
        /// The table.
        table: IncrementalTable,
        /// The server's error.
        #[source]
        source: Box<server::SessionError>,
    },
    /// The servers do not agree on how many rows were copied.
    #[error("table {table}: the source sent {sent} rows and the target stored {stored}")]
    Count {
        /// The table.
        table: IncrementalTable,
        /// Rows in the source's command tag.
        sent: u64,
        /// Rows in the target's command tag.
        stored: u64,
    },
    /// A server returned an error, or the connection was lost.
    #[error("table {table}, {side}")]
    Server {
        /// The table.
        table: IncrementalTable,
        /// Which server.
        side: Side,
        /// The server's error.
        #[source]
        source: Box<server::SessionError>,
    },
    /// A server returned an unexpected result.
    #[error("table {table}, {side}: unexpected result: {what}")]
    Answer {
        /// The table.
        table: IncrementalTable,
        /// Which server.
        side: Side,
        /// The server's error.
        what: String,
    },
    /// The run was asked to stop.
    #[error("stopped")]
    Stopped,
}

impl IncrementalError {
    /// Classifies a server error about a table.
    pub(super) fn of(
        table: &IncrementalTable,
        side: Side,
        role: &str,
        source: server::SessionError,
    ) -> Self {
        let table = table.clone();
        match source.sqlstate() {
            Some(INSUFFICIENT_PRIVILEGE) => {
                let source = Some(source.into());
                Self::Privilege { table, side, role: role.to_owned(), source }
            }
            Some(FOREIGN_KEY_VIOLATION) => {
                let constraint = source.server().and_then(|error| error.constraint.clone());
                let constraint = quoted(&constraint.unwrap_or_default()).into_owned();
                Self::ForeignKey { table, constraint, source: source.into() }
            }
            Some(LOCK_NOT_AVAILABLE) => Self::Busy { table, source: source.into() },
            _ => Self::Server { table, side, source: source.into() },
        }
    }

    /// Code of another role would run.
    pub(super) fn uses(table: &IncrementalTable, code: &UntrustedCode) -> Self {
        Self::OthersCode { table: table.clone(), uses: code.to_string().into() }
    }

    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connect { source, .. } | Self::List(source) => source.retry(),
            Self::Server { source, .. } => source.retry(),
            // This run already waited for the lock; the next one may get it.
            Self::Busy { .. } | Self::Stopped => Retry::LaterAttempt,
            _ => Retry::Never,
        }
    }

    /// Whether this run copies the table again: it has already waited for a lock that was busy.
    pub(super) fn is_retried(&self) -> bool {
        self.retry() != Retry::Never && !matches!(self, Self::Busy { .. } | Self::Stopped)
    }
}

impl CopySettings {
    /// Classifies a server error about a table.
    pub(super) fn refused(
        &self,
        table: &IncrementalTable,
        side: Side,
        source: server::SessionError,
    ) -> IncrementalError {
        IncrementalError::of(table, side, self.role(side), source)
    }

    /// The role on a side.
    fn role(&self, side: Side) -> &str {
        match side {
            Side::Source => self.source.user(),
            Side::Target => self.target.user(),
        }
    }

    /// Row security applies to the role.
    pub(super) fn row_security(
        &self,
        table: &IncrementalTable,
        side: Side,
        is_owned: bool,
    ) -> IncrementalError {
        let (table, role) = (table.clone(), self.role(side).to_owned());
        IncrementalError::RowSecurity { table, side, role, is_owned }
    }

    /// The role may not write to the target's table.
    pub(super) fn no_insert(&self, table: &IncrementalTable) -> IncrementalError {
        let (side, role) = (Side::Target, self.target.user().to_owned());
        IncrementalError::Privilege { table: table.clone(), side, role, source: None }
    }
}

impl CopySettings {
    /// The error if the role may not create temporary tables in the target.
    pub(super) fn no_temporary(&self, table: &IncrementalTable) -> IncrementalError {
        IncrementalError::Temporary {
            table: table.clone(),
            role: self.target.user().to_owned(),
            database: self.target.dbname().to_owned(),
        }
    }
}

impl Side {
    fn advice(self) -> &'static str {
        match self {
            Self::Source => "",
            Self::Target => ": restore its definition first, for example as schema-only",
        }
    }

    fn grant(self, table: &IncrementalTable, role: &str) -> String {
        let privileges = match self {
            Self::Source => "SELECT",
            Self::Target => "SELECT, INSERT",
        };
        let (schema, role) = (quoted(&table.schema), quoted(role));
        format!("GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT {privileges} ON {table} TO {role}")
    }
}
