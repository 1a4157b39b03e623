//! The triggers of a table while its rows are patched.
//!
//! In a restore, triggers are created after the rows, so none fires. A patch must not fire them
//! either: each that would fire is disabled by its name, and gets its own state back (`DISABLE
//! TRIGGER USER` and `ENABLE TRIGGER USER` would enable those that were disabled before). Readers
//! do not notice: both take SHARE ROW EXCLUSIVE, which the patch holds anyway
//! (`AlterTableGetLockLevel` in `src/backend/commands/tablecmds.c`).

use super::keys::Firing;
use crate::server::{Result, Session};
use crate::sql::ident::quoted;

/// The triggers that were disabled for a patch.
#[derive(Debug, Default)]
pub(super) struct DisabledTriggers {
    /// The statements that put their states back.
    enable: Vec<String>,
}

impl DisabledTriggers {
    /// Disables the triggers of a table that INSERT and DELETE would fire in this session. `table`
    /// is its qualified name.
    ///
    /// # Errors
    /// When the role may not alter the table, or the query fails.
    pub(super) async fn of(
        session: &Session,
        table: &str,
        oid: u32,
        firing: Firing,
    ) -> Result<Self> {
        // `TRIGGER_TYPE_INSERT` and `TRIGGER_TYPE_DELETE` are 4 and 8
        // (`src/include/catalog/pg_trigger.h`). The triggers of foreign keys and unique constraints
        // are not the user's; those of CREATE CONSTRAINT TRIGGER are.
        let sql = format!(
            "SELECT tgname, tgenabled FROM pg_catalog.pg_trigger \
             WHERE tgrelid = {oid} AND tgtype & 12 <> 0 AND tgenabled IN ('A', '{}') \
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c \
                 WHERE c.oid = tgconstraint AND contype <> 't') \
             ORDER BY tgname",
            firing.state()
        );
        let (mut disable, mut enable) = (String::new(), Vec::new());
        for row in session.query_text(&sql).await? {
            let [Some(name), Some(state)] = &row[..] else { continue };
            let name = quoted(name);
            let kind = match state.as_str() {
                "A" => "ALWAYS ",
                "R" => "REPLICA ",
                _ => "",
            };
            disable.push_str(&format!("ALTER TABLE ONLY {table} DISABLE TRIGGER {name};"));
            enable.push(format!("ALTER TABLE ONLY {table} ENABLE {kind}TRIGGER {name};"));
        }
        if !disable.is_empty() {
            session.execute(&disable).await?;
        }
        Ok(Self { enable })
    }

    /// Puts their states back.
    ///
    /// # Errors
    /// When the statements fail.
    pub(super) async fn enable(self, session: &Session) -> Result<()> {
        match self.enable.is_empty() {
            true => Ok(()),
            false => session.execute(&self.enable.concat()).await,
        }
    }
}
