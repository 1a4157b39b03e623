//! Sessions that share one snapshot of the database and write values as pg_dump does.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use super::{CompareError, CompareOptions};
use crate::archive::Toc;
use crate::server::{self, Session, SessionSettings, Target, dump_settings, once_ready};
use crate::sql::ident::literal;

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
        let settings = dump_settings(
            "nocturne verify",
            toc.standard_conforming_strings,
            options.role.as_deref(),
            session.server_version_num(),
        );
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
