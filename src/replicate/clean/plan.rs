//! The plan: which objects are dropped, in which order.

use std::collections::HashSet;
use std::fmt;

use super::BOOKKEEPING;
use super::error::CleanError;
use crate::server::{Session, TRUSTED};
use crate::sql::ident::{literal, oid_array, qualified, quoted};

/// The objects to drop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DropPlan {
    /// The objects, in order.
    pub drops: Vec<Drop>,
    /// What other roles also lose, because it depends on dropped objects: objects, and parts of
    /// them.
    pub others: Vec<Other>,
    /// Schemas that are kept, because other roles have objects in them.
    pub shared_schemas: Vec<String>,
    /// Extensions of the role that are kept, because the restore does not create them again.
    pub extensions: Vec<String>,
    /// The tables that are kept, quoted and qualified.
    pub kept: Vec<String>,
    pub(super) kept_oids: Vec<u32>,
    /// The OIDs of everything that depends on dropped objects, whatever their catalog.
    dependent: Vec<u32>,
}

impl DropPlan {
    /// The OIDs of all objects that go, whatever their catalog. Those of large objects, which can have
    /// any OID, are not among them.
    pub(in crate::replicate) fn gone(&self) -> HashSet<u32> {
        let is_object = |drop: &&Drop| !matches!(drop.kind.0.as_str(), FOREIGN_KEY | LARGE_OBJECT);
        let drops = self.drops.iter().filter(is_object).map(|drop| drop.oid);
        drops.chain(self.dependent.iter().copied()).collect()
    }
}

/// One object to drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// The kind of object.
    pub kind: DropKind,
    /// Its quoted, qualified name, with whatever else makes it unique.
    pub identity: String,
    /// The statement.
    pub sql: String,
    /// The OID of the object; for relations, locks are held on it.
    pub(super) oid: u32,
}

impl fmt::Display for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.identity)
    }
}

/// A kind of object, in PostgreSQL's words (`getObjectTypeDescription` in
/// `src/backend/catalog/objectaddress.c`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DropKind(pub(super) String);

impl DropKind {
    /// The words after DROP.
    fn words(&self) -> String {
        match self.0.as_str() {
            // ROUTINE covers functions, procedures and aggregates.
            "function" | "procedure" | "aggregate" => "ROUTINE".to_owned(),
            "statistics object" => "STATISTICS".to_owned(),
            "foreign-data wrapper" => "FOREIGN DATA WRAPPER".to_owned(),
            other => other.to_uppercase(),
        }
    }
}

impl fmt::Display for DropKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An object that another role owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The kind of object.
    pub kind: DropKind,
    /// Its name, quoted and qualified.
    pub identity: String,
    /// Its owner.
    pub owner: String,
    /// Its OID.
    pub oid: u32,
}

impl Other {
    /// Whether it is an extension.
    #[must_use]
    pub fn is_extension(&self) -> bool {
        self.kind.0 == EXTENSION
    }
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, identity, owner, .. } = self;
        write!(f, "{kind} {identity} of {owner}")
    }
}

/// The kind of a drop of a foreign key, whose OID is that of its table.
const FOREIGN_KEY: &str = "foreign key";

/// PostgreSQL's words for large objects.
const LARGE_OBJECT: &str = "large object";

/// PostgreSQL's word for extensions.
const EXTENSION: &str = "extension";

