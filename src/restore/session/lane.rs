//! One of the sessions that work in parallel.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use backon::Retryable;

use crate::error::chain;
use crate::restore::error::{Shortfall, WorkError};
use crate::restore::event::{Event, LaneId};
use crate::restore::facts::Facts;
use crate::restore::journal::state::KeptJournal;
use crate::restore::ledger::Ledger;
use crate::restore::options::Transactions;
use crate::restore::session::machine;
use crate::restore::session::retry::repeating;
use crate::restore::session::settings;
use crate::server::life::ServerLife;
use crate::server::{
    Backend, Notices, PATIENCE, Result, Retry, Session, SessionSettings, Target, TransactionId,
    once_ready, reconnecting,
};
use crate::statements::{SessionState, Setting, fixed_settings};

/// The first server version that builds indexes in parallel.
const WORKERS_SINCE: u32 = 110_000;

/// How much longer than [`PATIENCE`] to wait for a server that does not respond at all, so that one
/// that does can report why it accepts no sessions.
const NO_ANSWER: Duration = Duration::from_secs(10);

/// A session and its settings. The session is opened when it is needed, and reopened when it was
/// lost.
pub(crate) struct Lane {
    pub(crate) number: LaneId,
    pub(crate) facts: Arc<Facts>,
    pub(crate) ledger: Arc<Ledger>,
    /// Set for the first session once it is open, and for the others from the start.
    pub(crate) journal: KeptJournal,
    pub(crate) state: SessionState,
    target: Target,
    session: Option<Session>,
    /// The entry that notices are about; 0 for none.
    current: Arc<AtomicI32>,
    /// Entries restored in the open transaction, when there is one for several entries.
    group: Option<u32>,
    /// The open transaction of one entry: see [`crate::restore::session::commit`].
    pub(crate) own: Option<TransactionId>,
    /// The server process of the session.
    backend: Option<Backend>,
    /// The processes of earlier sessions, which were lost. The server may not have noticed.
    pub(crate) lost: Vec<Backend>,
    /// The parallel workers that the next job may use; `None` if it uses none anyway.
    pub(crate) workers: Option<usize>,
    /// Problems with data that was loaded nevertheless.
    pub(crate) shortfalls: Vec<Shortfall>,
}

impl Lane {
    pub(crate) fn new(number: LaneId, target: Target, ledger: Arc<Ledger>) -> Self {
        Self {
            number,
            facts: ledger.facts.clone(),
            ledger,
            journal: KeptJournal::default(),
            state: SessionState::default(),
            target,
            session: None,
            current: Arc::default(),
            group: None,
            own: None,
            backend: None,
            lost: Vec::new(),
            workers: None,
            shortfalls: Vec::new(),
        }
    }

    /// The processors of the server, if known.
    pub(crate) fn processors(&self) -> Option<usize> {
        machine::processors(&self.target)
    }

    /// The session, opened if there is none. It may be lost, which the next statement will show:
    /// see [`Lane::renew`].
    pub(crate) async fn session(&mut self) -> Result<&Session> {
        if self.session.is_none() {
            let session = self.connect().await?;
            self.keep(session);
        }
        self.session.as_ref().ok_or(crate::server::SessionError::Lost(None))
    }

    /// Opens the first session of a restore. Waits for a server that is not accepting sessions yet.
    pub(crate) async fn open_first(&mut self) -> Result<()> {
        let facts = self.facts.clone();
        let connect = || async { Box::pin(self.connect()).await };
        let waits = |error: &crate::server::SessionError| {
            let message = format!("waiting for the server: {}", chain(error));
            facts.events.send(Event::Warning { message });
        };
        let session = once_ready(connect, waits).await?;
        self.keep(session);
        Ok(())
    }

    /// Opens another session if this one is lost.
    ///
    /// Only for the start of a piece of work, before its settings are determined: halfway through,
    /// a new session would have no transaction and no settings.
    pub(crate) async fn renew(&mut self) -> Result<()> {
        let lost = self.session.as_ref().is_some_and(|session| !session.is_usable());
        // A transaction for several entries cannot continue in another session.
        if lost && self.group.is_none() {
            let session = self.reconnect().await?;
            self.lost.extend(self.backend.take());
            self.keep(session);
        }
        Ok(())
    }

    fn keep(&mut self, (session, backend): (Session, Option<Backend>)) {
        self.state.forget();
        self.own = None;
        self.backend = backend;
        self.ledger.server.note_session(self.number, session.cancel_handle());
        self.session = Some(session);
    }

    /// Opens a session to replace a lost one. The server may be starting up again.
    async fn reconnect(&self) -> Result<(Session, Option<Backend>)> {
        let connect = || async { Box::pin(self.connect()).await };
        let session = connect.retry(reconnecting()).when(|error| error.retry().is_at_once());
        let limit = PATIENCE + NO_ANSWER;
        let session = tokio::time::timeout(limit, session)
            .await
            .unwrap_or_else(|_| Err(crate::server::SessionError::Timeout(limit.as_secs())));
        let session = match session {
            Ok(session) => self.same_server(&session.0).await.map(|()| session),
            Err(error) => Err(error),
        };
        if let Err(error) = &session {
            // No other entry would fare better: the restore ends here.
            self.ledger.server.lose(chain(error));
        }
        session
    }

