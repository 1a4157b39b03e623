//! The transaction of one entry's work: begun with its number, ended with the entry's line in the
//! journal, if there is one, and settled if the answer to COMMIT never comes.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::context::Context;
use super::failure::WorkError;
use super::journal::{self, DataRead, Mark, OF_ALL};
use super::lane::Lane;
use super::load::Loaded;
use super::retry::{pause, repeating};
use super::settled::Once;
use crate::archive::{DumpId, Entry};
use crate::target::{Class, Error, PATIENCE, Result, TransactionId, TransactionOutcome};

/// A line for the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) entry: DumpId,
    pub(super) mark: Mark,
    /// What was read of the entry's data.
    pub(super) data: DataRead,
}

impl Line {
    /// A line about an entry without data.
    pub(super) fn of(entry: &Entry, mark: Mark) -> Self {
        Self { entry: entry.dump_id, mark, data: DataRead::default() }
    }

    /// The line about an entry of which this was loaded.
    pub(super) fn with(self, ctx: &Context, loaded: &Loaded) -> Self {
        // A stream is counted in another way.
        let bytes = if ctx.random.is_some() { loaded.read } else { 0 };
        Self { data: DataRead { bytes, digest: loaded.digest }, ..self }
    }

    /// A line about the restore itself.
    pub(super) fn of_all(mark: Mark) -> Self {
        Self { entry: OF_ALL, mark, data: DataRead::default() }
    }
}

/// The statements of an entry, one after the other.
pub(super) type Statements<'a> = Box<dyn Iterator<Item = Cow<'a, str>> + Send + 'a>;

impl Lane {
    /// Begins a transaction for one entry's work, unless one for several is open.
    pub(super) async fn begin_own(&mut self, ctx: &Context) -> Result<()> {
        if !self.in_group() {
            let id = self.session(ctx).await?.begin_numbered().await?;
            self.own = Some(id);
        }
        Ok(())
    }

    /// Ends it, with a line in the journal if one is kept. An error means that nothing of it is in
    /// the database.
    pub(super) async fn commit_own(&mut self, ctx: &Context, line: Option<Line>) -> Result<()> {
        let line = line.filter(|_| ctx.journal().is_some());
        let written = match line {
            Some(line) => self.write_line(ctx, line).await,
            None => Ok(()),
        };
        let Some(id) = self.own.take() else {
            return written;
        };
        let settled = self.settle(ctx, &id, written, line).await;
        if let (Ok(()), Some(line), Some(journal)) = (&settled, line, ctx.journal()) {
            journal.confirm(line.entry, line.mark);
        }
        settled
    }

    /// Commits, and finds out whether that was done if no answer comes.
    async fn settle(
        &mut self,
        ctx: &Context,
        id: &TransactionId,
        written: Result<()>,
        line: Option<Line>,
    ) -> Result<()> {
        let session = self.session(ctx).await?;
        let committed = match written {
            Ok(()) => session.commit().await,
            Err(error) => {
                if session.is_usable() {
                    // The first error is the one to tell.
                    drop(session.rollback().await);
                }
                return Err(error);
            }
        };
        match committed {
            Err(error) if error.is_connection_lost() => {
                if self.was_committed(ctx, id, line).await? { Ok(()) } else { Err(error) }
            }
            committed => committed,
        }
    }

    /// Rolls it back. A session that cannot is at its end.
    pub(super) async fn roll_back_own(&mut self, ctx: &Context) {
        if self.own.take().is_some()
            && let Ok(session) = self.session(ctx).await
            && session.is_usable()
        {
            drop(session.rollback().await);
        }
    }

    async fn write_line(&mut self, ctx: &Context, line: Line) -> Result<()> {
        let Some(journal) = ctx.journal() else {
            return Ok(());
        };
        let sql = journal.line(line.entry, line.mark, line.data);
        self.session(ctx).await?.execute(&sql).await
    }