/// Makes the plan. `keep` decides for every table, by schema and name, whether it is kept; `brings`
/// tells for every extension whether the restore creates it again. Other extensions are kept.
///
/// # Errors
/// [`CleanError::Catalogue`].
pub async fn plan(
    session: &Session,
    keep: impl Fn(&str, &str) -> bool,
    brings: impl Fn(&str) -> bool,
) -> Result<DropPlan, CleanError> {
    let mut plan = DropPlan::default();
    let tables = "SELECT n.nspname, c.relname, c.oid FROM pg_catalog.pg_class c \
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind IN ('r', 'p', 'f') AND c.oid >= 16384 ORDER BY 1, 2";
    for row in rows(session, tables).await? {
        if let [Some(schema), Some(name), Some(oid)] = &row[..]
            && keep(schema, name)
        {
            plan.kept.push(qualified(Some(schema), name));
            plan.kept_oids.extend(oid.parse::<u32>().ok());
        }
    }
    let stays = extensions_that_stay(session, brings).await?;
    let mut needed = HashSet::new();
    if !plan.kept_oids.is_empty() {
        let kept = oid_array(&plan.kept_oids);
        let sql = include_str!("kept.sql").replace("{tables}", &kept);
        for row in rows(session, &sql).await? {
            if let [Some(class), Some(object)] = &row[..] {
                needed.insert((class.clone(), object.clone()));
            }
        }
        plan.drops = foreign_keys(session, &kept).await?;
    }
    let (mut classes, mut objects) = (Vec::new(), Vec::new());
    let mut schemas = Vec::new();
    for row in rows(session, &owned("me.oid = owned.owner AND owned.turn IS NOT NULL")).await? {
        let [Some(kind), _, Some(identity), Some(class), Some(object), _] = &row[..] else {
            continue;
        };
        if needed.contains(&(class.clone(), object.clone())) {
            continue;
        }
        let (Ok(class), Ok(oid)) = (class.parse::<u32>(), object.parse::<u32>()) else { continue };
        let kind = DropKind(kind.clone());
        let sql = statement(&kind, identity);
        let drop = Drop { kind, identity: identity.clone(), sql, oid };
        if drop.kind.0 == EXTENSION && stays.contains(&oid) {
            plan.extensions.push(drop.identity);
            continue;
        }
        // A schema may also contain unrelated objects of other roles.
        if drop.kind.0 == "schema" {
            schemas.push(drop);
            continue;
        }
        classes.push(class);
        objects.push(oid);
        plan.drops.push(drop);
    }
    if !objects.is_empty() {
        let sql = include_str!("others.sql")
            .replace("{classes}", &oid_array(&classes))
            .replace("{objects}", &oid_array(&objects))
            .replace("{owners}", &owners());
        for row in rows(session, &sql).await? {
            match &row[..] {
                [None, None, None, Some(oid)] => plan.dependent.extend(oid.parse::<u32>().ok()),
                _ => plan.others.extend(other(row)),
            }
        }
    }
    for schema in schemas {
        if holds_objects_of_others(session, schema.oid, &stays).await? {
            plan.shared_schemas.push(schema.identity);
        } else {
            plan.drops.push(schema);
        }
    }
    Ok(plan)
}

/// The owners of all objects and their parts, by catalog and OID.
fn owners() -> String {
    include_str!("owners.sql").replace("{trusted}", TRUSTED)
}

/// Citus: its list of nodes is the state of a whole cluster and not part of any archive.
const CITUS: &str = "citus";

/// The OIDs of the kept extensions: those that the restore does not create again, and those that
/// they require.
async fn extensions_that_stay(
    session: &Session,
    brings: impl Fn(&str) -> bool,
) -> Result<Vec<u32>, CleanError> {
    let sql = "SELECT oid, extname FROM pg_catalog.pg_extension ORDER BY 1";
    let mut stays = Vec::new();
    for row in rows(session, sql).await? {
        if let [Some(oid), Some(name)] = &row[..]
            && (name == CITUS || !brings(name))
        {
            stays.extend(oid.parse::<u32>().ok());
        }
    }
    let sql = format!(
        "WITH RECURSIVE stays (oid) AS (SELECT pg_catalog.unnest({}) UNION \
             SELECT d.refobjid FROM stays JOIN pg_catalog.pg_depend d ON d.objid = stays.oid \
                 AND d.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass \
                 AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass) \
         SELECT oid FROM stays",
        oid_array(&stays)
    );
    let oid = |row: Vec<Option<String>>| row.into_iter().next().flatten()?.parse().ok();
    Ok(rows(session, &sql).await?.into_iter().filter_map(oid).collect())
}

/// The objects of other roles in the database, except extensions that the restore creates again, as
/// `brings` tells by quoted name. Members of extensions are not listed.
///
/// # Errors
/// [`CleanError::Catalogue`].
pub async fn others(
    session: &Session,
    brings: impl Fn(&str) -> bool,
) -> Result<Vec<Other>, CleanError> {
    let sql = format!(
        "SELECT type, identity, role, object FROM ({}) o (type, s, identity, c, object, role)",
        owned("me.oid <> owned.owner")
    );
    let all = rows(session, &sql).await?;
    let is_lost = |other: &Other| {
        !other.is_extension() || other.identity == CITUS || !brings(&other.identity)
    };
    Ok(all.into_iter().filter_map(other).filter(is_lost).collect())
}

