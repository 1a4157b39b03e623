//! Finds what a swap would lose: objects of other roles that only the old database has.
//!
//! Two kinds of objects are not lost, because each night creates them again: those of the template,
//! and those that the last swap's night itself created for other roles, for example a view that the
//! enrichment gave to an analyst. The latter are recorded in the new database before it is swapped
//! in, when no other role has been able to connect to it. They are recognized by OID, so an object
//! that was dropped and created again counts as its new owner's.
//!
//! The check is repeated right before the renaming, because a night takes hours. What it saw is
//! recorded in the old database. Whatever else is in that database when the next swap would drop it,
//! created in the moment of the renaming or later, is refused in the same way.

use std::collections::HashSet;

use super::error::NightError;
use super::night_target::{look_at, template};
use crate::archive::{Desc, Entry, Toc};
use crate::error::chain;
use crate::replicate::clean;
use crate::replicate::config::Restore;
use crate::replicate::swap::{self, Names, SwapError};
use crate::report::units::first_of;
use crate::server::sqlstate::INVALID_CATALOG_NAME;
use crate::server::{self, Retry, Session, SessionSettings, Target, has_record, make_bookkeeping};
use crate::sql::ident::{literal, quoted};
use crate::sql::scan;

/// How many objects a message lists; the rest are counted.
const LISTED_OBJECTS: usize = 10;

/// The table that records what a swap's night created for other roles.
const CREATED: &str = "created_for_others";

/// The table of a replaced database that records which objects of other roles it had then.
const REPLACED: &str = "others_when_replaced";

/// Fails if other roles own objects in the database that the new one will not have, unless the
/// settings allow it. What the archive may create is checked once its table of contents is read,
/// everything else before. Returns warnings.
pub(super) async fn check(
    target: &Target,
    settings: &Restore,
    toc: Option<&Toc>,
) -> Result<Vec<String>, NightError> {
    let session = look_at(target).await?;
    let brings = |identity: &str| {
        toc.is_none_or(|toc| extensions(toc, settings).any(|name| quoted(name) == identity))
    };
    let mut others = clean::others(&session, brings).await?;
    let is_mapped = |other: &clean::Other| toc.is_some_and(|toc| is_mapped(other, toc, settings));
    others.retain(|other| may_come(other) == toc.is_some() && !is_mapped(other));
    let mut warnings = compare(&session, target, settings, &others).await?;
    if toc.is_none() {
        warnings.extend(check_previous(target, settings).await?);
    }
    Ok(warnings)
}

/// The same for these objects.
async fn compare(
    session: &Session,
    target: &Target,
    settings: &Restore,
    others: &[clean::Other],
) -> Result<Vec<String>, NightError> {
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let created = recorded(session, CREATED).await?.unwrap_or_default();
    let (own, others): (Vec<_>, Vec<_>) =
        others.iter().partition(|other| created.contains(&full_key(other)));
    let (template, unseen) = match of_template(target, settings).await {
        Ok(template) => (template, String::new()),
        Err(error) => {
            (HashSet::new(), format!(" (cannot inspect SWAP_TEMPLATE: {})", chain(&error)))
        }
    };
    let (come, lost): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|other| template.contains(&key(other)));
    let mut warnings = Vec::new();
    let list = |others: Vec<&clean::Other>| (!others.is_empty()).then(|| listed(&others));
    let with_rows = |mut others: Vec<&clean::Other>| {
        others.retain(|other| {
            matches!(other.kind.to_string().as_str(), "table" | "large object" | "sequence")
        });
        list(others)
    };
    let redefined = match own.is_empty() {
        true => HashSet::new(),
        false => objects(session, REDEFINED, CREATED).await?,
    };
    let changed = own.iter().copied().filter(|other| redefined.contains(&full_key(other)));
    if let Some(objects) = list(changed.collect()) {
        warnings.push(format!(
            "the new database will have the night's version of {objects}, which others have replaced \
             or altered since the last swap"
        ));
    }
    if let Some(objects) = with_rows(own) {
        warnings.push(format!(
            "the new database will not have what others added to {objects} since the last swap"
        ));
    }
    if let Some(objects) = with_rows(come) {
        warnings.push(format!("the new database will have the template's version of {objects}"));
    }
    if !lost.is_empty() {
        let objects = listed(&lost) + &unseen;
        if !settings.swap_drops_others {
            let database = target.dbname().to_owned();
            return Err(SwapError::OfOthers { database, objects }.into());
        }
        warnings.push(format!("the new database will not have {objects} (SWAP_DROPS_OTHERS)"));
    }
    Ok(warnings)
}

