//! Hides the journal from the target's event triggers: it is not part of what is restored.
//!
//! A role that may disable them creates and drops the journal unseen. Other roles empty it instead
//! of dropping it when a trigger would fire: changes to rows fire no event triggers.

use crate::server::{Result, Session, SessionError};

/// The first server version with the setting `event_triggers` (release notes of 17).
const SWITCH_SINCE: u32 = 170_000;

/// What this session can do about event triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// None fires.
    All,
    /// Those enabled for replicas or always fire.
    Replica,
    /// The role may not disable them.
    Not,
}

impl Quiet {
    pub(crate) async fn of(session: &Session) -> Result<Self> {
        let (name, quiet) = match session.server_version_num() {
            SWITCH_SINCE.. => ("event_triggers", Self::All),
            _ => ("session_replication_role", Self::Replica),
        };
        // Requires the privilege to set it, but changes nothing.
        let sql = format!(
            "SELECT pg_catalog.set_config('{name}', pg_catalog.current_setting('{name}'), false)"
        );
        match session.execute(&sql).await {
            Ok(()) => Ok(quiet),
            Err(error @ SessionError::Server(_)) if !error.is_connection_lost() => Ok(Self::Not),
            Err(error) => Err(error),
        }
    }

    /// The statement that goes before definitions, in their transaction.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::All => "SET LOCAL event_triggers = off;",
            Self::Replica => "SET LOCAL session_replication_role = replica;",
            Self::Not => "",
        }
    }

    /// Whether an event trigger would fire when the journal is dropped (`filter_event_trigger` in
    /// `src/backend/commands/event_trigger.c`).
    pub(crate) async fn would_fire(self, session: &Session) -> Result<bool> {
        let fires = match self {
            Self::All => return Ok(false),
            Self::Replica => "evtenabled IN ('A', 'R')",
            Self::Not => "evtenabled <> 'D'",
        };
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE {fires} \
               AND evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop') \
               AND (evttags IS NULL OR evttags && '{{DROP TABLE,DROP SCHEMA}}'))"
        );
        Ok(session.query_value(&sql).await?.as_deref() == Some("t"))
    }
}
