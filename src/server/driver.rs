//! The driver's client and its connection: one task that moves the bytes, and simple-protocol
//! statements through it. [`super::session`] builds on this.

use std::collections::HashMap;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Client, Connection, SimpleQueryMessage, SimpleQueryStream};

use super::error::{Result, ServerError, SessionError};
use super::notice::{Notice, Notices};
use super::session::SessionSettings;
use super::watch::Watch;
use super::wire::{Connector, Stream, Watched};

/// The driver's client with its connection running in a separate task.
pub(super) struct Driver {
    pub(super) client: Client,
    pub(super) connector: Connector,
    /// Set when the connection is known to be dying although it still looks open.
    pub(super) spent: AtomicBool,
    /// The socket's file, for a cancelling connection to the same place.
    pub(super) socket: Option<PathBuf>,
    /// The parameters that the server reported at the start.
    pub(super) parameters: HashMap<String, String>,
    /// How long the connection may be silent while a statement runs.
    keep_alive: Duration,
    /// Why the connection ended, once it has.
    ended: watch::Receiver<Option<End>>,
}

/// Why a connection ended.
#[derive(Clone, Debug)]
enum End {
    /// The server gave the reason: terminated by an administrator, timed out, shutting down.
    Server(Box<ServerError>),
    /// Anything else, in words.
    Other(Option<String>),
}

/// The parameters that a server reports at the start (`src/backend/utils/misc/guc_tables.c`,
/// `GUC_REPORT`).
const REPORTED: &[&str] = &[
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "scram_iterations",
    "search_path",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
];

impl Driver {
    /// Starts the connection.
    pub(super) fn start<S: Stream>(
        client: Client,
        connection: Connection<S, Watched<S>>,
        connector: Connector,
        socket: Option<PathBuf>,
        settings: &SessionSettings,
    ) -> Self {
        let reported = |name: &&str| {
            connection.parameter(name).map(|value| ((*name).to_owned(), value.to_owned()))
        };
        let parameters = REPORTED.iter().filter_map(reported).collect();
        let (end, ended) = watch::channel(None);
        tokio::spawn(drive(connection, settings.notices.clone(), end));
        let (spent, keep_alive) = (AtomicBool::new(false), settings.keep_alive);
        Self { client, connector, spent, socket, parameters, keep_alive, ended }
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.connector.watch
    }

    pub(super) async fn execute(&self, sql: &str) -> Result<()> {
        self.simple_query(sql, |_| {}).await
    }

    pub(super) async fn query_text(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        let mut rows = Vec::new();
        let each = |message| {
            if let SimpleQueryMessage::Row(row) = message {
                rows.push((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect());
            }
        };
        self.simple_query(sql, each).await?;
        Ok(rows)
    }

    /// Runs statements and passes on each message as it arrives.
    pub(super) async fn simple_query(
        &self,
        sql: &str,
        each: impl FnMut(SimpleQueryMessage),
    ) -> Result<()> {
        self.simple_query_naming(sql, sql, each).await
    }

    /// Like `simple_query`, but an error names this part of the statements.
    pub(super) async fn simple_query_naming(
        &self,
        sql: &str,
        part: &str,
        mut each: impl FnMut(SimpleQueryMessage),
    ) -> Result<()> {
        self.usable()?;
        let mut messages = match self.client.simple_query_raw(sql).await {
            Ok(messages) => Box::pin(messages),
            Err(error) => return Err(self.error(error, Some(part)).await),
        };
        while let Some(message) = self.next(&mut messages).await {
            match message {
                Ok(message) => each(message),
                Err(error) => {
                    // The server sends the error first and ReadyForQuery a moment later; only then
                    // is the transaction's status the one after this statement.
                    let mut more = messages.next().await;
                    while let Some(Ok(_)) = more {
                        more = messages.next().await;
                    }
                    return match self.error(error, Some(part)).await {
                        // The error was about this connection, which is closed.
                        SessionError::Server(report)
                            if more.is_some() && !report.ends_session() =>
                        {
                            Err(SessionError::Lost(Some(report)))
                        }
                        error => Err(error),
                    };
                }
            }
        }
        Ok(())
    }

    /// The next message. While none arrives, sends the server an empty query now and then, which it
    /// does not read before the end of the statement. A proxy treats bytes in one direction as
    /// activity in both (HAProxy, unless it has `option independent-streams`).
    async fn next(
        &self,
        messages: &mut Pin<Box<SimpleQueryStream>>,
    ) -> Option<std::result::Result<SimpleQueryMessage, tokio_postgres::Error>> {
        loop {
            match tokio::time::timeout(self.keep_alive, messages.next()).await {
                Ok(message) => return message,
                // Its answer is not needed, and a lost connection ends the messages as well.
                Err(_) => drop(self.client.simple_query_raw("").await),
            }
        }
    }

    /// # Errors
    /// [`SessionError::Lost`] after an abandoned COPY, which kills the connection.
    pub(super) fn usable(&self) -> Result<()> {
        if self.spent.load(Ordering::Acquire) {
            return Err(SessionError::Lost(Some(
                "a COPY was abandoned before the end of its data".into(),
            )));
        }
        Ok(())
    }

    /// Classifies an error of the driver. For a closed connection it includes the reason, if the
    /// server gave one.
    pub(super) async fn error(
        &self,
        error: tokio_postgres::Error,
        sql: Option<&str>,
    ) -> SessionError {
        match SessionError::from_driver(error, sql) {
            SessionError::Lost(_) if self.watch().last_words().is_some() => {
                SessionError::Lost(self.watch().last_words().map(|error| error.clone().into()))
            }
            SessionError::Lost(None) => {
                // The task that holds the reason ends along with the connection.
                let mut ended = self.ended.clone();
                let reason = ended.wait_for(Option::is_some);
                let end = tokio::time::timeout(Duration::from_secs(1), reason).await;
                if let Some(error) = self.watch().last_words() {
                    return SessionError::Lost(Some(error.clone().into()));
                }
                match end {
                    Ok(Ok(end)) => SessionError::Lost(match &*end {
                        Some(End::Server(error)) => Some(ServerError::clone(error).into()),
                        Some(End::Other(what)) => what.clone().map(Into::into),
                        None => None,
                    }),
                    Ok(Err(_)) | Err(_) => SessionError::Lost(None),
                }
            }
            other => other,
        }
    }
}

/// Moves bytes until the connection ends, and forwards notices.
async fn drive<S: Stream>(
    mut connection: Connection<S, Watched<S>>,
    notices: Notices,
    end: watch::Sender<Option<End>>,
) {
    let reason = loop {
        match poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => notices.send(Notice::new(&notice)),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                break match SessionError::from_driver(error, None) {
                    SessionError::Server(error) => End::Server(error),
                    SessionError::Lost(source) => {
                        End::Other(source.map(|source| source.to_string()))
                    }
                    error => End::Other(Some(error.to_string())),
                };
            }
            None => break End::Other(None),
        }
    };
    // Before the connection is dropped, which wakes those waiting for answers.
    let _ = end.send(Some(reason));
}