/// The same at the end of a night, in the session that holds the lock: fails if other roles have
/// created objects since, and logs the warnings that are not among those already `told`. Records
/// what it saw for [`check_previous`].
pub(super) async fn check_again(
    session: &Session,
    target: &Target,
    settings: &Restore,
    installed: &HashSet<(String, String)>,
    told: &[String],
) -> Result<(), NightError> {
    let all = clean::others(session, |_| false).await?;
    let (mut came, others): (Vec<_>, Vec<_>) = all.iter().cloned().partition(may_come);
    came.retain(|other| !installed.contains(&key(other)));
    // A swap warns about the extensions that the new database lacks.
    compare(session, target, settings, &came).await?;
    for warning in compare(session, target, settings, &others).await? {
        if !told.contains(&warning) {
            tracing::warn!("{warning}");
        }
    }
    if let Err(error) = record(session, REPLACED, &all).await {
        tracing::warn!(
            "cannot record the objects of other roles, the next swap will refuse to drop them: {}",
            chain(&error)
        );
    }
    Ok(())
}

/// The objects of the new database, by kind and identity.
pub(super) async fn installed(next: &Target) -> Result<HashSet<(String, String)>, NightError> {
    Ok(clean::objects(&look_at(next).await?).await?)
}

/// Fails if other roles own objects in the database of the previous night that no check saw before
/// it was replaced, unless the settings allow dropping them. Returns warnings.
pub(super) async fn check_previous(
    target: &Target,
    settings: &Restore,
) -> Result<Vec<String>, NightError> {
    let database = Names::of(target.dbname()).previous;
    let previous = target.with_database(&database);
    let session = match Session::connect(&previous, &SessionSettings::default()).await {
        Ok(session) => session,
        Err(error) if error.sqlstate() == Some(INVALID_CATALOG_NAME) => return Ok(Vec::new()),
        Err(error) if settings.swap_drops_others && error.retry() == Retry::Never => {
            return Ok(vec![format!(
                "cannot check \"{database}\" for objects of other roles before it is dropped: {}",
                chain(&error)
            )]);
        }
        Err(source) => return Err(SwapError::Unseen { database, source }.into()),
    };
    let mut others = clean::others(&session, |_| false).await?;
    let mut known = recorded(&session, CREATED).await?.unwrap_or_default();
    match recorded(&session, REPLACED).await? {
        Some(seen) => known.extend(seen),
        // An earlier version of nocturne replaced it.
        None => others.retain(|other| !other.is_extension()),
    }
    others.retain(|other| !known.contains(&full_key(other)));
    // Earlier versions also recorded fewer kinds of objects.
    if !others.is_empty() {
        let template = of_template(target, settings).await?;
        others.retain(|other| !template.contains(&key(other)));
    }
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let objects = listed(&others.iter().collect::<Vec<_>>());
    match settings.swap_drops_others {
        true => Ok(vec![format!(
            "database \"{database}\" is dropped with {objects}, not recorded when it was replaced \
             (SWAP_DROPS_OTHERS)"
        )]),
        false => Err(SwapError::AddedToPrevious { database, objects }.into()),
    }
}

