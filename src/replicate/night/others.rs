//! Finds what a swap would lose: objects of other roles that only the old database has.

use std::collections::HashSet;

use super::error::NightError;
use super::ground::look_at;
use crate::archive::{Desc, Entry, Toc};
use crate::error::chain;
use crate::replicate::clean;
use crate::replicate::config::Restore;
use crate::replicate::swap::SwapError;
use crate::report::units::first_of;
use crate::sql::ident::quoted;
use crate::target::Target;

/// How many objects a message lists; the rest are counted.
const NAMED: usize = 10;

/// The template that only contains the objects of initdb.
const BARE: &str = "template0";

/// Fails if other roles own objects in the database that the new one will not have, unless the
/// settings allow it. Objects of the template are also in the new database. Extensions are checked
/// once the archive's table of contents is read, everything else before. Returns warnings.
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
    let (template, unseen) = match of_template(target, settings).await {
        Ok(template) => (template, String::new()),
        Err(error) => {
            (HashSet::new(), format!(" (cannot inspect SWAP_TEMPLATE: {})", chain(&error)))
        }
    };
    let comes =
        |other: &clean::Other| template.contains(&(other.kind.to_string(), other.identity.clone()));
    let (come, lost): (Vec<_>, Vec<_>) = others.iter().partition(|other| comes(other));
    let mut warnings = Vec::new();
    // Other kinds of objects do not change from night to night.
    let holds_rows = |other: &&&clean::Other| {
        matches!(other.kind.to_string().as_str(), "table" | "large object")
    };
    let come: Vec<_> = come.iter().filter(holds_rows).copied().collect();
    if !come.is_empty() {
        let objects = listed(&come);
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

fn listed(others: &[&clean::Other]) -> String {
    let named: Vec<String> = others.iter().map(ToString::to_string).collect();
    first_of(&named, NAMED)
}

/// The objects of the new database of a swap before the restore, by kind and identity.
async fn of_template(
    target: &Target,
    settings: &Restore,
) -> Result<HashSet<(String, String)>, NightError> {
    match settings.swap_template.as_deref() {
        // It does not allow connections.
        None | Some(BARE) => Ok(HashSet::from([("extension".to_owned(), "plpgsql".to_owned())])),
        Some(template) => {
            let session = look_at(&target.with_database(template)).await?;
            Ok(clean::objects(&session).await?)
        }
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
