//! One of the sessions that work side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use backon::Retryable;

use super::context::Context;
use super::event::Event;
use super::failure::{WorkError, chain};
use super::inserts::Lacking;
use super::options::Transactions;
use super::retry::repeating;
use super::server_life::ServerLife;
use super::statements::{SessionState, Setting, fixed_settings};
use super::{journal, machine, settings};
use crate::target::{
    Backend, Class, Notices, PATIENCE, Result, Session, SessionSettings, Target, TransactionId,
    once_ready, reconnecting,
};

/// The first version of the server that builds indexes in parallel.
const WORKERS_SINCE: u32 = 110_000;

/// How much longer than [`PATIENCE`] a server is waited for that does not answer at all, so that one
/// which does can say why it takes no sessions.
const NO_ANSWER: Duration = Duration::from_secs(10);

/// A session and what it is set to. The session is opened when it is needed, and again when it
/// was lost.
pub(super) struct Lane {
    pub(super) number: usize,
    pub(super) state: SessionState,
    target: Target,
    session: Option<Session>,
    /// The entry that notices are about; 0 for none.
    current: Arc<AtomicI32>,
    /// Entries restored in the open transaction, when there is one for several entries.
    group: Option<u32>,
    /// The open transaction of one entry: see [`super::commit`].
    pub(super) own: Option<TransactionId>,
    /// The session, as the server knows it.
    backend: Option<Backend>,
    /// Those before it, which were lost. The server may not have noticed.
    pub(super) lost: Vec<Backend>,
    /// The parallel workers that the next job may use; `None` if it uses none anyhow.
    pub(super) workers: Option<usize>,
    /// Whether other sessions may help with the rows that the next job loads.
    pub(super) may_share: bool,
    /// What went wrong with data that is loaded all the same.
    pub(super) problems: Vec<Lacking>,
}

impl Lane {
    pub(super) fn new(number: usize, target: Target) -> Self {
        Self {
            number,
            state: SessionState::default(),
            target,
            session: None,
            current: Arc::default(),
            group: None,
            own: None,
            backend: None,
            lost: Vec::new(),
            workers: None,
            may_share: false,
            problems: Vec::new(),
        }
    }

    /// The processors of the server, where they are known.
    pub(super) fn processors(&self) -> Option<usize> {
        machine::processors(&self.target)
    }

    /// The session, opened if there is none. It may be lost, which the next statement tells: see
    /// [`Lane::renew`].
    pub(super) async fn session(&mut self, ctx: &Context) -> Result<&Session> {
        if self.session.is_none() {
            let session = self.connect(ctx).await?;
            self.keep(ctx, session);
        }
        self.session.as_ref().ok_or(crate::target::Error::Lost(None))
    }

    /// Opens the first session of a restore. A server that takes none just now is waited for.
    pub(super) async fn open_first(&mut self, ctx: &Context) -> Result<()> {
        let connect = || async { Box::pin(self.connect(ctx)).await };
        let waits = |error: &crate::target::Error| {
            let message = format!("the server is waited for: {}", chain(error));
            ctx.events.send(Event::Warning { message });
        };
        let session = once_ready(connect, waits).await?;
        self.keep(ctx, session);
        Ok(())
    }

    /// Opens another session if this one is lost.
    ///
    /// Only for where the work on something begins, before it is asked what must be set: a new
    /// session in the midst of it would be in no transaction, and set to nothing.
    pub(super) async fn renew(&mut self, ctx: &Context) -> Result<()> {
        let lost = self.session.as_ref().is_some_and(|session| !session.is_usable());
        // A transaction for several entries cannot go on in another session.
        if lost && self.group.is_none() {
            let session = self.reconnect(ctx).await?;
            self.lost.extend(self.backend.take());
            self.keep(ctx, session);
        }
        Ok(())
    }

    fn keep(&mut self, ctx: &Context, (session, backend): (Session, Option<Backend>)) {
        self.state.forget();
        self.own = None;
        self.backend = backend;
        ctx.cancels
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(self.number, session.cancel_handle());
        self.session = Some(session);
    }

    /// Opens a session in place of a lost one. The server may be starting up again.
    async fn reconnect(&self, ctx: &Context) -> Result<(Session, Option<Backend>)> {
        let connect = || async { Box::pin(self.connect(ctx)).await };
        let session = connect.retry(reconnecting()).when(|error| error.class() == Class::Retry);
        let limit = PATIENCE + NO_ANSWER;
        let session = tokio::time::timeout(limit, session)
            .await
            .unwrap_or_else(|_| Err(crate::target::Error::Timeout(limit.as_secs())));
        let session = match session {
            Ok(session) => self.same_server(ctx, &session.0).await.map(|()| session),
            Err(error) => Err(error),
        };
        if let Err(error) = &session {
            // No entry can do better: the restore ends here.
            ctx.ledger().server_lost = Some(chain(error));
        }
        session
    }

