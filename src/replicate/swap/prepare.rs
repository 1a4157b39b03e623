//! Creates the new database.

use super::Swap;
use super::error::SwapError;
use super::names::Names;
use super::properties;
use super::server::{Server, drop_database, oid};
use crate::sql::ident::{literal, quoted};
use crate::target::{Session, SessionSettings, Target};

/// What to do with a new database that an earlier run left unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// Drop it.
    Drop,
    /// Use it as it is, for a run that resumes where the earlier one stopped.
    Reuse,
}

/// Creates the database that will replace `target`, next to it, and drops the one of the previous
/// night. The new one is a copy of `template`, or of the empty `template0`.
///
/// # Errors
/// [`SwapError::NotPermitted`], before anything is changed, and errors of the server.
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
    revoked.map_err(SwapError::refused("revoke access to the new database"))?;
    let not_copied = properties::begin(&server, &names).await?;
    Ok(Swap { server, names, next, oid, not_copied })
}

/// Checks that the role may swap this database.
///
/// # Errors
/// [`SwapError::NotPermitted`].
pub async fn permitted(target: &Target) -> Result<(), SwapError> {
    let names = Names::of(target.dbname());
    let session = Server::find(target, &names).await?.other_session().await?;
    check(&session, &names).await
}

/// The existing databases of earlier swaps. Empty if they cannot be queried.
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

/// Checks that the role has all the permissions.
async fn check(session: &Session, names: &Names) -> Result<(), SwapError> {
    let sql = format!(
        "SELECT r.rolsuper OR r.rolcreatedb, \
                pg_catalog.pg_has_role(d.datdba, 'MEMBER'), pg_catalog.pg_get_userbyid(d.datdba) \
         FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_database d ON d.datname = {} \
         WHERE r.rolname = current_user",
        literal(&names.current)
    );
    let rows = session.query_text(&sql).await;
    let row = rows.map_err(SwapError::refused("read the role's attributes"))?.into_iter().next();
    let row = row.unwrap_or_default();
    let value = |at: usize| row.get(at).and_then(Option::as_deref);
    let why = match (value(0), value(1), value(2)) {
        (Some("t"), Some("t"), _) => return Ok(()),
        (_, None, _) => "the database does not exist".to_owned(),
        (Some("t"), _, owner) => {
            format!(
                "it belongs to {}, and the role is not a member of that role",
                owner.unwrap_or("?")
            )
        }
        _ => "the role may not create databases (it lacks CREATEDB)".to_owned(),
    };
    Err(SwapError::NotPermitted { database: names.current.clone(), why })
}

/// The statement that creates a database with the same owner, encoding, locale and tablespace.
async fn create(session: &Session, names: &Names, template: &str) -> Result<String, SwapError> {
    // The names of these columns differ between versions; `to_jsonb` returns those that exist.
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
    // Naming a tablespace requires a privilege on it, even if it is that of template0.
    let tablespace = value(4).filter(|space| *space != "pg_default");
    add("TABLESPACE", tablespace.map(|space| quoted(space).into_owned()));
    let (provider, locale) = match value(5) {
        Some("c") => ("libc", None),
        Some("i") => ("icu", Some("ICU_LOCALE")),
        Some("b") => ("builtin", Some("BUILTIN_LOCALE")),
        // Before PostgreSQL 15 there is only one provider.
        _ => return Ok(sql),
    };
    add("LOCALE_PROVIDER", Some(provider.to_owned()));
    if let Some(option) = locale {
        add(option, value(6).map(literal));
        add("ICU_RULES", value(7).map(literal));
    }
    Ok(sql)
}
