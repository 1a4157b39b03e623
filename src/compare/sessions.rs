//! Sessions that see one moment of the database and write values as pg_dump writes them.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use super::{CompareError, CompareOptions};
use crate::archive::Toc;
use crate::sql::ident::{literal, quoted};
use crate::target::{self, Session, SessionSettings, Target, once_ready};

/// The session that holds the snapshot says something this often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// In which time zone times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// UTC, which is what servers of hosts have.
    Utc,
    /// The one that the database, or the role, is set to.
    OfTheDatabase,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reading.
    Read,
    /// Reading, and writing temporary tables.
    Temporary,
}

/// Opens sessions of the database. All of them see the same moment.
pub(super) struct Sessions {
    target: Target,
    /// The archive's encoding: names and rows come as they stand in it.
    encoding: SessionSettings,
    /// What each session is set to.
    settings: String,
    /// The time zone that sessions have by themselves.
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
        waits: impl FnOnce(&target::Error),
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

    /// The session that holds the snapshot, in a transaction that is only read from.
    pub(super) fn holder(&self) -> &Session {
        &self.holder
    }

    /// The database's encoding.
    pub(super) fn server_encoding(&self) -> &str {
        self.holder.parameter("server_encoding").unwrap_or("UTF8")
    }

    /// Another session, in no transaction.
    pub(super) async fn connect(&self) -> target::Result<Session> {
        let session = Session::connect(&self.target, &self.encoding).await?;
        session.execute(&self.settings).await?;
        Ok(session)
    }

    /// Begins a transaction that sees the moment of all sessions.
    pub(super) async fn begin(
        &self,
        session: &Session,
        purpose: Purpose,
        zone: Zone,
    ) -> target::Result<()> {
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

    /// Whether times have another text in the database's own time zone than in UTC.
    pub(super) fn has_zone_of_its_own(&self) -> bool {
        !matches!(self.zone.as_str(), "UTC" | "Etc/UTC" | "GMT")
    }

    /// Does the work, and keeps the snapshot from being lost to silence meanwhile.
    pub(super) async fn kept_alive<T>(&self, work: impl Future<Output = T>) -> T {
        let ping = async {
            loop {
                tokio::time::sleep(SIGN_OF_LIFE).await;
                if let Err(error) = self.holder.execute("SELECT 1").await {
                    // Whoever begins a transaction next is told by the server.
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

/// As pg_dump sets its session (`setup_connection` in `src/bin/pg_dump/pg_dump.c`), and what else
/// decides on the text of values.
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