    /// Whether nothing that was told as done can have been lost since the first session. Without a
    /// journal commits are not waited for one by one, so a crash takes the last ones with it, and a
    /// failover too.
    async fn same_server(&self, ctx: &Context, session: &Session) -> Result<()> {
        let life = ServerLife::of(session).await?;
        if ctx.server_life.get().is_none_or(|first| first.lasts(&life)) {
            return Ok(());
        }
        if let Some(journal) = ctx.journal().filter(|_| ctx.survives_a_crash())
            && journal.is_intact(session).await?
        {
            return Ok(());
        }
        let what = if ctx.journal().is_some() {
            "the server crashed or was replaced during the restore: run the same \
             command again to continue"
        } else {
            "the server crashed or was replaced during the restore: what was restored last may be \
             lost, restore again"
        };
        Err(crate::target::Error::Lost(Some(what.into())))
    }

    async fn connect(&self, ctx: &Context) -> Result<(Session, Option<Backend>)> {
        let (events, current) = (ctx.events.clone(), self.current.clone());
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
                encoding: ctx.toc.encoding.clone(),
                ..SessionSettings::for_rows()
            },
        )
        .await?;
        let mut settings = fixed_settings(&ctx.style, Some(session.server_version_num() / 10_000));
        // Nothing that is lost in a crash of the server is claimed to be restored: the restore
        // ends with a durable commit, which makes all earlier ones durable.
        settings.push("SET synchronous_commit = off;".to_owned());
        session.execute(&settings.join("\n")).await?;
        settings::apply(ctx, &session, machine::memory(&self.target)).await?;
        journal::enter(ctx, &session).await?;
        let backend = Backend::of(&session).await?;
        Ok((session, backend))
    }

    /// Ends the session; the next one goes to this database.
    pub(super) fn change_database(&mut self, name: &str) {
        self.target = self.target.with_database(name);
        self.end_session();
    }

    /// Where this lane's sessions go.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Notices are about this entry from here on.
    pub(super) fn attend(&self, dump_id: i32) {
        self.current.store(dump_id, Ordering::Relaxed);
    }

    /// Runs SQL. What the server gave up for the sake of another session (a deadlock, a
    /// serialization failure) is tried again, unless it is part of a larger transaction.
    pub(super) async fn execute(&mut self, ctx: &Context, sql: &str) -> Result<()> {
        let in_transaction = self.group.is_some() || self.own.is_some();
        let mut pauses = repeating();
        loop {
            let error = match self.session(ctx).await?.execute(sql).await {
                Err(error) if error.class() == Class::Retry && !error.is_connection_lost() => error,
                result => return result,
            };
            match pauses.next().filter(|_| !in_transaction) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// Makes a setting and remembers it.
    pub(super) async fn set(&mut self, ctx: &Context, setting: Setting) -> Result<()> {
        self.execute(ctx, setting.sql()).await?;
        self.state.done(setting);
        Ok(())
    }

    /// Tells the server how many parallel workers the next job may use.
    ///
    /// Not for a session that is lost: the job opens another, which has the server's own number.
    pub(super) async fn set_workers(&mut self, ctx: &Context) {
        let Some(session) = self.session.as_ref().filter(|session| session.is_usable()) else {
            return;
        };
        if session.server_version_num() < WORKERS_SINCE {
            return;
        }
        let setting = self.workers.take().and_then(|count| self.state.before_index_build(count));
        if let Some(setting) = setting
            && let Err(error) = self.set(ctx, setting).await
        {
            let message = format!("the parallel workers stay as they are: {}", chain(&error));
            ctx.events.send(Event::Note { message });
        }
    }

    /// Begins the transaction that holds several entries, if the options ask for one.
    pub(super) async fn begin_group(&mut self, ctx: &Context) -> Result<()> {
        if ctx.options.transactions != Transactions::None {
            self.session(ctx).await?.begin().await?;
            self.group = Some(0);
        }
        Ok(())
    }

    /// Commits the transaction that holds several entries, if there is one.
    pub(super) async fn commit_group(&mut self, ctx: &Context) -> Result<()> {
        if self.group.is_some() {
            self.session(ctx).await?.commit().await?;
            self.group = None;
            ctx.ledger().uncommitted.clear();
        }
        Ok(())
    }

    /// Rolls back the transaction that holds several entries, by ending the session.
    pub(super) fn abandon_group(&mut self) {
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

    /// Whether what was restored last is in a transaction that is still open.
    pub(super) fn is_uncommitted(&self, ctx: &Context) -> bool {
        match ctx.options.transactions {
            Transactions::None => false,
            Transactions::Single => self.group.is_some(),
            Transactions::Batches(_) => self.group.is_some_and(|count| count > 0),
        }
    }

    /// Whether what the server refuses of an entry's data leaves the rest of it, as in pg_restore.
    pub(super) fn keeps_the_rest(&self, ctx: &Context) -> bool {
        !self.in_group() && !ctx.options.exit_on_error
    }

    /// Whether entries are restored inside a transaction that holds several.
    pub(super) fn in_group(&self) -> bool {
        self.group.is_some()
    }

    /// Counts actions in the transaction for several entries; commits it when it is full.
    pub(super) async fn count(&mut self, ctx: &Context, actions: u32) -> Result<(), WorkError> {
        let (Some(count), Transactions::Batches(limit)) = (self.group, ctx.options.transactions)
        else {
            return Ok(());
        };
        let count = count.saturating_add(actions);
        self.group = Some(count);
        if count >= limit.get() {
            self.commit_group(ctx).await?;
            self.begin_group(ctx).await?;
        }
        Ok(())
    }
}