    /// Checks that nothing reported as done can have been lost since the first session. Without a
    /// journal, commits are asynchronous, so a crash or a failover loses the last ones.
    async fn same_server(&self, session: &Session) -> Result<()> {
        let life = ServerLife::of(session).await?;
        if self.ledger.server.is_same_life(&life) {
            return Ok(());
        }
        if let Some(journal) =
            self.journal.get().filter(|_| self.journal.survives_a_crash(&self.facts))
            && journal.is_intact(session).await?
        {
            return Ok(());
        }
        let what = if self.journal.get().is_some() {
            "the server crashed or was replaced during the restore: run the same \
             command again to resume"
        } else {
            "the server crashed or was replaced during the restore: the last changes may be lost, \
             restore again"
        };
        Err(crate::server::SessionError::Lost(Some(what.into())))
    }

    async fn connect(&self) -> Result<(Session, Option<Backend>)> {
        let (events, current) = (self.facts.events.clone(), self.current.clone());
        let notices = Notices::to(move |notice| {
            let id = current.load(Ordering::Relaxed);
            events.send(Event::Notice {
                dump_id: (id != 0).then_some(id),
                severity: notice.severity,
                message: notice.message,
            });
        });
        let session = Session::connect(
            &self.target,
            &SessionSettings {
                notices,
                encoding: self.facts.toc.encoding.clone(),
                ..SessionSettings::for_rows()
            },
        )
        .await?;
        let mut settings =
            fixed_settings(&self.facts.style, Some(session.server_version_num() / 10_000));
        // Nothing that a server crash would lose is claimed to be restored: the restore ends with a
        // durable commit, which makes all earlier ones durable.
        settings.push("SET synchronous_commit = off;".to_owned());
        session.execute(&settings.join("\n")).await?;
        settings::apply(&self.ledger, &session, machine::memory(&self.target)).await?;
        self.journal.enter(&session).await?;
        let backend = Backend::of(&session).await?;
        Ok((session, backend))
    }

    /// Ends the session; the next one connects to this database.
    pub(crate) fn change_database(&mut self, name: &str) {
        self.target = self.target.with_database(name);
        self.end_session();
    }

    /// Where this lane's sessions connect to.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// From now on, notices are attributed to this entry.
    pub(crate) fn attend(&self, dump_id: i32) {
        self.current.store(dump_id, Ordering::Relaxed);
    }

    /// Runs SQL. If the server aborts it in favour of another session (a deadlock, a serialization
    /// failure), it is retried, unless it is part of a larger transaction.
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<()> {
        let in_transaction = self.group.is_some() || self.own.is_some();
        let mut pauses = repeating();
        loop {
            let error = match self.session().await?.execute(sql).await {
                Err(error) if error.retry() == Retry::SameSession => error,
                result => return result,
            };
            match pauses.next().filter(|_| !in_transaction) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// Applies a setting and remembers it.
    pub(crate) async fn set(&mut self, setting: Setting) -> Result<()> {
        self.execute(setting.sql()).await?;
        self.state.done(setting);
        Ok(())
    }

    /// Tells the server how many parallel workers the next job may use.
    ///
    /// Not for a lost session: the job opens another, which has the server's default.
    pub(crate) async fn set_workers(&mut self) {
        let facts = self.facts.clone();
        let Some(session) = self.session.as_ref().filter(|session| session.is_usable()) else {
            return;
        };
        if session.server_version_num() < WORKERS_SINCE {
            return;
        }
        let setting = self.workers.take().and_then(|count| self.state.before_index_build(count));
        if let Some(setting) = setting
            && let Err(error) = self.set(setting).await
        {
            let message = format!("cannot set the number of parallel workers: {}", chain(&error));
            facts.events.send(Event::Note { message });
        }
    }

    /// Begins the transaction that holds several entries, if the options ask for one.
    pub(crate) async fn begin_group(&mut self) -> Result<()> {
        let facts = self.facts.clone();
        if facts.options.transactions != Transactions::None {
            self.session().await?.begin().await?;
            self.group = Some(0);
        }
        Ok(())
    }

    /// Commits the transaction that holds several entries, if there is one.
    pub(crate) async fn commit_group(&mut self) -> Result<()> {
        let ledger = self.ledger.clone();
        if self.group.is_some() {
            self.session().await?.commit().await?;
            self.group = None;
            ledger.all_committed();
        }
        Ok(())
    }

    /// Rolls back the transaction that holds several entries, by ending the session.
    pub(crate) fn abandon_group(&mut self) {
        if self.group.take().is_some() {
            self.end_session();
        }
    }

    fn end_session(&mut self) {
        self.session = None;
        self.backend = None;
        self.lost.clear();
        self.own = None;
        self.state.forget();
    }

    /// Whether the last restored entry is in a transaction that is still open.
    pub(crate) fn is_uncommitted(&self) -> bool {
        match self.facts.options.transactions {
            Transactions::None => false,
            Transactions::Single => self.group.is_some(),
            Transactions::Batches(_) => self.group.is_some_and(|count| count > 0),
        }
    }

    /// Whether the rest of an entry's data is kept when the server refuses part of it, as in
    /// pg_restore.
    pub(crate) fn keeps_the_rest(&self) -> bool {
        !self.in_group() && !self.facts.options.exit_on_error
    }

    /// Whether entries are restored in a transaction that holds several.
    pub(crate) fn in_group(&self) -> bool {
        self.group.is_some()
    }

    /// Counts actions in the transaction for several entries; commits it when it is full.
    pub(crate) async fn count(&mut self, actions: u32) -> Result<(), WorkError> {
        let facts = self.facts.clone();
        let (Some(count), Transactions::Batches(limit)) = (self.group, facts.options.transactions)
        else {
            return Ok(());
        };
        let count = count.saturating_add(actions);
        self.group = Some(count);
        if count >= limit.get() {
            self.commit_group().await?;
            self.begin_group().await?;
        }
        Ok(())
    }
}
