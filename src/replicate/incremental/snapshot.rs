//! Read-only sessions of the source that share a snapshot.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};

use super::settings::{CopySettings, IncrementalTable};
use super::settle::{Limits, settle};
use crate::server::{self, Session, SessionSettings};
use crate::sql::ident::literal;

/// The application_name of the sessions.
const APPLICATION: &str = "nocturne incremental";

/// How often a waiting session sends a statement. Proxies close connections that are silent for
/// half an hour, and [`IDLE_LIMIT`] is longer than this interval.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// The longest time that a transaction of the source can outlive this program.
const IDLE_LIMIT: Duration = Duration::from_secs(600);

/// Opens sessions of the source. All share a snapshot, if the source supports it.
pub(super) struct Readers<'a> {
    settings: &'a CopySettings,
    /// `None` before the first session, and once the snapshot is lost.
    shared: Mutex<Option<Arc<Shared>>>,
    /// Where the copy ends; set before the first snapshot.
    limits: OnceCell<Limits>,
}

/// A shared snapshot.
struct Shared {
    /// Holds it, and does nothing else, so that no query error can end it.
    holder: Option<Session>,
    /// Its ID; `None` if the source does not export snapshots.
    id: Option<String>,
}

impl<'a> Readers<'a> {
    pub(super) fn new(settings: &'a CopySettings) -> Self {
        Self { settings, shared: Mutex::default(), limits: OnceCell::new() }
    }

    /// A session in a read-only transaction.
    pub(super) async fn open(&self) -> server::Result<Session> {
        let shared = self.shared().await?;
        let session = self.connect().await?;
        let Some(error) = self.begin(&session, shared.id.as_deref()).await.err() else {
            return Ok(session);
        };
        if shared.id.is_none() || error.is_connection_lost() {
            return Err(error);
        }
        // The holder is gone, or a pooler connected to another server than that of the holder.
        tracing::warn!(
            "the source cannot find the shared snapshot ({error}): rows read from now on may be of \
             a later moment"
        );
        *self.shared.lock().await = Some(Arc::new(Shared { holder: None, id: None }));
        let session = self.connect().await?;
        self.begin(&session, None).await?;
        Ok(session)
    }

    /// The key at which the copy of a table ends; the inner value is `None` in an empty table.
    pub(super) fn limit(&self, table: &IncrementalTable) -> Option<Option<&str>> {
        self.limits.get()?.get(table).map(Option::as_deref)
    }

    /// Prevents the connection of the snapshot holder from being closed as idle.
    pub(super) async fn keep_alive(&self) -> Infallible {
        loop {
            tokio::time::sleep(SIGN_OF_LIFE).await;
            let shared = self.shared.lock().await.clone();
            if let Some(holder) = shared.as_ref().and_then(|shared| shared.holder.as_ref())
                && let Err(error) = holder.execute("SELECT 1").await
            {
                // The next reader will notice that it is closed.
                tracing::debug!("the snapshot holder does not respond: {error}");
            }
        }
    }

    /// The shared snapshot; a new one if the first is lost.
    async fn shared(&self) -> server::Result<Arc<Shared>> {
        let mut current = self.shared.lock().await;
        if let Some(shared) = &*current {
            if shared.holder.as_ref().is_none_or(Session::is_usable) {
                return Ok(Arc::clone(shared));
            }
            tracing::warn!(
                "lost the connection that held the source's snapshot: rows read from now on are of \
                 a later moment"
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
                    "the source cannot share a snapshot ({error}): tables and ranges may be of \
                     different moments"
                );
                Shared { holder: None, id: None }
            }
        };
        let shared = Arc::new(shared);
        *current = Some(Arc::clone(&shared));
        Ok(shared)
    }

    async fn connect(&self) -> server::Result<Session> {
        Session::connect(&self.settings.source, &SessionSettings::for_rows()).await
    }

    async fn begin(&self, session: &Session, snapshot: Option<&str>) -> server::Result<()> {
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

/// The timeout of one statement on the source.
pub(super) fn statement_timeout(settings: &CopySettings) -> String {
    let limit = settings.statement_timeout.map_or(0, |limit| limit.as_millis());
    format!("SET LOCAL statement_timeout = {limit}")
}

/// The settings of transactions on both sides: values are written without loss, row security hides
/// no row, and a dead client is noticed. Local to the transaction, because a pooler may run the
/// next one in another session.
pub(super) fn common(settings: &CopySettings) -> String {
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

/// Sends a statement regularly, until the session is lost.
pub(super) async fn until_lost(session: &Session) -> server::SessionError {
    loop {
        tokio::time::sleep(SIGN_OF_LIFE).await;
        if let Err(error) = session.execute("SELECT 1").await {
            return error;
        }
    }
}
