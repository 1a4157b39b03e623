//! Copies properties of the old database to the new one: privileges, settings, the comment. What
//! the role may not copy is reported, but does not stop the swap; neither do default privileges of
//! schemas that do not exist before the restore.

use super::error::SwapError;
use super::names::Names;
use super::server::SwapServer;
use crate::error::chain;
use crate::server::{self, Session, TransactionStatus};
use crate::sql::ident::{literal, quoted};

/// A statement, and what to report if it fails.
struct PropertyStatement {
    what: String,
    sql: String,
}

/// Runs statements, and returns which failed and why: one line per reason.
async fn attempt(
    session: &Session,
    steps: Vec<PropertyStatement>,
) -> Result<Vec<String>, SwapError> {
    let mut refused: Vec<(String, Vec<String>)> = Vec::new();
    for PropertyStatement { what, sql } in steps {
        match session.execute(&sql).await {
            Err(error) if error.is_connection_lost() => {
                return Err(SwapError::Refused { what: format!("copy {what}"), source: error });
            }
            Err(error) => {
                let why = chain(&error);
                match refused.iter_mut().find(|(known, _)| *known == why) {
                    // Several statements may belong to one property.
                    Some((_, all)) if all.contains(&what) => {}
                    Some((_, all)) => all.push(what),
                    None => refused.push((why, vec![what])),
                }
                // Some steps are transactions.
                if session.transaction_status() != TransactionStatus::Idle {
                    session
                        .rollback()
                        .await
                        .map_err(SwapError::refused("roll back a failed step"))?;
                }
            }
            Ok(()) => {}
        }
    }
    let told = |(why, all): (String, Vec<String>)| format!("{}: {why}", all.join(", "));
    Ok(refused.into_iter().map(told).collect())
}

/// Copies what must exist before anything is restored: privileges of the schema `public`, and
/// default privileges.
pub(super) async fn begin(server: &SwapServer, names: &Names) -> Result<Vec<String>, SwapError> {
    let old = server.session_in(&names.current).await?;
    let mut steps = schema_privileges(&old).await.map_err(reading)?;
    steps.extend(default_privileges(&old).await.map_err(reading)?);
    let mut not_copied = schemas_with_default_privileges(&old).await.map_err(reading)?;
    let new = server.session_in(&names.next).await?;
    not_copied.extend(attempt(&new, steps).await?);
    Ok(not_copied)
}

/// The schemas other than `public` whose default privileges are not copied, because the restore
/// creates these schemas.
async fn schemas_with_default_privileges(old: &Session) -> server::Result<Vec<String>> {
    let sql = "SELECT DISTINCT n.nspname FROM pg_catalog.pg_default_acl d \
               JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace \
               WHERE n.nspname <> 'public' ORDER BY 1";
    let schemas = rows::<1>(old, sql).await?;
    let schemas: Vec<_> = schemas.iter().map(|[schema]| quoted(schema)).collect();
    Ok(match schemas.len() {
        0 => Vec::new(),
        1 => vec![format!(
            "default privileges in the schema {}, which the restore creates",
            schemas[0]
        )],
        _ => vec![format!(
            "default privileges in the schemas {}, which the restore creates",
            schemas.join(", ")
        )],
    })
}

/// The extensions of the old database that the new one lacks: not created by the archive, the
/// template, a hook or the enrichment.
async fn lacking_extensions(server: &SwapServer, names: &Names) -> Vec<String> {
    let sql = "SELECT extname FROM pg_catalog.pg_extension ORDER BY 1";
    let of = async |database| {
        let session = server.session_in(database).await?;
        rows::<1>(&session, sql).await.map_err(reading)
    };
    let lacking = async {
        let (old, new) = (of(&names.current).await?, of(&names.next).await?);
        Ok::<Vec<_>, SwapError>(old.into_iter().filter(|name| !new.contains(name)).collect())
    };
    // A database that no longer allows connections can still be replaced.
    let lacking = lacking.await.unwrap_or_else(|error| {
        tracing::warn!("cannot compare the extensions of both databases: {}", chain(&error));
        Vec::new()
    });
    let named: Vec<_> = lacking.iter().map(|[name]| quoted(name)).collect();
    match named.len() {
        0 => Vec::new(),
        1 => vec![format!("extension {}", named[0])],
        _ => vec![format!("extensions {}", named.join(", "))],
    }
}

