//! Finds what a swap would lose: objects of other roles that only the old database has.
//!
//! Two kinds of objects are not lost, because each night creates them again: those of the template,
//! and those that the last swap's night itself created for other roles, for example a view that the
//! enrichment gave to an analyst. The latter are recorded in the new database before it is swapped
//! in, when no other role has been able to connect to it. They are recognized by OID, so an object
//! that was dropped and created again since then belongs to whoever did that.

use std::collections::HashSet;

use super::error::NightError;
use super::ground::{look_at, template};
use crate::archive::{Desc, Entry, Toc};
use crate::error::chain;
use crate::replicate::clean;
use crate::replicate::config::Restore;
use crate::replicate::swap::SwapError;
use crate::report::units::first_of;
use crate::server::{Session, Target, has_record, make_bookkeeping};
use crate::sql::ident::{literal, quoted};

/// How many objects a message lists; the rest are counted.
const NAMED: usize = 10;

/// The table that records what a swap's night created for other roles.
const CREATED: &str = "created_for_others";

/// Fails if other roles own objects in the database that the new one will not have, unless the
/// settings allow it. Extensions are checked once the archive's table of contents is read,
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
    others.retain(|other| other.is_extension() == toc.is_some());
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let created = created(&session).await?;
    let (own, others): (Vec<_>, Vec<_>) =
        others.iter().partition(|other| created.contains(&(key(other), other.oid.to_string())));
    let (template, unseen) = match of_template(target, settings).await {
        Ok(template) => (template, String::new()),
        Err(error) => {
            (HashSet::new(), format!(" (cannot inspect SWAP_TEMPLATE: {})", chain(&error)))
        }
    };
    let (come, lost): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|other| template.contains(&key(other)));
    let mut warnings = Vec::new();
    // Other kinds of objects do not change from night to night.
    let with_rows = |others: Vec<&clean::Other>| {
        let tables = others
            .into_iter()
            .filter(|other| matches!(other.kind.to_string().as_str(), "table" | "large object"));
        let tables: Vec<_> = tables.collect();
        (!tables.is_empty()).then(|| listed(&tables))
    };
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

/// Kind and identity.
fn key(other: &clean::Other) -> (String, String) {
    (other.kind.to_string(), other.identity.clone())
}

/// What the last swap's night created for other roles: kind and identity, and OID.
async fn created(session: &Session) -> Result<HashSet<((String, String), String)>, NightError> {
    let failed = || NightError::target("read which objects the last swap created for other roles");
    if !has_record(session, CREATED).await.map_err(failed())? {
        return Ok(HashSet::new());
    }
    let sql = format!("SELECT kind, identity, oid FROM nocturne.{CREATED}");
    let rows = session.query_text(&sql).await.map_err(failed())?;
    let object = |row: Vec<Option<String>>| {
        let [kind, identity, oid] = row.try_into().ok()?;
        Some(((kind?, identity?), oid?))
    };
    Ok(rows.into_iter().filter_map(object).collect())
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
        let row = |other: &clean::Other| {
            let (kind, identity) = key(other);
            format!("({}, {}, {})", literal(&kind), literal(&identity), other.oid)
        };
        let rows: Vec<String> = others.iter().map(row).collect();
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS nocturne.{CREATED} (kind text NOT NULL, \
                 identity text NOT NULL, oid oid NOT NULL); \
             DELETE FROM nocturne.{CREATED}; \
             INSERT INTO nocturne.{CREATED} VALUES {}",
            rows.join(", ")
        );
        let noted = async {
            make_bookkeeping(&session).await?;
            session.execute(&sql).await
        };
        noted.await.map_err(NightError::target("write to the new database"))
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
    first_of(&named, NAMED)
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

/// The same check before a swap; logs the warnings.
pub(super) async fn tell(
    target: &Target,
    settings: &Restore,
    toc: Option<&Toc>,
) -> Result<(), NightError> {
    if !settings.swap {
        return Ok(());
    }
    for warning in check(target, settings, toc).await? {
        tracing::warn!("{warning}");
    }
    Ok(())
}
