//! The transaction of one entry's work: it starts with its transaction ID, ends with the entry's
//! journal line if a journal is kept, and its outcome is looked up if the reply to COMMIT never
//! arrives.

use std::time::{Duration, Instant};

use crate::restore::error::WorkError;
use crate::restore::event::Event;
use crate::restore::journal::line::JournalLine;
use crate::restore::journal::store::has;
use crate::restore::session::lane::Lane;
use crate::restore::session::retry::repeating;
use crate::server::{
    PATIENCE, Result, SessionError, TransactionId, TransactionOutcome, WhileItWorks,
};

/// How long to wait for a lost session that is not working: it waits for a lock, for its client or
/// for the next statement. Terminating it loses little.
const STUCK: Duration = Duration::from_secs(10);

/// Reported while a lost session is still running its statement.
const WAITING: &str =
    "connection lost; the server is still running its statement, waiting for it to end";

impl Lane {
    /// Begins a transaction for one entry's work, unless one for several is open.
    pub(crate) async fn begin_own(&mut self) -> Result<()> {
        if !self.in_group() {
            let id = self.session().await?.begin_numbered().await?;
            self.own = Some(id);
        }
        Ok(())
    }

    /// Commits it, with a journal line if a journal is kept. An error means that none of it is in
    /// the database.
    pub(crate) async fn commit_own(&mut self, line: Option<JournalLine>) -> Result<()> {
        self.finish_own("", line).await
    }

    /// Commits it, with these statements, the line and COMMIT in one message: the server runs all
    /// of it even if it loses its client.
    pub(crate) async fn finish_own(&mut self, sql: &str, line: Option<JournalLine>) -> Result<()> {
        let journal = self.journal.clone();
        let line = line.zip(journal.get());
        let of_line = line.map(|(line, journal)| journal.line(line.entry, line.mark, line.data));
        let of_line = of_line.unwrap_or_default();
        let own = self.own.take();
        let session = self.session().await?;
        let Some(id) = own else {
            for sql in [sql, &of_line].into_iter().filter(|sql| !sql.is_empty()) {
                session.execute(sql).await?;
            }
            return Ok(());
        };
        let line = line.map(|(line, _)| line);
        match session.execute_and_commit(sql, &of_line).await {
            Err(error) if error.is_connection_lost() => {
                if !self.was_committed(&id, line).await? {
                    return Err(error);
                }
            }
            done => done?,
        }
        if let (Some(line), Some(journal)) = (line, journal.get()) {
            journal.confirm(line.entry, line.mark);
        }
        Ok(())
    }

    /// Rolls it back. A session that fails to do so is unusable.
    pub(crate) async fn roll_back_own(&mut self) {
        if self.own.take().is_some()
            && let Ok(session) = self.session().await
            && session.is_usable()
        {
            drop(session.rollback().await);
        }
    }

    async fn write_line(&mut self, line: JournalLine) -> Result<()> {
        let Some(journal) = self.journal.get() else {
            return Ok(());
        };
        let sql = journal.line(line.entry, line.mark, line.data);
        self.session().await?.execute(&sql).await
    }

    /// Writes a line that need not be in the transaction of its work.
    pub(crate) async fn record(&mut self, line: JournalLine) -> Result<(), WorkError> {
        let mut pauses = repeating();
        loop {
            let written = match self.renew().await {
                Ok(()) => self.write_line(line).await,
                Err(error) => Err(error),
            };
            let Err(error) = written.map_err(WorkError::from) else {
                if let Some(journal) = self.journal.get() {
                    journal.confirm(line.entry, line.mark);
                }
                return Ok(());
            };
            // Writing the same line twice is harmless.
            match pauses.next().filter(|_| error.retry().is_at_once() && !self.in_group()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// Whether a transaction was committed although its session was lost at COMMIT. An error means
    /// that this cannot be determined: the work must not be retried.
    pub(crate) async fn was_committed(
        &mut self,
        id: &TransactionId,
        line: Option<JournalLine>,
    ) -> Result<bool> {
        let ledger = self.ledger.clone();
        let mut pauses = repeating();
        let answer = loop {
            let since = Instant::now();
            let answer = self.look_up(id, line).await;
            let may_pass = answer.as_ref().is_err_and(|error| error.retry().is_at_once());
            let may_ask = may_pass && !ledger.server.is_lost();
            if since.elapsed() > PATIENCE {
                // The server responded for a long time: this is a new connection loss.
                pauses = repeating();
            }
            match pauses.next().filter(|_| may_ask) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => break answer,
            }
        };
        let (what, source) = match answer {
            Ok(Some(committed)) => return Ok(committed),
            Ok(None) => ("the server does not report its outcome", None),
            Err(error) => ("its outcome cannot be looked up", Some(error.into())),
        };
        Err(SessionError::Protocol(format!("connection lost at COMMIT, and {what}"), source))
    }

    /// Asks the server, or the journal. `None` if neither can tell.
    async fn look_up(
        &mut self,
        id: &TransactionId,
        line: Option<JournalLine>,
    ) -> Result<Option<bool>> {
        self.renew().await?;
        let mut outcome = self.outcome(id).await;
        if matches!(outcome, Ok(TransactionOutcome::InProgress)) {
            self.end_lost().await?;
            outcome = self.session().await?.transaction_outcome(id).await;
        }
        let session = self.session().await?;
        match (outcome, line) {
            (Ok(TransactionOutcome::InProgress), _) => Ok(None),
            // Also correct after a server crash, when the transaction ID is unknown.
            (Ok(_) | Err(SessionError::Server(_)), Some(JournalLine { entry, mark, .. })) => {
                has(session, entry, mark).await.map(Some)
            }
            (Ok(TransactionOutcome::Committed), None) => Ok(Some(true)),
            (Ok(TransactionOutcome::Aborted), None) => Ok(Some(false)),
            (Ok(TransactionOutcome::Unknown), None) => Ok(None),
            (Err(error), _) => Err(error),
        }
    }

    /// The outcome of a transaction, once it has ended. In progress means that its session is not
    /// working on it and has not for a while.
    async fn outcome(&mut self, id: &TransactionId) -> Result<TransactionOutcome> {
        let facts = self.facts.clone();
        let lost = self.lost.clone();
        let session = self.session().await?;
        let mut wait = WhileItWorks::new(STUCK);
        let mut is_told = false;
        loop {
            let outcome = session.transaction_outcome(id).await?;
            if outcome != TransactionOutcome::InProgress {
                return Ok(outcome);
            }
            let mut works = false;
            for backend in &lost {
                works |= backend.is_working(session).await?;
            }
            if works && !std::mem::replace(&mut is_told, true) {
                facts.events.send(Event::Warning { message: WAITING.to_owned() });
            }
            if !wait.pause(works).await {
                return Ok(outcome);
            }
        }
    }

    /// Terminates what this session's lost predecessors may still run.
    pub(crate) async fn end_lost(&mut self) -> Result<()> {
        while let Some(lost) = self.lost.last().cloned() {
            let session = self.session().await?;
            match lost.end(session, PATIENCE).await {
                // Without the privilege to terminate it, wait for its locks.
                Err(error @ SessionError::Server(_)) if !error.is_connection_lost() => {}
                ended => drop(ended?),
            }
            self.lost.pop();
        }
        Ok(())
    }
}
