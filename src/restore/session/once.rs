//! Runs an entry's statements exactly once, even if their session is lost. With a journal, they and
//! the entry's line are one transaction; the rest of this is about restores without one.
//!
//! A statement whose session was lost may have succeeded. So most run in a separate transaction,
//! whose ID is known before COMMIT is sent ([`execute_numbered`]), and the server is asked
//! for its outcome. Idempotent statements are simply run again. Only what allows neither fails with
//! its session: creating a database, and what cannot run in a transaction block.
//!
//! [`execute_numbered`]: crate::server::Session::execute_numbered
//!
//! What the lost session still runs is terminated first: it would hold locks for no one, or
//! interfere.

use std::borrow::Cow;

use crate::archive::{Desc, Entry};
use crate::restore::error::WorkError;
use crate::restore::journal::line::{JournalLine, Mark};
use crate::restore::session::lane::Lane;
use crate::restore::session::retry::{pause, repeating};
use crate::server::sqlstate::ACTIVE_SQL_TRANSACTION;
use crate::server::{NotDone, Result};

/// The statements of an entry, in order.
pub(crate) type Statements<'a> = Box<dyn Iterator<Item = Cow<'a, str>> + Send + 'a>;

/// How a statement is run exactly once although its session may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Once {
    /// Its transaction has an ID whose outcome the server can report.
    Numbered,
    /// It may be run again.
    Again,
    /// Its outcome cannot be known: a lost session is a failure.
    Unknown,
}

impl Once {
    /// For the definition of an entry.
    pub(crate) fn of(entry: &Entry) -> Self {
        match entry.desc {
            // Their statements cannot run in transaction blocks, or reach other servers.
            Desc::Database | Desc::DatabaseProperties | Desc::Subscription => Self::Unknown,
            // They declare a state and so are idempotent; they are many and short, so that the
            // round trip for an ID would be noticeable.
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
    /// Runs one piece of SQL of an entry. The session already has the entry's settings.
    pub(crate) async fn run_once(
        &mut self,
        entry: &Entry,
        sql: &str,
        once: Once,
    ) -> Result<(), WorkError> {
        let ledger = self.ledger.clone();
        if self.in_group() || once == Once::Unknown {
            return Ok(self.execute(sql).await?);
        }
        let mut pauses = repeating();
        let mut ready = Ok(());
        loop {
            let done = match ready {
                Ok(()) => self.try_once(sql, once).await,
                Err(error) => Err(error),
            };
            let Err(error) = done else {
                return Ok(());
            };
            if error.sqlstate() == Some(ACTIVE_SQL_TRANSACTION) && once == Once::Numbered {
                return Ok(self.execute(sql).await?);
            }
            let error = WorkError::from(error);
            if !pause(&ledger, entry, &error, &mut pauses).await {
                return Err(error);
            }
            ready = self.begin_again(entry).await;
        }
    }

    /// An error means that none of it is in the database, or that this cannot be known.
    async fn try_once(&mut self, sql: &str, once: Once) -> Result<()> {
        let session = self.session().await?;
        if once == Once::Again {
            return session.execute(sql).await;
        }
        match session.execute_numbered(sql).await {
            Ok(()) => Ok(()),
            Err(NotDone { error, unsettled: None }) => Err(error),
            Err(NotDone { error, unsettled: Some(id) }) => {
                if self.was_committed(&id, None).await? {
                    Ok(())
                } else {
                    Err(error)
                }
            }
        }
    }

    /// Opens another session if this one is lost, terminates the lost one and restores all
    /// settings.
    async fn begin_again(&mut self, entry: &Entry) -> Result<()> {
        self.renew().await?;
        self.end_lost().await?;
        self.set_again(entry).await
    }

    /// Begins an entry again whose session was lost before its first statement, as often as a
    /// statement is repeated.
    pub(crate) async fn recover(
        &mut self,
        entry: &Entry,
        mut error: WorkError,
    ) -> Result<(), WorkError> {
        let ledger = self.ledger.clone();
        let mut pauses = repeating();
        while pause(&ledger, entry, &error, &mut pauses).await {
            match self.begin_again(entry).await {
                Ok(()) => return Ok(()),
                Err(again) => error = again.into(),
            }
        }
        Err(error)
    }

    /// Applies the entry's settings. Refused settings were reported when work on the entry started;
    /// the default is used then.
    pub(crate) async fn set_again(&mut self, entry: &Entry) -> Result<()> {
        let facts = self.facts.clone();
        for setting in self.state.before(entry, &facts.style) {
            let is_user = setting.is_user();
            match self.set(setting).await {
                Err(error) if is_user || error.is_connection_lost() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Runs one statement of an entry: see [`Lane::run_recorded`].
    pub(crate) async fn execute_recorded(
        &mut self,
        entry: &Entry,
        sql: &str,
        mark: Mark,
    ) -> Result<(), WorkError> {
        let line = Some(JournalLine::of(entry, mark));
        let one = || Box::new(std::iter::once(Cow::Borrowed(sql))) as Statements<'_>;
        self.run_recorded(entry, one, Once::of(entry), line).await
    }

    /// Runs the statements of an entry, and runs them again if the session is lost. With a journal,
    /// all of them and the line, if any, are one transaction; without one, each statement stands
    /// alone: see [`Lane::run_once`].
    pub(crate) async fn run_recorded<'a>(
        &mut self,
        entry: &Entry,
        statements: impl Fn() -> Statements<'a>,
        once: Once,
        line: Option<JournalLine>,
    ) -> Result<(), WorkError> {
        let ledger = self.ledger.clone();
        if self.journal.get().is_none() {
            for sql in statements() {
                self.run_once(entry, &sql, once).await?;
            }
            return Ok(());
        }
        let mut pauses = repeating();
        loop {
            let Err(error) = self.try_recorded(entry, statements(), line).await else {
                return Ok(());
            };
            if self.in_group() {
                return Err(error);
            }
            self.roll_back_own().await;
            if !pause(&ledger, entry, &error, &mut pauses).await {
                return Err(error);
            }
        }
    }

    async fn try_recorded(
        &mut self,
        entry: &Entry,
        statements: Statements<'_>,
        line: Option<JournalLine>,
    ) -> Result<(), WorkError> {
        self.renew().await?;
        // Otherwise the same statement could run in several sessions at once.
        self.end_lost().await?;
        self.set_again(entry).await?;
        self.begin_own().await?;
        let mut statements = statements.peekable();
        while let Some(sql) = statements.next() {
            if statements.peek().is_none() {
                return Ok(self.finish_own(&sql, line).await?);
            }
            self.session().await?.execute(&sql).await?;
        }
        Ok(self.commit_own(line).await?)
    }
}
