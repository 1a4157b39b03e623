//! Sessions that share one snapshot of the database and write values as pg_dump does.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use super::{CompareError, CompareOptions};
use crate::archive::Toc;
use crate::server::{self, Session, SessionSettings, Target, once_ready};
use crate::sql::ident::{literal, quoted};

/// How often the session that holds the snapshot sends a keepalive query.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// The time zone for writing times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// UTC, the usual setting of hosting providers.
    Utc,
    /// The setting of the database or the role.
    OfTheDatabase,
}

/// The purpose of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reading.
    Read,
    /// Reading, and writing temporary tables.
    Temporary,
}

/// Opens sessions to the database, all with the same snapshot.
pub(super) struct Sessions {
    target: Target,
    /// The archive's encoding, in which names and rows are read.
    encoding: SessionSettings,
    /// The settings of each session.
    settings: String,
    /// The default time zone of sessions.
    zone: String,
    /// The name of the snapshot.
    snapshot: String,
    holder: Session,
}

impl Sessions {
    /// Opens the session that holds the snapshot.
    pub(super) async fn open(
        target: &Target,
        toc: &Toc,
        options: &CompareOptions,
        waits: impl FnOnce(&server::SessionError),
    ) -> Result<Self, CompareError> {
        let encoding = SessionSettings { encoding: toc.encoding.clone(), ..Default::default() };
        let connect = || Session::connect(target, &encoding);
        let session = once_ready(connect, waits).await.map_err(CompareError::Connect)?;
        let settings = settings(toc, options, session.server_version_num());
        let prepare = async {
            let zone = session.query_value("SELECT pg_catalog.current_setting('TimeZone')").await?;
            session.execute(&settings).await?;
            session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
            let snapshot = session.query_value("SELECT pg_catalog.pg_export_snapshot()").await?;
            Ok((zone.unwrap_or_default(), snapshot.unwrap_or_default()))
        };
        let (zone, snapshot) = prepare.await.map_err(CompareError::Connect)?;
        Ok(Self { target: target.clone(), encoding, settings, zone, snapshot, holder: session })
    }

    /// The session that holds the snapshot, in a read-only transaction.
    pub(super) fn holder(&self) -> &Session {
        &self.holder
    }

    /// The database's encoding.
    pub(super) fn server_encoding(&self) -> &str {
        self.holder.parameter("server_encoding").unwrap_or("UTF8")
    }

    /// Another session, outside a transaction.
    pub(super) async fn connect(&self) -> server::Result<Session> {
        let session = Session::connect(&self.target, &self.encoding).await?;
        session.execute(&self.settings).await?;
        Ok(session)
    }

    /// Begins a transaction with the shared snapshot.
    pub(super) async fn begin(
        &self,
        session: &Session,
        purpose: Purpose,
        zone: Zone,
    ) -> server::Result<()> {
        let access = match purpose {
            Purpose::Read => "READ ONLY",
            Purpose::Temporary => "READ WRITE",
        };
        let zone = match zone {
            Zone::Utc => String::new(),
            Zone::OfTheDatabase => format!("SET LOCAL TimeZone = {};", literal(&self.zone)),
        };
        let snapshot = literal(&self.snapshot);
        session
            .execute(&format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ, {access}; \
                 SET TRANSACTION SNAPSHOT {snapshot}; {zone}"
            ))
            .await
    }

    /// Whether times have different text in the database's own time zone than in UTC.
    pub(super) fn has_zone_of_its_own(&self) -> bool {
        !matches!(self.zone.as_str(), "UTC" | "Etc/UTC" | "GMT")
    }

    /// Runs `work` while keeping the snapshot's session from timing out as idle.
    pub(super) async fn kept_alive<T>(&self, work: impl Future<Output = T>) -> T {
        let ping = async {
            loop {
                tokio::time::sleep(SIGN_OF_LIFE).await;
                if let Err(error) = self.holder.execute("SELECT 1").await {
                    // The next transaction to begin gets the error from the server.
                    tracing::debug!("the session holding the snapshot does not respond: {error}");
                }
            }
        };
        tokio::select! {
            done = work => done,
            never = ping => {
                let never: Infallible = never;
                match never {}
            }
        }
    }
}

/// pg_dump's session settings (`setup_connection` in `src/bin/pg_dump/pg_dump.c`), and others that
/// affect the text of values.
fn settings(toc: &Toc, options: &CompareOptions, version: u32) -> String {
    let strings = if toc.standard_conforming_strings { "on" } else { "off" };
    let mut settings = format!(
        "SET application_name = 'nocturne verify'; SET datestyle = 'ISO'; \
         SET intervalstyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'; \
         SET xmloption = 'content'; SET quote_all_identifiers = off; SET timezone = 'UTC'; \
         SET row_security = off; SET statement_timeout = 0; SET lock_timeout = 0; \
         SET idle_in_transaction_session_timeout = 0; SET standard_conforming_strings = {strings}; \
         SELECT pg_catalog.set_config('search_path', '', false); \
         SELECT pg_catalog.set_config(name, 'view, foreign-table', false) \
         FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) \
         'restrict_nonsystem_relation_kind';"
    );
    if version >= 170_000 {
        settings.push_str(" SET transaction_timeout = 0;");
    }
    if let Some(role) = &options.role {
        settings.push_str(&format!(" SET ROLE {};", quoted(role)));
    }
    settings
}
