//! Creates the new database.

use super::Swap;
use super::error::SwapError;
use super::names::Names;
use super::rename::holders;
use super::server::{SwapServer, drop_database, oid};
use super::{obstacles, properties};
use crate::server::sqlstate::OBJECT_IN_USE;
use crate::server::{Session, SessionSettings, Target};
use crate::sql::ident::{literal, quoted};

/// What to do with a new database that an earlier run left unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// Drop it.
    Drop,
    /// Use it as it is, for a run that resumes where the earlier one stopped.
    Reuse,
}

/// The template that only contains the objects of initdb.
const BARE: &str = "template0";

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
    let server = SwapServer::find(target, &names).await?;
    let session = server.session().await?;
    check(&session, &names, template).await?;
    drop_database(&session, &names.previous).await?;
    let next = target.with_database(&names.next);
    if leftover == Leftover::Reuse
        && let Some(oid) = oid(&session, &names.next).await?
    {
        return Ok(Swap { server, names, next, oid, not_copied: Vec::new() });
    }
    drop_database(&session, &names.next).await?;
    let create = create(&session, &names, template.unwrap_or(BARE)).await?;
    if let Err(source) = session.execute(&create).await {
        return Err(match template {
            Some(template) if source.sqlstate() == Some(OBJECT_IN_USE) => {
                let (template, holders) = (template.to_owned(), holders(&session, template).await);
                SwapError::TemplateInUse { template, holders, source: Box::new(source) }
            }
            _ => SwapError::refused(format!("create the database \"{}\"", names.next))(source),
        });
    }
    let created = oid(&session, &names.next).await?;
    let oid = created.ok_or_else(|| SwapError::Replaced { database: names.next.clone() })?;
    let revoke = format!("REVOKE ALL ON DATABASE {} FROM PUBLIC", quoted(&names.next));
    let revoked = session.execute(&revoke).await;
    revoked.map_err(SwapError::refused("revoke access to the new database"))?;
    let not_copied = properties::begin(&server, &names).await?;
    Ok(Swap { server, names, next, oid, not_copied })
}

