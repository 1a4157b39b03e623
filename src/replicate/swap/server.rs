//! Sessions outside the databases to swap, and statements that run there.

use super::error::SwapError;
use super::names::Names;
use crate::server::sqlstate::{INSUFFICIENT_PRIVILEGE, INVALID_CATALOG_NAME};
use crate::server::{LOCKS, Session, SessionError, SessionSettings, Target};
use crate::sql::ident::{literal, quoted};

/// Databases intended for such work (PostgreSQL documentation, "Template Databases").
const BESIDE: [&str; 2] = ["postgres", "template1"];

/// Connections to the server that do not use the databases to swap.
#[derive(Clone, Debug)]
pub(super) struct SwapServer {
    beside: Target,
    pub(super) names: Names,
}

impl SwapServer {
    /// Finds another database that the role can connect to.
    pub(super) async fn find(target: &Target, names: &Names) -> Result<Self, SwapError> {
        let mut refusal = None;
        for name in BESIDE.into_iter().filter(|name| *name != names.current) {
            let beside = target.with_database(name);
            match Session::connect(&beside, &SessionSettings::default()).await {
                Ok(_) => return Ok(Self { beside, names: names.clone() }),
                // The database does not exist, or the role may not connect.
                Err(error) if is_about_database(&error) => refusal = Some(error),
                Err(error) => return Err(SwapError::Connect(error)),
            }
        }
        let why = refusal.map(|error| crate::error::chain(&error)).unwrap_or_default();
        let why = format!("the role can connect to none of {}: {why}", BESIDE.join(", "));
        Err(SwapError::NotPermitted { database: names.current.clone(), why })
    }

    /// A session with an exclusive lock for these databases, held as long as it lives.
    pub(super) async fn session(&self) -> Result<Session, SwapError> {
        let session = self.other_session().await?;
        let lock = format!(
            "SET statement_timeout = 0; SET lock_timeout = '1min'; \
             SELECT pg_catalog.pg_advisory_lock({LOCKS}, pg_catalog.hashtext({})); \
             RESET lock_timeout",
            literal(&self.names.current)
        );
        let locked = session.execute(&lock).await;
        locked.map_err(SwapError::refused("lock the databases against other swaps"))?;
        Ok(session)
    }

    /// Another session, without that lock.
    pub(super) async fn other_session(&self) -> Result<Session, SwapError> {
        let session = Session::connect(&self.beside, &SessionSettings::default()).await;
        session.map_err(SwapError::Connect)
    }

    /// A session in one of the databases.
    pub(super) async fn session_in(&self, database: &str) -> Result<Session, SwapError> {
        let target = self.beside.with_database(database);
        let session = Session::connect(&target, &SessionSettings::default()).await;
        session.map_err(SwapError::Connect)
    }
}

fn is_about_database(error: &SessionError) -> bool {
    matches!(error.sqlstate(), Some(INVALID_CATALOG_NAME | INSUFFICIENT_PRIVILEGE | "28000"))
}

/// Which of the three databases exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) current: bool,
    pub(super) next: bool,
    pub(super) previous: bool,
}

pub(super) async fn present(session: &Session, names: &Names) -> Result<Present, SwapError> {
    let exists = |name: &str| {
        let name = literal(name);
        format!("EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = {name})")
    };
    let sql = format!(
        "SELECT {}, {}, {}",
        exists(&names.current),
        exists(&names.next),
        exists(&names.previous)
    );
    let rows = session.query_text(&sql).await;
    let rows = rows.map_err(SwapError::refused("list databases"))?;
    let is = |at: usize| rows.first().and_then(|row| row.get(at)?.as_deref()) == Some("t");
    Ok(Present { current: is(0), next: is(1), previous: is(2) })
}

/// The OID of a database; `None` if it does not exist.
pub(super) async fn oid(session: &Session, name: &str) -> Result<Option<String>, SwapError> {
    let sql = format!("SELECT oid FROM pg_catalog.pg_database WHERE datname = {}", literal(name));
    session.query_value(&sql).await.map_err(SwapError::refused("list databases"))
}

/// Drops a database if it exists, and terminates its sessions.
pub(super) async fn drop_database(session: &Session, name: &str) -> Result<(), SwapError> {
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
    let dropped = session.execute(&sql).await;
    dropped.map_err(SwapError::refused(format!("drop the database \"{name}\"")))
}