/// Columns: kind, identity, owner, OID.
fn other(row: Vec<Option<String>>) -> Option<Other> {
    let [Some(kind), Some(identity), Some(owner), Some(oid)] = <[_; 4]>::try_from(row).ok()? else {
        return None;
    };
    Some(Other { kind: DropKind(kind), identity, owner, oid: oid.parse().ok()? })
}

/// Kind and identity of all objects in a database, which every copy of it also contains.
///
/// # Errors
/// [`CleanError::Catalogue`].
pub async fn objects(session: &Session) -> Result<HashSet<(String, String)>, CleanError> {
    let named = |row: Vec<Option<String>>| {
        let mut row = row.into_iter().flatten();
        Some((row.next()?, row.next()?))
    };
    let own =
        format!("SELECT type, identity FROM ({}) o (type, s, identity, c, i, r)", owned("true"));
    // Extensions created by initdb, such as plpgsql, can be dropped and created again in another
    // database.
    let extensions = "SELECT 'extension', pg_catalog.quote_ident(extname) \
                      FROM pg_catalog.pg_extension";
    let mut all = rows(session, &own).await?;
    all.extend(rows(session, extensions).await?);
    Ok(all.into_iter().filter_map(named).collect())
}

/// The query for objects whose owner satisfies the condition `whose`.
fn owned(whose: &str) -> String {
    let sql = include_str!("owned.sql").replace("{bookkeeping}", &literal(BOOKKEEPING));
    sql.replace("{whose}", whose).replace("{owners}", &owners())
}

/// Foreign keys from kept tables to dropped tables.
async fn foreign_keys(session: &Session, kept: &str) -> Result<Vec<Drop>, CleanError> {
    // Only that of a partitioned table is listed; those of its partitions are dropped with it.
    let sql = format!(
        "SELECT n.nspname, t.relname, c.conname, t.oid FROM pg_catalog.pg_constraint c \
         JOIN pg_catalog.pg_class t ON t.oid = c.conrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace \
         WHERE c.contype = 'f' AND c.conparentid = 0 \
           AND c.conrelid = ANY ({kept}) AND c.confrelid <> ALL ({kept}) ORDER BY 1, 2, 3"
    );
    let drop = |row: Vec<Option<String>>| {
        let [Some(schema), Some(table), Some(name), Some(oid)] = &row[..] else { return None };
        let table = qualified(Some(schema), table);
        let name = quoted(name);
        Some(Drop {
            kind: DropKind(FOREIGN_KEY.to_owned()),
            identity: format!("{name} on {table}"),
            sql: format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}"),
            oid: oid.parse().ok()?,
        })
    };
    Ok(rows(session, &sql).await?.into_iter().filter_map(drop).collect())
}

/// Whether anything in a schema belongs to another role, or to an extension.
async fn holds_objects_of_others(
    session: &Session,
    schema: u32,
    stays: &[u32],
) -> Result<bool, CleanError> {
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_depend d \
             JOIN ({}) o (classid, objid, owner) \
                 ON o.classid = d.classid AND o.objid = d.objid \
             WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass \
               AND d.refobjid = {schema} \
               AND pg_catalog.pg_get_userbyid(o.owner) <> current_user) \
         OR EXISTS (SELECT FROM pg_catalog.pg_extension \
             WHERE extnamespace = {schema} AND oid = ANY ({}))",
        owners(),
        oid_array(stays),
    );
    let value = session.query_value(&sql).await.map_err(CleanError::Catalogue)?;
    Ok(value.as_deref() == Some("t"))
}

fn statement(kind: &DropKind, identity: &str) -> String {
    match kind.0.as_str() {
        LARGE_OBJECT => format!("SELECT pg_catalog.lo_unlink({identity})"),
        // CASCADE covers remaining dependents: casts, or objects created since.
        _ => format!("DROP {} IF EXISTS {identity} CASCADE", kind.words()),
    }
}

async fn rows(session: &Session, sql: &str) -> Result<Vec<Vec<Option<String>>>, CleanError> {
    session.query_text(sql).await.map_err(CleanError::Catalogue)
}