/// Copies the rest: what would have hindered the restore, or let readers in before its end.
pub(super) async fn complete(
    server: &SwapServer,
    beside: &Session,
    names: &Names,
) -> Result<Vec<String>, SwapError> {
    // First, because the connection limit may prevent connections afterwards.
    let mut refused = lacking_extensions(server, names).await;
    let mut steps = database_privileges(beside, names).await.map_err(reading)?;
    steps.extend(comment_and_limit(beside, names).await.map_err(reading)?);
    refused.extend(attempt(beside, steps).await?);
    // These change the settings of a session, which must not be the session that renames.
    let other = server.other_session().await?;
    let steps = settings(beside, names).await.map_err(reading)?;
    refused.extend(attempt(&other, steps).await?);
    Ok(refused)
}

fn reading(source: server::SessionError) -> SwapError {
    SwapError::Refused { what: "read the properties of the old database".to_owned(), source }
}

/// The rows of a query without NULL values.
async fn rows<const N: usize>(session: &Session, sql: &str) -> server::Result<Vec<[String; N]>> {
    let rows = session.query_text(sql).await?;
    let full = |row: Vec<Option<String>>| {
        let values: Option<Vec<String>> = row.into_iter().collect();
        values?.try_into().ok()
    };
    Ok(rows.into_iter().filter_map(full).collect())
}

/// The grantee as GRANT expects it.
fn grantee(name: &str) -> String {
    if name.is_empty() { "PUBLIC".to_owned() } else { quoted(name).into_owned() }
}

fn option(grantable: &str) -> &'static str {
    if grantable == "t" { " WITH GRANT OPTION" } else { "" }
}

/// The columns of `aclexplode(…) a` that a GRANT needs; PUBLIC is the empty name.
const GRANT: &str = "CASE a.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END, \
                     a.privilege_type, a.is_grantable";

async fn schema_privileges(old: &Session) -> server::Result<Vec<PropertyStatement>> {
    let sql = format!(
        "SELECT {GRANT} FROM pg_catalog.pg_namespace n \
         CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a \
         WHERE n.nspname = 'public' AND a.grantee <> n.nspowner ORDER BY 1, 2"
    );
    let mut steps = vec![PropertyStatement {
        what: "privileges of the schema public".to_owned(),
        sql: "REVOKE ALL ON SCHEMA public FROM PUBLIC".to_owned(),
    }];
    for [name, privilege, grantable] in rows::<3>(old, &sql).await? {
        let (to, option) = (grantee(&name), option(&grantable));
        steps.push(PropertyStatement {
            what: format!("{privilege} on the schema public for {to}"),
            sql: format!("GRANT {privilege} ON SCHEMA public TO {to}{option}"),
        });
    }
    Ok(steps)
}

async fn default_privileges(old: &Session) -> server::Result<Vec<PropertyStatement>> {
    let of = "pg_catalog.pg_get_userbyid(d.defaclrole), \
              CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' \
              WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' \
              WHEN 'L' THEN 'LARGE OBJECTS' ELSE '' END, COALESCE(n.nspname, '')";
    let from = "FROM pg_catalog.pg_default_acl d \
                LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace";
    let mut steps = Vec::new();
    let head = |role: &str, schema: &str| {
        let schema = if schema.is_empty() { "" } else { " IN SCHEMA public" };
        format!("ALTER DEFAULT PRIVILEGES FOR ROLE {}{schema}", quoted(role))
    };
    let what = |role: &str, kind: &str| format!("default privileges of {role} on {kind}");
    for [role, kind, schema] in rows::<3>(old, &format!("SELECT {of} {from} ORDER BY 1, 2")).await?
    {
        // Global default privileges replace PostgreSQL's built-in ones; those of one schema are
        // added to them.
        if schema.is_empty() {
            let of = format!("PUBLIC, {}", quoted(&role));
            let sql = format!("{} REVOKE ALL ON {kind} FROM {of}", head(&role, &schema));
            steps.push(PropertyStatement { what: what(&role, &kind), sql });
        }
    }
    let grants = format!(
        "SELECT {of}, {GRANT} {from} CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a \
         WHERE COALESCE(n.nspname, 'public') = 'public' ORDER BY 1, 2, 3, 4, 5"
    );
    for [role, kind, schema, name, privilege, grantable] in rows::<6>(old, &grants).await? {
        let (to, option) = (grantee(&name), option(&grantable));
        let head = head(&role, &schema);
        let sql = format!("{head} GRANT {privilege} ON {kind} TO {to}{option}");
        steps.push(PropertyStatement { what: what(&role, &kind), sql });
    }
    Ok(steps)
}