/// The same right before the drop; logs the warnings.
pub(super) async fn tell_previous(target: &Target, settings: &Restore) -> Result<(), NightError> {
    for warning in check_previous(target, settings).await? {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// Kind and identity.
fn key(other: &clean::Other) -> (String, String) {
    (other.kind.to_string(), other.identity.clone())
}

/// The same, and the OID.
fn full_key(other: &clean::Other) -> ((String, String), String) {
    (key(other), other.oid.to_string())
}

/// Reads what [`record`] wrote; `None` if the table does not exist.
async fn recorded(
    session: &Session,
    table: &str,
) -> Result<Option<HashSet<((String, String), String)>>, NightError> {
    if !has_record(session, table).await.map_err(unread())? {
        return Ok(None);
    }
    objects(session, "SELECT kind, identity, oid FROM nocturne.{table}", table).await.map(Some)
}

/// The recorded functions, views and enums that are younger than their record: transaction IDs of a
/// database survive its renaming.
const REDEFINED: &str = "\
SELECT kind, identity, oid FROM nocturne.{table} noted WHERE EXISTS (
    SELECT FROM (
        SELECT 'routine', oid, xmin FROM pg_catalog.pg_proc
        UNION ALL SELECT 'view', ev_class, xmin FROM pg_catalog.pg_rewrite
        UNION ALL SELECT 'type', enumtypid, xmin FROM pg_catalog.pg_enum
    ) now (kind, oid, xmin)
    WHERE now.oid = noted.oid AND pg_catalog.age(now.xmin) < pg_catalog.age(noted.xmin)
        AND (now.kind = noted.kind OR now.kind = 'routine'
            AND noted.kind IN ('function', 'procedure', 'aggregate')))";

fn unread() -> impl FnOnce(server::SessionError) -> NightError {
    NightError::target("read which objects of other roles the last swap recorded")
}

/// Objects of a record, by this query.
async fn objects(
    session: &Session,
    sql: &str,
    table: &str,
) -> Result<HashSet<((String, String), String)>, NightError> {
    let rows = session.query_text(&sql.replace("{table}", table)).await.map_err(unread())?;
    let object = |row: Vec<Option<String>>| {
        let [kind, identity, oid] = row.try_into().ok()?;
        Some(((kind?, identity?), oid?))
    };
    Ok(rows.into_iter().filter_map(object).collect())
}

/// Records objects of other roles: kind and identity, and OID.
async fn record(session: &Session, table: &str, others: &[clean::Other]) -> server::Result<()> {
    let row = |other: &clean::Other| {
        let ((kind, identity), oid) = full_key(other);
        format!("({}, {}, {oid})", literal(&kind), literal(&identity))
    };
    let rows: Vec<String> = others.iter().map(row).collect();
    let insert = match rows.is_empty() {
        true => String::new(),
        false => format!("INSERT INTO nocturne.{table} VALUES {}", rows.join(", ")),
    };
    make_bookkeeping(session).await?;
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS nocturne.{table} (kind text NOT NULL, \
             identity text NOT NULL, oid oid NOT NULL); \
         DELETE FROM nocturne.{table}; {insert}"
    );
    session.execute(&sql).await
}

/// Records in the complete new database which of its objects belong to other roles, except those of
/// the template: the next swap does not count them.
pub(super) async fn note(next: &Target, target: &Target, settings: &Restore) {
    let work = async {
        let template = of_template(target, settings).await?;
        let session = look_at(next).await?;
        let mut others = clean::others(&session, |_| false).await?;
        others.retain(|other| !template.contains(&key(other)));
        if others.is_empty() {
            return Ok(());
        }
        let noted = record(&session, CREATED, &others).await;
        noted.map_err(NightError::target("write to the new database"))
    };
    if let Err(error) = work.await {
        tracing::warn!(
            "cannot record the objects of other roles, the next swap will refuse to drop them: {}",
            chain(&error)
        );
    }
}

fn listed(others: &[&clean::Other]) -> String {
    let named: Vec<String> = others.iter().map(ToString::to_string).collect();
    first_of(&named, LISTED_OBJECTS)
}

/// The objects of the new database of a swap before the restore, by kind and identity.
async fn of_template(
    target: &Target,
    settings: &Restore,
) -> Result<HashSet<(String, String)>, NightError> {
    match template(target, settings).await? {
        Some(session) => Ok(clean::objects(&session).await?),
        None => Ok(HashSet::from([("extension".to_owned(), "plpgsql".to_owned())])),
    }
}

/// PostgreSQL's words for user mappings.
const USER_MAPPING: &str = "user mapping";

/// Whether an archive may create it for another role.
fn may_come(other: &clean::Other) -> bool {
    other.is_extension() || other.kind.to_string() == USER_MAPPING
}

/// Whether it is a user mapping that the restore of this archive creates.
pub(super) fn is_mapped(other: &clean::Other, toc: &Toc, settings: &Restore) -> bool {
    let Some((role, server)) = other.identity.rsplit_once(" on server ") else { return false };
    let tag = format!("USER MAPPING {} SERVER {server}", scan::unquoted(role));
    other.kind.to_string() == USER_MAPPING
        && toc.entries.iter().any(|entry| {
            entry.desc == Desc::UserMapping
                && entry.tag == tag
                && !settings.exclude.iter().any(|own| own.matches(entry))
        })
}

/// The extensions that the restore of this archive creates.
pub(super) fn extensions<'a>(
    toc: &'a Toc,
    settings: &'a Restore,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let is_wanted = |entry: &&Entry| {
        entry.desc == Desc::Extension && !settings.exclude.iter().any(|own| own.matches(entry))
    };
    toc.entries.iter().filter(is_wanted).map(|entry| entry.tag.as_str())
}

/// The same check before a swap; logs the warnings, and returns them.
pub(super) async fn tell(
    target: &Target,
    settings: &Restore,
    toc: Option<&Toc>,
) -> Result<Vec<String>, NightError> {
    if !settings.swap {
        return Ok(Vec::new());
    }
    if toc.is_none() {
        swap::permitted(target, settings.swap_template.as_deref()).await?;
    }
    let warnings = check(target, settings, toc).await?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    Ok(warnings)
}