/// Checks that the role may swap this database, and copy the template.
///
/// # Errors
/// [`SwapError::NotPermitted`].
pub async fn permitted(target: &Target, template: Option<&str>) -> Result<(), SwapError> {
    let names = Names::of(target.dbname());
    let session = SwapServer::find(target, &names).await?.other_session().await?;
    check(&session, &names, template).await
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

/// Checks that the role has all the permissions, and that nothing keeps the databases from being
/// renamed and dropped.
async fn check(session: &Session, names: &Names, template: Option<&str>) -> Result<(), SwapError> {
    permissions(session, names, template).await?;
    obstacles::leftovers(session, names).await?;
    obstacles::replicated(session, names).await
}

/// Checks that the role may create, rename and copy.
async fn permissions(
    session: &Session,
    names: &Names,
    template: Option<&str>,
) -> Result<(), SwapError> {
    let sql = format!(
        "SELECT r.rolsuper OR r.rolcreatedb, \
                pg_catalog.pg_has_role(d.datdba, 'USAGE'), pg_catalog.pg_get_userbyid(d.datdba) \
         FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_database d ON d.datname = {} \
         WHERE r.rolname = current_user",
        literal(&names.current)
    );
    let rows = session.query_text(&sql).await;
    let row = rows.map_err(SwapError::refused("read the role's attributes"))?.into_iter().next();
    let row = row.unwrap_or_default();
    let value = |at: usize| row.get(at).and_then(Option::as_deref);
    let why = match (value(0), value(1), value(2)) {
        (Some("t"), Some("t"), _) => match template {
            None | Some(BARE) => return Ok(()),
            Some(template) => match wrong_template(session, names, template).await? {
                Some(why) => why,
                None => return Ok(()),
            },
        },
        (_, None, _) => "the database does not exist".to_owned(),
        (Some("t"), _, owner) => {
            format!(
                "it belongs to {}, and the role does not have the privileges of that role",
                owner.unwrap_or("?")
            )
        }
        _ => "the role may not create databases (it lacks CREATEDB)".to_owned(),
    };
    Err(SwapError::NotPermitted { database: names.current.clone(), why })
}

/// Why the server would not copy the template, by the checks of `createdb` in
/// `src/backend/commands/dbcommands.c`.
async fn wrong_template(
    session: &Session,
    names: &Names,
    template: &str,
) -> Result<Option<String>, SwapError> {
    // Another template than template0 must have the encoding and the locale of its copy.
    let locale = |database: &str| {
        format!(
            "pg_catalog.concat_ws(' ', pg_catalog.pg_encoding_to_char({database}.encoding), \
                 {database}.datcollate, {database}.datctype, \
                 pg_catalog.to_jsonb({database}) ->> 'datlocprovider', \
                 COALESCE(pg_catalog.to_jsonb({database}) ->> 'datlocale', \
                     pg_catalog.to_jsonb({database}) ->> 'daticulocale'), \
                 pg_catalog.to_jsonb({database}) ->> 'daticurules')"
        )
    };
    let sql = format!(
        "SELECT t.datistemplate OR r.rolsuper OR pg_catalog.pg_has_role(t.datdba, 'USAGE'), \
                pg_catalog.pg_get_userbyid(t.datdba), {}, {}, \
                CASE WHEN NOT t.datallowconn THEN 'ALLOW_CONNECTIONS true' \
                     WHEN t.datconnlimit = 0 AND NOT r.rolsuper THEN 'CONNECTION LIMIT -1' END, \
                pg_catalog.has_database_privilege(t.oid, 'CONNECT'), current_user \
         FROM pg_catalog.pg_database t \
         JOIN pg_catalog.pg_database d ON d.datname = {} \
         JOIN pg_catalog.pg_roles r ON r.rolname = current_user WHERE t.datname = {}",
        locale("t"),
        locale("d"),
        literal(&names.current),
        literal(template)
    );
    let rows = session.query_text(&sql).await;
    let row = rows.map_err(SwapError::refused("inspect the template database"))?.into_iter().next();
    let Some([may_copy, owner, of_template, of_current, closed, may_connect, role]) =
        row.and_then(|row| <[Option<String>; 7]>::try_from(row).ok())
    else {
        return Ok(Some(format!(
            "its template \"{template}\" does not exist (hint: correct or unset SWAP_TEMPLATE, or \
             create the template)"
        )));
    };
    if may_copy.as_deref() != Some("t") {
        let owner = owner.unwrap_or_default();
        return Ok(Some(format!(
            "database \"{template}\" (SWAP_TEMPLATE) is not a template, and belongs to {owner} \
             (hint: ALTER DATABASE {} IS_TEMPLATE true)",
            quoted(template)
        )));
    }
    // What it contains is compared with what the night drops.
    if let Some(cure) = closed {
        return Ok(Some(format!(
            "database \"{template}\" (SWAP_TEMPLATE) does not accept connections (hint: ALTER \
             DATABASE {} {cure})",
            quoted(template)
        )));
    }
    if may_connect.as_deref() != Some("t") {
        return Ok(Some(format!(
            "the role may not connect to database \"{template}\" (SWAP_TEMPLATE) (hint: GRANT \
             CONNECT ON DATABASE {} TO {})",
            quoted(template),
            quoted(&role.unwrap_or_default())
        )));
    }
    let (of_template, of_current) =
        (of_template.unwrap_or_default(), of_current.unwrap_or_default());
    Ok((of_template != of_current).then(|| {
        format!(
            "its template \"{template}\" has another encoding or locale ({of_template}, not \
             {of_current}) (hint: create the template again with those of \"{}\")",
            names.current
        )
    }))
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