async fn database_privileges(
    beside: &Session,
    names: &Names,
) -> server::Result<Vec<PropertyStatement>> {
    let sql = format!(
        "SELECT {GRANT} FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode( \
             COALESCE(d.datacl, pg_catalog.acldefault('d', d.datdba))) a \
         WHERE d.datname = {} AND a.grantee <> d.datdba ORDER BY 1, 2",
        literal(&names.current)
    );
    let grants = rows::<3>(beside, &sql).await?;
    let step = |[name, privilege, grantable]: [String; 3]| {
        let (to, option) = (grantee(&name), option(&grantable));
        PropertyStatement {
            what: format!("{privilege} on the database for {to}"),
            sql: format!("GRANT {privilege} ON DATABASE {} TO {to}{option}", quoted(&names.next)),
        }
    };
    Ok(grants.into_iter().map(step).collect())
}

async fn comment_and_limit(
    beside: &Session,
    names: &Names,
) -> server::Result<Vec<PropertyStatement>> {
    let sql = format!(
        "SELECT d.datconnlimit, \
             COALESCE(pg_catalog.quote_literal(pg_catalog.shobj_description(d.oid, 'pg_database')), \
                 'NULL') \
         FROM pg_catalog.pg_database d WHERE d.datname = {}",
        literal(&names.current)
    );
    let next = quoted(&names.next);
    let mut steps = Vec::new();
    for [limit, comment] in rows::<2>(beside, &sql).await? {
        steps.push(PropertyStatement {
            what: "the connection limit".to_owned(),
            sql: format!("ALTER DATABASE {next} CONNECTION LIMIT {limit}"),
        });
        steps.push(PropertyStatement {
            what: "the comment".to_owned(),
            sql: format!("COMMENT ON DATABASE {next} IS {comment}"),
        });
    }
    Ok(steps)
}

/// Settings of the database, and of roles in it. Some are lists, whose stored form must not be
/// quoted again: so the session sets each value, and the database copies it with FROM CURRENT.
async fn settings(beside: &Session, names: &Names) -> server::Result<Vec<PropertyStatement>> {
    let sql = format!(
        "SELECT CASE s.setrole WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(s.setrole) END, \
             pg_catalog.split_part(c.one, '=', 1), \
             pg_catalog.substr(c.one, pg_catalog.strpos(c.one, '=') + 1) \
         FROM pg_catalog.pg_db_role_setting s \
         JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase \
         CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c (one) \
         WHERE d.datname = {} ORDER BY 1, 2",
        literal(&names.current)
    );
    let next = quoted(&names.next);
    let step = |[role, name, value]: [String; 3]| {
        let whose = match role.as_str() {
            "" => format!("DATABASE {next}"),
            role => format!("ROLE {} IN DATABASE {next}", quoted(role)),
        };
        // The settings of extensions have dotted names, and each part is quoted separately.
        let quoted_name: Vec<_> = name.split('.').map(quoted).collect();
        let quoted_name = quoted_name.join(".");
        let (name, value) = (literal(&name), literal(&value));
        PropertyStatement {
            what: format!("the setting {quoted_name}"),
            sql: format!(
                "BEGIN; SELECT pg_catalog.set_config({name}, {value}, true); \
                 ALTER {whose} SET {quoted_name} FROM CURRENT; COMMIT"
            ),
        }
    };
    Ok(rows::<3>(beside, &sql).await?.into_iter().map(step).collect())
}
