//! Read-only sessions of the source that see the same moment.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};

use super::settings::{Settings, Table};
use super::settle::{Limits, settle};
use crate::sql::ident::literal;
use crate::target::{self, Session, SessionSettings};

/// What sessions say they are.
const APPLICATION: &str = "nocturne incremental";

/// A session that waits says something this often. Proxies cut those that are silent for half an
/// hour, and [`IDLE_LIMIT`] is longer.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// A transaction of the source does not outlive this program by more.
const IDLE_LIMIT: Duration = Duration::from_secs(600);

/// Opens sessions of the source. All see the same moment, as far as the source can do that.
pub(super) struct Readers<'a> {
    settings: &'a Settings,
    /// `None` before the first session, and once the snapshot is lost.
    shared: Mutex<Option<Arc<Shared>>>,
    /// Where the copy ends; set before the first snapshot.
    limits: OnceCell<Limits>,
}

/// A moment that sessions share.
struct Shared {
    /// Holds it, and does nothing else: no error of a query can take it away.
    holder: Option<Session>,
    /// Its name; `None` if the source shares none.
    id: Option<String>,
}

impl<'a> Readers<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self { settings, shared: Mutex::default(), limits: OnceCell::new() }
    }

    /// A session in a read-only transaction.
    pub(super) async fn open(&self) -> target::Result<Session> {
        let shared = self.shared().await?;
        let session = self.connect().await?;
        let Some(error) = self.begin(&session, shared.id.as_deref()).await.err() else {
            return Ok(session);
        };
        if shared.id.is_none() || error.is_connection_lost() {
            return Err(error);
        }
        // The holder is gone, or the pooler has led to another server than the holder's.
        tracing::warn!(
            "the source does not find the shared snapshot ({error}): what is read from now on may \
             be of a later moment"
        );
        *self.shared.lock().await = Some(Arc::new(Shared { holder: None, id: None }));
        let session = self.connect().await?;
        self.begin(&session, None).await?;
        Ok(session)
    }

    /// The key at which the copy of a table ends; the inner one is none in an empty table.
    pub(super) fn limit(&self, table: &Table) -> Option<Option<&str>> {
        self.limits.get()?.get(table).map(Option::as_deref)
    }

    /// Keeps the snapshot's holder from being cut for silence.
    pub(super) async fn keep_alive(&self) -> Infallible {
        loop {
            tokio::time::sleep(SIGN_OF_LIFE).await;
            let shared = self.shared.lock().await.clone();
            if let Some(holder) = shared.as_ref().and_then(|shared| shared.holder.as_ref())
                && let Err(error) = holder.execute("SELECT 1").await
            {
                // The next reader notices that it is closed.
                tracing::debug!("the snapshot's holder does not answer: {error}");
            }
        }
    }

    /// The shared moment; another one when the first is lost.
    async fn shared(&self) -> target::Result<Arc<Shared>> {
        let mut current = self.shared.lock().await;
        if let Some(shared) = &*current {
            if shared.holder.as_ref().is_none_or(Session::is_usable) {
                return Ok(Arc::clone(shared));
            }
            tracing::warn!(
                "the connection that held the source's snapshot is lost: what is read from now on \
                 is of a later moment"
            );
        }
        let holder = self.connect().await?;
        self.limits.get_or_try_init(|| settle(self.settings, &holder)).await?;
        self.begin(&holder, None).await?;
        let shared = match holder.query_value("SELECT pg_catalog.pg_export_snapshot()").await {
            Ok(id) => Shared { holder: Some(holder), id },
            Err(error) if error.is_connection_lost() => return Err(error),
            Err(error) => {
                tracing::warn!(
                    "the source shares no snapshot ({error}): tables and ranges may be of \
                     different moments"
                );
                Shared { holder: None, id: None }
            }
        };
        let shared = Arc::new(shared);
        *current = Some(Arc::clone(&shared));
        Ok(shared)
    }

    async fn connect(&self) -> target::Result<Session> {
        Session::connect(&self.settings.source, &SessionSettings::for_rows()).await
    }

    async fn begin(&self, session: &Session, snapshot: Option<&str>) -> target::Result<()> {
        let import = snapshot
            .map(|id| format!("SET TRANSACTION SNAPSHOT {};", literal(id)))
            .unwrap_or_default();
        let idle = IDLE_LIMIT.as_millis();
        let statement = statement_timeout(self.settings);
        session
            .execute(&format!(
                "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; {import} \
                 {statement}; \
                 SET LOCAL idle_in_transaction_session_timeout = {idle}; {}",
                common(self.settings)
            ))
            .await
    }
}

/// How long the source may take for one statement.
pub(super) fn statement_timeout(settings: &Settings) -> String {
    let limit = settings.statement_timeout.map_or(0, |limit| limit.as_millis());
    format!("SET LOCAL statement_timeout = {limit}")
}

/// What the transactions of both sides have in common: values are written without loss, no row is
/// left out by row security, and a dead client is noticed. Local to the transaction, because a
/// pooler may give the next one to another session.
pub(super) fn common(settings: &Settings) -> String {
    let lock = settings.lock_timeout.map_or(0, |limit| limit.as_millis());
    format!(
        "SET LOCAL application_name = '{APPLICATION}'; \
         SET LOCAL search_path = ''; \
         SET LOCAL row_security = off; \
         SET LOCAL lock_timeout = {lock}; \
         SET LOCAL datestyle = 'ISO'; \
         SET LOCAL intervalstyle = 'postgres'; \
         SET LOCAL extra_float_digits = 3; \
         SET LOCAL tcp_keepalives_idle = 60; \
         SET LOCAL tcp_keepalives_interval = 10; \
         SET LOCAL tcp_keepalives_count = 6"
    )
}

/// Says something now and then, until the session is lost.
pub(super) async fn until_lost(session: &Session) -> target::Error {
    loop {
        tokio::time::sleep(SIGN_OF_LIFE).await;
        if let Err(error) = session.execute("SELECT 1").await {
            return error;
        }
    }
}
