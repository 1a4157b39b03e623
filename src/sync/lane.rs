//! The sessions of a sync.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::archive::Toc;
use crate::restore::event::{Event, Events};
use crate::restore::journal::lock::{JournalLock, alone, let_work};
use crate::server::AdvisoryLock::AtWork;
use crate::server::{
    self, CancelHandle, Notices, Session, SessionError, SessionSettings, Target, dump_settings,
    once_ready,
};
use crate::sync::error::SyncError;
use crate::sync::options::SyncOptions;

/// How long canceling may take.
const CANCEL_WITHIN: Duration = Duration::from_secs(5);

/// Opens the sessions of one sync. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sessions {
    target: Target,
    toc: Arc<Toc>,
    options: Arc<SyncOptions>,
    events: Events,
    /// What cancels the sessions opened so far.
    opened: Arc<Mutex<Vec<CancelHandle>>>,
}

impl Sessions {
    pub(super) fn new(
        target: Target,
        toc: Arc<Toc>,
        options: Arc<SyncOptions>,
        events: Events,
    ) -> Self {
        Self { target, toc, options, events, opened: Arc::default() }
    }

    /// Opens the first session, and keeps other syncs and restores with a journal out.
    pub(super) async fn first(&self) -> Result<(Session, JournalLock), SyncError> {
        let waits = |error: &SessionError| {
            let message = format!("waiting for the server: {}", crate::error::chain(error));
            self.events.send(Event::Warning { message });
        };
        let session = once_ready(|| self.connect(), waits).await.map_err(SyncError::Connect)?;
        let lock = alone(&session).await.map_err(SyncError::Lock)?;
        let_work(&session).await?;
        Ok((session, lock))
    }

    /// Opens another session.
    pub(super) async fn open(&self) -> server::Result<Session> {
        let session = self.connect().await?;
        // A later sync ends the sessions that hold it before it starts.
        let lock = format!("SELECT pg_catalog.pg_advisory_lock_shared({})", AtWork.key());
        session.execute(&lock).await?;
        Ok(session)
    }

    /// A session that reads and writes values as pg_dump does.
    async fn connect(&self) -> server::Result<Session> {
        let events = self.events.clone();
        let notices = Notices::to(move |notice| {
            let (severity, message) = (notice.severity, notice.message);
            events.send(Event::Notice { dump_id: None, severity, message });
        });
        let encoding = self.toc.encoding.clone();
        let settings = SessionSettings { notices, encoding, ..SessionSettings::default() };
        let session = Session::connect(&self.target, &settings).await?;
        let restore = &self.options.restore;
        let mut sql = dump_settings(
            "nocturne sync",
            self.toc.standard_conforming_strings,
            restore.style.role.as_deref(),
            session.server_version_num(),
        );
        // pg_dump restricts views, as a table that it is about to read may become one. A view has no
        // `ctid`; the rows that are written may need functions, and materialized views their views.
        sql.push_str(
            " SELECT pg_catalog.set_config(name, '', false) FROM pg_catalog.pg_settings \
             WHERE name OPERATOR(pg_catalog.=) 'restrict_nonsystem_relation_kind';",
        );
        // Rows in their physical order are matched fastest. Staging tables need not survive a
        // crash; the closing transaction does, and says so itself.
        sql.push_str(
            " SET synchronize_seqscans = off; SET synchronous_commit = off; \
             SET client_min_messages = warning; SET check_function_bodies = off;",
        );
        session.execute(&sql).await?;
        for setting in &restore.settings {
            session.execute(&setting.sql()).await.map_err(|source| SessionError::Setting {
                name: setting.name().to_owned(),
                source: Box::new(source),
            })?;
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.push(session.cancel_handle());
        drop(opened);
        Ok(session)
    }

    /// Cancels what the sessions are running.
    pub(super) async fn cancel_all(&self) {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let all = opened.iter().map(CancelHandle::cancel);
        // A session that does not reply finds out by itself that its client is gone.
        let _ = tokio::time::timeout(CANCEL_WITHIN, futures::future::join_all(all)).await;
    }
}

/// The time zone that the database or the role is set to, if it is not UTC.
pub(super) async fn own_zone(session: &Session) -> server::Result<Option<String>> {
    let sql = "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone'";
    let zone = session.query_value(sql).await?;
    Ok(zone.filter(|zone| !matches!(zone.as_str(), "UTC" | "Etc/UTC" | "GMT")))
}
