//! Creates the new database.

use super::Swap;
use super::error::SwapError;
use super::names::Names;
use super::properties;
use super::server::{Server, drop_database, oid};
use crate::sql::ident::{literal, quoted};
use crate::target::{Session, SessionSettings, Target};

/// What becomes of a new database that an earlier run has left unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// It is dropped.
    Drop,
    /// It is taken as it is, for a run that goes on where it stopped.
    Reuse,
}

/// Creates the database that is to take the place of `target`, beside it. The one of the night
/// before goes. It is a copy of `template`, or of `template0`, which holds nothing.
///
/// # Errors
/// [`SwapError::NotPermitted`], before anything is changed, and what the server refuses.
pub async fn prepare(
    target: &Target,
    leftover: Leftover,
    template: Option<&str>,
) -> Result<Swap, SwapError> {
    let names = Names::of(target.dbname());
    let server = Server::find(target, &names).await?;
    let session = server.session().await?;
    check(&session, &names).await?;
    drop_database(&session, &names.previous).await?;
    let next = target.with_database(&names.next);
    if leftover == Leftover::Reuse
        && let Some(oid) = oid(&session, &names.next).await?
    {
        return Ok(Swap { server, names, next, oid, not_copied: Vec::new() });
    }
    drop_database(&session, &names.next).await?;
    let create = create(&session, &names, template.unwrap_or("template0")).await?;
    let created = session.execute(&create).await;
    created.map_err(SwapError::refused(format!("create the database \"{}\"", names.next)))?;
    let created = oid(&session, &names.next).await?;
    let oid = created.ok_or_else(|| SwapError::Replaced { database: names.next.clone() })?;
    let revoke = format!("REVOKE ALL ON DATABASE {} FROM PUBLIC", quoted(&names.next));
    let revoked = session.execute(&revoke).await;
    revoked.map_err(SwapError::refused("keep others out of the new database"))?;
    let not_copied = properties::begin(&server, &names).await?;
    Ok(Swap { server, names, next, oid, not_copied })
}

/// Whether the role may swap this database.
///
/// # Errors
/// [`SwapError::NotPermitted`].
pub async fn permitted(target: &Target) -> Result<(), SwapError> {
    let names = Names::of(target.dbname());
    let session = Server::find(target, &names).await?.other_session().await?;
    check(&session, &names).await
}

/// The databases of earlier swaps that are there. None if there is no way to look.
pub async fn left(target: &Target) -> Vec<String> {
    let names = Names::of(target.dbname());
    let sql = format!(
        "SELECT datname FROM pg_catalog.pg_database WHERE datname IN ({}, {}) ORDER BY 1",
        literal(&names.next),
        literal(&names.previous)
    );
    let Ok(session) = Session::connect(target, &SessionSettings::default()).await else {
        return Vec::new();
    };
    let rows = session.query_text(&sql).await.unwrap_or_default();
    rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

/// Whether the role may do all of it.
async fn check(session: &Session, names: &Names) -> Result<(), SwapError> {
    let sql = format!(
        "SELECT r.rolsuper OR r.rolcreatedb, \
                pg_catalog.pg_has_role(d.datdba, 'MEMBER'), pg_catalog.pg_get_userbyid(d.datdba) \
         FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_database d ON d.datname = {} \
         WHERE r.rolname = current_user",
        literal(&names.current)
    );
    let rows = session.query_text(&sql).await;
    let row = rows.map_err(SwapError::refused("look at the role"))?.into_iter().next();
    let row = row.unwrap_or_default();
    let value = |at: usize| row.get(at).and_then(Option::as_deref);
    let why = match (value(0), value(1), value(2)) {
        (Some("t"), Some("t"), _) => return Ok(()),
        (_, None, _) => "there is no such database".to_owned(),
        (Some("t"), _, owner) => {
            format!("it belongs to {}, and the role is no member of that", owner.unwrap_or("?"))
        }
        _ => "the role may not create databases (CREATEDB)".to_owned(),
    };
    Err(SwapError::NotPermitted { database: names.current.clone(), why })
}

/// The statement that creates a database with the same owner, encoding, locale and tablespace.
async fn create(session: &Session, names: &Names, template: &str) -> Result<String, SwapError> {
    // The names of these columns change from version to version; `to_jsonb` takes those there are.
    let sql = format!(
        "SELECT pg_catalog.pg_get_userbyid(d.datdba), \
                pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, t.spcname, \
                j ->> 'datlocprovider', COALESCE(j ->> 'datlocale', j ->> 'daticulocale'), \
                j ->> 'daticurules' \
         FROM pg_catalog.pg_database d \
         JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace \
         CROSS JOIN LATERAL pg_catalog.to_jsonb(d) j WHERE d.datname = {}",
        literal(&names.current)
    );
    let rows = session.query_text(&sql).await;
    let row = rows.map_err(SwapError::refused("read how the old database was created"))?;
    let row = row.into_iter().next().unwrap_or_default();
    let value = |at: usize| row.get(at).and_then(Option::as_deref);
    let mut sql = format!("CREATE DATABASE {} TEMPLATE {}", quoted(&names.next), quoted(template));
    let mut add = |option: &str, value: Option<String>| {
        if let Some(value) = value {
            sql.push_str(&format!(" {option} = {value}"));
        }
    };
    add("OWNER", value(0).map(|owner| quoted(owner).into_owned()));
    add("ENCODING", value(1).map(literal));
    add("LC_COLLATE", value(2).map(literal));
    add("LC_CTYPE", value(3).map(literal));
    // Naming a tablespace takes a right to it, even to the one that template0 is in anyway.
    let tablespace = value(4).filter(|space| *space != "pg_default");
    add("TABLESPACE", tablespace.map(|space| quoted(space).into_owned()));
    let (provider, locale) = match value(5) {
        Some("c") => ("libc", None),
        Some("i") => ("icu", Some("ICU_LOCALE")),
        Some("b") => ("builtin", Some("BUILTIN_LOCALE")),
        // Before PostgreSQL 15 there is one only.
        _ => return Ok(sql),
    };
    add("LOCALE_PROVIDER", Some(provider.to_owned()));
    if let Some(option) = locale {
        add(option, value(6).map(literal));
        add("ICU_RULES", value(7).map(literal));
    }
    Ok(sql)
}
