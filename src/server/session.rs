//! A session: statements of the simple protocol, transactions, notices, cancelling.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::OnceCell;
use tokio_postgres::{CancelToken, SimpleQueryMessage, Statement};

use super::connect::Target;
use super::driver::Driver;
use super::error::{Result, SessionError};
use super::notice::Notices;
use super::watch::TransactionStatus;
use super::wire::Connector;
use crate::archive::encoding::Encoding;
use crate::sql::ident::literal;

/// The settings of a session, apart from its target.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// Where notices of the server go.
    pub notices: Notices,
    /// The session's `client_encoding`. Text is decoded from and encoded in it without loss; COPY
    /// data is in it.
    pub encoding: Encoding,
    /// How often an empty query is sent while a statement runs: proxies close idle connections.
    pub keep_alive: Duration,
    /// Whether the session keeps the database's `quote_all_identifiers`: for sessions that restore or
    /// copy rows or run the user's SQL, whose functions may quote names. In all others it is off, as
    /// names and expressions of the catalog are compared.
    pub keeps_quoting: bool,
}

/// Without it, functions of the catalog quote only names that need it (`quote_identifier` in
/// `src/backend/utils/adt/ruleutils.c`).
const QUOTING_OFF: &str = ", pg_catalog.set_config('quote_all_identifiers', 'off', false)";

/// Proxies allow at least a few minutes.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

impl SessionSettings {
    /// Settings for sessions that copy rows or run the user's SQL: values are written as the
    /// database is set to write them.
    #[must_use]
    pub fn for_rows() -> Self {
        Self { keeps_quoting: true, ..Self::default() }
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        let (notices, encoding) = (Notices::default(), Encoding::named("UTF8"));
        Self { notices, encoding, keep_alive: KEEP_ALIVE, keeps_quoting: false }
    }
}

/// A session with a server. Dropping it closes it.
///
/// Methods take `&self` and may overlap: the server answers in the order of the calls.
pub struct Session {
    pub(super) driver: Driver,
    target: Target,
    encoding: Encoding,
    server_version: String,
    server_version_num: u32,
    pub(super) put_large_objects: OnceCell<Statement>,
}

impl Session {
    /// Opens a session with an empty `search_path`, as `pg_restore` does
    /// (`ALWAYS_SECURE_SEARCH_PATH_SQL`, `src/include/common/connect.h`). Nothing else is set but what
    /// the settings say.
    ///
    /// # Errors
    /// [`SessionError::Connect`] with the reason as its source.
    pub async fn connect(target: &Target, settings: &SessionSettings) -> Result<Self> {
        let set_up = async {
            let driver = target.open(settings).await?;
            if !settings.encoding.is_utf8() {
                // In a separate message: the server reads a message in the encoding in effect when
                // it arrives.
                let name = literal(settings.encoding.name());
                driver.execute(&format!("SET client_encoding = {name}")).await?;
            }
            let quoting = if settings.keeps_quoting { "" } else { QUOTING_OFF };
            let set = format!("SELECT pg_catalog.set_config('search_path', '', false){quoting}");
            driver.execute(&set).await.map(|()| driver)
        };
        let driver = Box::pin(set_up).await.map_err(|source| SessionError::Connect {
            target: target.to_string(),
            source: Box::new(source),
        })?;
        let server_version = driver.parameters.get("server_version").cloned().unwrap_or_default();
        Ok(Self {
            server_version_num: version_number(&server_version),
            server_version,
            driver,
            target: target.clone(),
            encoding: settings.encoding.clone(),
            put_large_objects: OnceCell::new(),
        })
    }

    /// The target of the session.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The server's version as a number, 150018 for 15.18; 0 if it cannot be read.
    #[must_use]
    pub fn server_version_num(&self) -> u32 {
        self.server_version_num
    }

    /// The server's version as it reports it, `15.18 (Debian 15.18-0+deb12u1)`.
    #[must_use]
    pub fn server_version(&self) -> &str {
        &self.server_version
    }

