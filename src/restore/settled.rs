//! Statements of an entry when no journal is kept: done once, whatever becomes of their session.
//!
//! A statement whose session was lost may have been carried out. So most are run in a transaction
//! of their own, whose number comes before COMMIT is sent ([`Session::execute_numbered`]), and the
//! server is asked for it. What has the same end when it is done twice is simply done again. Only
//! what can do neither fails with its session: a database and what cannot run in a transaction
//! block.
//!
//! What the lost session still runs is ended first: it would hold locks for nobody, or come in
//! between.

use super::context::Context;
use super::failure::WorkError;
use super::lane::Lane;
use super::retry::{pause, repeating};
use crate::archive::{Desc, Entry};
use crate::target::{Error, NotDone, PATIENCE, Result};

/// The SQLSTATE of what cannot run in a transaction block (`active_sql_transaction`).
const NOT_IN_A_TRANSACTION: &str = "25001";

/// How a statement is done once although its session may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Once {
    /// Its transaction has a number that the server can be asked for.
    Numbered,
    /// It may be done again.
    Again,
    /// It cannot be known: a lost session is a failure.
    Unknown,
}

impl Once {
    /// For the definition of an entry.
    pub(super) fn of(entry: &Entry) -> Self {
        match entry.desc {
            // Their statements stay out of transaction blocks, or reach for other servers.
            Desc::Database | Desc::DatabaseProperties | Desc::Subscription => Self::Unknown,
            // They say what is to be, not what is to be made: many and short, so that the round
            // trip for a number would be felt.
            Desc::Acl
            | Desc::AclLanguage
            | Desc::Comment
            | Desc::Default
            | Desc::DefaultAcl
            // An index that is attached already stays so (`ATExecAttachPartitionIdx` in
            // `src/backend/commands/tablecmds.c`).
            | Desc::IndexAttach
            | Desc::RowSecurity
            | Desc::SecurityLabel
            | Desc::SequenceOwnedBy
            | Desc::SequenceSet
            | Desc::StatisticsData => Self::Again,
            _ => Self::Numbered,
        }
    }
}

impl Lane {
    /// Runs one text of an entry. The session is set to what the entry needs.
    pub(super) async fn run_once(
        &mut self,
        ctx: &Context,
        entry: &Entry,
        sql: &str,
        once: Once,
    ) -> Result<(), WorkError> {
        if self.in_group() || once == Once::Unknown {
            return Ok(self.execute(ctx, sql).await?);
        }
        let mut pauses = repeating();
        let mut ready = Ok(());
        loop {
            let done = match ready {
                Ok(()) => self.try_once(ctx, sql, once).await,
                Err(error) => Err(error),
            };
            let Err(error) = done else {
                return Ok(());
            };
            if error.sqlstate() == Some(NOT_IN_A_TRANSACTION) && once == Once::Numbered {
                return Ok(self.execute(ctx, sql).await?);
            }
            let error = WorkError::from(error);
            if !pause(ctx, entry, &error, &mut pauses).await {
                return Err(error);
            }
            ready = self.begin_again(ctx, entry).await;
        }
    }

    /// An error means that nothing of it is in the database, or that this cannot be known.
    async fn try_once(&mut self, ctx: &Context, sql: &str, once: Once) -> Result<()> {
        let session = self.session(ctx).await?;
        if once == Once::Again {
            return session.execute(sql).await;
        }
        match session.execute_numbered(sql).await {
            Ok(()) => Ok(()),
            Err(NotDone { error, unsettled: None }) => Err(error),
            Err(NotDone { error, unsettled: Some(id) }) => {
                if self.was_committed(ctx, &id, None).await? { Ok(()) } else { Err(error) }
            }
        }
    }

    /// Opens another session if this one is lost, with the lost one ended and all set as it was.
    async fn begin_again(&mut self, ctx: &Context, entry: &Entry) -> Result<()> {
        self.renew(ctx).await?;
        self.end_lost(ctx).await?;
        self.set_again(ctx, entry).await
    }

    /// Sets the session to what the entry needs. What the server refuses was told when the work on
    /// the entry began; its default is used then.
    pub(super) async fn set_again(&mut self, ctx: &Context, entry: &Entry) -> Result<()> {
        for setting in self.state.before(entry, &ctx.style) {
            let is_user = setting.is_user();
            match self.set(ctx, setting).await {
                Err(error) if is_user || error.is_connection_lost() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends what this session's lost predecessors may still run.
    pub(super) async fn end_lost(&mut self, ctx: &Context) -> Result<()> {
        while let Some(lost) = self.lost.last().cloned() {
            let session = self.session(ctx).await?;
            match lost.end(session, PATIENCE).await {
                // Who may not end it waits for its locks.
                Err(error @ Error::Server(_)) if !error.is_connection_lost() => {}
                ended => drop(ended?),
            }
            self.lost.pop();
        }
        Ok(())
    }
}