    /// Writes a line whose work needs no transaction with it.
    pub(super) async fn record(&mut self, ctx: &Context, line: Line) -> Result<(), WorkError> {
        let mut pauses = repeating();
        loop {
            let written = match self.renew(ctx).await {
                Ok(()) => self.write_line(ctx, line).await,
                Err(error) => Err(error),
            };
            let Err(error) = written.map_err(WorkError::from) else {
                if let Some(journal) = ctx.journal() {
                    journal.confirm(line.entry, line.mark);
                }
                return Ok(());
            };
            // The same line twice is one.
            match pauses.next().filter(|_| error.is_passing() && !self.in_group()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// Whether a transaction was committed whose session was lost at its COMMIT. An error means
    /// that nobody knows: what it was about must not be tried again.
    pub(super) async fn was_committed(
        &mut self,
        ctx: &Context,
        id: &TransactionId,
        line: Option<Line>,
    ) -> Result<bool> {
        let mut pauses = repeating();
        let answer = loop {
            let answer = self.look_up(ctx, id, line).await;
            let is_passing = answer.as_ref().is_err_and(|error| error.class() == Class::Retry);
            let may_ask = is_passing && ctx.ledger().server_lost.is_none();
            match pauses.next().filter(|_| may_ask) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => break answer,
            }
        };
        let (what, source) = match answer {
            Ok(Some(committed)) => return Ok(committed),
            Ok(None) => ("the server does not say whether it was carried out", None),
            Err(error) => ("it cannot be asked whether it was carried out", Some(error.into())),
        };
        Err(Error::Protocol(format!("the connection was lost at COMMIT, and {what}"), source))
    }

    /// Asks the server, or the journal. `None` if there is no answer to be had.
    async fn look_up(
        &mut self,
        ctx: &Context,
        id: &TransactionId,
        line: Option<Line>,
    ) -> Result<Option<bool>> {
        self.renew(ctx).await?;
        let mut outcome = self.outcome(ctx, id).await;
        if matches!(outcome, Ok(TransactionOutcome::InProgress)) {
            self.end_lost(ctx).await?;
            outcome = self.outcome(ctx, id).await;
        }
        let session = self.session(ctx).await?;
        match (outcome, line) {
            (Ok(TransactionOutcome::InProgress), _) => Ok(None),
            // Also right when the server has crashed, and knows nothing of the number.
            (Ok(_) | Err(Error::Server(_)), Some(Line { entry, mark, .. })) => {
                journal::has(session, entry, mark).await.map(Some)
            }
            (Ok(TransactionOutcome::Committed), None) => Ok(Some(true)),
            (Ok(TransactionOutcome::Aborted), None) => Ok(Some(false)),
            (Ok(TransactionOutcome::Unknown), None) => Ok(None),
            (Err(error), _) => Err(error),
        }
    }

    /// What became of a transaction, if it comes to an end soon.
    async fn outcome(&mut self, ctx: &Context, id: &TransactionId) -> Result<TransactionOutcome> {
        let session = self.session(ctx).await?;
        let started = Instant::now();
        loop {
            let outcome = session.transaction_outcome(id).await;
            let is_open = matches!(outcome, Ok(TransactionOutcome::InProgress));
            if !is_open || started.elapsed() > PATIENCE {
                return outcome;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs one statement of an entry: see [`Lane::run_recorded`].
    pub(super) async fn execute_recorded(
        &mut self,
        ctx: &Context,
        entry: &Entry,
        sql: &str,
        mark: Mark,
    ) -> Result<(), WorkError> {
        let line = Some(Line::of(entry, mark));
        let one = || Box::new(std::iter::once(Cow::Borrowed(sql))) as Statements<'_>;
        self.run_recorded(ctx, entry, one, Once::of(entry), line).await
    }

    /// Runs the statements of an entry, again when their session is lost. With a journal all of
    /// them and the line, if there is to be one, are one transaction; without one each statement
    /// is for itself: see [`super::settled`].
    pub(super) async fn run_recorded<'a>(
        &mut self,
        ctx: &Context,
        entry: &Entry,
        statements: impl Fn() -> Statements<'a>,
        once: Once,
        line: Option<Line>,
    ) -> Result<(), WorkError> {
        if ctx.journal().is_none() {
            for sql in statements() {
                self.run_once(ctx, entry, &sql, once).await?;
            }
            return Ok(());
        }
        let mut pauses = repeating();
        loop {
            let Err(error) = self.try_recorded(ctx, entry, statements(), line).await else {
                return Ok(());
            };
            if self.in_group() {
                return Err(error);
            }
            self.roll_back_own(ctx).await;
            if !pause(ctx, entry, &error, &mut pauses).await {
                return Err(error);
            }
        }
    }

    async fn try_recorded(
        &mut self,
        ctx: &Context,
        entry: &Entry,
        statements: Statements<'_>,
        line: Option<Line>,
    ) -> Result<(), WorkError> {
        self.renew(ctx).await?;
        // Else the same statement would run in several sessions at once.
        self.end_lost(ctx).await?;
        self.set_again(ctx, entry).await?;
        self.begin_own(ctx).await?;
        for sql in statements {
            self.session(ctx).await?.execute(&sql).await?;
        }
        Ok(self.commit_own(ctx, line).await?)
    }
}