    /// A parameter that the server reported when the session started (`server_encoding`,
    /// `is_superuser`, `in_hot_standby` …; documentation, section "Asynchronous Operations").
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.driver.parameters.get(name).map(String::as_str)
    }

    /// The transaction status as of the last answer.
    #[must_use]
    pub fn transaction_status(&self) -> TransactionStatus {
        self.driver.connector.watch.transaction_status()
    }

    /// Whether the connection is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.driver.client.is_closed()
    }

    /// Whether another statement can be sent. False once the connection is closed, and after a
    /// `COPY … TO STDOUT` that was abandoned.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.driver.spent.load(Ordering::Acquire) && !self.is_closed()
    }

    /// Runs one or more statements. Several without transaction control are one transaction.
    ///
    /// # Errors
    /// [`SessionError::Server`] if a statement is refused (those after it are not run),
    /// [`SessionError::Lost`] if the connection is gone.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        self.driver.execute(sql).await
    }

    /// Runs statements in a savepoint of the open transaction, which goes on if one is refused: the
    /// result then has the refusal.
    ///
    /// # Errors
    /// As [`Session::execute`], if the transaction cannot go on.
    pub(crate) async fn try_execute(&self, sql: &str) -> Result<Result<()>> {
        self.execute("SAVEPOINT nocturne_try").await?;
        let executed = self.execute(sql).await;
        match &executed {
            Err(error) if error.is_connection_lost() || error.server().is_none() => {
                return executed.map(Ok);
            }
            Err(_) => self.execute("ROLLBACK TO SAVEPOINT nocturne_try").await?,
            Ok(()) => {}
        }
        self.execute("RELEASE SAVEPOINT nocturne_try").await?;
        Ok(executed)
    }

    /// As [`Session::execute`], but returns the sum of the row counts in the command tags: rows
    /// inserted, updated, deleted, and those that a SELECT returned.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn execute_counting(&self, sql: &str) -> Result<u64> {
        let mut rows = 0;
        let each = |message| {
            if let SimpleQueryMessage::CommandComplete(count) = message {
                rows += count;
            }
        };
        self.driver.simple_query(sql, each).await?;
        Ok(rows)
    }

    /// The rows of a query, each value in its text form, NULL as `None`.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn query_text(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        self.driver.query_text(sql).await
    }

    /// The rows of a catalog query. Unrelated names may have no equivalent in the session's
    /// encoding, which would make the whole answer fail: so it is sent in the server's encoding.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(crate) async fn query_catalogue(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        let own = self.encoding.name();
        match self.parameter("server_encoding").filter(|server| *server != own) {
            None => self.query_text(sql).await,
            // In one message, all of which an error rolls back.
            Some(server) => {
                let (own, server) = (literal(own), literal(server));
                let set = "SET client_encoding =";
                self.query_text(&format!("{set} {server};\n{sql};\n{set} {own}")).await
            }
        }
    }

    /// The first value of the first row; `None` if there is no row or the value is NULL.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn query_value(&self, sql: &str) -> Result<Option<String>> {
        let rows = self.query_text(sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
    }

    /// BEGIN.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn begin(&self) -> Result<()> {
        self.execute("BEGIN").await
    }

    /// COMMIT, with certainty: the server answers the COMMIT of an aborted transaction by rolling
    /// back without an error, and this returns an error then.
    ///
    /// # Errors
    /// [`SessionError::Aborted`] if the transaction was aborted (it is rolled back then); otherwise as
    /// [`Session::execute`]. After [`SessionError::Lost`] it is unknown whether the server committed.
    pub async fn commit(&self) -> Result<()> {
        if self.transaction_status() == TransactionStatus::Failed {
            self.rollback().await?;
            return Err(SessionError::Aborted);
        }
        self.execute("COMMIT").await
    }

    /// ROLLBACK.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn rollback(&self) -> Result<()> {
        self.execute("ROLLBACK").await
    }

    /// A handle that cancels what this session is running, from any task.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle {
            token: self.driver.client.cancel_token(),
            connector: Connector {
                // The messages of the cancelling connection do not belong to this session.
                watch: Arc::default(),
                ..self.driver.connector.clone()
            },
            socket: self.driver.socket.clone(),
        }
    }

    /// Cancels what this session is running: [`CancelHandle::cancel`].
    ///
    /// # Errors
    /// As there.
    pub async fn cancel(&self) -> Result<()> {
        self.cancel_handle().cancel().await
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("target", &format_args!("{}", self.target))
            .field("server_version", &self.server_version)
            .field("usable", &self.is_usable())
            .finish_non_exhaustive()
    }
}

/// Cancels what a session is running. May outlive the session, without effect then.
#[derive(Clone)]
pub struct CancelHandle {
    token: CancelToken,
    connector: Connector,
    socket: Option<PathBuf>,
}

impl CancelHandle {
    /// Asks the server, over a separate connection, to cancel what the session is running. A
    /// canceled statement fails with SQLSTATE 57014; whether there was one is not reported here.
    ///
    /// # Errors
    /// [`SessionError::Network`] or [`SessionError::Tls`] if the request could not be delivered to the server.
    pub async fn cancel(&self) -> Result<()> {
        let sent = match &self.socket {
            Some(path) => {
                let stream = UnixStream::connect(path)
                    .await
                    .map_err(|error| SessionError::Network(error.into()))?;
                self.token.cancel_query_raw(stream, self.connector.handshake("")).await
            }
            None => self.token.cancel_query(self.connector.clone()).await,
        };
        sent.map_err(super::connect::refused)
    }
}

impl std::fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CancelHandle")
    }
}

/// `15.18 (Debian …)` as 150018, `9.6.24` as 90624, `19devel` as 190000, as libpq reads it
/// (`pqSaveParameterStatus` in `src/interfaces/libpq/fe-exec.c`).
fn version_number(text: &str) -> u32 {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut parts = text[..end].split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0).min(9999);
    match (next(), next(), next()) {
        (major, minor, _) if major >= 10 => major * 10_000 + minor,
        (major, minor, patch) => major * 10_000 + minor * 100 + patch,
    }
}

#[cfg(test)]
mod tests {
    use super::version_number;

    #[test]
    fn versions_become_numbers_as_in_libpq() {
        for (text, number) in [
            ("15.18 (Debian 15.18-0+deb12u1)", 150_018),
            ("9.6.24", 90_624),
            ("19devel", 190_000),
            ("18beta1", 180_000),
            ("", 0),
        ] {
            assert_eq!(version_number(text), number, "{text}");
        }
    }
}
